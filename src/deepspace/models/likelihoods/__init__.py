"""The likelihoods p(x|z): one file each, and one line here."""

from __future__ import annotations

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.likelihoods.base import Likelihood
from deepspace.models.likelihoods.bernoulli import Bernoulli
from deepspace.models.likelihoods.categorical import Categorical
from deepspace.models.likelihoods.continuous_bernoulli import ContinuousBernoulli
from deepspace.models.likelihoods.discretised_logistic import DiscretisedLogistic
from deepspace.models.likelihoods.gaussian import Gaussian
from deepspace.models.likelihoods.negative_binomial import NegativeBinomial
from deepspace.models.likelihoods.ordinal import Ordinal
from deepspace.models.likelihoods.spike_slab import SpikeSlab
from deepspace.models.likelihoods.table import Table
from deepspace.models.likelihoods.table_mixture import TableMixture

__all__ = ["REGISTRY", "Likelihood", "make"]

REGISTRY: dict[str, type[Likelihood]] = {
    "bernoulli": Bernoulli,
    "continuous_bernoulli": ContinuousBernoulli,
    "gaussian": Gaussian,
    "discretised_logistic": DiscretisedLogistic,
    "categorical": Categorical,
    "ordinal": Ordinal,
    "negative_binomial": NegativeBinomial,
    "spike_slab": SpikeSlab,
    "table": Table,
    "table_mixture": TableMixture,
}


def make(name: str, layout: Layout) -> Likelihood:
    """The likelihood of that name for rows of that layout. Raises ModelError where either does not fit."""
    if name not in REGISTRY:
        raise ModelError(f"No likelihood is called {name!r}; there are {', '.join(REGISTRY)}.")
    return REGISTRY[name](layout)
