"""Attributions against closed forms and independent sums, and the check of weights against methods that ignore them."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.integrate import quad
from scipy.stats import spearmanr
from torch import Tensor, nn

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.layers import Layers, ModuleNetwork, layers, list_layers, look
from deepspace.layers.saliency import saliency
from tests.linear import LinearSpace
from tests.spaces import fit


def smooth(features: int = 5) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(features, 16), nn.Tanh(), nn.Linear(16, 3))


def listed(net: nn.Module, x: np.ndarray, **options) -> Layers:
    return list_layers(ModuleNetwork(net, x, **options))


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module")
def digits() -> Layers:
    """A convolutional network that tells digits apart."""
    from sklearn.datasets import load_digits

    found = load_digits()
    x, y = (found.images[:, None] / 16).astype(np.float32), torch.from_numpy(found.target)
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(),
        nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 32), nn.ReLU(), nn.Dropout(0.1), nn.Linear(32, 10),
    )  # fmt: skip
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    for _ in range(8):
        for batch in torch.randperm(1400).split(64):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(torch.from_numpy(x[batch])), y[batch]).backward()
            optimiser.step()
    with torch.no_grad():
        assert (net.eval()(torch.from_numpy(x[1400:])).argmax(1) == y[1400:]).float().mean() > 0.85
    return listed(net.train(), x, held_out=np.arange(1400, len(x)))


def edges(f, x: Tensor, baseline: Tensor) -> Tensor:
    """A filter, whatever the network has learned."""
    return nn.functional.conv2d(x, torch.tensor([[[[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]]]]), padding=1)


def distance(f, x: Tensor, baseline: Tensor) -> Tensor:
    return (x - baseline).abs()


def mostly_distance(f, x: Tensor, baseline: Tensor) -> Tensor:
    x = x.requires_grad_()
    return distance(f, x, baseline) + 0.02 * torch.autograd.grad(f(x).sum(), x)[0].abs()


# Truths


def test_of_a_linear_network_it_is_weight_times_difference() -> None:
    x, net = noise(30, 6), nn.Linear(6, 2)
    held = np.arange(20, 30)
    found = saliency(listed(net, x, held_out=held), [0, 7, 29], 1, steps=3)
    expected = net.weight[1].detach().numpy() * (x[[0, 7, 29]] - x[:20].mean(0))
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)
    assert found.completeness is not None
    assert found.completeness.max() < 1e-3
    assert found.target_name == "answer 1"
    gradient = saliency(listed(net, x), [0, 7], 1, method="gradient")
    np.testing.assert_allclose(gradient.values, net.weight[[1, 1]].detach().numpy(), rtol=1e-6)
    assert gradient.completeness is None


def test_it_agrees_with_an_independent_quadrature() -> None:
    x, net, start = noise(20, 5), smooth(), noise(5, seed=3)
    found = saliency(listed(net, x), [4], 2, baseline=start)

    def slope(a: float, i: int) -> float:
        point = torch.from_numpy(start + a * (x[4] - start)).requires_grad_()
        return float(torch.autograd.grad(net(point)[2], point)[0][i])

    expected = [(x[4, i] - start[i]) * quad(slope, 0, 1, args=(i,))[0] for i in range(5)]
    np.testing.assert_allclose(found.values[0], expected, rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        np.testing.assert_allclose(found.outputs[0], net(torch.from_numpy(x[4]))[2], rtol=1e-5)
        np.testing.assert_allclose(found.baseline_outputs[0], net(torch.from_numpy(start))[2], rtol=1e-5)
    np.testing.assert_allclose(found.values.sum(), found.outputs[0] - found.baseline_outputs[0], rtol=1e-4)


def test_more_steps_complete_a_network_with_kinks(digits: Layers) -> None:
    few, many = (saliency(digits, np.arange(1400, 1420), steps=steps).completeness for steps in (4, 64))
    assert few is not None
    assert many is not None
    assert np.median(many) < 0.01
    assert np.median(many) < np.median(few)


def test_the_prediction_is_each_rows_largest(digits: Layers) -> None:
    rows = np.arange(1400, 1420)
    found = saliency(digits, rows)
    with torch.no_grad(), digits.network.evaluating():
        answers = digits.network.run(digits.network.inputs(rows)).numpy()
    np.testing.assert_array_equal(found.columns, answers.argmax(1))
    np.testing.assert_allclose(found.outputs, answers.max(1), rtol=1e-4)
    assert found.values.shape == (20, 1, 8, 8)
    assert found.values.dtype == np.float32


def test_a_latent_of_a_space() -> None:
    space = LinearSpace(300)
    found = saliency(layers(space), [3, 50], 0)
    seen = np.setdiff1d(np.arange(300), space.validation_index)
    mean = space.samples[seen][np.linspace(0, len(seen) - 1, 256).round().astype(int)].mean(0)
    expected = space.model.encoder.weight[0].detach().numpy() * (space.samples[[3, 50]] - mean)
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)
    assert found.target_name == "latent 0"


def test_a_blurred_baseline_gives_a_flat_picture_nothing() -> None:
    x = np.concatenate([np.full((1, 1, 16, 16), 0.3, np.float32), noise(20, 1, 16, 16)])
    found = saliency(listed(nn.Sequential(nn.Flatten(), nn.Linear(256, 1)), x), [0, 1], 0, baseline="blur")
    assert np.abs(found.values[0]).max() < 1e-6 < np.abs(found.values[1]).max()


def test_occlusion_of_a_linear_network_is_weight_times_mean_difference() -> None:
    x, net, others = noise(25, 4), nn.Linear(4, 1), noise(7, 4, seed=5)
    found = saliency(listed(net, x), [2, 9], 0, method="occlusion", baseline=others)
    expected = net.weight[0].detach().numpy() * (x[[2, 9]] - others.mean(0))
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-6)


def test_a_table_is_occluded_with_categories_and_empty_cells(tmp_path: Path) -> None:
    space = fit("table", tmp_path, epochs=4)
    rows = [0, 3, 60]
    assert np.isnan(space.samples[3]).any()
    found = saliency(layers(space), rows, 0)
    assert found.method == "occlusion"
    assert found.names == tuple(c.name for c in space.schema.features)
    assert np.isfinite(found.values).all()
    assert found.check.passed is not None
    # Replacing one cell by hand, one row at a time.
    seen = np.setdiff1d(np.arange(len(space)), space.validation_index)
    picks = np.sort(np.random.default_rng(0).permutation(seen)[:16])
    changed = np.repeat(np.array(space.samples[60])[None], 16, 0)
    changed[:, 5] = space.samples[picks, 5]
    with torch.no_grad():
        other = space.model.encode(torch.from_numpy(changed)).mean[:, 0].mean()
    np.testing.assert_allclose(found.values[2, 5], space.latents.mean[60, 0] - float(other), rtol=1e-3, atol=1e-5)
    with pytest.raises(SpaceError, match="no gradient reaches its categories"):
        saliency(layers(space), rows, 0, method="gradient")


# The randomisation of weights


@pytest.mark.parametrize("method", ["integrated_gradients", "gradient"])
def test_what_rests_on_weights_passes(digits: Layers, method) -> None:
    check = saliency(digits, np.arange(1400, 1440), method=method).check
    assert check.passed, check.verdict
    assert [d.layers for d in check.depths] == [1, 2, 3, 4]
    assert check.depths[0].name == "9"
    assert check.depths[-1].name == "0"
    assert check.depths[-1].beyond < 0.3
    assert check.rows == 32


@pytest.mark.parametrize("method", [edges, distance, mostly_distance])
def test_what_ignores_weights_is_flagged(digits: Layers, method) -> None:
    check = saliency(digits, np.arange(1400, 1440), method=method).check
    assert check.passed is False
    assert check.verdict.startswith("FLAGGED")
    assert check.depths[-1].similarity > 0.97


def test_the_similarity_is_a_rank_correlation(digits: Layers) -> None:
    """The floor, with scipy's own."""
    rows = np.arange(1400, 1432)
    found = saliency(digits, rows, method="gradient")
    seen = np.arange(1400)[np.linspace(0, 1399, 256).round().astype(int)]
    far = (digits.network.inputs(rows) - digits.network.inputs(seen).mean(0)).abs().flatten(1).numpy()
    own = [spearmanr(np.abs(v).ravel(), d).statistic for v, d in zip(found.values, far, strict=True)]
    assert found.check.floor == pytest.approx(np.mean(own), abs=1e-3)


