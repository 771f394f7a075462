"""New rows out of a space: drawn from the prior, or so that they fulfil conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import ModelError, SpaceError
from deepspace.space.figures import batch_rows

if TYPE_CHECKING:
    import torch

    from deepspace.space import BaseSpace

__all__ = ["Conditions", "Drawn", "blank", "draw", "draw_encoded", "has_likelihood", "latents"]

MOST_DRAWS = 1 << 18
"""Latents that are tried before conditions count as too rare."""
ENOUGH = 20.0
"""Effective number of latents below which a condition counts as too rare: their draws would repeat one another."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Drawn:
    """Rows drawn. encoded: (n, *shape), NaN where a cell is missing; draws: latents tried; effective: how many of them
    carry the result (all, without conditions), (sum w)^2 / sum w^2 (Kong 1992)."""

    encoded: Floats
    draws: int
    effective: float


@dataclass(frozen=True)
class Conditions:
    """``learned``: {feature place: encoded value} that rows must have. ``rows``: the training rows around whose latents
    to draw, for conditions on columns that were not trained on, or None."""

    learned: dict[int, float]
    rows: npt.NDArray[np.int64] | None

    @classmethod
    def of(cls, space: BaseSpace, given: Mapping[str, Any]) -> Conditions:
        """Conditions in the user's units, {column: value}. Raises SpaceError naming what does not fit."""
        names = [column.name for column in space.schema.features]
        learned = {
            names.index(name): _encoded(space, names.index(name), v) for name, v in given.items() if name in names
        }
        other = {name: value for name, value in given.items() if name not in names}
        return cls(learned, _rows_with(space, other) if other else None)


def draw_encoded(space: BaseSpace, n: int, seed: int = 0, *, given: Mapping[str, Any] | None = None) -> Drawn:
    """n new encoded rows, each a draw from p(x|z); tables with the missing cells that the model expects.

    Without conditions z comes from the prior. ``given`` {column: value} on columns that were trained on: z from
    p(z | x_c = v), by importance resampling with weights p(x_c = v | z), and the columns then hold v exactly; a model
    without a likelihood keeps the draws that happen to fit. On columns that were not trained on: z from the posteriors
    of the training rows that have the value. Raises SpaceError where the conditions are too rare.
    """
    import torch

    _check(space, n)
    generator = torch.Generator().manual_seed(seed)
    with torch.inference_mode():
        if not given:
            return Drawn(draw(space, space.model.sample_prior(n, generator), generator), n, float(n))
        wanted = Conditions.of(space, given)
        if not wanted.learned:
            return Drawn(draw(space, _latents(space, wanted, n, generator), generator), n, float(n))
        if has_likelihood(space):
            return _resampled(space, wanted, n, generator, _told(given))
        return _rejected(space, wanted, n, generator, _told(given))


def latents(space: BaseSpace, n: int, seed: int = 0, *, given: Mapping[str, Any] | None = None) -> Floats:
    """(n, D): latents of the prior, or of the rows with these values in columns that were not trained on."""
    import torch

    _check(space, n)
    wanted = Conditions.of(space, given or {})
    if wanted.learned:
        raise SpaceError(f"cannot sample means with {_told(given or {})}: rows under such conditions are drawn")
    with torch.inference_mode():
        z: Floats = _latents(space, wanted, n, torch.Generator().manual_seed(seed)).numpy()
    return z


def _check(space: BaseSpace, n: int) -> None:
    if n < 0:
        raise SpaceError(f"cannot sample from '{space.name}': n is {n}, it must be 0 or more")


def draw(space: BaseSpace, z: torch.Tensor, generator: torch.Generator) -> Floats:
    """z (n, D) -> (n, *shape) float32: draws from p(x|z), NaN where a cell is drawn to be missing."""
    import torch

    rows = batch_rows(space.schema.shape)
    out = np.empty((len(z), *space.schema.shape), np.float32)
    for start in range(0, len(z), rows):
        block = z[start : start + rows]
        made = space.model.draw(block, generator).float()
        absent = space.model.missing(block)
        if absent is not None:
            made = torch.where(torch.rand(absent.shape, generator=generator) < absent, torch.nan, made)
        out[start : start + rows] = made.numpy()
    return out


def blank(space: BaseSpace, z: Floats, decoded: Floats, codes: npt.NDArray[np.int64] | None = None) -> Floats:
    """Decoded rows (n, *shape) of z (n, D), NaN where the model says that a cell of a table is more likely missing than
    not. codes: (n,), conditions, for a model that has them."""
    import torch

    if space.schema.form != "table":
        return decoded
    rows = batch_rows(space.schema.shape)
    for start in range(0, len(z), rows):
        part = slice(start, start + rows)
        model = space.model if codes is None else space.model.given(torch.from_numpy(codes[part]))
        with torch.inference_mode():
            absent = model.missing(torch.from_numpy(z[part]))
        if absent is None:
            return decoded
        decoded[part][absent.numpy() > 0.5] = np.nan
    return decoded


def _told(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in given.items())


