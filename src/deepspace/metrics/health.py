"""What is wrong with a space, worst first, in sentences for whoever is about to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.metrics.measure import Measure, Measures
from deepspace.metrics.worst import far_limit
from deepspace.results import figure
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["health"]

FEW_ROWS = 200
TRUSTED = 0.9
MUCH_WORSE = 1.25
ENOUGH_HELD_OUT = 20
RISING = 0.15
NO_BETTER = 0.98
"""An error over this share of the baseline's is as good as having learned nothing."""
MOSTLY_EMPTY = 0.5
"""Samples of the prior that meet no data: a third is usual for a good model of few rows in many dimensions."""
APART = 0.03
"""The energy coefficient of rows and prior: models that learned well came out at .011 or below."""


def health(space: BaseSpace, measures: Measures | None = None) -> list[str]:
    """Sentences saying what is wrong, worst first; empty when nothing was found. Thresholds are in this file's
    constants.

    Without measures (``deepspace.metrics.measure``), only what needs no decoding is looked at.
    """
    found = [
        *_collapse(space),
        *(_reconstruction(measures) if measures else []),
        *_unfinished(space.history),
        *_map(space.map.trust),
        *(_columns(measures) if measures else []),
        *(_prior(measures) if measures else []),
        *_by_heart(space),
        *_rows_not_rebuilt(space),
        *_dead(space),
        *_rows(len(space)),
    ]
    return found


def _collapse(space: BaseSpace) -> list[str]:
    moments = latent_moments(space.latents.mean, space.latents.scale)
    if moments.active.any():
        return []
    return [
        f"Posterior collapse: none of the {len(moments.kl)} latent dimensions carries anything about the rows, "
        "so every place decodes to nearly the same thing; train longer, lower beta or lengthen the KL warm-up."
    ]


def _dead(space: BaseSpace) -> list[str]:
    moments = latent_moments(space.latents.mean, space.latents.scale)
    dead, width = int((~moments.active).sum()), len(moments.kl)
    if dead == width or 2 * dead <= width:
        return []
    return [f"{dead} of {width} latent dimensions are dead: the data needed fewer, or the KL pressed them out."]


def _reconstruction(measures: Measures) -> list[str]:
    overall = measures.get("reconstruction_error")
    if overall is None or overall.baseline is None or overall.value < NO_BETTER * overall.baseline:
        return []
    return [
        f"Poor fit: held-out rows are rebuilt no better than by the mean (error {figure(overall.value)}, the mean's "
        f"{figure(overall.baseline)}, n = {overall.n:,}); what the map decodes is not to be believed."
    ]


def _prior(measures: Measures) -> list[str]:
    """Holes, and an aggregate posterior that is not the prior; each only when chance is no explanation."""
    found = []
    empty, held = measures.get("holes"), next(iter(measures.each("holes")), None)
    if empty and empty.interval and empty.interval[0] > MOSTLY_EMPTY:
        against = f", against {100 * held.value:.0f} % of held-out rows (n = {held.n:,})" if held else ""
        found.append(
            f"Holes: {100 * empty.value:.0f} % of the samples of the prior ({_percents(empty)}, n = {empty.n:,}) fall "
            f"where no data lies{against}; start from real rows rather than from samples."
        )
    apart = measures.get("prior_energy")
    if apart and apart.interval and apart.interval[0] > APART:
        worst = max(measures.each("prior_kl"), key=lambda m: m.value, default=None)
        where = f"; most in {worst.about} ({worst.note})" if worst else ""
        found.append(
            f"The rows are not where the prior is: their latents and its samples differ by {figure(apart.value)} on a "
            f"scale from 0 to 1 (n = {apart.n:,}){where}; start from real rows rather than from samples."
        )
    return found


def _percents(measure: Measure) -> str:
    assert measure.interval is not None
    low, high = measure.interval
    return f"{100 * low:.0f} to {100 * high:.0f}"


def _columns(measures: Measures) -> list[str]:
    columns = measures.each("reconstruction_error")
    bad = [m.about for m in columns if m.baseline and m.value >= NO_BETTER * m.baseline]
    if not bad:
        return []
    shown = ", ".join(bad[:5]) + (f" and {len(bad) - 5} more" if len(bad) > 5 else "")
    return [
        f"{len(bad)} of {len(columns)} columns are rebuilt no better than by their mean or commonest value: {shown}."
    ]


def _unfinished(history: dict[str, Any]) -> list[str]:
    stopped, count = history.get("stopped"), len(history.get("epochs") or [])
    if stopped == "user":
        return [f"Training was stopped by hand after {count} epochs: the model is unfinished."]
    if stopped == "time":
        return [f"Training ran out of time after {count} epochs: the model is unfinished."]
    if stopped == "epochs" and _rising([e.get("validation_elbo") for e in history.get("epochs") or []]):
        return [f"Training reached its limit of {count} epochs while still improving: more epochs would fit better."]
    return []


def _rising(elbo: list[float | None]) -> bool:
    """Whether the second half of the epochs brought more than a share of all that was gained since the first."""
    seen = [value for value in elbo if value is not None]
    if len(seen) < 2:
        return False
    best = max(seen)
    return best - max(seen[: max(1, len(seen) // 2)]) > RISING * (best - seen[0])


def _map(trust: dict[str, Any]) -> list[str]:
    words = {
        "trustworthiness": "rows that lie together on it need not be alike",
        "continuity": "rows that are alike may lie far apart on it",
    }
    return [
        f"The map is a weak guide: {name} {figure(float(trust[name]))} (n = {int(trust['n']):,}, "
        f"k = {int(trust['k'])}); {meaning}."
        for name, meaning in words.items()
        if float(trust.get(name, 1.0)) < TRUSTED
    ]


def _by_heart(space: BaseSpace) -> list[str]:
    """Whether rows that training never saw are rebuilt clearly worse than those it saw, beyond what chance would do."""
    errors, held = _errors(space), space.validation_index
    if errors is None or len(held) < ENOUGH_HELD_OUT or len(held) == len(errors):
        return []
    seen = np.ones(len(errors), bool)
    seen[held] = False
    old, new = errors[seen], errors[held]
    noise = float(np.sqrt(new.var() / len(new) + old.var() / len(old)))
    if new.mean() <= MUCH_WORSE * old.mean() or new.mean() - old.mean() <= 3 * noise:
        return []
    return [
        f"Learned by heart in part: rows that training saw are rebuilt better than new ones (mean error "
        f"{figure(float(old.mean()))} against {figure(float(new.mean()))}, n = {len(new):,}); go by the figures "
        "on held-out rows, which more rows would better."
    ]


def _errors(space: BaseSpace) -> npt.NDArray[np.float64] | None:
    """Each row's own reconstruction error, (N,)."""
    found = space.figures.get("reconstruction_error")
    return None if found is None else np.asarray(found, np.float64)


def _rows_not_rebuilt(space: BaseSpace) -> list[str]:
    """Far outliers among the rows' own reconstruction errors."""
    errors = _errors(space)
    if errors is None:
        return []
    limit = far_limit(errors)
    far = int((errors > limit).sum())
    if far < max(3, 0.01 * len(errors)):
        return []
    return [
        f"{far:,} of {len(errors):,} rows ({100 * far / len(errors):.1f} %) are rebuilt far worse than the rest "
        f"(error over {figure(limit)}, the median is {figure(float(np.median(errors)))}): "
        "colour by reconstruction error to see them."
    ]


def _rows(n: int) -> list[str]:
    if n >= FEW_ROWS:
        return []
    return [f"Only {n:,} rows: every figure here is rough, and the model may have learned them by heart."]
