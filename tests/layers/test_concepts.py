"""Concepts against planted networks: where a layer holds the concept is known, and what follows from it too."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from deepspace.errors import SpaceError
from deepspace.layers import ModuleNetwork, SpaceNetwork, list_layers, record
from deepspace.layers.concepts import Concept, _gradients, concept
from tests.linear import LinearSpace

N = 400
FOLLOWS, INDEPENDENT = 0, 1


class Mixing(nn.Module):
    """A random mixture, all of it above zero so that nothing is lost, and its exact inverse: ``out`` holds the inputs
    themselves, and logit k is input k. Works in place wherever torch can."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.mix = nn.Linear(width, 20)
        self.keep = nn.ReLU(inplace=True)
        self.out = nn.Linear(20, width)
        with torch.no_grad():
            self.mix.bias.fill_(15.0)
            back = torch.linalg.pinv(self.mix.weight)
            self.out.weight.copy_(back)
            self.out.bias.copy_(-back @ self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.keep(self.mix(x)))


@pytest.fixture(scope="module")
def planted() -> tuple[ModuleNetwork, np.ndarray]:
    """Input 0 is the stripe, the others have nothing to do with it."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 8)).astype(np.float32)
    stripe = rng.permutation(N) < 120
    x[:, 0] = 2.0 * stripe + 0.1 * x[:, 0]
    return ModuleNetwork(Mixing(), x), np.flatnonzero(stripe)


@pytest.fixture(scope="module")
def follows(planted: tuple[ModuleNetwork, np.ndarray]) -> Concept:
    return concept(list_layers(planted[0]), planted[1], name="stripe", target=FOLLOWS)


def test_what_a_layer_computes_is_read_and_the_logit_follows(follows: Concept) -> None:
    assert [item.layer for item in follows] == ["mix", "keep", "out"]
    for item in follows:
        assert item.accuracy > 0.98
        assert item.readable
        assert item.interval[0] > item.chance_range[1]
        assert item.score == 1
        assert item.significant
        # From rows without a stripe to rows with it, the logit grows by the stripe.
        assert item.sensitivity == pytest.approx(2.0, abs=0.1)


def test_a_logit_that_does_not_depend_on_the_concept(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    listed = list_layers(planted[0])
    found = concept(listed, planted[1], target=INDEPENDENT)
    assert not any(item.significant for item in found)
    low, high = found["mix"].random_sensitivity or (0, 0)
    assert low < (found["mix"].sensitivity or 0) < high


def test_the_classifiers_normal_may_move_what_is_only_mixed_in(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    """It avoids the other inputs, so that the one whose weights are the least at right angles to the stripe's seems to
    follow from it: hence the default."""
    network, stripe = planted
    weight = network.module.mix.weight.detach().double().numpy()
    beside = np.abs(np.linalg.inv(weight.T @ weight)[0])
    other = int(np.argmax(np.r_[0, beside[1:]]))
    asked = {m: concept(list_layers(network), stripe[:60], against=np.setdiff1d(np.arange(N), stripe), target=other,
                        method=m, layers="mix")["mix"] for m in ("normal", "pattern")}  # fmt: skip
    assert asked["normal"].significant
    assert not asked["pattern"].significant


def test_the_classifiers_normal_where_inputs_stand_apart(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    listed, stripe = list_layers(planted[0]), planted[1]
    others = np.setdiff1d(np.arange(N), stripe)
    at = concept(listed, stripe[:50], against=others, target=FOLLOWS, method="normal", layers="out")["out"]
    assert at.significant
    assert at.score == 1
    assert abs(at.vector[0]) > 0.99
    other = concept(listed, stripe[:50], against=others, target=INDEPENDENT, method="normal", layers="out")["out"]
    assert not other.significant


def test_nothing_is_readable_where_the_layer_does_not_hold_it(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    network, stripe = planted
    blind = nn.Sequential(nn.Linear(8, 6), nn.Linear(6, 2))
    with torch.no_grad():
        blind[0].weight[:, 0] = 0
    found = concept(list_layers(ModuleNetwork(blind, network.x)), stripe, target=0)
    for item in found:
        assert not item.readable
        assert item.accuracy < 0.62
        assert abs(item.chance - 0.5) < 0.04
        assert not item.significant


@pytest.mark.parametrize("method", ["normal", "pattern"])
def test_random_rows_are_rarely_a_concept(planted: tuple[ModuleNetwork, np.ndarray], method: str) -> None:
    """Of 60 random concepts about 3 may seem one at p <= .05; 10 or more would be chance once in 1,000 times."""
    listed = list_layers(planted[0])
    found, read = 0, 0
    for seed in range(60):
        rows = np.random.default_rng(1000 + seed).choice(N, 12, replace=False)
        at = concept(listed, rows, target=2, method=method, layers="mix", seed=seed)["mix"]  # type: ignore[arg-type]
        found += at.p is not None and at.p <= 0.05
        read += at.readable
    assert found <= 9
    assert read <= 6


def test_the_derivative_is_that_of_finite_differences() -> None:
    """Of a convolution whose answer the rectifier behind it overwrites, moved by hand."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True), nn.Conv2d(3, 2, 3), nn.Tanh(), nn.Flatten(), nn.Linear(8, 3)
    ).double()
    x = np.random.default_rng(0).normal(size=(30, 1, 6, 6))
    network = ModuleNetwork(net, x, prepare=lambda batch: torch.from_numpy(np.array(batch)))
    listed = list_layers(network)
    rows = np.arange(12)
    found = _gradients(listed, list(listed), rows, 1, 4096)
    behind = {"0": net[1:], "1": net[2:], "2": net[3:], "4": net[5:]}
    given = listed.activations(rows)
    for name, rest in behind.items():
        activation = torch.from_numpy(given[name].astype(np.float64))
        step = torch.from_numpy(np.random.default_rng(2).normal(size=given[name].shape)) * 1e-5
        with torch.no_grad():
            slope = (rest((activation + step).clone())[:, 1] - rest((activation - step).clone())[:, 1]) / 2
        gradient = found[name]
        assert not isinstance(gradient, str)
        along = (gradient * step.flatten(1).numpy()).sum(1)
        np.testing.assert_allclose(along, slope.numpy(), rtol=1e-3, atol=1e-8)
    assert net[1].inplace


