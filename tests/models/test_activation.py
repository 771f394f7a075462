"""Activations: their formula, and that weights start so that neither fades nor grows with depth."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from deepspace.errors import ModelError
from deepspace.models import VAE, Layout
from deepspace.models.networks.activation import ACTIVATIONS
from deepspace.models.networks.conv import ConvEncoder
from deepspace.models.networks.mlp import MLPEncoder, stack


def test_a_gated_layer_is_a_product_with_a_sigmoid() -> None:
    torch.manual_seed(0)
    layers, x = stack([5, 7], activation="glu"), torch.randn(11, 5)
    linear = layers[0]
    assert isinstance(linear, nn.Linear)
    passed, gate = (x @ w.T for w in linear.weight.split(7))
    torch.testing.assert_close(layers(x), passed / (1 + torch.exp(-gate)))


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_the_mean_square_passes_through_deep_stacks(activation: str, network: str) -> None:
    torch.manual_seed(1)
    x = torch.randint(0, 256, (64, 1, 64, 64)).float()
    layout = Layout("image", (1, 64, 64))
    encoder = (
        MLPEncoder(layout, (512,) * 8, activation=activation)
        if network == "mlp"
        else ConvEncoder(layout, (64, 128, 128, 256), activation=activation)
    )
    encoder.prepare(x)
    with torch.no_grad():
        before, after = encoder.standardise(x).square().mean(), encoder(x).square().mean()
    # A ReLU hands on its mean square; zeros that the convolution pads with take a share at each level.
    assert 0.3 < float(after / before) < 3


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(ModelError, match=r"VAE activation must be one of relu, glu, got 'tanh'\."):
        VAE(activation="tanh")  # type: ignore[arg-type]
