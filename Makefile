# `make demo` and `make test` are each enough on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
BIN := .venv/bin
export OMP_WAIT_POLICY := PASSIVE
export ICECHUNK_LOG := error

.PHONY: demo test slow lint doctest notebooks portfolio docs screenshots bench clean

.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "htgeo needs Python 3.11 or newer; choose one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "Python's venv module is missing; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into .venv (once, some minutes)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]' --group dev
	@touch $@

demo: .venv/.installed
	$(BIN)/htgeo demo --out demo-output

test: .venv/.installed
	$(BIN)/python -m pytest -q -n 2 -m "not slow"

slow: .venv/.installed
	$(BIN)/python -m pytest -q -n 2 --dist loadfile -m slow

doctest: .venv/.installed
	rm -rf build/doctest && mkdir -p build/doctest
	cd build/doctest && ../../$(BIN)/python -m pytest -q -c ../../pyproject.toml --rootdir ../.. --doctest-modules -p no:cacheprovider ../../htgeo

notebooks: .venv/.installed
	$(BIN)/python -m pytest -q --nbmake --nbmake-timeout=600 -p no:cacheprovider notebooks

portfolio: .venv/.installed  # writes the figures into the notebook that keeps them
	cd notebooks && ../$(BIN)/jupyter-execute --inplace --timeout=1200 NYC_HT_Risk_Modeling_Portfolio.ipynb

docs: .venv/.installed
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict --site-dir build/site
	@echo "the documentation: build/site/index.html"

screenshots: docs  # needs Chromium and the output of make demo
	$(BIN)/python docs/make_screenshots.py

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/.installed
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/run.py

clean:
	rm -rf .venv build demo-output study-output
