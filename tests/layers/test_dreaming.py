"""Dreams of units whose preference is planted, and dreams that stay where real rows are."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from deepspace.errors import SpaceError
from deepspace.layers import Layers, ModuleNetwork, layers, list_layers, look
from deepspace.layers.dreaming import dream
from tests.linear import LinearSpace, PlainSchema

FREQUENCY, ANGLE = 0.17, 30.0  # cycles a pixel; the direction in which the wave runs, degrees from the x axis


def pictures(n: int, channels: int, side: int, seed: int = 0) -> np.ndarray:
    """Noise with the spectrum of photographs, in 0..1."""
    rng = np.random.default_rng(seed)
    grid = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    waves = np.fft.rfft2(rng.normal(size=(n, channels, side, side))) / np.maximum(grid, 1 / side)
    x = np.fft.irfft2(waves, (side, side))
    return (1 / (1 + np.exp(-x / x.std()))).astype(np.float32)


def gabor(frequency: float, angle: float, width: int = 13) -> torch.Tensor:
    y, x = np.mgrid[:width, :width] - width // 2
    along = x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))
    kernel = np.exp(-(x**2 + y**2) / (2 * (width / 5) ** 2)) * np.cos(2 * np.pi * frequency * along)
    return torch.from_numpy((kernel - kernel.mean()).astype(np.float32))


@pytest.fixture(scope="module")
def planted() -> Layers:
    """Unit 1 of the ReLU looks for waves of one length and direction; behind it a head that takes one size."""
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 13, padding=6), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(3 * 32 * 32, 4)
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight[1, 0] = gabor(FREQUENCY, ANGLE)
        net[0].weight[2] = 0
        net[0].bias[:] = torch.tensor([0.0, 0.0, -100.0])
    return list_layers(ModuleNetwork(net, pictures(80, 1, 32)))


def peak(picture: np.ndarray) -> tuple[float, float]:
    """Frequency and direction of the strongest wave of (H, W)."""
    power = np.abs(np.fft.fft2((picture - picture.mean()) * np.outer(*[np.hanning(n) for n in picture.shape]))) ** 2
    fy, fx = np.meshgrid(*[np.fft.fftfreq(n) for n in picture.shape], indexing="ij")
    power[np.hypot(fy, fx) < 1.5 / min(picture.shape)] = 0
    at = np.unravel_index(power.argmax(), power.shape)
    return float(np.hypot(fy[at], fx[at])), float(np.rad2deg(np.arctan2(fy[at], fx[at])) % 180)


@pytest.mark.parametrize("objective", ["mean", "peak"])
def test_a_planted_wave_is_dreamt(planted: Layers, objective) -> None:
    found = dream(planted, "1", 1, objective=objective, steps=128)
    assert found.picture.shape == (1, 32, 32)
    assert found.activation > found.reference[-1]
    assert found.percentile == 100
    assert found.ratio > 1
    if objective == "mean":
        frequency, angle = peak(found.picture[0])
        assert frequency == pytest.approx(FREQUENCY, abs=0.035)
        assert angle == pytest.approx(ANGLE, abs=10)
    else:
        # The best place of the picture looks like the kernel.
        answer = nn.functional.conv2d(torch.from_numpy(found.picture[None]), gabor(FREQUENCY, ANGLE)[None, None])[0, 0]
        y, x = np.unravel_index(int(answer.argmax()), tuple(answer.shape))
        patch = found.picture[0, y : y + 13, x : x + 13]
        window = np.abs(gabor(FREQUENCY, ANGLE).numpy())
        same = np.cov(patch.ravel(), gabor(FREQUENCY, ANGLE).numpy().ravel(), aweights=window.ravel())
        assert same[0, 1] / np.sqrt(same[0, 0] * same[1, 1]) > 0.8


def test_the_reference_is_what_real_rows_give(planted: Layers) -> None:
    found = dream(planted, "1", 1, steps=8)
    expected = planted.activations(np.arange(80), "1")["1"][:, 1].mean((1, 2))
    np.testing.assert_allclose(found.reference, np.sort(expected), rtol=1e-4)
    with torch.no_grad():
        net = planted.network.module
        again = net[1](net[0](torch.from_numpy(found.picture[None])))[0, 1].mean()
    assert found.activation == pytest.approx(float(again), rel=1e-4)


def test_another_size_than_the_heads(planted: Layers) -> None:
    found = dream(planted, "1", 1, steps=128, size=(48, 64))
    assert found.picture.shape == (1, 48, 64)
    frequency, angle = peak(found.picture[0])
    assert frequency == pytest.approx(FREQUENCY, abs=0.03)
    assert angle == pytest.approx(ANGLE, abs=10)
    with pytest.raises(SpaceError, match=r"size \(16, 16\) cannot be had up to layer '3'"):
        dream(planted, "3", 0, size=16)


def test_a_colour_is_dreamt() -> None:
    net = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:] = 0
        net[0].weight[1, :, 1, 1] = torch.tensor([1.0, -0.5, -0.5])
        net[0].bias[:] = 0
    found = dream(list_layers(ModuleNetwork(net, pictures(60, 3, 16))), "1", 1)
    red, green, blue = found.picture.mean((1, 2))
    assert red > 0.75
    assert max(green, blue) < 0.25
    assert found.activation > found.reference[-1]
    assert found.item.shape == (16, 16, 3)
    assert found.item.dtype == np.uint8
    assert found.item[..., 0].mean() > 190


def test_colours_are_mixed_as_the_data_mix_them() -> None:
    """Of grey pictures, a unit that looks for light is given grey, whatever one channel alone would do."""
    net = nn.Sequential(nn.Conv2d(3, 1, 13, padding=6), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:] = 0
        net[0].weight[0, 1] = gabor(FREQUENCY, ANGLE)
        net[0].bias[:] = 0
    grey = np.repeat(pictures(60, 1, 32), 3, 1)
    found = dream(list_layers(ModuleNetwork(net, grey)), "1", 0, steps=64)
    red, green, _ = found.picture.reshape(3, -1)
    assert np.corrcoef(red, green)[0, 1] > 0.9


def test_a_signal_is_dreamt() -> None:
    t = np.arange(21) - 10
    kernel = np.cos(2 * np.pi * 0.125 * t) * np.exp(-(t**2) / 50)
    net = nn.Sequential(nn.Conv1d(2, 2, 21, padding=10), nn.ReLU())
    with torch.no_grad():
        net[0].weight[:] = 0
        net[0].weight[1, 0] = torch.from_numpy((kernel - kernel.mean()).astype(np.float32))
        net[0].bias[:] = 0
    x = np.random.default_rng(0).normal(size=(50, 2, 128)).astype(np.float32)
    found = dream(list_layers(ModuleNetwork(net, x)), "1", 1, steps=128)
    power = np.abs(np.fft.rfft(found.picture[0] - found.picture[0].mean()))
    assert np.fft.rfftfreq(128)[power.argmax()] == pytest.approx(0.125, abs=0.02)
    assert found.activation > found.reference[-1]
    assert found.item is found.picture


def test_it_is_the_same_for_a_seed(planted: Layers) -> None:
    one, two, other = (dream(planted, "1", 1, steps=12, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.picture, two.picture)
    assert np.abs(one.picture - other.picture).max() > 0.01
    with torch.inference_mode():
        np.testing.assert_array_equal(one.picture, dream(planted, "1", 1, steps=12, seed=1).picture)


@pytest.mark.parametrize("kind", [torch.float64, torch.bfloat16])
def test_networks_of_other_numbers(kind: torch.dtype) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU()).to(kind)
    made = ModuleNetwork(net, pictures(30, 3, 8), prepare=lambda x: torch.from_numpy(x).to(kind))
    found = dream(list_layers(made), "1", 1, steps=16)
    assert found.picture.dtype == np.float32
    assert found.activation > found.start


def test_nothing_is_left_behind(planted: Layers) -> None:
    module = planted.network.module.train()
    before = {name: t.clone() for name, t in module.state_dict().items()}
    dream(planted, "1", 1, steps=4)
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())
    assert all(m.training and not m._forward_hooks for m in module.modules())
    assert all(p.grad is None for p in module.parameters())


def test_a_space_of_images_is_dreamt_through_pixels(small) -> None:
    listed = layers(small("image"))
    name = next(layer.name for layer in listed if layer.kind == "ReLU")
    found = dream(listed, name, 0, steps=64)
    assert found.activation > found.start
    assert found.item.shape == (8, 8)
    assert found.item.dtype == np.uint8
    assert 0 <= found.picture.min() <= found.picture.max() <= 255


@pytest.mark.parametrize("modality", ["image", "signal", "vector", "counts", "table"])
def test_through_the_decoder_it_climbs_and_stays_among_rows(modality: str, small) -> None:
    space = small(modality)
    listed = layers(space)
    last = [layer for layer in listed if layer.part == "encoder"][-1]
    found = dream(listed, last.name, 1, through="decoder", steps=48)
    assert found.activation > found.start
    assert found.log_density is not None
    assert found.lowest is not None
    assert found.log_density >= found.lowest
    assert found.density_percentile is not None
    assert found.density_percentile >= 4.9
    # The space's own estimate of density agrees.
    assert space.density_percentile(found.z[None])[0] >= 4
    assert found.picture.shape == space.schema.shape
    np.testing.assert_allclose(found.picture, space.decode_encoded(found.z[None])[0], rtol=1e-3, atol=1e-3)
    again = dream(listed, last.name, 1, through="decoder", steps=48)
    np.testing.assert_array_equal(found.z, again.z)


def test_the_decoder_of_a_linear_space_goes_where_the_weights_point() -> None:
    """One latent's mean, in a space where encode(decode(z)) is known: its dream moves along that latent."""
    space = LinearSpace(600, widths=(3.0, 1.5))
    found = dream(layers(space), "encoder", 0, through="decoder")
    assert found.z is not None
    assert found.z[0] > 1.5
    gain = 9 / (9 + 0.25)
    assert found.activation == pytest.approx(found.z[0] * gain, rel=1e-3)


