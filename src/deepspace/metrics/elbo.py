"""The evidence lower bound on held-out rows, and its two parts, in nats per row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.heldout import HeldOut
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["elbo"]

BATCH = 1024


def elbo(space: BaseSpace, held: HeldOut, *, samples: int = 1, seed: int = 0) -> tuple[Measure, ...]:
    """ELBO = E_q[log p(x|z)] - KL(q(z|x) || p(z)), the expectation by ``samples`` draws a row. Kingma & Welling 2014.

    The interval is that of the mean over rows.
    """
    import torch

    if "likelihood" in space.lacks:
        raise SpaceError("the model was trained elsewhere and has no likelihood, so there is no ELBO")
    device = next(space.model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(held.rows), BATCH):
            x = torch.from_numpy(np.array(held.encoded[start : start + BATCH])).to(device)
            codes = None if held.codes is None else torch.from_numpy(held.codes[start : start + BATCH]).to(device)
            model = space.model.given(codes)
            drawn = [model.terms(x, generator) for _ in range(samples)]
            reconstruction = torch.stack([terms.reconstruction for terms in drawn]).double().mean(0)
            kl = torch.stack([terms.kl.sum(1) for terms in drawn]).double().mean(0)
            parts.append(torch.stack([reconstruction - kl, reconstruction, kl]).cpu().numpy())
    rows = np.concatenate(parts, 1)  # (3, n)
    note = "rows the model was trained on" if held.seen else "held-out rows"
    return (
        _summary("elbo", rows[0], "higher", note),
        _summary("log_likelihood", rows[1], "higher", note),
        _summary("kl", rows[2], "", note),
    )


def _summary(name: str, values: npt.NDArray[np.float64], better: Literal["higher", ""], note: str) -> Measure:
    mean, n = float(values.mean()), len(values)
    interval = mean_interval(mean, float(values.std(ddof=1)), n) if n > 1 else None
    return Measure(name, mean, n=n, unit="nats per row", better=better, interval=interval, note=note)