def test_few_rows_are_checked_beside_others(digits: Layers) -> None:
    found = saliency(digits, [1500])
    assert found.values.shape[0] == 1
    assert found.check.rows == 32
    assert found.check.passed


def test_the_users_module_never_changes(digits: Layers) -> None:
    module = digits.network.module
    before = {name: t.clone() for name, t in module.state_dict().items()}
    modes = [m.training for m in module.modules()]
    calls = 0

    def interrupted(f, x: Tensor, baseline: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        # Even while the copy's weights are redrawn.
        assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())
        if calls == 4:
            raise KeyboardInterrupt
        return f(x)[:, None, None, None] * x

    with pytest.raises(KeyboardInterrupt):
        saliency(digits, np.arange(32), method=interrupted)
    saliency(digits, np.arange(4))
    assert all(torch.equal(t, before[name]) for name, t in module.state_dict().items())
    assert [m.training for m in module.modules()] == modes
    assert all((p.requires_grad and p.grad is None) or p.grad is not None for p in module.parameters())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


def test_it_is_the_same_for_a_seed_and_inside_inference_mode(digits: Layers) -> None:
    with torch.inference_mode():
        one = saliency(digits, np.arange(20), seed=3)
    two = saliency(digits, np.arange(20), seed=3)
    np.testing.assert_array_equal(one.values, two.values)
    assert one.check == two.check


