"""A space whose every answer is known in closed form: linear-Gaussian data, the exact posterior, no training.

    z ~ N(0, I_D),  x | z ~ N(W z + m, s^2 I),  W's columns orthogonal with lengths w_d
    z_d | x ~ N(w_d u_d . (x - m) / (w_d^2 + s^2), s^2 / (w_d^2 + s^2)),  u_d = W_d / w_d

so the ELBO is log p(x) itself, KL and reconstruction have formulas, and a dimension with w_d = 0 is dead.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from deepspace.data.schema import Column
from deepspace.models.base import LatentModel, Posterior, Terms
from deepspace.space.map.trust import measure_trust

WIDTHS = (3.0, 1.5, 0.5, 0.0)
NOISE = 0.5


class LinearModel(LatentModel):
    """The model above as networks: an exact encoder and decoder. weights: (F, D)."""

    def __init__(self, weights: np.ndarray, mean: np.ndarray, noise: float = NOISE) -> None:
        super().__init__()
        lengths = np.linalg.norm(weights, axis=0)
        self.latent_dim = weights.shape[1]
        self.noise = noise
        self.encoder = torch.nn.Linear(*weights.shape)
        self.decoder = torch.nn.Linear(weights.shape[1], weights.shape[0])
        gain = weights / (lengths**2 + noise**2)
        with torch.no_grad():
            self.encoder.weight.copy_(torch.from_numpy(gain.T))
            self.encoder.bias.copy_(torch.from_numpy(-mean @ gain))
            self.decoder.weight.copy_(torch.from_numpy(weights))
            self.decoder.bias.copy_(torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(noise / np.sqrt(lengths**2 + noise**2)).float())

    def encode(self, x: Tensor) -> Posterior:
        mean = self.encoder(x.float().flatten(1))
        return Posterior(mean, self.scale.expand_as(mean))

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z)

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        mean = self.decode(z)
        return mean + self.noise * torch.randn(mean.shape, generator=generator)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        posterior = self.encode(x)
        z = posterior.mean + posterior.scale * torch.randn(posterior.mean.shape, generator=generator)
        squares = ((x - self.decode(z)) ** 2).sum(1)
        constant = x.shape[1] * (math.log(self.noise) + 0.5 * math.log(2 * math.pi))
        variance = posterior.scale**2
        kl = 0.5 * (posterior.mean**2 + variance - 1 - variance.log())
        return Terms(-0.5 * squares / self.noise**2 - constant, kl)

    def log_likelihood(self, x: Tensor, z: Tensor) -> Tensor:
        constant = x.shape[1] * (math.log(self.noise) + 0.5 * math.log(2 * math.pi))
        return -0.5 * ((x - self.decode(z)) ** 2).sum(1) / self.noise**2 - constant

    def config_json(self) -> dict[str, Any]:
        return {"family": "linear"}


@dataclass(frozen=True)
class PlainSchema:
    """Encoded rows are the user's own: nothing to standardise."""

    shape: tuple[int, ...]
    columns: tuple[Column, ...] = ()
    modality: str = "vector"

    @property
    def form(self) -> str:
        return self.modality

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def target(self) -> Column | None:
        return next((c for c in self.columns if c.role == "target"), None)

    def encode(self, raw: Any) -> np.ndarray:
        return np.asarray(raw, np.float32)

    def decode(self, encoded: np.ndarray) -> Any:
        if self.modality != "table":
            return encoded
        return pa.table({c.name: pa.array(encoded[:, i]) for i, c in enumerate(self.features)})


class LinearSpace:
    """Duck-typed ``BaseSpace`` over the linear model: ``n`` rows, every tenth held out."""

    def __init__(self, n: int = 2000, *, widths: tuple[float, ...] = WIDTHS, features: int = 6, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        basis = np.linalg.qr(rng.normal(size=(features, features)))[0][:, : len(widths)]
        self.weights = basis * np.asarray(widths)
        self.mean = rng.normal(size=features)
        self.z = rng.normal(size=(n, len(widths)))
        x = self.z @ self.weights.T + self.mean + NOISE * rng.normal(size=(n, features))
        self.samples = x.astype(np.float32)
        self.model = LinearModel(self.weights, self.mean).eval()
        self.lacks: frozenset[str] = frozenset()
        self.manifest: dict[str, Any] = {}
        with torch.no_grad():
            posterior = self.model.encode(torch.from_numpy(self.samples))
        self.latents = SimpleNamespace(mean=posterior.mean.numpy(), scale=posterior.scale.numpy().copy())
        self.latent_dim = len(widths)
        label = np.where(self.z[:, 0] > 0, "right", "left")
        self.table = pa.table({"side": pa.array(label.tolist())})
        self.schema = PlainSchema((features,), (Column("side", "categorical", "target", categories=("left", "right")),))
        self.name = "linear"
        self.cluster_column: str | None = None
        self.validation_index = np.arange(0, n, 10)
        self.groups = None
        self.history: dict[str, Any] = {"epochs": [{"epoch": 1}, {"epoch": 2}], "best_epoch": 1, "stopped": "early"}
        positions = self.latents.mean[:, :2]
        self.map = SimpleNamespace(positions=positions, trust=measure_trust(self.latents.mean, positions, rows=500))
        error = np.sqrt(((self.decode_encoded(self.latents.mean) - self.samples) ** 2).mean(1))
        self.figures = {"reconstruction_error": error.astype(np.float32)}
        self.rows = SimpleNamespace(
            column=lambda name: self.table.column(name),
            table=lambda names, rows: self.table.select(names).take(np.asarray(rows)),
        )

    def __len__(self) -> int:
        return len(self.samples)

    def encode(self, x: Any) -> np.ndarray:
        with torch.no_grad():
            return self.model.encode(torch.from_numpy(self.schema.encode(x))).mean.numpy()

    def sample_prior(self, n: int, seed: int = 0) -> np.ndarray:
        with torch.no_grad():
            return self.model.sample_prior(n, torch.Generator().manual_seed(seed)).numpy()

    def sample_encoded(self, n: int, seed: int = 0) -> np.ndarray:
        """Draws with their noise: rows of exactly the distribution of the data."""
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            return self.model.draw(self.model.sample_prior(n, generator), generator).numpy()

    def decode_encoded(self, z: Any) -> np.ndarray:
        with torch.no_grad():
            return self.model.decode(torch.from_numpy(np.asarray(z, np.float32))).numpy()

    def decode(self, z: Any) -> Any:
        return self.schema.decode(self.decode_encoded(z))

    def density(self, z: Any) -> np.ndarray:
        """The prior's, which is the data's."""
        z = np.asarray(z, np.float64)
        return -0.5 * (z**2).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)

    def density_percentile(self, z: Any) -> np.ndarray:
        return self.percentile_of(self.density(z))

    def percentile_of(self, log_density: Any) -> np.ndarray:
        own = np.sort(self.density(self.latents.mean))
        return 100.0 * np.searchsorted(own, log_density) / len(own)

    def neighbors(self, x: Any = None, *, z: Any = None, k: int = 10) -> Any:
        places = self.encode(x) if z is None else np.asarray(z)
        distance = np.linalg.norm(places[:, None] - self.latents.mean[None], axis=2)
        index = np.argsort(distance, axis=1, kind="stable")[:, :k]
        return SimpleNamespace(index=index, distance=np.take_along_axis(distance, index, 1))