# Questions that make no sense


def test_questions_that_make_no_sense(planted: Layers) -> None:
    with pytest.raises(SpaceError, match="no layer 'nowhere'"):
        dream(planted, "nowhere", 0)
    with pytest.raises(SpaceError, match="has units 0 to 2, got 3"):
        dream(planted, "1", 3)
    with pytest.raises(SpaceError, match="is a network without a decoder; use through='pixels'"):
        dream(planted, "1", 0, through="decoder")
    with pytest.raises(SpaceError, match="goes through 'pixels' or 'decoder'"):
        dream(planted, "1", 0, through="fog")
    with pytest.raises(SpaceError, match=r"no gradient moves unit 2 of '1' .* the layer before it, '0'"):
        dream(planted, "1", 2)
    vectors = layers(LinearSpace(50))
    with pytest.raises(SpaceError, match=r"rows of 'linear' are vector: they have no pixels .* use through='decoder'"):
        dream(vectors, "encoder", 0)
    with pytest.raises(SpaceError, match="has 15 rows, too few"):
        dream(layers(LinearSpace(15)), "encoder", 0, through="decoder")
    with pytest.raises(SpaceError, match="size is for a dream through pixels"):
        dream(vectors, "encoder", 0, through="decoder", size=8)
    last = list_layers(ModuleNetwork(nn.Sequential(nn.Flatten(), nn.Linear(48, 2)), np.zeros((4, 4, 4, 3), np.float32)))
    with pytest.raises(SpaceError, match=r"float32 of shape \(4, 4, 3\): they have no pixels"):
        dream(last, "1", 0)


