"""The log-likelihood of held-out rows by importance sampling: what the ELBO bounds, nearly itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import ModelError, SpaceError
from deepspace.metrics.heldout import HeldOut, spread
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval

if TYPE_CHECKING:
    from torch import Tensor

    from deepspace.models import LatentModel
    from deepspace.space import BaseSpace

__all__ = ["Estimate", "estimate", "marginal"]

_DECODES = 8192  # latents decoded at once
_CELLS = 2**23  # and values in them
_ROWS = 1000  # rows measured when a space is, each with _SAMPLES draws
_SAMPLES = 500


class Estimate(NamedTuple):
    """Of each row, (N,) float64: log p(x) in nats, and how many of the draws carry the estimate."""

    log_likelihood: npt.NDArray[np.float64]
    effective: npt.NDArray[np.float64]


def estimate(model: LatentModel, x: npt.NDArray[np.generic], samples: int, *, seed: int = 0) -> Estimate:
    """log p(x) ~ log 1/S sum_s p(x|z_s) p(z_s) / q(z_s|x), z_s ~ q(z|x); x: (N, *shape) encoded rows.

    A lower bound in expectation, which tightens as S grows (Burda 2016, arXiv:1509.00519). Each row is encoded once
    and sums are kept in logarithms. ``effective``: (sum w)^2 / sum w^2, near 1 where a single draw decides and the
    figure is too low. Raises ModelError where the model has no likelihood or no posterior.
    """
    import torch

    if model.nominal:
        raise ModelError(f"A {type(model).__name__} encodes rows as points, without a posterior to draw from.")
    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    generator = torch.Generator(device).manual_seed(seed)
    size = max(1, int(np.prod(x.shape[1:])))
    decodes = max(1, min(_DECODES, _CELLS // size))
    rows = max(1, decodes // samples)
    # Filled in place: a small block kept from each round would split what the C library gives to the large ones, of
    # which none could be used again.
    both = np.empty((2, len(x)))
    model.eval()
    with torch.inference_mode():
        for start in range(0, len(x), rows):
            part = torch.from_numpy(np.array(x[start : start + rows])).to(device)
            seen = model.observe(part, generator)
            both[:, start : start + rows] = _rows(model, seen, samples, decodes, generator).cpu()
    return Estimate(both[0], both[1])


def _rows(model: LatentModel, x: Tensor, samples: int, decodes: int, generator: object) -> Tensor:
    """(B, *shape) -> (2, B), double: log p(x), effective draws."""
    import torch

    mean, scale = model.encode(x)
    once, twice = (torch.full((len(x),), -math.inf, dtype=torch.float64, device=x.device) for _ in range(2))
    done = 0
    while done < samples:
        k = min(samples - done, max(1, decodes // len(x)))
        noise = torch.randn((k, *mean.shape), generator=generator, device=x.device)  # type: ignore[call-overload]
        z = (mean + scale * noise).flatten(0, 1)
        log_q = (-0.5 * (noise.square() + math.log(2 * math.pi)) - scale.log()).sum(2)
        again = x.repeat(k, *(1 for _ in x.shape[1:]))
        log_p = (model.log_likelihood(again, z).double() + model.log_prior(z).double()).reshape(k, -1)
        log_w = log_p - log_q.double()
        once = torch.logaddexp(once, torch.logsumexp(log_w, 0))
        twice = torch.logaddexp(twice, torch.logsumexp(2 * log_w, 0))
        done += k
    return torch.stack([once - math.log(samples), torch.exp(2 * once - twice)])


def marginal(space: BaseSpace, held: HeldOut, *, samples: int = _SAMPLES, seed: int = 0) -> tuple[Measure, ...]:
    """``estimate`` on up to 1,000 held-out rows; the interval is that of the mean over rows.

    Raises SpaceError for a model without a likelihood.
    """
    chosen = spread(np.arange(len(held.rows)), _ROWS)
    try:
        found = estimate(space.model, held.encoded[chosen], samples, seed=seed)
    except ModelError as error:
        raise SpaceError(f"no likelihood to sample: {error}") from error
    values, n = found.log_likelihood, len(chosen)
    rows = "rows the model was trained on" if held.seen else "held-out rows"
    interval = mean_interval(float(values.mean()), float(values.std(ddof=1)), n) if n > 1 else None
    return (
        Measure(
            "marginal_log_likelihood", float(values.mean()), n=n, unit="nats per row", better="higher",
            interval=interval,
            note=f"{rows}; importance sampling, {samples:,} draws a row of which {np.median(found.effective):.0f} "
            "carry the estimate (median)",
        ),
    )  # fmt: skip
