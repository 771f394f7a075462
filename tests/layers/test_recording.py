"""What is kept on disk of every layer is what the layers answered, small, and gone afterwards."""

from __future__ import annotations

import errno
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from deepspace.errors import SpaceError
from deepspace.layers import look, record
from deepspace.layers.recording import pick_rows, summary

PICTURES = np.random.default_rng(0).integers(0, 256, (70, 1, 16, 16)).astype(np.uint8)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(2048, 5))


def test_small_layers_are_kept_as_they_are_and_large_ones_averaged() -> None:
    listed = look(net(), PICTURES)
    made = record(listed, batch=16)
    assert made.names == ("input", "0", "1", "2", "3")
    whole = listed.activations(range(70))
    np.testing.assert_allclose(made.features("3"), whole["3"], rtol=2e-3, atol=1e-4)
    np.testing.assert_allclose(made.peaks("0"), whole["0"].max((2, 3)), rtol=2e-3, atol=1e-4)
    means = whole["0"].reshape(70, 8, 8, 2, 8, 2).mean((3, 5)).reshape(70, -1)
    np.testing.assert_allclose(made.features("0"), means, rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(made.features("input"), PICTURES.reshape(70, -1) / 255, atol=1e-3)
    assert made.features("2").shape == (70, 512)  # of 2,048 numbers without positions: projected


def test_projection_keeps_distances() -> None:
    x = torch.randn(40, 4000, generator=torch.Generator().manual_seed(0))
    short, _ = summary(x, 0, 512)
    ratio = torch.cdist(short, short) / torch.cdist(x, x).clamp_min(1e-9)
    off = ratio[~torch.eye(40, dtype=torch.bool)]
    assert 0.85 < float(off.min()) < float(off.max()) < 1.15
    assert torch.equal(summary(x, 0, 512)[0], short)


def test_files_go_with_the_recording_and_when_something_raises(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = record(look(net(), PICTURES))
    assert len(list(tmp_path.iterdir())) == 1
    del made
    assert not list(tmp_path.iterdir())

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(look(net(), PICTURES), tell=stop)
    assert not list(tmp_path.iterdir())


def test_a_budget_makes_summaries_smaller_and_then_refuses() -> None:
    listed = look(net(), PICTURES)
    assert record(listed).width == 512
    assert record(listed, budget=500_000).width < 512
    with pytest.raises(SpaceError, match=r"4 layers of 'Sequential' at 70 rows need .* on disk, and the budget is"):
        record(listed, budget=1000)


def test_what_varies_by_a_thousandth_is_kept_while_there_is_room() -> None:
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.mul_(1e-4)
        layer.bias.fill_(1.0)
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    made = record(look(layer, x))
    with torch.no_grad():
        np.testing.assert_array_equal(made.features("Linear"), layer(torch.from_numpy(x)).numpy())


def test_a_layer_that_runs_for_some_rows_only_is_named() -> None:
    class Fickle(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.always, self.sometimes = nn.Linear(3, 2), nn.Tanh()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.always(x)
            return self.sometimes(x) if float(self.seen) == 0 else x

    net, x = Fickle(), np.zeros((30, 3), np.float32)
    net.register_buffer("seen", torch.zeros(()))
    listed = look(net, x)

    def count(_: str) -> None:
        net.seen += len(_)

    with pytest.raises(SpaceError, match="Layer 'sometimes' of 'Fickle' does not run for all rows alike"):
        record(listed, batch=10, tell=count)
    net.seen.zero_()
    assert record(listed, names=["always"], batch=10, tell=count).features("always").shape == (30, 2)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    whole = Path.open

    def full(self: Path, mode: str = "r", **options: object) -> object:
        if mode == "ab":
            raise OSError(errno.ENOSPC, "No space left on device")
        return whole(self, mode, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(SpaceError, match=r"cannot keep the layers of 'Sequential' in .*: No space left on device"):
        record(look(net(), PICTURES))
    assert not list(tmp_path.iterdir())


def test_names_by_function_and_progress() -> None:
    told: list[str] = []
    made = record(look(net(), PICTURES), range(50), lambda name: name in "03", batch=20, tell=told.append)
    assert made.names == ("input", "0", "3")
    assert told == [f"layers of 'Sequential': {n} of 50 rows" for n in (20, 40, 50)]
    with pytest.raises(SpaceError, match="Layer '1' was not recorded: recorded are input, 0, 3"):
        made.peaks("1")


def test_rows_that_are_taken_are_half_held_out() -> None:
    held = np.arange(0, 20_000, 4)
    rows = pick_rows(held, 20_000, 4000)
    assert len(rows) == len(np.unique(rows)) == 4000
    assert np.isin(rows, held).sum() == 2000
    assert np.array_equal(pick_rows(held, 100), np.arange(100))
    assert np.isin(pick_rows(held[:30], 20_000, 4000), held[:30]).sum() == 30
