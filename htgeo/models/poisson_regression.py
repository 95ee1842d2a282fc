"""Poisson regression on logs of past rates."""

from dataclasses import dataclass
from typing import ClassVar

from htgeo.models.logistic_regression import RateRegression


@dataclass(eq=False, kw_only=True)
class PoissonRegression(RateRegression):
    """Log of the expected count, linear in the columns of `LogisticRegression` (Nelder & Wedderburn 1972).

    Where the label is any event or none, it is what is seen of a Poisson count: the likelihood is that of
    ``1 - exp(-mean)``, the complementary log-log link, and so is the risk. It stays below 1 and is calibrated by its own
    likelihood, which ``min(mean, 1)`` is not where risks are high. A share between 0 and 1 counts as that part of an event.

    Parameters
    ----------
    ridge
        Half of it times the sum of squared coefficients (of columns of unit spread) is taken from the log-likelihood.
    seed
        Seed of the sample.

    Examples
    --------
    >>> import htgeo as ht
    >>> train = ht.add_label(ht.demo_cube(), ht.CountWithin("crime", days=7))
    >>> ht.PoissonRegression().fit(train).predict(train).name
    'crime_known'
    """

    name: ClassVar[str] = "poisson_regression"
    summary: ClassVar[str] = (
        "log of the expected count linear in logs of past rates of the cell, its rings and other layers"
    )

    @property
    def _family(self) -> str:
        return "cloglog" if self.label_["probability"] else "poisson"
