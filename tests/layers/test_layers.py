"""Layers as torch itself counts them, activations as the networks compute them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepspace.errors import SpaceError
from deepspace.layers import activations, layers
from deepspace.models.base import LatentModel, Posterior, Terms
from tests.linear import LinearSpace, PlainSchema


class Convolutional(LatentModel):
    """Small, with a layer that both networks use and one that neither does."""

    latent_dim = 2

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 3, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten())
        self.head = nn.Linear(3 * 4 * 4, 2)
        self.shared = nn.Tanh()
        self.back = nn.Linear(2, 16)
        self.unused = nn.Linear(5, 5)
        self.log_scale = nn.Parameter(torch.zeros(1))

    def encode(self, x: Tensor) -> Posterior:
        mean = self.shared(self.head(self.features(x.float())))
        return Posterior(mean, torch.ones_like(mean))

    def decode(self, z: Tensor) -> Tensor:
        return self.shared(self.back(z)).reshape(-1, 1, 4, 4)

    def draw(self, z: Tensor, generator: torch.Generator | None = None) -> Tensor:
        return self.decode(z)

    def terms(self, x: Tensor, generator: torch.Generator | None = None) -> Terms:
        raise NotImplementedError

    def config_json(self) -> dict:
        return {}


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    torch.manual_seed(0)
    made = LinearSpace(50)
    made.model = Convolutional().eval()
    made.samples = np.random.default_rng(0).integers(0, 256, (50, 1, 4, 4)).astype(np.uint8)
    made.schema = PlainSchema((1, 4, 4), (), "image")
    return made


def test_names_shapes_and_parameters(space: LinearSpace) -> None:
    found = layers(space)
    assert [(x.name, x.part, x.kind, x.shape, x.parameters) for x in found] == [
        ("features.0", "encoder", "Conv2d", (3, 4, 4), 3 * 9 + 3),
        ("features.1", "encoder", "ReLU", (3, 4, 4), 0),
        ("features.2", "encoder", "Flatten", (48,), 0),
        ("head", "encoder", "Linear", (2,), 98),
        ("shared", "encoder", "Tanh", (2,), 0),
        ("back", "decoder", "Linear", (16,), 48),
        ("shared (decoder)", "decoder", "Tanh", (16,), 0),
    ]
    assert found.parameters == sum(p.numel() for p in space.model.parameters())


def test_activations_are_what_the_networks_compute(space: LinearSpace) -> None:
    rows = [3, 1, 4, 15, 9]
    found = activations(space, rows=rows, batch=2)
    assert list(found) == list(layers(space).names)
    x = torch.from_numpy(space.samples[rows])
    with torch.no_grad():
        posterior = space.model.encode(x)
        convolved = space.model.features[0](x.float())
        decoded = space.model.decode(posterior.mean)
    np.testing.assert_allclose(found["features.0"], convolved.numpy(), rtol=1e-5, atol=1e-4)
    np.testing.assert_allclose(found["shared"], posterior.mean.numpy(), rtol=1e-5)
    np.testing.assert_allclose(found["shared (decoder)"], decoded.flatten(1).numpy(), rtol=1e-5)
    # The rectifier works in place, and still the convolution's own answer is told.
    assert found["features.0"].min() < 0 == found["features.1"].min()


def test_only_what_is_named_and_from_raw_items(space: LinearSpace) -> None:
    found = activations(space, space.samples[:3].astype(np.float32), ["head"])
    assert list(found) == ["head"]
    np.testing.assert_allclose(found["head"], activations(space, rows=[0, 1, 2])["head"], rtol=1e-5)


def test_no_hook_is_left_behind(space: LinearSpace) -> None:
    layers(space)
    with pytest.raises(SpaceError):
        activations(space, rows=[0], names=["nowhere"])
    assert not any(module._forward_hooks for module in space.model.modules())


def test_questions_that_make_no_sense(space: LinearSpace) -> None:
    with pytest.raises(SpaceError, match=r"no layer 'nowhere': its layers are features\.0, "):
        activations(space, rows=[0], names=["nowhere"])
    with pytest.raises(SpaceError, match="either items x or row numbers"):
        activations(space)
    with pytest.raises(SpaceError, match="either items x or row numbers"):
        activations(space, space.samples[:1], rows=[0])


def test_it_prints_and_converts(space: LinearSpace) -> None:
    text = str(layers(space))
    assert "3 x 4 x 4" in text
    assert text.splitlines()[-1] == f"{layers(space).parameters:,} parameters"
    assert layers(space).to_arrow().column("shape")[0].as_py() == [3, 4, 4]
