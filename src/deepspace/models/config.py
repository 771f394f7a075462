"""What a user can say about a model; whatever is None is chosen from the data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from deepspace.errors import ModelError

__all__ = ["PCA", "VAE", "Network"]

Network = Literal["auto", "mlp", "conv"]


@dataclass(frozen=True)
class VAE:
    """A variational autoencoder with a standard normal prior (Kingma & Welling 2014, arXiv:1312.6114).

    latent_dim: number of latent dimensions D.
    hidden: widths of the hidden layers, from the data inwards: units for "mlp", channels a level for "conv".
    network: "mlp", "conv" (images and signals), or "auto".
    likelihood: a name from ``deepspace.models.likelihoods.REGISTRY``, for example "bernoulli".
    dropout: share of the last hidden features left out at random while training; it holds few rows from being learnt
        by heart.
    linear: whether a linear path that starts at principal components runs beside the networks (not for tables); few
        rows are learnt much better with it.
    beta: weight of the KL in the training loss (Higgins 2017); the ELBO that is reported always has weight 1.
    reason: why ``deepspace.models.choose`` filled the rest in as it did, in one sentence; no part of equality.
    """

    latent_dim: int | None = None
    hidden: tuple[int, ...] | None = None
    network: Network = "auto"
    likelihood: str | None = None
    dropout: float | None = None
    linear: bool | None = None
    beta: float = 1.0
    reason: str = field(default="", compare=False)

    family = "vae"

    def __post_init__(self) -> None:
        if self.latent_dim is not None and not 1 <= self.latent_dim <= 4096:
            raise ModelError(f"VAE latent_dim must be from 1 to 4096, got {self.latent_dim}; 2 to 64 suits most data.")
        if self.network not in get_args(Network):
            raise ModelError(f"VAE network must be one of {', '.join(get_args(Network))}, got {self.network!r}.")
        if self.hidden is not None:
            object.__setattr__(self, "hidden", tuple(int(h) for h in self.hidden))
            if any(h < 1 for h in self.hidden or ()):
                raise ModelError(f"VAE hidden must hold widths of at least 1, got {self.hidden}.")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise ModelError(f"VAE dropout must be a share from 0 to below 1, got {self.dropout}.")
        if not 0 <= self.beta < float("inf"):
            raise ModelError(f"VAE beta must be a finite number of at least 0, got {self.beta}.")

    @property
    def complete(self) -> bool:
        """Whether nothing is left to choose."""
        chosen = (self.latent_dim, self.hidden, self.likelihood, self.dropout, self.linear)
        return None not in chosen and self.network != "auto"

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``VAE.from_json``."""
        return {**asdict(self), "hidden": None if self.hidden is None else list(self.hidden)}

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> VAE:
        """The config that ``to_json`` wrote."""
        hidden = obj.get("hidden")
        return cls(**{**obj, "hidden": None if hidden is None else tuple(hidden)})


@dataclass(frozen=True)
class PCA:
    """Principal components: the linear model that rebuilds the rows with the least squared error (Pearson 1901).

    Tables are brought to numbers first (factor analysis of mixed data, Pages 2004): see
    ``deepspace.models.coordinates``. Nothing is trained; the answer is exact.

    latent_dim: number of components D.
    reason: why ``deepspace.models.choose`` filled it in as it did; no part of equality.
    """

    latent_dim: int | None = None
    reason: str = field(default="", compare=False)

    family = "pca"

    def __post_init__(self) -> None:
        if self.latent_dim is not None and not 1 <= self.latent_dim <= 4096:
            raise ModelError(f"PCA latent_dim must be from 1 to 4096, got {self.latent_dim}; 2 to 64 suits most data.")

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``PCA.from_json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> PCA:
        """The config that ``to_json`` wrote."""
        return cls(**obj)
