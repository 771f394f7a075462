"""A VAE that is told a nuisance column, so that its latents need not hold it: site, batch, scanner, subject."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from deepspace.errors import ModelError
from deepspace.models import networks
from deepspace.models.base import Terms
from deepspace.models.conditions import MOST_VALUES, dependence, values_of
from deepspace.models.families.vae import VAE, VAEModel
from deepspace.models.layout import Layout

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.data.schema import Schema

__all__ = ["ConditionalVAE", "ConditionalVAEModel"]


@dataclass(frozen=True, kw_only=True)
class ConditionalVAE(VAE):
    """A VAE whose decoder is told one column, so that the latents need not hold it: p(x|z, c).

    condition: name of the column. It is not learned from, even where it is a column of the table.
    invariance: what it costs, in nats a row, if z tells the column entirely (``dependence`` of 1). At 0 the KL alone
        keeps the encoder from telling what the decoder knows already, which is most of it; more costs reconstruction.
    values: the column's values, the commonest first; read from the data.
    """

    condition: str | None = None
    invariance: float = 0.0
    values: tuple[str, ...] = ()

    family = "conditional_vae"
    needs = ("condition",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.invariance < float("inf"):
            self._refuse("invariance", "must be a finite number of nats of at least 0")
        if len(self.values) > MOST_VALUES:
            self._refuse("values", f"must be at most {MOST_VALUES}")

    @property
    def beside(self) -> tuple[str, ...]:
        return () if self.condition is None else (self.condition,)

    def known(self, schema: Schema, rows: pa.Table) -> Self:
        if self.condition is None:
            names = ", ".join(column.name for column in schema.columns) or "none"
            raise ModelError(f"A ConditionalVAE needs the name of a column as its condition; there are {names}.")
        return replace(self, values=values_of(schema, rows, self.condition))


class ConditionalVAEModel(VAEModel):
    """p(x|c) = E_{z ~ N(0, I)} p(x|z, c), with q(z|x) blind to c (Sohn 2015; scVI, Lopez 2018, for batches).

    loss = -ELBO(x | c) + invariance * dependence(z, c), see ``deepspace.models.conditions``. ``given`` binds the
    conditions of rows; without them it decodes at the commonest one, the first of ``conditions``.
    """

    def __init__(self, config: ConditionalVAE, layout: Layout) -> None:
        if config.condition is None or len(config.values) < 2:
            raise ModelError("A ConditionalVAE needs a condition and its values; call its config's known(...) first.")
        super().__init__(config, layout)
        assert config.hidden is not None
        self.condition, self.conditions, self.invariance = config.condition, config.values, config.invariance
        _, self.decoder = networks.make(
            config.network, layout, config.hidden, self.latent_dim + len(config.values), self.likelihood.outputs,
            config.dropout or 0.0, config.activation,
        )  # fmt: skip
        self._codes: Tensor | None = None
        self._mean: Tensor | None = None

    def given(self, codes: Tensor | None) -> ConditionalVAEModel:
        if codes is None:
            return self
        view = copy.copy(self)  # shares every weight and buffer
        view._codes = codes
        return view

    def _posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_variance = super()._posterior(x)
        if self._codes is not None:
            self._mean = mean  # of a view, which lives as long as its batch
        return mean, log_variance

    def _outputs(self, z: Tensor) -> Tensor:
        codes = z.new_zeros(1, dtype=torch.long) if self._codes is None else self._codes
        # Several draws of each row come one draw after another.
        codes = codes.repeat(len(z) // len(codes))
        out: Tensor = self.decoder(torch.cat([z, one_hot(codes, len(self.conditions)).to(z.dtype)], 1))
        if self.linear is not None:
            out = out + self.linear.output(z)
        return out.float()

    def loss(self, x: Tensor, weight: float = 1.0, generator: torch.Generator | None = None) -> tuple[Tensor, Terms]:
        loss, terms = super().loss(x, weight, generator)
        if self.invariance and self._codes is not None and self._mean is not None:
            loss = loss + self.invariance * dependence(self._mean, self._codes)
        return loss, terms
