"""Any module's layers: reused, scripted, frozen, with tuples or several inputs; each works or says why not."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.layers import look, record
from deepspace.layers.network import watch

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
PICTURES = np.random.default_rng(0).integers(0, 256, (12, 3, 8, 8)).astype(np.uint8)


class Reused(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.bend = nn.Linear(6, 4), nn.Linear(4, 4), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.bend(self.second(self.bend(self.first(x))))


class Recurrent(nn.Module):
    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.memory = nn.LSTM(3, 5, batch_first=batch_first)
        self.head = nn.Linear(5, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = x.reshape(len(x), 2, 3)
        out, _ = self.memory(x if self.batch_first else x.transpose(0, 1))
        return self.head(out[:, -1] if self.batch_first else out[-1])


class TwoInputs(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(6, 2)

    def forward(self, x: Tensor, mask: Tensor) -> dict[str, Any]:
        return {"logits": self.head(x * mask), "aux": None}


def test_a_module_that_runs_again_is_counted_and_in_place_work_is_seen_before() -> None:
    net = Reused()
    found = look(net, X)
    assert found.names == ("first", "bend", "second", "bend:2")
    answers = found.activations(range(40), batch=7)
    with torch.no_grad():
        first = net.first(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(answers["first"], first, atol=1e-6)
    np.testing.assert_allclose(answers["bend"], first.clip(0), atol=1e-6)
    assert answers["second"].min() < 0 <= answers["bend:2"].min()


def test_tuples_give_their_first_tensor_and_a_layer_without_rows_first_is_left_out() -> None:
    found = look(Recurrent(True), X)
    assert [(x.name, x.shape, x.axis, x.units) for x in found] == [("memory", (2, 5), 1, 5), ("head", (2,), 0, 2)]


def test_rows_that_are_not_first_are_told_by_name() -> None:
    class Sideways(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.turn, self.head = nn.Linear(6, 3), nn.Linear(6, 1)
            self.odd = nn.Flatten(0)

        def forward(self, x: Tensor) -> Tensor:
            self.odd(self.turn(x))
            return self.head(x)

    found = look(Sideways(), X)
    assert found.names == ("turn", "head")
    assert "left out: odd, its answer to 2 rows has shape (6,)" in str(found)
    with pytest.raises(SpaceError, match=r"Layer 'odd' of 'Sideways' is not looked into: its answer to 2 rows"):
        found.activations([0], "odd")


def test_several_inputs_need_a_call_and_mappings_are_read() -> None:
    with pytest.raises(SpaceError, match=r"'TwoInputs' does not run on a batch of shape \(2, 6\): .*call=lambda"):
        look(TwoInputs(), X)
    found = look(TwoInputs(), X, call=lambda net, x: net(x, torch.ones_like(x)))
    assert found.names == ("head",)


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is deprecated")
def test_scripted_and_frozen_parts() -> None:
    inner = torch.jit.script(nn.Sequential(nn.Linear(6, 4), nn.ReLU()))
    found = look(nn.Sequential(inner, nn.Linear(4, 2)).requires_grad_(False), X)
    assert found.names == ("1",)
    assert found.left_out == {"0": "it is scripted, and no hook reaches what it runs"}
    with pytest.raises(SpaceError, match=r"no layer that can be looked into: .*: it is scripted"):
        look(inner, X)


def test_wrong_rows_wrong_nets_wrong_columns() -> None:
    net = nn.Linear(6, 2)
    for call, message in (
        (lambda: look(lambda x: x, X), "Layers are those of a torch.nn.Module or of a space, got function"),
        (lambda: look(net, []), r"Layers need rows to run, an array or tensor \(N, ...\), got list"),
        (lambda: look(net, X[:, :3]), r"'Linear' does not run on a batch of shape \(2, 3\): .*prepare= says how"),
        (
            lambda: look(net, X, columns={"y": [1, 2]}),
            r"columns\['y'\] needs one value a row, \(40,\), got shape \(2,\)",
        ),
        (lambda: look(net, X, held_out=[40]), "held_out has row 40 and there are 40 rows"),
        (lambda: look(net, X).activations([40]), "has 40 rows, and row 40 was asked for"),
        (lambda: record(look(net, X), [-1]), "has 40 rows, and rows -1 to -1 were asked for"),
        (lambda: record(look(net, X), budget=10), "GB on disk, and the budget is 1e-08 GB"),
        (
            lambda: look(nn.Identity().requires_grad_(), X, call=lambda net, x: x),
            "has no layer that can be looked into: it runs no module of its own",
        ),
    ):
        with pytest.raises(SpaceError, match=message):
            call()


def test_modes_and_hooks_are_as_before_even_after_an_error() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.Dropout(0.9), nn.Linear(4, 2)).train()
    net[0].eval()
    found = look(net, X)
    a, b = (found.activations(range(5))["2"] for _ in range(2))
    np.testing.assert_array_equal(a, b)
    with pytest.raises(SpaceError):
        found.network.run(torch.zeros(2, 3))
    assert [m.training for m in net] == [False, True, True]
    assert not any(m._forward_hooks for m in net.modules())


def test_what_another_thread_runs_meanwhile_is_not_seen() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.ReLU())
    seen: list[str] = []
    with watch(look(net, X).network, lambda name, *_: seen.append(name)) as run:
        other = threading.Thread(target=lambda: net(torch.zeros(1, 6)))
        other.start()
        other.join()
        assert seen == []
        run(torch.zeros(1, 6))
    assert seen == ["0", "1"]


def test_pictures_are_given_in_0_to_1_and_the_package_can_be_called() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 2))
    found = ds.layers(net, PICTURES, columns={"kind": ["a", "b"] * 6}, name="mine")
    with torch.no_grad():
        expected = net(torch.from_numpy(PICTURES) / 255).numpy()
    np.testing.assert_allclose(found.activations(range(12))["3"], expected, atol=1e-5)
    assert found.network.name == "mine"
    assert [c.name for c in found.network.columns(np.arange(3))] == ["kind"]


def test_untrained_keeps_each_tensors_numbers_and_leaves_the_network_alone() -> None:
    net = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 2))
    before = {k: v.clone() for k, v in net.state_dict().items()}
    twin = look(net, X).network.untrained(3)
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
        other = twin.module.state_dict()[name]
        assert torch.equal(other.flatten().sort().values, value.flatten().sort().values)
    assert not torch.equal(twin.module[0].weight, net[0].weight)
