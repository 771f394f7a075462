"""What is read off layers: planted concepts where they are made, shuffled ones nowhere, untrained networks add none."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor, nn

from deepspace.errors import SpaceError
from deepspace.layers import depth, look, two_nn
from deepspace.layers.descriptors import descriptors
from deepspace.layers.probes import Probe


class Parity(nn.Module):
    """Its hidden layer tells the parity of two signs, which no linear reader finds in the input."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.bend, self.last = nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 2)
        with torch.no_grad():
            self.first.weight.mul_(0.05)
            self.first.bias.zero_()
            for i, (a, b) in enumerate(((1, 1), (-1, -1), (1, -1), (-1, 1))):
                self.first.weight[i] = 0
                self.first.weight[i, :2] = torch.tensor([float(a), float(b)])
            self.last.weight.zero_()
            self.last.bias.zero_()
            self.last.weight[0, :4] = torch.tensor([1.0, 1.0, -1.0, -1.0])
            self.last.weight[1] = -self.last.weight[0]

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.bend(self.first(x)))


def rows(n: int = 1500, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(seed).normal(size=(n, 8)).astype(np.float32)
    return x, np.where(x[:, 0] * x[:, 1] > 0, "even", "odd")


def test_a_concept_is_read_where_the_network_makes_it() -> None:
    x, y = rows()
    noise = np.random.default_rng(1).choice(["a", "b"], len(x))
    found = look(Parity(), x, columns={"parity": y, "noise": noise}, held_out=np.arange(0, 1500, 3))
    read = depth(found)
    assert read.layers == ("input", "first", "bend", "last")
    before, made, late = (read.of("parity")[i] for i in (0, 2, 3))
    assert before.value < 0.6 < 0.9 < made.value
    assert late.value > 0.9
    assert made.gain is not None
    assert made.gain_interval is not None
    assert made.gain_interval[0] > 0.05
    assert made.selectivity > before.selectivity + 0.2
    assert made.n == 500 == before.n
    for reading in read.of("noise"):
        assert reading.interval[0] < 0.55
    assert "neither the probe nor the network" in read.note
    assert "parity (accuracy, 2 classes" in str(read)
    assert read.to_arrow().num_rows == len(read.readings) == 8


def test_random_networks_add_nothing() -> None:
    """Over networks, the gain over the same weights in a random order is around 0: it is one of them itself."""
    x, y = rows(900)
    gains = []
    for seed in range(8):
        torch.manual_seed(seed)
        net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU())
        read = depth(look(net, x, columns={"parity": y}, held_out=np.arange(0, 900, 2)), seed=seed)
        gains.append([r.gain for r in read.of("parity")])
    mean, error = np.mean(gains, 0), np.std(gains, 0, ddof=1) / np.sqrt(8)
    assert (np.abs(mean[1:]) < 3.5 * error[1:] + 0.01).all()
    assert mean[0] == 0


def test_without_held_out_rows_a_third_is_taken_and_it_says_so() -> None:
    x, y = rows(300)
    read = depth(look(Parity(), x, columns={"parity": y}), untrained=False)
    assert "may have been trained on it" in read.note
    assert read.of("parity")[0].untrained is None


def test_questions_that_cannot_be_answered() -> None:
    x, y = rows(200)
    with pytest.raises(SpaceError, match="has no column that varies and has 20 values on both sides"):
        depth(look(Parity(), x))
    with pytest.raises(SpaceError, match=r"has no column 'age' to read off its layers: it has parity\."):
        depth(look(Parity(), x, columns={"parity": y}), "age")
    with pytest.raises(SpaceError, match=r"Column 'age' was not read: read were parity\."):
        depth(look(Parity(), x, columns={"parity": y}), untrained=False).of("age")


def test_the_probe_is_ridge_regression() -> None:
    rng = np.random.default_rng(0)
    for n, width in ((200, 12), (30, 60)):
        x, test = rng.normal(size=(n, width)), rng.normal(size=(50, width)).clip(-1, 1)
        y = x[:, :3].sum(1) + 0.3 * rng.normal(size=n)
        probe = Probe(x, test)
        ours = probe.predict(y[:, None])[:, 0]
        scaled = (x - x.mean(0)) / x.std(0)
        against = ((test - x.mean(0)) / x.std(0)).clip(scaled.min(0), scaled.max(0))
        errors = [np.abs(Ridge(alpha=10.0**p).fit(scaled, y).predict(against) - ours).max() for p in range(-3, 6)]
        assert min(errors) < 1e-6
    labels = rng.integers(0, 3, 200).astype(float)
    x, test, truth = rng.normal(size=(200, 4)), rng.normal(size=(60, 4)), rng.integers(0, 3, 60).astype(float)
    probe = Probe(x, test)
    theirs = KNeighborsClassifier(5).fit(probe.fit, labels).predict(probe.test)
    assert np.array_equal(probe.neighbours(labels, truth, 3, 5) == 1, theirs == truth)


def test_a_unit_that_hardly_fires_does_not_throw_the_rest() -> None:
    rng = np.random.default_rng(0)
    x, test = rng.normal(size=(300, 5)), rng.normal(size=(100, 5))
    x[:, 4], test[:, 4] = 0.0, 0.0
    x[0, 4], test[:3, 4] = 1e-3, 50.0
    values, truth = x[:, 0], test[:, 0]
    assert Probe(x, test).scores(values, truth, None).mean() > 0.9


@pytest.mark.parametrize("d", [1, 2, 5])
def test_two_nn_finds_the_dimension_of_what_is_embedded(d: int) -> None:
    rng = np.random.default_rng(d)
    inside = rng.random((1500, d))
    turned = inside @ np.linalg.qr(rng.normal(size=(20, 20)))[0][:d]
    found = two_nn(turned)
    assert abs(found.value - d) < 0.12 * d + 0.1
    assert found.interval[0] < found.value < found.interval[1]
    assert np.isnan(two_nn(np.ones((50, 3))).value)


def test_its_interval_covers() -> None:
    for d in (1, 2, 5):
        spans = [two_nn(np.random.default_rng(s).normal(size=(500, d))).interval for s in range(60)]
        assert sum(low <= d <= high for low, high in spans) >= 52


def test_descriptors_of_pictures_that_are_known() -> None:
    wave = np.arange(32)
    slow, fast = (np.sin(2 * np.pi * f * wave / 32)[None].repeat(32, 0) for f in (2, 8))
    pictures = np.stack([slow, fast, fast.T, 3 * fast + 1])[:, None]
    found = {c.name: c.values for c in descriptors(pictures)}
    assert found["dominant frequency"][0] == pytest.approx(2 / 32, rel=1e-6)
    assert found["dominant frequency"][1] == pytest.approx(8 / 32, rel=1e-6)
    assert found["edge energy"][1] > 2 * found["edge energy"][0]
    assert found["edge energy"][3] == pytest.approx(found["edge energy"][1])  # by contrast
    assert found["brightness"][3] == pytest.approx(1)
    assert "colourfulness" not in found
    assert descriptors(np.zeros((4, 7))) == []
    assert descriptors(np.zeros((4, 1, 8, 8))) == []
    colour = np.zeros((2, 3, 8, 8))
    colour[1, 0] = 1
    named = {c.name: c.values for c in descriptors(colour)}
    assert named["warmth"].tolist() == [0, 1]
    signals = np.stack([np.sin(2 * np.pi * f * np.arange(64) / 64) for f in (3, 9)])[:, None]
    assert {c.name: c.values for c in descriptors(signals)}["dominant frequency"] == pytest.approx([3 / 64, 9 / 64])
