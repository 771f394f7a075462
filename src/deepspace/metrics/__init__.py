"""How good a space is, with the sample size beside every number, and what is wrong with it said first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from deepspace.errors import ModelError, SpaceError
from deepspace.metrics.clustering import clustering
from deepspace.metrics.comparing import Comparison, Curve, Gap, Kept, SideBySide, compare, side_by_side, sides, twin
from deepspace.metrics.coverage import Uncovered, measure_coverage, measure_frechet, uncovered
from deepspace.metrics.detection import auroc, false_positive_rate
from deepspace.metrics.disentanglement import Disentanglement, disentangled, disentanglement
from deepspace.metrics.elbo import elbo
from deepspace.metrics.health import health
from deepspace.metrics.heldout import HeldOut, held_out
from deepspace.metrics.importance import marginal
from deepspace.metrics.knn import knn
from deepspace.metrics.measure import Measure, Measures, Metric, Registry
from deepspace.metrics.ood import OutOfDistribution, ood, ood_rows
from deepspace.metrics.prior import holes, prior_mismatch
from deepspace.metrics.probe import linear_probe
from deepspace.metrics.reconstruction import reconstruction
from deepspace.metrics.shepard import shepard
from deepspace.metrics.stability import Stability, stability
from deepspace.metrics.synthetic import fidelity, imputation, privacy, synthetic_record, utility
from deepspace.metrics.trust import trust
from deepspace.metrics.units import units
from deepspace.metrics.worst import WorstRows, not_rebuilt, worst_rows
from deepspace.space.map.trust import continuity, trustworthiness

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = [
    "Comparison",
    "Curve",
    "Disentanglement",
    "Gap",
    "HeldOut",
    "Kept",
    "Measure",
    "Measures",
    "Metric",
    "OutOfDistribution",
    "Registry",
    "SideBySide",
    "Stability",
    "Uncovered",
    "WorstRows",
    "auroc",
    "compare",
    "continuity",
    "disentanglement",
    "false_positive_rate",
    "health",
    "held_out",
    "measure",
    "ood",
    "ood_rows",
    "record",
    "registry",
    "side_by_side",
    "sides",
    "stability",
    "synthetic_record",
    "trustworthiness",
    "twin",
    "uncovered",
    "worst_rows",
]

registry = Registry()
# One line a metric, in the order they are shown; slow=True for what a fit should not wait for.
registry.register("elbo", elbo)
registry.register("reconstruction", reconstruction)
registry.register("units", units)
registry.register("holes", holes)
registry.register("prior_mismatch", prior_mismatch)
registry.register("rows_not_rebuilt", not_rebuilt)
registry.register("trust", trust)
registry.register("knn", knn)
registry.register("coverage", measure_coverage, slow=True)
registry.register("frechet_distance", measure_frechet, slow=True)
registry.register("clustering", clustering, slow=True)
registry.register("marginal", marginal, slow=True)
registry.register("disentanglement", disentangled, slow=True)
registry.register("synthetic_fidelity", fidelity, slow=True)
registry.register("synthetic_privacy", privacy, slow=True)
registry.register("synthetic_utility", utility, slow=True)
registry.register("imputation", imputation, slow=True)
registry.register("shepard", shepard)
registry.register("linear_probe", linear_probe, slow=True)


def measure(
    space: BaseSpace, names: Sequence[str] | None = None, *, tell: Callable[[str], None] | None = None
) -> Measures:
    """Take every registered metric, or the named ones, on the rows held out of training.

    A metric that cannot be taken is listed in ``skipped`` with the reason. ``tell`` hears which metric is next, since
    some take a minute. Raises SpaceError for an unknown name.
    """
    chosen = list(registry.metrics) if names is None else list(names)
    unknown = [name for name in chosen if name not in registry.metrics]
    if unknown:
        raise SpaceError(f"cannot measure {unknown[0]!r}: the metrics are {', '.join(registry.metrics)}.")
    held = held_out(space)
    taken: list[Measure] = []
    skipped: dict[str, str] = {}
    for i, name in enumerate(chosen, 1):
        if tell is not None:
            tell(f"{name} of '{space.name}' ({i} of {len(chosen)})")
        try:
            taken.extend(registry.metrics[name](space, held))
        except (ModelError, SpaceError) as error:  # the model's: it was attached without what the metric needs
            skipped[name] = str(error)
    told = "" if space.groups is None or held.seen else space.groups.told(space.validation_index)
    return Measures(tuple(taken), skipped, told)


def record(space: BaseSpace) -> dict[str, Any]:
    """What is stored with a new space: its measures but for the slow ones, and what is wrong with it."""
    measures = measure(space, [name for name in registry.metrics if name not in registry.slow])
    return {"measures": measures.to_json(), "skipped": dict(measures.skipped), "health": health(space, measures)}
