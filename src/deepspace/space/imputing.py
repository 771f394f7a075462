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
_WIDER = 1.2  # than the fitted Gaussian: fits of a bound are too narrow, and what they leave out cannot be weighed
_DRAWS = 2  # of the missing cells, a sample of the latents


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
    p(x_observed|z) p(z) / q(z), drawn anew by weight, and draw the missing cells (MIWAE: Mattei & Frellsen 2019,
    arXiv:1812.02633).
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
        draws = (_weighed if likely else _gibbs)(space.model, x, samples, generator)
        out[rows] = _settled(space, out[rows], draws)
    return out


def _weighed(model: LatentModel, x: Tensor, samples: int, generator: torch.Generator) -> npt.NDArray[np.float32]:
    """Draws (L, B, F) from p(x|x_observed)."""
    import torch

    mean, log_scale = _fitted(model, x, generator)
    log_scale = log_scale + math.log(_WIDER)
    asked = torch.where(x.isnan(), torch.inf, x)  # not known, and no matter whether it is missing
    with torch.no_grad():
        noises = _even_noise(samples, mean, generator)
        among = mean + log_scale.exp() * noises
        # log p(x_observed|z) + log p(z) - log q(z), up to a constant
        weights = [
            model.log_likelihood(asked, z) + model.log_prior(z) + (0.5 * noise.square() + log_scale).sum(1)
            for z, noise in zip(among, noises, strict=True)
        ]
        chosen = _by_weight(torch.stack(weights).double().softmax(0), _DRAWS * samples, generator)
        row = torch.arange(len(x))
        return torch.stack([model.draw(among[which, row], generator) for which in chosen]).numpy()


def _even_noise(count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    """(count, B, D) standard normal: for each row the points of a Sobol sequence, which lie more evenly than random
    ones, shifted by a step of its own (Cranley & Patterson 1976)."""
    import torch

    seed = int(torch.randint(2**31, (1,), generator=generator))
    sobol = torch.quasirandom.SobolEngine(like.shape[1], scramble=True, seed=seed)  # type: ignore[no-untyped-call]
    shifted = (sobol.draw(count)[:, None] + torch.rand(like.shape, generator=generator)) % 1
    even: Tensor = torch.special.ndtri(shifted.clamp(1e-6, 1 - 1e-6))
    return even


def _by_weight(weight: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Weights (L, B), each column of which adds up to 1 -> (count, B): places along L, as often as their weight says up
    to one (systematic resampling: Carpenter 1999)."""
    import torch

    start = torch.rand(weight.shape[1], 1, generator=generator, dtype=weight.dtype)
    steps = (torch.arange(count, dtype=weight.dtype) + start) / count  # (B, count)
    found = torch.searchsorted(weight.cumsum(0).T.contiguous(), steps, right=True)
    return found.clamp(max=len(weight) - 1).T


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


def _gibbs(model: LatentModel, x: Tensor, samples: int, generator: torch.Generator) -> npt.NDArray[np.float32]:
    """As ``_weighed``, the draws of a chain after its burn-in."""
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
    return torch.stack(draws).numpy()


def _settled(space: BaseSpace, x: npt.NDArray[np.float32], draws: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """x (B, F) with its NaN filled from draws (L, B, F)."""
    out = x.copy()
    for place, codec in enumerate(space.schema.codecs):  # type: ignore[attr-defined]
        rows = np.flatnonzero(np.isnan(x[:, place]))
        if not len(rows):
            continue
        made = draws[:, rows, place].astype(np.float64)
        if codec.cardinality and space.schema.features[place].kind != "ordinal":
            votes = np.stack([(np.rint(made) == code).sum(0) for code in range(codec.cardinality)])
            out[rows, place] = votes.argmax(0)
        elif codec.cardinality:
            out[rows, place] = np.rint(made.mean(0))
        else:
            value = codec.scale.inverse(made.ravel()).reshape(made.shape).clip(codec.low, codec.high)
            out[rows, place] = codec.scale.forward(value.mean(0))
    return out
