"""Noise with a privacy budget: the discrete Laplace mechanism of OpenDP."""

from dataclasses import dataclass

import numpy as np

from htgeo.core.errors import InputError


@dataclass(frozen=True)
class Noise:
    """Differential privacy of single events: each event is in one count of a release.

    Attributes
    ----------
    epsilon
        Budget that the release uses; the standard deviation of a count is about ``1.41 / epsilon``.
    budget
        Budget of all releases of the layer together, as the ledger adds them up.
    """

    epsilon: float
    budget: float

    def __post_init__(self) -> None:
        if not 0 < self.epsilon <= self.budget < np.inf:
            message = (
                f"epsilon must be above 0 and at most the budget, not epsilon={self.epsilon!r}, budget={self.budget!r}"
            )
            raise InputError(message)

    def check(self, spent: float) -> None:
        """Raise if the budget does not last."""
        if spent + self.epsilon > self.budget + 1e-9:  # sums of decimals
            message = f"the privacy budget is spent: {spent:g} of {self.budget:g} is used, and this release needs {self.epsilon:g}; at most epsilon={max(self.budget - spent, 0):g} is left"
            raise InputError(message)

    def add(self, counts: np.ndarray) -> np.ndarray:
        """Return the counts with noise, negative ones as 0."""
        try:
            import opendp.prelude as dp
        except ImportError as error:
            message = "noise needs OpenDP; install it with: pip install 'htgeo[privacy]'"
            raise InputError(message) from error
        dp.enable_features("contrib")
        mechanism = dp.m.make_laplace(
            dp.vector_domain(dp.atom_domain(T=int)), dp.l1_distance(T=int), scale=1 / self.epsilon
        )
        noisy = mechanism(counts.astype(int).ravel().tolist())
        return np.maximum(np.reshape(np.array(noisy, float), counts.shape), 0)
