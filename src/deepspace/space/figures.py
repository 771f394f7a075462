"""What a space knows about each row: how well it is rebuilt, its ELBO, its posterior, how crowded its place is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.data.counts import CountsSchema
from deepspace.data.schema import Schema

if TYPE_CHECKING:
    from deepspace.models.base import LatentModel
    from deepspace.space.base import BaseSpace

__all__ = ["FIGURES", "Encoded", "batch_rows", "describe", "encode_rows", "own_condition", "reconstruction_error"]

FIGURES: Final = ("reconstruction_error", "log_density", "elbo", "posterior_scale")
"""The columns of ``figures.npy``, in order."""

_ERROR_UNITS: Final = {
    "image": "grey levels, 0 to 255: root mean square over pixels",
    "signal": "the signal's own units: root mean square over samples",
    "vector": "the vector's own units: root mean square over dimensions",
    "counts": "log(1 + count) at the median total of a row: root mean square over genes",
    "table": "mean over observed cells: 1 for a wrong category, else standard deviations of the column",
}


class Encoded(NamedTuple):
    """One batch of rows as the model sees it. mean, scale: (B, D); error, elbo, posterior_scale: (B,); kl: (B, D)."""

    mean: npt.NDArray[np.float32]
    scale: npt.NDArray[np.float32]
    error: npt.NDArray[np.float32]
    elbo: npt.NDArray[np.float32]
    kl: npt.NDArray[np.float32]


def describe(schema: Schema, lacks: frozenset[str] = frozenset()) -> dict[str, str]:
    """Each figure with its units, for the manifest and for whoever shows it; without those that a model which lacks
    something (``LatentModel.lacks``) cannot have."""
    needs = {"reconstruction_error": "decoder", "elbo": "likelihood", "posterior_scale": "posterior"}
    every = {
        "reconstruction_error": _ERROR_UNITS.get(schema.modality, "root mean square in encoded units"),
        "log_density": "nats: log density of the encoded rows at this row, leaving it out (16 nearest neighbours)",
        "elbo": "nats: one-sample evidence lower bound of this row",
        "posterior_scale": "latent units: geometric mean over latents of the posterior's standard deviation",
    }
    return {name: text for name, text in every.items() if needs.get(name) not in lacks}


def batch_rows(shape: tuple[int, ...]) -> int:
    """Rows to a batch: about 2M numbers, at most 1024 rows. Fixed by the shape, so that sums come out the same."""
    return int(max(16, min(1024, (1 << 21) // max(1, int(np.prod(shape))))))


def own_condition(space: BaseSpace, rows: Any) -> dict[str, npt.NDArray[np.int64]]:
    """What ``decode`` and ``decode_encoded`` must be told besides the latents of the space's own rows (n,): each one's
    condition, where the model has one."""
    codes = getattr(space, "condition_codes", None)
    return {} if codes is None else {"condition": codes[rows]}


def encode_rows(
    model: LatentModel,
    schema: Schema,
    array: npt.NDArray[Any],
    *,
    seed: int,
    should_stop: Callable[[], bool] | None = None,
    codes: npt.NDArray[np.int64] | None = None,
    latents: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None,
) -> Iterator[Encoded]:
    """Every row's posterior and figures, batch by batch, in order; a figure that the model cannot have is NaN.

    codes: (N,) the rows' conditions, for a model that has one. latents: mean and scale (N, D) where they are known
    already. Sampling noise depends on the seed alone.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    rows = batch_rows(schema.shape)
    model.eval()
    for start in range(0, len(array), rows):
        if should_stop is not None and should_stop():
            return
        block = np.ascontiguousarray(array[start : start + rows])
        with torch.inference_mode():
            x = torch.from_numpy(block if block.flags.writeable else block.copy())
            own = model if codes is None else model.given(torch.from_numpy(codes[start : start + rows]))
            if latents is None:
                mean, scale = own.encode(x)
            else:
                mean, scale = (torch.from_numpy(np.array(part[start : start + rows])) for part in latents)
            nothing = np.full(len(block), np.nan, np.float32)
            error, elbo, kl = nothing, nothing, np.full(mean.shape, np.nan, np.float32)
            if "likelihood" not in model.lacks:
                terms = own.terms(x, generator)
                elbo, kl = terms.elbo.float().cpu().numpy(), terms.kl.float().cpu().numpy()
            elif "posterior" not in model.lacks:  # against N(0, I), as for the others
                kl = (0.5 * (mean.square() + scale.square() - 1) - scale.log()).float().cpu().numpy()
            if "decoder" not in model.lacks:
                error = reconstruction_error(schema, block, own.decode(mean).float().cpu().numpy())
        yield Encoded(mean.float().cpu().numpy(), scale.float().cpu().numpy(), error, elbo, kl)


def reconstruction_error(
    schema: Schema, x: npt.NDArray[Any], decoded: npt.NDArray[np.float32]
) -> npt.NDArray[np.float32]:
    """x, decoded: (B, *shape) encoded rows -> (B,) in the units that ``describe`` gives."""
    if schema.modality == "table":
        return _table_error(schema, x, decoded)
    if isinstance(schema, CountsSchema):
        x, decoded = schema.normalise(x), schema.normalise(decoded)
    elif schema.modality in ("signal", "vector"):
        x, decoded = np.asarray(schema.decode(x)), np.asarray(schema.decode(decoded))
    difference = x.reshape(len(x), -1).astype(np.float64) - decoded.reshape(len(x), -1).astype(np.float64)
    return np.asarray(np.sqrt(np.nanmean(np.square(difference), axis=1)), np.float32)


def _table_error(schema: Schema, x: npt.NDArray[Any], decoded: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    discrete = np.array([c.kind in ("boolean", "ordinal", "categorical") for c in schema.features], bool)
    observed = ~np.isnan(x)
    difference = np.abs(np.where(observed, x, 0) - np.where(observed, decoded, 0)).astype(np.float64)
    cost = np.where(discrete, np.round(difference) > 0, difference)
    return np.asarray(cost.sum(1) / np.maximum(observed.sum(1), 1), np.float32)