def test_a_space_takes_one_size() -> None:
    space = LinearSpace(50)
    space.samples, space.schema = space.samples.reshape(50, 1, 2, 3), PlainSchema((1, 2, 3), (), "image")
    with pytest.raises(SpaceError, match=r"takes \(2, 3\) alone"):
        dream(layers(space), "encoder", 0, size=8)


def test_it_prints_and_converts(planted: Layers) -> None:
    told: list[str] = []
    found = dream(planted, "1", 1, steps=33, tell=told.append)
    assert told == ["dream of unit 1 of 1: 32 of 33 steps"]
    assert str(found).startswith("unit 1 of 1, dreamt through pixels in 33 steps\nmean answer ")
    assert found.to_arrow().num_rows == 33


def test_a_first_step_without_a_slope_is_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    from deepspace.layers import dreaming

    whole, calls = dreaming._moved, []

    def still(picture: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        calls.append(1)
        return picture * 0 if len(calls) == 1 else whole(picture, generator)

    monkeypatch.setattr(dreaming, "_moved", still)
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Flatten(), nn.Linear(3 * 36, 2))
    found = look(net, np.random.default_rng(0).random((30, 1, 8, 8)).astype(np.float32)).dream("0", 1, steps=8)
    assert np.isfinite(found.climb).all()
    assert found.activation > found.start