def _encoded(space: BaseSpace, place: int, value: Any) -> float:
    """One value of the user's as the model sees it."""
    import pyarrow as pa

    column, codec = space.schema.features[place], space.schema.codecs[place]  # type: ignore[attr-defined]
    try:
        cell = pa.array([str(value)]) if isinstance(value, (str, bool)) else pa.array([value])
        code = float(codec.encode(pa.chunked_array([cell]), column.name)[0])
    except Exception as error:
        raise SpaceError(f"cannot sample with {column.name}={value}: it is no {column.kind} ({error})") from None
    if not np.isnan(code):
        if codec.cardinality:
            return code
        low, high = codec.low, codec.high
        plain = float(codec.scale.inverse(np.array([code]))[0])
        if low - 1e-6 * (1 + abs(low)) <= plain <= high + 1e-6 * (1 + abs(high)):
            return code
        raise SpaceError(f"cannot sample with {column.name}={value}: the data go from {low:g} to {high:g}")
    known = ", ".join(column.categories[:8]) + (", …" if len(column.categories) > 8 else "")
    raise SpaceError(f"cannot sample with {column.name}={value}: it is one of {known}" if known else
                     f"cannot sample with {column.name}={value}: it is no {column.kind}")  # fmt: skip


def _rows_with(space: BaseSpace, given: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """Training rows that have these values in columns that were not trained on."""
    keep = np.ones(len(space), bool)
    keep[space.validation_index] = False
    names = [column.name for column in space.schema.columns]
    for name, value in given.items():
        if name not in names:
            raise SpaceError(f"cannot sample with {name}={value}: there is no column '{name}' in '{space.name}'")
        cells = [None if cell is None else _plain(cell) for cell in space.rows.column(name).to_pylist()]
        keep &= np.array([cell == _plain(value) for cell in cells])
    rows = np.flatnonzero(keep)
    if not len(rows):
        raise SpaceError(f"cannot sample with {_told(given)}: no training row of '{space.name}' has that")
    return rows.astype(np.int64)


def _plain(value: Any) -> str:
    """A value as text, so that 3, 3.0 and "3" are the same."""
    text = str(value).strip()
    return re.sub(r"\.0+$", "", text) if re.fullmatch(r"-?\d+\.0+", text) else text


def _latents(space: BaseSpace, wanted: Conditions, n: int, generator: torch.Generator) -> torch.Tensor:
    """(n, D): draws of the prior, or of the posteriors of chosen rows."""
    import torch

    if wanted.rows is None:
        return space.model.sample_prior(n, generator)
    rows = wanted.rows[torch.randint(len(wanted.rows), (n,), generator=generator).numpy()]
    mean, scale = (torch.from_numpy(np.array(part[rows])) for part in (space.latents.mean, space.latents.scale))
    return mean + scale * torch.randn(mean.shape, generator=generator)


def has_likelihood(space: BaseSpace) -> bool:
    """Whether the model can say p(x|z), as a latent model with a likelihood can and an autoencoder cannot."""
    import torch

    try:
        row = torch.full((1, *space.schema.shape), torch.inf)
        return bool(torch.isfinite(space.model.log_likelihood(row, torch.zeros(1, space.latent_dim))).all())
    except ModelError:
        return False


def _resampled(space: BaseSpace, wanted: Conditions, n: int, generator: torch.Generator, told: str) -> Drawn:
    import torch

    row = torch.full((1, *space.schema.shape), torch.inf)
    for place, value in wanted.learned.items():
        row[0, place] = value
    step, latents, weights = batch_rows(space.schema.shape), [], []
    while True:
        for _ in range(16):
            z = _latents(space, wanted, step, generator)
            latents.append(z)
            weights.append(space.model.log_likelihood(row.expand(len(z), -1), z))
        weight = torch.cat(weights)
        weight = torch.exp(weight - weight.max())
        effective = float(weight.sum() ** 2 / weight.square().sum())
        if effective >= max(2.0 * n, ENOUGH) or len(weight) >= MOST_DRAWS:
            break
    if effective < ENOUGH:
        raise SpaceError(
            f"cannot sample with {told}: of {len(weight):,} draws only about {effective:.0f} carry that, too few to "
            "draw rows that differ; ask for less at once"
        )
    chosen = torch.multinomial(weight, n, replacement=True, generator=generator) if n else torch.empty(0).long()
    encoded = draw(space, torch.cat(latents)[chosen], generator)
    for place, value in wanted.learned.items():
        encoded[:, place] = value
    return Drawn(encoded, len(weight), effective)


def _rejected(space: BaseSpace, wanted: Conditions, n: int, generator: torch.Generator, told: str) -> Drawn:
    """Draws kept only where they fit, after the way to the user's units and back (which rounds whole numbers)."""
    kept, tried, found = [], 0, 0
    step = max(1024, n)
    while found < n:
        made = draw(space, _latents(space, wanted, step, generator), generator)
        tried += step
        back = space.schema.encode(space.schema.decode(made))
        fits = np.ones(len(made), bool)
        for place, value in wanted.learned.items():
            fits &= np.abs(back[:, place] - value) <= 1e-4 * (1 + abs(value))
        kept.append(made[fits])
        found += int(fits.sum())
        if tried >= MOST_DRAWS and found < n:
            raise SpaceError(
                f"cannot sample with {told}: {found:,} of {tried:,} draws fit, {n:,} were asked for; "
                "ask for fewer rows or less at once"
            )
    return Drawn(np.concatenate(kept)[:n] if kept else made[:0], tried, float(found))
