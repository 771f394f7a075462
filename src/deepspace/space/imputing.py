"""Missing cells of a table, filled with what the model expects from the cells that are there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.space.figures import batch_rows
from deepspace.space.sampling import has_likelihood

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from deepspace.models.base import LatentModel
    from deepspace.space import BaseSpace

__all__ = ["impute", "impute_encoded"]

STEPS, RATE = 60, 0.1
BURN_IN = 10


def impute(space: BaseSpace, x: Any, *, samples: int = 100, seed: int = 0) -> Any:
    """Rows in the user's own units (a frame, records, a path) -> the feature columns with every missing cell filled.

    Observed cells come back as they are. A number is its mean over p(x_missing | x_observed), a category the likeliest
    one; see ``impute_encoded``. Raises SpaceError for a space that is not of a table.
    """
    if space.schema.form != "table":
        raise SpaceError(f"cannot impute with '{space.name}': it is of {space.schema.modality} data, not of a table")
    encoded = space.schema.encode(x)
    return space.schema.decode(impute_encoded(space, encoded, samples=samples, seed=seed))


def impute_encoded(
    space: BaseSpace, encoded: npt.NDArray[np.float32], *, samples: int = 100, seed: int = 0
) -> npt.NDArray[np.float32]:
    """encoded (N, F), NaN where missing -> the same with no NaN.

    Each row's posterior is first fitted to its own observed cells (Mattei & Frellsen 2018, arXiv:1802.04826), since an
    encoder that never saw that cell missing says little; then ``samples`` of it are weighed by
    p(x_observed|z) p(z) / q(z), and each draws the missing cells (MIWAE: Mattei & Frellsen 2019, arXiv:1812.02633).
    A model without a likelihood goes back and forth between encoding and drawing instead (pseudo-Gibbs: Rezende 2014,
    arXiv:1401.4082). Numbers are averaged in the user's units, categories put to the vote.
    """
    import torch

    if samples < 1:
        raise SpaceError(f"cannot impute with '{space.name}': samples is {samples}, it must be 1 or more")
    out = np.array(encoded, np.float32)
    generator = torch.Generator().manual_seed(seed)
    likely = has_likelihood(space)
    todo = np.flatnonzero(np.isnan(out).any(1))
    step = batch_rows(space.schema.shape)
    for start in range(0, len(todo), step):
        rows = todo[start : start + step]
        x = torch.from_numpy(out[rows])
        if likely:
            draws, weight = _weighed(space.model, x, samples, generator)
        else:
            draws, weight = _gibbs(space.model, x, samples, generator)
        out[rows] = _settled(space, out[rows], draws, weight)
    return out


def _weighed(
    model: LatentModel, x: Tensor, samples: int, generator: torch.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """Draws (L, B, F) and their normalised weights (L, B)."""
    import torch

    mean, log_scale = _fitted(model, x, generator)
    asked = torch.where(x.isnan(), torch.inf, x)  # not known, and no matter whether it is missing
    draws, weights = [], []
    with torch.no_grad():
        for _ in range(samples):
            noise = torch.randn(mean.shape, generator=generator)
            z = mean + log_scale.exp() * noise
            log_q = -(0.5 * noise.square() + log_scale + 0.5 * math.log(2 * math.pi)).sum(1)
            weights.append(model.log_likelihood(asked, z) + model.log_prior(z) - log_q)
            draws.append(model.draw(z, generator))
    return torch.stack(draws).numpy(), torch.stack(weights).double().softmax(0).numpy()


def _fitted(model: LatentModel, x: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Mean and log scale (B, D) of the Gaussian that fits each row's posterior given its observed cells: Adam on the
    ELBO of those cells, from what the encoder says."""
    import torch

    asked = torch.where(x.isnan(), torch.inf, x)
    with torch.inference_mode(False), torch.enable_grad():
        with torch.no_grad():
            start = model.encode(x)
        mean = start.mean.clone().requires_grad_()
        log_scale = start.scale.log().clone().requires_grad_()
        needed = [p.requires_grad for p in model.parameters()]
        model.requires_grad_(False)
        optimizer = torch.optim.Adam([mean, log_scale], lr=RATE)
        for step in range(STEPS):
            for group in optimizer.param_groups:
                group["lr"] = RATE * (1 - step / STEPS)
            z = mean + log_scale.exp() * torch.randn(mean.shape, generator=generator)
            bound = model.log_likelihood(asked, z) + model.log_prior(z) + log_scale.sum(1)
            optimizer.zero_grad()
            (-bound.sum()).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        for parameter, need in zip(model.parameters(), needed, strict=True):
            parameter.requires_grad_(need)
    return mean.detach(), log_scale.detach()


def _gibbs(
    model: LatentModel, x: Tensor, samples: int, generator: torch.Generator
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float64]]:
    """As ``_weighed``, the draws of a chain after its burn-in, all of the same weight."""
    import torch

    absent, current, draws = x.isnan(), x, []
    with torch.no_grad():
        for i in range(BURN_IN + samples):
            posterior = model.encode(current)
            z = posterior.mean + posterior.scale * torch.randn(posterior.mean.shape, generator=generator)
            made = model.draw(z, generator)
            current = torch.where(absent, made, x)
            if i >= BURN_IN:
                draws.append(made)
    return torch.stack(draws).numpy(), np.full((samples, len(x)), 1 / samples)


def _settled(
    space: BaseSpace, x: npt.NDArray[np.float32], draws: npt.NDArray[np.float32], weight: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """x (B, F) with its NaN filled from draws (L, B, F) by weight (L, B)."""
    out = x.copy()
    for place, codec in enumerate(space.schema.codecs):  # type: ignore[attr-defined]
        rows = np.flatnonzero(np.isnan(x[:, place]))
        if not len(rows):
            continue
        made, w = draws[:, rows, place].astype(np.float64), weight[:, rows]
        if codec.cardinality and space.schema.features[place].kind != "ordinal":
            votes = np.stack([(w * (np.rint(made) == code)).sum(0) for code in range(codec.cardinality)])
            out[rows, place] = votes.argmax(0)
        elif codec.cardinality:
            out[rows, place] = np.rint((w * made).sum(0))
        else:
            value = codec.scale.inverse(made.ravel()).reshape(made.shape).clip(codec.low, codec.high)
            out[rows, place] = codec.scale.forward((w * value).sum(0))
    return out