def test_weights_that_run_as_no_module_of_their_own_are_redrawn() -> None:
    class Token(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Parameter(torch.randn(8))
            self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
            self.head = nn.Linear(8, 3)
            self.unused = nn.Linear(2, 2)

        def forward(self, x: Tensor) -> Tensor:
            x = x + self.token
            return self.head(self.attention(x, x, x)[0].mean(1))

    torch.manual_seed(0)
    check = saliency(listed(Token(), noise(40, 6, 8)), np.arange(32), 0).check
    assert [d.name for d in check.depths] == ["head", "attention", "Token"]


def test_a_model_solved_in_closed_form_is_checked_too(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(80, 4)) @ np.random.default_rng(1).normal(size=(4, 40))
    space = ds.fit(x.astype(np.float32), modality="vector", model=ds.PCA(latent_dim=3), path=tmp_path / "pca.space")
    found = saliency(layers(space), np.arange(20), 1)
    assert [d.name for d in found.check.depths] == ["encoder"]
    assert found.check.passed


def test_a_conclusion_without_the_modules_weights_is_not_tested() -> None:
    other = smooth()
    found = saliency(listed(smooth(), noise(20, 5), call=lambda net, x: (net(x), other(x))[1]), [0], 0)
    assert found.check.passed is None
    assert "has to use the network that it is given" in found.check.verdict


# Questions that make no sense


def test_questions_that_make_no_sense(digits: Layers) -> None:
    with pytest.raises(SpaceError, match=r"rows 0 to 1,796 .* got rows 9,999"):
        saliency(digits, [9999])
    with pytest.raises(SpaceError, match="answer 0 to 9, got 10"):
        saliency(digits, [0], 10)
    with pytest.raises(SpaceError, match="latent 0 to 3, got 'prediction'"):
        saliency(layers(LinearSpace(50)), [0])
    with pytest.raises(SpaceError, match="no method 'magic'"):
        saliency(digits, [0], method="magic")
    with pytest.raises(SpaceError, match="no baseline 'black'"):
        saliency(digits, [0], baseline="black")
    with pytest.raises(SpaceError, match=r"baseline has shape \(3,\)"):
        saliency(digits, [0], baseline=np.zeros(3))
    with pytest.raises(SpaceError, match="occlusion is for rows of columns"):
        saliency(digits, [0], method="occlusion")
    with pytest.raises(SpaceError, match="gave shape"):
        saliency(digits, [0], method=lambda f, x, b: x[:, 0])
    with pytest.raises(SpaceError, match="no gradient"):
        saliency(listed(nn.Linear(4, 2), noise(9, 4), call=lambda net, x: net(x.detach())), [0], 0)


def test_a_module_that_cannot_be_copied_is_refused() -> None:
    net = smooth()
    net.lock = threading.Lock()
    with pytest.raises(SpaceError, match="copies the module"):
        saliency(listed(net, noise(20, 5)), [0], 0)


def test_numbers_of_words_have_no_gradient() -> None:
    class Words(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table, self.head = nn.Embedding(20, 4), nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.table(x).mean(1))

    words = np.random.default_rng(0).integers(0, 20, (30, 6))
    made = listed(Words(), words, prepare=torch.from_numpy)
    with pytest.raises(SpaceError, match="takes int64, which gradients do not reach; use method='occlusion'"):
        saliency(made, [0], 0)
    assert saliency(made, [0], 0, method="occlusion").values.shape == (1, 6)


def test_it_prints_and_converts(digits: Layers) -> None:
    told: list[str] = []
    found = saliency(digits, np.arange(20), tell=told.append)
    assert told[-1] == "saliency of 'Sequential': 4 of 4 layers redrawn"
    text = str(found)
    assert text.startswith("integrated gradients of the largest answer, 20 rows\ncompleteness: off by ")
    assert found.check.verdict in text
    table = found.to_arrow()
    assert table.column("layers").to_pylist() == [1, 2, 3, 4]
    assert set(table.column_names) >= {"name", "similarity", "low", "high", "beyond", "beyond_low", "beyond_high"}


def test_a_method_of_the_users_may_ask_for_all_rows_several_times_over() -> None:
    """As captum does: steps times rows in one batch."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 5), nn.Tanh(), nn.Linear(5, 3))
    listed = look(net, np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32))

    def integrated(f, x: Tensor, baseline: Tensor) -> Tensor:
        share = (torch.arange(200) + 0.5) / 200
        points = (baseline + share[:, None, None] * (x - baseline)).flatten(0, 1).requires_grad_(True)
        slopes = torch.autograd.grad(f(points).sum(), points)[0]
        return slopes.reshape(200, *x.shape).mean(0) * (x - baseline)

    own, theirs = (saliency(listed, range(9), method=method) for method in (None, integrated))
    np.testing.assert_allclose(theirs.values, own.values, atol=1e-4)