def test_answers_changed_in_place_have_no_score() -> None:
    class Adds(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            x -= 1
            y = self.a(x)
            y += 1
            return self.b(y)

    x = np.random.default_rng(0).normal(size=(80, 4)).astype(np.float32)
    found = concept(list_layers(ModuleNetwork(Adds(), x)), np.arange(20), target=0)
    assert found["a"].score is None
    assert "no score at a: the network changes its answer in place" in str(found)
    assert found["b"].score is not None


def test_a_space_has_its_direction_and_no_score_in_the_decoder() -> None:
    space = LinearSpace(600)
    rows = np.argsort(-space.z[:, 0])[:60]
    found = concept(list_layers(SpaceNetwork(space)), rows, target=0)
    assert [item.layer for item in found] == ["encoder", "latent", "decoder"]
    assert found["encoder"].score == 1
    assert found["encoder"].significant
    assert found["decoder"].score is None
    assert "the target does not depend on it" in str(found)
    assert found["latent"].readable
    assert found.direction is not None
    # The encoder is linear and its answer the posterior mean: the same numbers, once in floats of the run.
    np.testing.assert_allclose(found["encoder"].vector, found["latent"].vector, atol=1e-4)
    assert found.direction[0] > 1.0
    assert abs(found.direction[0]) > 0.95 * np.linalg.norm(found.direction)
    away = concept(list_layers(SpaceNetwork(space)), rows, target=1)
    assert not away["encoder"].significant


def test_large_layers_are_averaged_and_say_so() -> None:
    """12,800 numbers a row go as averages, along which a target that is the mean of a channel keeps its derivative."""
    net = nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, bias=False), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    with torch.no_grad():
        net[0].weight.zero_()
        net[0].weight[0, 0, 1, 1] = 1
    x = np.random.default_rng(0).normal(size=(80, 1, 80, 80)).astype(np.float32)
    x[:20] += 0.5
    found = concept(list_layers(ModuleNetwork(net, x)), np.arange(20), target=0)
    assert found["0"].pooled
    assert found["0"].width <= 4096
    assert found["0"].score == 1
    assert found["0"].significant
    assert "averaged over positions, or projected: 0" in str(found)


def test_a_recording_stands_in_for_the_network(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    listed = list_layers(planted[0])
    recording = record(listed, np.random.default_rng(0).permutation(N)[:300])
    found = concept(listed, planted[1], target=FOLLOWS, recording=recording)
    assert set(found.rows) <= set(recording.rows)
    assert all(item.significant and item.readable for item in found)


def test_the_same_seed_gives_the_same(planted: tuple[ModuleNetwork, np.ndarray], follows: Concept) -> None:
    again = concept(list_layers(planted[0]), planted[1], target=FOLLOWS)
    assert again.to_arrow().equals(follows.to_arrow())
    # What is read does not depend on whether a target is asked about.
    unasked = concept(list_layers(planted[0]), planted[1])
    assert [item.accuracy for item in unasked] == [item.accuracy for item in follows]
    assert unasked["mix"].score is None


def test_it_prints_and_converts(follows: Concept) -> None:
    text = str(follows)
    assert text.startswith("stripe: 100 rows against 20 sets of 100 of 280 others")
    assert "1.00*" in text
    table = follows.to_arrow()
    assert table.num_rows == 3
    assert table.column("score").to_pylist() == [1, 1, 1]


def test_a_layer_that_answers_the_same_to_every_row_is_left_out(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    net = nn.Sequential(nn.Linear(8, 3), nn.Linear(3, 2))
    nn.init.zeros_(net[0].weight)
    found = concept(list_layers(ModuleNetwork(net, planted[0].x)), planted[1], target=0)
    assert set(found.left_out) == {"0", "1"}
    assert "left out: 0, it answers the same to every row" in str(found)


def test_questions_that_make_no_sense(planted: tuple[ModuleNetwork, np.ndarray]) -> None:
    listed = list_layers(planted[0])
    with pytest.raises(SpaceError, match="'stripe' has 9 rows, and a concept needs at least 10 examples"):
        concept(listed, np.arange(9), name="stripe")
    with pytest.raises(SpaceError, match="'concept' has row 400, and 'Mixing' has 400 rows"):
        concept(listed, np.arange(380, 401))
    with pytest.raises(SpaceError, match="has row -1, and"):
        concept(listed, np.arange(-1, 20))
    with pytest.raises(SpaceError, match="5 rows are both in 'concept' and in against: leave row 15 out of one"):
        concept(listed, np.arange(20), against=np.arange(15, 60))
    with pytest.raises(SpaceError, match="needs 20 other rows to be told from, and there are 19"):
        concept(listed, np.arange(20), against=np.arange(20, 39))
    with pytest.raises(SpaceError, match="needs row numbers, got values of type bool"):
        concept(listed, np.ones(N, bool))
    with pytest.raises(SpaceError, match="has targets 0 to 7, and 8 was asked for"):
        concept(listed, np.arange(20), target=8)
    with pytest.raises(SpaceError, match="2 runs or more"):
        concept(listed, np.arange(20), runs=1)
