"""Maps of layers against planted ones: clusters that stand apart, layers that only turn, and what moves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import ortho_group
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from deepspace.errors import SpaceError
from deepspace.layers import ModuleNetwork, SpaceNetwork, list_layers, record
from deepspace.layers.maps import MapSeries, layer_map, layer_maps
from tests.linear import LinearSpace

WIDTH = 6


def turning(layers: int) -> nn.Sequential:
    """Layers each of which turns what the one before answers."""
    net = nn.Sequential(*(nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(layers)))
    with torch.no_grad():
        for i, layer in enumerate(net):
            layer.weight.copy_(torch.from_numpy(ortho_group.rvs(WIDTH, random_state=i)))
    return net


@pytest.fixture(scope="module")
def clusters() -> tuple[np.ndarray, np.ndarray]:
    """300 rows in three well-separated clusters, and which they belong to."""
    rng = np.random.default_rng(0)
    label = np.arange(300) % 3
    x = rng.normal(size=(300, WIDTH)) + 12 * np.eye(3, WIDTH)[label]
    return x.astype(np.float32), label


@pytest.fixture(scope="module")
def turned(clusters: tuple[np.ndarray, np.ndarray]) -> MapSeries:
    x, label = clusters
    words = np.array(["a", "b", "c"])[label]
    network = ModuleNetwork(turning(3), x, columns={"cluster": words, "first": x[:, 0].astype(np.float64)})
    return layer_maps(list_layers(network))


def centres(positions: np.ndarray, label: np.ndarray) -> np.ndarray:
    return np.stack([positions[label == c].mean(0) for c in range(3)])


def test_clusters_stand_apart(turned: MapSeries, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    assert [item.layer for item in turned] == ["input", "0", "1", "2"]
    _, label = clusters
    for item in turned:
        assert item.positions.shape == (300, 2)
        assert item.positions.dtype == np.float32
        middle = centres(item.positions, label)
        within = max(np.linalg.norm(item.positions[label == c] - middle[c], axis=1).max() for c in range(3))
        between = min(np.linalg.norm(middle[a] - middle[b]) for a, b in ((0, 1), (0, 2), (1, 2)))
        assert between > 1.5 * within
        assert item.trustworthiness > 0.85


def test_layers_that_only_turn_move_nothing(turned: MapSeries, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    assert turned["input"].moved is None
    for before, after in zip(turned.items, turned.items[1:], strict=False):
        assert after.moved is not None
        assert after.moved < 0.1
        apart = centres(after.positions, clusters[1]) - centres(before.positions, clusters[1])
        assert np.abs(apart).max() < 0.1
        own = np.linalg.norm(after.positions - before.positions, axis=1).mean() / np.sqrt(
            ((before.positions - before.positions.mean(0)) ** 2).sum(1).mean()
        )
        assert after.moved == pytest.approx(own, rel=1e-4)


def test_a_layer_that_scatters_rows_moves_them(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    """The clusters lie in the first three inputs, and the second layer sees the others alone."""
    net = turning(2)
    with torch.no_grad():
        net[0].weight.copy_(torch.eye(WIDTH))
        net[1].weight.copy_(torch.diag(torch.tensor([0.0, 0, 0, 1, 1, 1])))
    x, label = clusters
    network = ModuleNetwork(net, x, columns={"cluster": label.astype(str)})
    found = layer_maps(list_layers(network))
    assert (found["0"].moved or 0) < 0.1
    assert (found["1"].moved or 0) > 0.5
    assert found["0"].separation["cluster"].value == 1
    assert found["1"].separation["cluster"].value == pytest.approx(1 / 3, abs=0.12)
    assert found["1"].separation["cluster"].baseline == pytest.approx(1 / 3)


def test_separation_is_that_of_five_neighbours(turned: MapSeries, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    """As scikit-learn has it, each row left out of its own vote; first: a number of the rows themselves."""
    assert turned["2"].separation["cluster"].value == 1
    rng = np.random.default_rng(3)
    x = rng.normal(size=(120, WIDTH)).astype(np.float32)
    label = (x[:, 0] + 0.5 * rng.normal(size=120) > 0).astype(int)
    network = ModuleNetwork(turning(1), x, columns={"side": label.astype(str)})
    found = layer_map(list_layers(network), "input").separation["side"]
    right = [
        KNeighborsClassifier(5).fit(np.delete(x, i, 0), np.delete(label, i)).predict(x[i : i + 1])[0] == label[i]
        for i in range(120)
    ]
    assert found.value == pytest.approx(np.mean(right))
    assert found.n == 120
    assert 0.5 < turned["0"].separation["first"].value < 1


def test_digits_through_a_small_net() -> None:
    from sklearn.datasets import load_digits

    digits = load_digits()
    torch.manual_seed(0)
    x = torch.from_numpy(digits.images[:600]).float()[:, None] / 16
    y = torch.from_numpy(digits.target[:600])
    net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(216, 24), nn.Linear(24, 10))
    optimiser = torch.optim.Adam(net.parameters(), lr=5e-3)
    for _ in range(80):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(x), y).backward()
        optimiser.step()
    network = ModuleNetwork(net, x, columns={"digit": digits.target[:600]})
    found = layer_maps(list_layers(network), ["input", "1", "3", "4"])
    for item in found:
        assert item.trustworthiness > 0.93
        assert item.continuity > 0.93
        assert item.separation["digit"].value > 0.9
    assert all(0 < (item.moved or 0) < 1.2 for item in found.items[1:])
    # Without the map before to begin from, the same layer comes to lie elsewhere.
    alone = layer_map(list_layers(network), "4").positions
    apart = np.linalg.norm(alone - found["3"].positions, axis=1).mean()
    assert np.linalg.norm(found["4"].positions - found["3"].positions, axis=1).mean() < apart


def test_the_same_seed_gives_the_same(turned: MapSeries, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    network = ModuleNetwork(turning(3), clusters[0])
    again = layer_maps(list_layers(network))
    for one, other in zip(turned, again, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
    assert again["0"].separation == {}


def test_a_space_begins_from_its_own_map() -> None:
    space = LinearSpace(300)
    found = layer_maps(list_layers(SpaceNetwork(space)))
    assert [item.layer for item in found] == ["input", "encoder", "latent"]
    assert all(item.moved is not None for item in found)
    # The encoder's answer is the posterior mean, so that the last step moves hardly anything.
    assert (found["latent"].moved or 0) < 0.1
    middle = space.map.positions.mean(0)
    np.testing.assert_allclose(found["input"].positions.mean(0), middle, atol=1e-4)
    first = found["input"].positions - middle
    assert np.corrcoef(first[:, 0], space.map.positions[:, 0])[0, 1] > 0.8
    assert found["latent"].separation["side"].value > 0.9


def test_rows_of_a_recording_and_a_given_start(clusters: tuple[np.ndarray, np.ndarray]) -> None:
    listed = list_layers(ModuleNetwork(turning(2), clusters[0]))
    rows = np.arange(0, 300, 3)[::-1]
    recording = record(listed, rows, ["1"])
    start = np.random.default_rng(0).normal(size=(100, 2)) * 3 + 5
    found = layer_map(listed, "1", recording=recording, start=start)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.positions.mean(0), start.mean(0), atol=1e-4)
    np.testing.assert_allclose(found.positions.var(0).sum(), start.var(0).sum(), rtol=1e-3)
    assert [item.layer for item in layer_maps(listed, recording=recording)] == ["input", "1"]


def test_missing_cells_of_the_input_are_their_columns_mean() -> None:
    class Fills(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(WIDTH, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layer(x.nan_to_num())

    x = np.random.default_rng(0).normal(size=(60, WIDTH)).astype(np.float32)
    x[:, 2] += 1
    x[5, 2] = np.nan
    filled = x.copy()
    filled[5, 2] = np.nanmean(x[:, 2])
    one, other = (layer_map(list_layers(ModuleNetwork(Fills(), each)), "input") for each in (x, filled))
    np.testing.assert_allclose(one.positions, other.positions, atol=0.02)
    broken = nn.Linear(WIDTH, 3)
    with pytest.raises(SpaceError, match="Layer 'Linear' answers NaN or infinity to some rows"):
        layer_map(list_layers(ModuleNetwork(broken, x)), "Linear")


def test_layers_with_nothing_to_unfold() -> None:
    """Two numbers are seen straight; one lies on a line; none at all on a point; twins stay together."""
    net = nn.Sequential(nn.Linear(WIDTH, 2), nn.Linear(2, 1), nn.Linear(1, 4))
    nn.init.zeros_(net[2].weight)
    x = np.random.default_rng(0).normal(size=(60, WIDTH)).astype(np.float32)
    x[30:] = x[:30]
    network = ModuleNetwork(net, x)
    found = layer_maps(list_layers(network))
    np.testing.assert_allclose(found["input"].positions[:30], found["input"].positions[30:])
    seen = list_layers(network).activations(np.arange(60))["0"]
    among = np.linalg.norm(seen[:, None] - seen, axis=2)
    shown = np.linalg.norm(found["0"].positions[:, None] - found["0"].positions, axis=2)
    np.testing.assert_allclose(shown / shown.max(), among / among.max(), atol=2e-3)
    assert np.linalg.matrix_rank(found["1"].positions - found["1"].positions.mean(0), tol=1e-3) == 1
    assert np.ptp(found["2"].positions, axis=0).max() < 1e-6
    assert np.isnan(found["2"].trustworthiness)
    passed = layer_maps(list_layers(network), ["input", "2", "0"])
    assert np.ptp(passed["0"].positions, axis=0).min() > 1
    flat = layer_map(list_layers(network), "0", start=np.zeros((60, 2)))
    assert np.ptp(flat.positions, axis=0).min() > 0


def test_it_prints_and_converts(turned: MapSeries) -> None:
    text = str(turned)
    assert text.startswith("300 rows of 'Sequential'\nlayer  trustworthiness  continuity")
    assert text.splitlines()[1].split()[-3:] == ["moved", "cluster", "first"]
    assert "300 rows, trustworthiness 0." in str(turned["0"])
    table = turned.to_arrow()
    assert table.num_rows == 1200
    assert table.column("layer")[300].as_py() == "0"


def test_questions_that_make_no_sense(turned: MapSeries, clusters: tuple[np.ndarray, np.ndarray]) -> None:
    listed = list_layers(ModuleNetwork(turning(1), clusters[0]))
    with pytest.raises(SpaceError, match="no layer 'nowhere'"):
        layer_map(listed, "nowhere")
    with pytest.raises(SpaceError, match="no layer 'latent'"):
        layer_map(listed, "latent")
    with pytest.raises(SpaceError, match="has no map of 'nowhere': there are those of input, 0, 1, 2"):
        turned["nowhere"]
    with pytest.raises(SpaceError, match=r"start needs a finite place for every row, \(300, 2\), got shape \(3, 2\)"):
        layer_map(listed, "0", start=np.zeros((3, 2)))
    with pytest.raises(SpaceError, match="needs at least 3 rows, got 2"):
        layer_map(listed, "0", recording=record(listed, [0, 1]))
    with pytest.raises(SpaceError, match="at least one layer"):
        layer_maps(listed, [])
