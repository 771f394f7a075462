"""How far rows are from their reconstructions, part by part, and with fewer dimensions than there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.metrics.comparing.result import Curve, Gap, Part
from deepspace.metrics.heldout import spread
from deepspace.results import mean_interval
from deepspace.space.figures import own_condition, reconstruction_error
from deepspace.space.moments import latent_moments

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["by_class", "by_part", "curve", "gap", "rows_for_curves"]

RESAMPLES = 1000
_FEWEST = 8
_MOST_CLASSES = 20
_DIMS = 32  # up to so many dimensions the error is taken at each number of them
_VALUES = 2e8  # values decoded for one curve
_CURVE_ROWS = (100, 2000)

Floats = npt.NDArray[np.float64]


def gap(part: Part, about: str, a: Floats, b: Floats, *, higher: bool = False, seed: int = 0) -> Gap | None:
    """a, b: (n,), the same rows' figures in two spaces, NaN where there is none. None if there is none at all."""
    known = ~(np.isnan(a) | np.isnan(b))
    a, b = a[known], b[known]
    if not len(a):
        return None
    interval = _resampled(b - a, seed) if len(a) >= _FEWEST else None
    return Gap(part, about, float(a.mean()), float(b.mean()), len(a), interval, "higher" if higher else "lower")


def _resampled(difference: Floats, seed: int) -> tuple[float, float]:
    """95 % interval of a mean, by drawing rows again with replacement (Efron 1979)."""
    rng = np.random.default_rng(seed)
    n = len(difference)
    means = [difference[rng.integers(n, size=n)].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def by_part(space: BaseSpace, x: npt.NDArray[Any], decoded: npt.NDArray[np.float32]) -> dict[tuple[Part, str], Floats]:
    """x, decoded: (n, *shape) encoded rows -> errors (n,) overall, and by column (tables) or channel (signals).

    In the units of the space's figure "reconstruction error"; NaN where a cell was not observed.
    """
    schema = space.schema
    parts: dict[tuple[Part, str], Floats] = {
        ("all", ""): np.asarray(reconstruction_error(schema, x, decoded), np.float64)
    }
    if schema.form == "table":
        difference = np.abs(np.asarray(x, np.float64) - decoded)
        for i, column in enumerate(schema.features):
            error = difference[:, i]
            if column.kind in ("boolean", "ordinal", "categorical"):
                error = np.where(np.isnan(error), np.nan, np.round(error) > 0)
            parts["column", column.name] = error
    elif schema.form == "signal" and schema.shape[0] > 1:
        shape = (len(x), *schema.shape)
        difference = np.asarray(schema.decode(x), np.float64).reshape(shape)
        difference = difference - np.asarray(schema.decode(decoded), np.float64).reshape(shape)
        names = tuple(getattr(schema, "channel_names", ()) or ())
        for i, error in enumerate(np.sqrt(np.square(difference).mean(2)).T):
            parts["channel", names[i] if len(names) == schema.shape[0] else f"channel {i + 1}"] = error
    return parts


def by_class(labels: npt.NDArray[Any] | None, a: Floats, b: Floats) -> list[Gap]:
    """The errors (n,) within each class; nothing where there are none, or more than twenty."""
    if labels is None:
        return []
    names = [name for name in np.unique(labels) if name]
    if len(names) > _MOST_CLASSES:
        return []
    found = [gap("class", str(name), a[labels == name], b[labels == name]) for name in names]
    return [g for g in found if g is not None]


def rows_for_curves(space: BaseSpace, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """An even spread of the rows, where decoding all of them again and again would take long."""
    values = _DIMS * int(np.prod(space.schema.shape))
    return spread(rows, int(np.clip(_VALUES / values, *_CURVE_ROWS)))


def curve(space: BaseSpace, rows: npt.NDArray[np.int64], training: npt.NDArray[np.int64], tell: Any = None) -> Curve:
    """Errors with the d strongest dimensions of ``space``, for d from 1 to all of them.

    rows: those to rebuild; training: those that say how strong a dimension is and what its mean is. ``tell(fraction)``
    hears how far it is.
    """
    dims = np.arange(1, space.latent_dim + 1)
    if len(dims) > _DIMS:
        dims = np.unique(np.geomspace(1, space.latent_dim, _DIMS).round().astype(np.int64))
    moments = latent_moments(np.asarray(space.latents.mean[training]), np.asarray(space.latents.scale[training]))
    order = np.argsort(-moments.kl, kind="stable")
    x, z = np.asarray(space.samples[rows]), np.asarray(space.latents.mean[rows], np.float32)
    own = own_condition(space, rows)
    error, low, high = np.empty((3, len(dims)))
    for i, count in enumerate(dims):
        shown = np.repeat(moments.mean[None].astype(np.float32), len(z), 0)
        shown[:, order[:count]] = z[:, order[:count]]
        each = reconstruction_error(space.schema, x, space.decode_encoded(shown, **own)).astype(np.float64)
        error[i] = each.mean()
        low[i], high[i] = mean_interval(error[i], float(each.std(ddof=1)) if len(each) > 1 else 0.0, len(each))
        if tell is not None:
            tell((i + 1) / len(dims))
    return Curve(dims, error, low, high, order, len(rows))
