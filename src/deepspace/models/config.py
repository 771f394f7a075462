"""What the settings of every model have in common; whatever is None is chosen from the data."""

from __future__ import annotations

import re
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self, get_args

from deepspace.errors import ModelError
from deepspace.models.layout import MODALITIES
from deepspace.models.networks.activation import ACTIVATIONS, Activation

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.data.schema import Schema

__all__ = ["Config", "Network", "Networked"]

Network = Literal["auto", "mlp", "conv"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """What a user can say about a model. A family's own settings are a subclass, in the family's file.

    latent_dim: number of latent dimensions D.
    reason: why ``deepspace.models.choose`` filled the rest in as it did, in one sentence; no part of equality.
    """

    latent_dim: int | None = None
    reason: str = field(default="", compare=False)

    family: ClassVar[str]
    modalities: ClassVar[tuple[str, ...]] = MODALITIES
    needs: ClassVar[tuple[str, ...]] = ()
    """Settings that cannot be chosen from the data: the user must say them."""

    def __post_init__(self) -> None:
        if self.latent_dim is not None and not 1 <= self.latent_dim <= 4096:
            self._refuse("latent_dim", "must be from 1 to 4096", "2 to 64 suits most data")

    @property
    def complete(self) -> bool:
        """Whether nothing is left to choose."""
        return self.latent_dim is not None

    @property
    def beside(self) -> tuple[str, ...]:
        """Names of columns that the model is told of and that are therefore not among the features."""
        return ()

    def known(self, schema: Schema, rows: pa.Table) -> Self:
        """This config with what it needs to know of the rows (N, columns in the user's units) filled in."""
        return self

    def to_json(self) -> dict[str, Any]:
        """Plain values, read back by ``from_json``."""
        return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> Self:
        """The config that ``to_json`` wrote."""
        given: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in obj.items()}
        return cls(**given)

    @classmethod
    def settings(cls) -> dict[str, Any]:
        """The names that a user can set, with their defaults."""
        return {f.name: None if f.default is MISSING else f.default for f in fields(cls) if f.name != "reason"}

    @classmethod
    def summary(cls) -> str:
        """What the family is, in a sentence without its sources: the first line of its docstring."""
        first = (cls.__doc__ or cls.__name__).strip().splitlines()[0]
        return re.sub(r" \([^()]*\d{4}[^()]*\)", "", first)

    def _refuse(self, name: str, rule: str, advice: str = "") -> None:
        """Raise ModelError for a value that breaks a rule."""
        tail = f"; {advice}." if advice else "."
        raise ModelError(f"{type(self).__name__} {name} {rule}, got {getattr(self, name)!r}{tail}")


@dataclass(frozen=True, kw_only=True)
class Networked(Config):
    """A model made of an encoder network, a decoder network and a likelihood.

    hidden: widths of the hidden layers, from the data inwards: units for "mlp", channels a level for "conv".
    network: "mlp", "conv" (images and signals), or "auto".
    likelihood: a name from ``deepspace.models.likelihoods.REGISTRY``, for example "bernoulli".
    dropout: share of the last hidden features left out at random while training; it holds few rows from being learnt
        by heart.
    activation: what follows each layer. "relu", the cheapest; "glu", gated linear units (Dauphin 2017,
        arXiv:1612.08083), for twice the weights a better likelihood from long training.
    linear: whether a linear path that starts at principal components runs beside the networks (not for tables); few
        rows are learnt much better with it.
    """

    hidden: tuple[int, ...] | None = None
    network: Network = "auto"
    likelihood: str | None = None
    dropout: float | None = None
    activation: Activation = "relu"
    linear: bool | None = None

    conv_beyond: ClassVar[int] = 1024
    """Pictures of more values than these get a convolution."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network not in get_args(Network):
            self._refuse("network", f"must be one of {', '.join(get_args(Network))}")
        if self.activation not in ACTIVATIONS:
            self._refuse("activation", f"must be one of {', '.join(ACTIVATIONS)}")
        if self.hidden is not None:
            object.__setattr__(self, "hidden", tuple(int(h) for h in self.hidden))
            if any(h < 1 for h in self.hidden or ()):
                self._refuse("hidden", "must hold widths of at least 1")
        if self.dropout is not None and not 0 <= self.dropout < 1:
            self._refuse("dropout", "must be a share from 0 to below 1")

    @property
    def complete(self) -> bool:
        chosen = (self.latent_dim, self.hidden, self.likelihood, self.dropout, self.linear)
        return None not in chosen and self.network != "auto"
