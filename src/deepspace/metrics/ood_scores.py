"""Scores of how unlike its training rows an item is: one function each, larger for what is less like them.

``of(rows)`` gives one number an item. What a score measures by, it measures on training rows only, in ``learn``.
"""

from __future__ import annotations

import io
import zlib
from abc import ABC, abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from deepspace.metrics.heldout import held_out, spread
from deepspace.space.figures import batch_rows

if TYPE_CHECKING:
    from torch import Tensor

    from deepspace.models.base import LatentModel
    from deepspace.space import BaseSpace

__all__ = ["SCORES", "Complexity", "Elbo", "InputDistance", "LatentDistance", "Regret", "Score", "Scored", "Typicality"]

Floats = npt.NDArray[np.float64]

NEIGHBOUR = 5
"""The distance to this neighbour counts: Sun 2022 found small orders best where the reference is small."""
REFERENCE = 20_000
"""Training rows that distances are measured to, at most."""
SAMPLE = 2_000
"""Of these, how many tell what is usual of a score that is not a distance."""
_REFERENCE_NUMBERS = 1 << 26
DRAWS = 4
STEPS, RATE = 25, 0.1


class Scored:
    """Some items as the scores see them: encoded rows (M, *shape), and what is worked out from them once."""

    def __init__(
        self, space: BaseSpace, encoded: npt.NDArray[Any], mean: npt.NDArray[np.float32] | None = None
    ) -> None:
        self.space, self.encoded = space, encoded
        self._mean = mean

    def __len__(self) -> int:
        return len(self.encoded)

    @cached_property
    def some(self) -> Scored:
        """An even spread of the items."""
        return Scored(self.space, self.encoded[spread(np.arange(len(self)), SAMPLE)])

    @cached_property
    def mean(self) -> npt.NDArray[np.float32]:
        """(M, D): posterior means."""
        if self._mean is not None:
            return self._mean
        return self.space._encode_block(self.encoded)[0]

    @cached_property
    def flat(self) -> npt.NDArray[np.float32]:
        """(M, W): the items as points; pictures in 0..1, tables by factor analysis of mixed data."""
        import torch

        coordinates = _coordinates(self.space)
        with torch.no_grad():
            parts = [coordinates(x) for x in _batches(self.encoded, self.space)]
        return torch.cat(parts).numpy()

    @cached_property
    def elbo(self) -> Floats:
        """(M,): nats, the mean of a few draws. All items see the same noise: the score of one does not depend on which
        others it was asked about with."""
        import torch

        with torch.inference_mode():
            parts = [self._elbo(x).double() for x in _batches(self.encoded, self.space)]
        return torch.cat(parts).numpy()

    def _elbo(self, x: Tensor) -> Tensor:
        import torch

        model = self.space.model
        if "posterior" not in self.space.lacks:
            posterior = model.encode(x)
            if bool((posterior.scale > 0).all()):
                noise = _noise(posterior.mean, DRAWS // 2)
                return _evidence(model, x, posterior.mean, posterior.scale.log(), noise)
        generator = torch.Generator().manual_seed(0)
        return torch.stack([model.terms(x, generator).elbo for _ in range(DRAWS)]).mean(0)


def _noise(mean: Tensor, pairs: int) -> Tensor:
    """(2 * pairs, 1, D): the same for every item; in pairs of opposite sign, which cancels what is odd in it."""
    import torch

    half = torch.randn(pairs, 1, mean.shape[1], generator=torch.Generator().manual_seed(0))
    return torch.cat([half, -half])


def _evidence(model: LatentModel, x: Tensor, mean: Tensor, log_scale: Tensor, noise: Tensor) -> Tensor:
    """(B,): the ELBO, nats. E_q of log q is in closed form; of log p(z) and log p(x|z), from the draws."""
    import torch

    scale = log_scale.exp()
    entropy = log_scale.sum(1) + 0.5 * mean.shape[1] * (1 + np.log(2 * np.pi))
    draws = [mean + scale * one for one in noise]
    each = [model.log_likelihood(x, z) + model.log_prior(z) for z in draws]
    evidence: Tensor = torch.stack(each).mean(0) + entropy
    return evidence


def _batches(encoded: npt.NDArray[Any], space: BaseSpace) -> list[Tensor]:
    import torch

    size = batch_rows(space.schema.shape)
    return [torch.from_numpy(np.array(encoded[i : i + size])) for i in range(0, len(encoded), size)]


def _coordinates(space: BaseSpace) -> Any:
    from deepspace.models.coordinates import Coordinates
    from deepspace.models.layout import Layout

    kept = space.__dict__.get("_coordinates")
    if kept is None:
        kept = Coordinates(Layout.of(space.schema))
        some = held_out(space).encoded_training
        kept.prepare(lambda: iter(_batches(some, space)))
        space.__dict__["_coordinates"] = kept
    return kept


class Score(ABC):
    """One score. ``needs``: parts of a model without which it cannot be taken (``BaseSpace.lacks``)."""

    name: ClassVar[str]
    needs: ClassVar[frozenset[str]] = frozenset()

    def learn(self, training: Scored) -> None:  # noqa: B027 - most scores need not
        """Look at training rows."""

    @abstractmethod
    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        """(M,): larger is less like the training rows. own: the rows are themselves among those learned from."""


class _Distance(Score):
    def learn(self, training: Scored) -> None:
        self.reference = self._points(training)

    def _points(self, rows: Scored) -> npt.NDArray[np.float32]:
        raise NotImplementedError

    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        import faiss

        k = min(NEIGHBOUR + own, len(self.reference))
        squares, _ = faiss.knn(np.ascontiguousarray(self._points(rows)), self.reference, k)
        return np.sqrt(np.maximum(np.asarray(squares[:, -1], np.float64), 0))


class LatentDistance(_Distance):
    """Distance to the fifth nearest training row, between posterior means. Sun 2022, arXiv:2204.06507."""

    name = "latent_knn"
    needs = frozenset({"encoder"})

    def _points(self, rows: Scored) -> npt.NDArray[np.float32]:
        weights = rows.space.manifest.get("neighbours", {}).get("weights")
        z = np.asarray(rows.mean, np.float32)
        return np.ascontiguousarray(z if weights is None else z * np.sqrt(np.asarray(weights, np.float32)))


class InputDistance(_Distance):
    """Distance to the fifth nearest training row, between the rows themselves. Sun 2022, arXiv:2204.06507."""

    name = "input_knn"

    def _points(self, rows: Scored) -> npt.NDArray[np.float32]:
        return np.ascontiguousarray(rows.flat, np.float32)


class Elbo(Score):
    """Minus the ELBO. For comparison: simple things from elsewhere often have a higher one (Nalisnick 2019,
    arXiv:1810.09136), so it does not enter the combined score."""

    name = "elbo"
    needs = frozenset({"likelihood"})

    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        return -rows.elbo


class Typicality(Score):
    """|ELBO - mean ELBO of training rows|: too likely is as odd as too unlikely. Nalisnick 2019, arXiv:1906.02994."""

    name = "typicality"
    needs = frozenset({"likelihood"})

    def learn(self, training: Scored) -> None:
        self.usual = float(np.median(training.some.elbo))

    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        return np.abs(rows.elbo - self.usual)


class Complexity(Score):
    """How far S(x) = -log2 p(x) - L(x) is from its median over training rows: bits under the model beyond those of a
    lossless compressor, PNG for pictures and zlib of 8-bit levels for the rest. Serra 2020, arXiv:1909.11480, where
    only a large S is odd; under a Bernoulli likelihood of greys, which is no density, a small one is as well."""

    name = "complexity"
    needs = frozenset({"likelihood"})

    def learn(self, training: Scored) -> None:
        self.usual = float(np.median(self._excess(training.some)))

    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        return np.abs(self._excess(rows) - self.usual)

    @staticmethod
    def _excess(rows: Scored) -> Floats:
        bits = 8 * np.array([len(packed) for packed in map(_packed, _levels(rows.encoded))], np.float64)
        return np.asarray(-rows.elbo / np.log(2) - bits)


def _levels(encoded: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Standardised numbers as 256 levels over -4..4, missing ones as 0; pictures as they are."""
    if encoded.dtype == np.uint8:
        return np.asarray(encoded, np.uint8)
    return np.asarray(np.clip(np.nan_to_num((encoded + 4) * 32), 0, 255), np.uint8)


def _packed(row: npt.NDArray[np.uint8]) -> bytes:
    if row.ndim != 3:
        return zlib.compress(row.tobytes(), 9)
    from PIL import Image

    file = io.BytesIO()
    picture = row[0] if len(row) == 1 else np.ascontiguousarray(np.moveaxis(row, 0, 2))
    Image.fromarray(picture).save(file, "png", optimize=True)
    return file.getvalue()


class Regret(Score):
    """Likelihood regret: how much the ELBO of one item gains when its own posterior is fitted to it, from the encoder's
    by a few steps of Adam, the decoder held. Xiao 2020, arXiv:2003.02977, all items of a batch at once."""

    name = "regret"
    needs = frozenset({"encoder", "decoder", "posterior", "likelihood"})

    def of(self, rows: Scored, *, own: bool = False) -> Floats:
        return np.concatenate([self._gain(rows.space, x) for x in _batches(rows.encoded, rows.space)])

    def _gain(self, space: BaseSpace, x: Tensor) -> Floats:
        import torch

        model = space.model
        with torch.inference_mode(False), torch.enable_grad():
            x = x.clone()
            with torch.no_grad():
                posterior = model.encode(x)
            mean = posterior.mean.clone().requires_grad_()
            log_scale = posterior.scale.log().clone().requires_grad_()
            # The same noise before and after, so that the gain is of the posterior and not of luck.
            noise = _noise(mean, 1)
            optimizer = torch.optim.Adam([mean, log_scale], lr=RATE)

            def evidence() -> Tensor:
                return _evidence(model, x, mean, log_scale, noise)

            best = first = evidence().detach()
            for _ in range(STEPS):
                optimizer.zero_grad()
                loss = -evidence().sum()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                with torch.no_grad():
                    best = torch.maximum(best, evidence())
            model.zero_grad(set_to_none=True)
        return (best - first).double().numpy()


SCORES: tuple[type[Score], ...] = (LatentDistance, InputDistance, Typicality, Complexity, Regret, Elbo)
"""In the order they are shown: one line a score."""


def most_reference(space: BaseSpace) -> int:
    """How many training rows distances may be measured to, within a bound of memory."""
    return int(max(100, min(REFERENCE, _REFERENCE_NUMBERS // max(1, int(np.prod(space.schema.shape))))))
