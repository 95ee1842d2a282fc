"""Writes docs/models.md from the models themselves: ``python docs/make_models.py``."""

import inspect
from dataclasses import MISSING, fields
from pathlib import Path

from htgeo.models import MODELS
from htgeo.models.calibration import CALIBRATIONS

PAGE = Path(__file__).with_name("models.md")
HEAD = """\
# Models

A model takes a cube and gives risk: `model.fit(train)`, then `htgeo.add_risk(cube, model)` writes a lazy variable
`risk_<model>` (where the label is a count: `expected_<model>`). Risk is a probability of the label, forecast at the start
of the day from what was known by then. In a study file a model is its name, or `{name: {option: value}}`; the option `as`
gives it another name in the results, so that one model can stand there twice:

```yaml
models:
  - historical_rate
  - gamma_poisson
  - lightgbm: {offset: gamma_poisson, as: lightgbm_on_gamma_poisson}
```

## What there is

| name | what it is | options |
| --- | --- | --- |
"""
TAIL = """
## Which one

Start with the baselines: on common events the map of past rates is close to the best there is, and a model that does not
beat it says so in its scores. For very rare events (0.1 to 0.2 % of cell-days) take `gamma_poisson`, whose prior comes from
other layers, or a learner that starts from it (`offset: gamma_poisson`). Measured on real data: `benchmarks/studies/`
and `benchmarks/tensors.py` end in tables beside published anchors.

- **Offset.** A learner can start from the log-odds of another model (`offset`): it then learns only what that model
  misses.
- **Labels.** `AnyWithin` is a probability; `CountWithin` a count, for the rates, the regressions and boosters with
  `objective: poisson` or `tweedie`. Where events are known only to an area, labels are shares between 0 and 1; all models
  take them.
- **Rare positives.** Boosters keep every positive and a weighted sample of the others (`negatives_per_positive`, drawn
  `uniform` or `stratified` by place and time); `balance: class_weight` weighs instead. Either way the base rate is restored.
- **Missing values** reach trees as missing; the LSTM gets a mask.
- **Constraints.** `monotone: {crime_sum_28: 1}`: risk never falls where the feature grows.

## Calibration

CALIBRATIONS

## Saving

`htgeo.save_model(model, folder, scores=table, reports={"crime": events.report})` writes a folder: native files of the
trees, arrays as safetensors, settings and what was learned as JSON, a card (`card.md`: intended use, limits, days, base
rate, scores, rows read) and a manifest with the hash of each file. `htgeo.load_model(folder)` checks hashes and versions and
runs nothing; a file that was changed or cut short is named in one error. Hashes tell damage, not forgery: take models from
people you trust. `htgeo run` saves the models of a study in `models/`.

## Why is the risk high here?

`htgeo.explain(cube, model, time="2024-05-14", cell="882a100d65fffff")` prints the five strongest reasons in words.
`htgeo.add_contributions(cube, model, time=...)` adds what each feature adds to the log-odds as variables
`contribution_<feature>`, by block; they add up to the forecast. For boosted
trees they are SHAP values, for the LSTM integrated gradients, which count a feature on that day and on all days before.
`htgeo.permutation_importance` says what the forecast loses
without a family of features, `htgeo.partial_dependence` how it answers to one.
"""


def options(cls: type) -> str:
    """Return the options of a model with their defaults."""
    shown = []
    for field in fields(cls):
        default = field.default if field.default is not MISSING else None
        if field.default_factory is not MISSING:
            default = field.default_factory()
        shown.append(f"`{field.name}: {'null' if default is None else default}`")
    return ", ".join(shown)


def page() -> str:
    """Return the text of the page."""
    rows = "".join(
        f"| `{name}` | {MODELS[name].summary} | {options(MODELS[name])} |\n"
        for name in sorted(MODELS)
        if not name.startswith("test_")
    )
    names = ", ".join(f"`{name}` ({CALIBRATIONS[name].summary})" for name in CALIBRATIONS)
    text = f"Maps from scores to risk, learned on days that the model did not train on: {names}."
    return HEAD + rows + TAIL.replace("CALIBRATIONS", text) + sources()


def sources() -> str:
    """Return where each method comes from, as its docstring says in the first paragraphs."""
    lines = ["\n## Methods and their sources\n"]
    for name in sorted(MODELS):
        if name.startswith("test_"):
            continue
        text = inspect.getdoc(MODELS[name]) or ""
        before = text.split("\nParameters\n")[0].split("\nAttributes\n")[0].split("\nExamples\n")[0].strip()
        lines += [f"### {name}\n", before, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
