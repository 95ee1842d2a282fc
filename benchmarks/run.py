"""Measures htgeo against its peers in one run on this machine and prints one table.

``make bench`` runs all of it (about half an hour); ``python benchmarks/run.py rolling rings`` runs some. Ratios compare
processor time (jobs from file to file and fresh interpreters: wall time), so that another job on the machine does
not decide; absolute seconds depend on the machine.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from importlib import import_module
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("ICECHUNK_LOG", "error")

from harness import Bench

NAMES = (
    "startup",
    "grid",
    "csv_to_cube",
    "rolling",
    "rings",
    "matrix",
    "lstm",
    "mile",
    "features",
    "boosters",
    "scoring",
    "store",
    "scale",
    "demo",
    "pages",
    "exports",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=NAMES, metavar="name", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--smoke", action="store_true", help="small sizes: checks results, times mean nothing")
    asked = parser.parse_args()
    print("| work | htgeo | peer | ratio | must reach | reached |\n| --- | --- | --- | --- | --- | --- |")
    others = []
    for name in asked.names:
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(Path(folder), smoke=asked.smoke)
            try:
                for row in import_module(name).rows(bench):
                    print(replace(row, must=None) if asked.smoke else row, flush=True)
            except subprocess.CalledProcessError as error:
                print(f"| {name} | failed: {' '.join(map(str, error.cmd))} | | | | **no** |", flush=True)
            others += bench.others
    if others:
        print(
            f"\nOther processes used {100 * min(others):.0f} to {100 * max(others):.0f} % of the processors meanwhile."
        )


if __name__ == "__main__":
    sys.exit(main())
