"""Defaults that depend on the data: likelihood, network and latent dimensions, with the reason in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal, TypeVar, overload

import numpy as np
import numpy.typing as npt

from deepspace.data.schema import Schema
from deepspace.errors import ModelError
from deepspace.models.config import Config, Networked
from deepspace.models.families.vae import VAE
from deepspace.models.layout import Layout

__all__ = ["choose"]

_LOOK = 2000  # rows that are looked at, spread evenly
_ROWS = {"image": "images", "signal": "signals", "vector": "vectors", "table": "table rows", "counts": "rows of counts"}

C = TypeVar("C", bound=Config)


@overload
def choose(schema: Schema | Layout, array: npt.NDArray[Any], config: None = None) -> VAE: ...


@overload
def choose(schema: Schema | Layout, array: npt.NDArray[Any], config: C) -> C: ...


def choose(schema: Schema | Layout, array: npt.NDArray[Any], config: Config | None = None) -> Config:
    """``config`` with every None filled in from the data, and ``reason`` saying why. Looks at 2,000 rows.

    Raises ModelError where the family is not for data of this modality.
    """
    config = config or VAE()
    layout = schema if isinstance(schema, Layout) else Layout.of(schema)
    if layout.modality not in config.modalities:
        raise ModelError(
            f"A {type(config).__name__} is for {' and '.join(config.modalities)} data, "
            f"this is {layout.modality} data; a VAE fits any."
        )
    if config.complete:
        return config
    if isinstance(config, Networked):
        return _networked(layout, array, config)
    dim, why = _latent_dim(layout, array[:1], len(array))
    return replace(config, latent_dim=dim, reason=_sentence([why]))


def _networked(layout: Layout, array: npt.NDArray[Any], config: Networked) -> Networked:
    rows = np.asarray(array[:: max(1, len(array) // _LOOK)][:_LOOK])
    likelihood, why_likelihood = _likelihood(layout, rows)
    network, why_network = _network(layout, config)
    latent_dim, why_latent = _latent_dim(layout, rows, len(array))
    reasons = []
    if config.likelihood is None:
        reasons.append(why_likelihood)
    if config.network == "auto":
        reasons.append(why_network)
    if config.latent_dim is None:
        reasons.append(why_latent)
    return replace(
        config,
        likelihood=config.likelihood or likelihood,
        network=network,
        latent_dim=config.latent_dim or latent_dim,
        hidden=config.hidden if config.hidden is not None else _hidden(layout, network, len(array)),
        dropout=config.dropout if config.dropout is not None else _dropout(layout, network, len(array)),
        linear=config.linear if config.linear is not None else _linear(layout, network, len(array)),
        reason=_sentence(reasons),
    )


def _sentence(parts: list[str]) -> str:
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _likelihood(layout: Layout, rows: npt.NDArray[Any]) -> tuple[str, str]:
    if layout.modality == "table":
        return "table_mixture", (
            "each column has the likelihood of its kind, numbers a mixture with point masses, so that the ELBO does "
            "not compare with a Gaussian's"
        )
    if layout.modality == "vector":
        return "gaussian", "vectors have a Gaussian likelihood with one learned scale"
    if layout.modality == "counts":
        return "negative_binomial", "counts have a negative binomial likelihood, each gene with its own dispersion"
    if layout.modality == "signal":
        return "gaussian", "signals have a Gaussian likelihood with a learned scale a channel"
    ends = float(np.mean((rows <= 12) | (rows >= 243)))
    # Continuous Bernoulli is at hand but no default: its density of exact black has no bound, and on MNIST it buys that
    # with 185 nats of KL, where Bernoulli needs 26 for a smaller squared error (.0095 against .0195) and better
    # neighbours (.967 against .930 at 8 epochs).
    if layout.shape[0] == 1 and ends >= 0.7:
        return (
            "bernoulli",
            f"{100 * ends:.0f} % of the pixels are nearly black or white, so the likelihood is Bernoulli",
        )
    return "gaussian", "the pixels are grey levels or colours, so the likelihood is Gaussian with a learned scale"


def _network(layout: Layout, config: Networked) -> tuple[Literal["mlp", "conv"], str]:
    if config.network != "auto":
        return config.network, ""
    if layout.modality in ("table", "vector", "counts"):
        return "mlp", "the network is fully connected, since the columns have no places in a row"
    if layout.modality == "signal":
        if layout.shape[1] >= 16:
            return "conv", "the network is convolutional along time"
        return "mlp", "the network is fully connected, since the signals are short"
    if layout.size <= config.conv_beyond:
        return (
            "mlp",
            "the network is fully connected, which learns small images as well as a convolution and faster",
        )
    if layout.size <= 1024:
        return "conv", "the network is convolutional, which draws sharper pictures"
    return "conv", "the network is convolutional, since the images are large or coloured"


def _hidden(layout: Layout, network: str, count: int) -> tuple[int, ...]:
    if network == "conv" and len(layout.shape) > 1:
        side, levels = max(layout.shape[1:]), 0
        stop, first = (8, 32 if side <= 64 else 16) if layout.modality == "image" else (9, 32)
        while side > stop or levels == 0:
            side, levels = -(-side // 2), levels + 1
        return tuple(min(first * 2**i, 128) for i in range(levels))
    if layout.modality == "image":
        return (512, 256)
    return (256, 128) if count >= 500 else (128, 64)


def _dropout(layout: Layout, network: str, count: int) -> float:
    """A tenth left out gains 4 nats of held-out ELBO on 1,797 digits; on 600 photos three tenths; tables lose by it."""
    if count >= 5000 or layout.modality == "table":
        return 0.0
    return 0.3 if network == "conv" else 0.1


def _linear(layout: Layout, network: str, count: int) -> bool:
    """On few rows. 10,299 windows of acceleration are learnt worse with it: 18 nats of held-out ELBO against 43.
    700 cells are too: 688.5 nats against 685.3."""
    few = 10_000 if layout.modality == "image" and network == "conv" else 5000
    return layout.modality not in ("table", "counts") and count < few


def _latent_dim(layout: Layout, rows: npt.NDArray[Any], count: int) -> tuple[int, str]:
    """As many as the modality usually needs, no more than the data can fill."""
    size = layout.size
    wish = {
        "image": 32 if size <= 1024 else 64,
        "signal": 16 if count >= 5000 else 32,
        "vector": 32,
        "table": 16,
        "counts": 16,
    }
    most = wish[layout.modality]
    if layout.modality in ("table", "vector", "counts"):
        most = min(most, max(2, -(-size // 2)))
    if layout.modality == "table":
        few = 8 if count < 500 else 16 if count < 5000 else most
    else:
        few = count // 8
    dim = max(2, min(most, few, size))
    why = f"{dim} latent dimensions suit {count:,} {_ROWS[layout.modality]}"
    return dim, why
