"""The networks inside a model: an encoder body turns rows into features, a decoder body turns latents into outputs."""

from __future__ import annotations

from collections.abc import Sequence

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.networks.base import Decoder, Encoder
from deepspace.models.networks.conv import ConvDecoder, ConvEncoder
from deepspace.models.networks.linear import LinearPath
from deepspace.models.networks.mlp import MLPDecoder, MLPEncoder
from deepspace.models.networks.table import TableEncoder

__all__ = ["Decoder", "Encoder", "LinearPath", "make"]


def make(
    network: str,
    layout: Layout,
    hidden: Sequence[int],
    latent_dim: int,
    outputs: tuple[int, ...],
    dropout: float = 0.0,
    activation: str = "relu",
) -> tuple[Encoder, Decoder]:
    """Encoder and decoder bodies of the named network for rows of that layout. Raises ModelError if it does not fit."""
    rest = dropout, activation
    if network == "conv":
        if layout.modality not in ("image", "signal"):
            raise ModelError(f"The conv network is for images and signals, got a {layout.modality}; use 'mlp'.")
        return ConvEncoder(layout, hidden, *rest), ConvDecoder(latent_dim, hidden, outputs, *rest)
    if network != "mlp":
        raise ModelError(f"No network is called {network!r}; there are mlp and conv.")
    encoder = (TableEncoder if layout.modality == "table" else MLPEncoder)(layout, hidden, *rest)
    return encoder, MLPDecoder(latent_dim, hidden, outputs, *rest)
