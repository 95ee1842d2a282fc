"""Generalised linear models of greatest likelihood, by Newton steps (McCullagh & Nelder 1989)."""

from collections.abc import Iterator

import numpy as np

MAX_STEPS = 60
CONVERGED = 1e-10
"""Gain in mean log-likelihood below which the fit ends."""
SMALLEST_STEP = 1e-12
ROWS_AT_ONCE = 100_000
MAX_LINE = 30.0
"""Linear predictors are cut here: e^30 is more than any count."""
FAMILIES = ("binomial", "cloglog", "poisson")


def fit_glm(
    design: np.ndarray,
    y: np.ndarray,
    *,
    family: str,
    weight: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    ridge: float = 0.0,
) -> np.ndarray:
    """Return intercept and coefficients, shape (1 + column,), float64.

    Parameters
    ----------
    design : array, shape (sample, column)
        Columns of about unit spread, without an intercept.
    y : array, shape (sample,)
        Binomial and cloglog: 0, 1 or a share between. Poisson: counts of at least 0.
    family
        ``"binomial"`` (log-odds are linear), ``"poisson"`` (log rates are), or ``"cloglog"`` (the log rate of a Poisson
        count is, of which only y = any or none is seen: the probability is ``1 - exp(-exp(line))``).
    weight : array, shape (sample,)
        What a sample stands for; 1 by default.
    offset : array, shape (sample,)
        Log-odds or log rates to start from; 0 by default.
    ridge
        Half of it times the sum of squared coefficients, the intercept left out, is taken from the log-likelihood.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 1000)
    >>> fit_glm(x[:, None], np.exp(0.5 + x), family="poisson").round(3)
    array([0.5, 1. ])
    """
    assert family in FAMILIES  # noqa: S101  # callers are our own
    y = np.asarray(y, float)
    weight = np.ones(len(y)) if weight is None else np.asarray(weight, float)
    offset = np.zeros(len(y)) if offset is None else np.asarray(offset, float)
    total = weight.sum()
    penalty = np.full(design.shape[1] + 1, ridge / total)
    penalty[0] = 0.0

    def likelihood(beta: np.ndarray) -> float:
        found = -0.5 * float(penalty @ beta**2)
        for rows, x in _slabs(design):
            found += float(weight[rows] @ _likelihoods(x @ beta + offset[rows], y[rows], family)) / total
        return found

    def step_from(beta: np.ndarray) -> np.ndarray:
        slope = -penalty * beta
        hessian = np.diag(penalty + SMALLEST_STEP)
        for rows, x in _slabs(design):
            pull, spread = _derivatives(x @ beta + offset[rows], y[rows], family)
            slope += x.T @ (weight[rows] * pull) / total
            hessian += (x * (weight[rows] * spread / total)[:, None]).T @ x
        return np.linalg.solve(hessian, slope)

    beta = np.zeros(design.shape[1] + 1)
    beta[0] = _start(float(weight @ y) / total, family) - float(weight @ offset) / total
    best = likelihood(beta)
    for _ in range(MAX_STEPS):
        step = step_from(beta)
        while (gained := likelihood(beta + step)) < best and np.abs(step).max() > SMALLEST_STEP:
            step = step / 2
        beta, gain, best = beta + step, gained - best, gained
        if gain < CONVERGED:
            break
    return beta


def fit_line(score: np.ndarray, events: np.ndarray, trials: np.ndarray | float = 1.0) -> tuple[float, float]:
    """Return intercept and slope of log-odds as a straight line of one score.

    Parameters
    ----------
    score : array, shape (sample,)
    events : array, shape (sample,)
        Number (or expected share) of events among the trials.
    trials : array, shape (sample,), or 1
        Number of trials.
    """
    trials = np.broadcast_to(np.asarray(trials, float), np.shape(score))
    some = trials > 0
    share = np.asarray(events, float)[some] / trials[some]
    return line_of(np.asarray(score, float)[some], share, family="binomial", weight=trials[some])


def line_of(score: np.ndarray, y: np.ndarray, *, family: str, weight: np.ndarray | None = None) -> tuple[float, float]:
    """Return intercept and slope of log-odds or log rates as a straight line of one score; see `fit_glm`."""
    score = np.asarray(score, float)
    center, spread = float(np.average(score, weights=weight)), max(float(np.ptp(score)), SMALLEST_STEP)
    intercept, slope = fit_glm(((score - center) / spread)[:, None], y, family=family, weight=weight)
    return float(intercept - slope * center / spread), float(slope / spread)


def _start(mean: float, family: str) -> float:
    """Return the intercept that gives the mean without any column."""
    mean = max(mean, SMALLEST_STEP)
    if family == "poisson":
        return float(np.log(mean))
    mean = min(mean, 1 - SMALLEST_STEP)
    return float(np.log(mean / (1 - mean)) if family == "binomial" else np.log(-np.log1p(-mean)))


def _likelihoods(line: np.ndarray, y: np.ndarray, family: str) -> np.ndarray:
    """Return the log-likelihood of each sample, without terms of y alone."""
    line = np.clip(line, -MAX_LINE, MAX_LINE)
    if family == "binomial":
        return np.asarray(y * line - np.logaddexp(0.0, line))
    rate = np.exp(line)
    if family == "poisson":
        return np.asarray(y * line - rate)
    return np.asarray(y * np.log(-np.expm1(-rate)) - (1 - y) * rate)


def _derivatives(line: np.ndarray, y: np.ndarray, family: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first derivative of each log-likelihood by the line, and the expectation of the second, negated."""
    line = np.clip(line, -MAX_LINE, MAX_LINE)
    if family == "binomial":
        mean = 1 / (1 + np.exp(-line))
        return y - mean, mean * (1 - mean)
    rate = np.exp(line)
    if family == "poisson":
        return y - rate, rate
    mean = -np.expm1(-rate)
    return (y - mean) * rate / mean, rate**2 * np.exp(-rate) / mean


def _slabs(design: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield rows of the design with a column of ones before them, float64, so many at a time."""
    for start in range(0, len(design), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        part = design[rows]
        x = np.empty((len(part), design.shape[1] + 1))
        x[:, 0], x[:, 1:] = 1.0, part
        yield rows, x
