"""How much of the data a model generates, how real that is, and which rows it leaves out."""

from deepspace.metrics.coverage.features import Features, features
from deepspace.metrics.coverage.frechet import frechet, frechet_endless, frechet_interval
from deepspace.metrics.coverage.manifolds import Prdc, prdc
from deepspace.metrics.coverage.measured import measure_coverage, measure_frechet
from deepspace.metrics.coverage.uncovered import Group, Uncovered, over_represented, uncovered

__all__ = [
    "Features",
    "Group",
    "Prdc",
    "Uncovered",
    "features",
    "frechet",
    "frechet_endless",
    "frechet_interval",
    "measure_coverage",
    "measure_frechet",
    "over_represented",
    "prdc",
    "uncovered",
]
