"""Previews: principal components that turn as little as they can from one epoch to the next."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from deepspace.data.schema import Column
from deepspace.server.preview import Previews, aligned, principal


def test_principal_components_are_those_of_scikit_learn() -> None:
    z = np.random.default_rng(0).normal(size=(200, 6)) * [5, 3, 1, 1, 0.5, 0.1] + 7
    want = PCA(2).fit_transform(z)
    want /= np.sqrt((want**2).sum(1).mean())
    got = principal(z)
    np.testing.assert_allclose(np.abs(got), np.abs(want), atol=1e-8)


@pytest.mark.parametrize("dims", [1, 2])
def test_few_dimensions_still_make_a_plane(dims: int) -> None:
    points = principal(np.random.default_rng(0).normal(size=(50, dims)))
    assert points.shape == (50, 2)
    assert np.isfinite(principal(np.zeros((5, dims)))).all()


@given(st.floats(0, 6.3), st.booleans())
def test_alignment_undoes_turns_and_mirrors(angle: float, mirrored: bool) -> None:
    before = np.random.default_rng(1).normal(size=(40, 2))
    before -= before.mean(0)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    after = before @ turn
    if mirrored:
        after[:, 0] *= -1
    np.testing.assert_allclose(aligned(after, before), before, atol=1e-9)


class Line(torch.nn.Module):
    """An encoder that only turns its input; remembers in which mode it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.eye(4))
        self.modes: list[bool] = []

    def encode(self, x: torch.Tensor) -> Any:
        self.modes.append(self.training)
        return SimpleNamespace(mean=x.float() @ self.weight)


class Data(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.array)


def dataset(n: int) -> Any:
    array = np.random.default_rng(0).normal(size=(n, 4)).astype(np.float32) * np.float32([4, 2, 1, 1])
    target = Column("class", "categorical", "target", categories=("a", "b"))
    schema = SimpleNamespace(target=target, modality="vector")
    return Data(
        array=array, schema=schema, rows=pa.table({"class": ["ab"[i % 2] if i % 5 else None for i in range(n)]})
    )


def test_a_preview_holds_the_sampled_rows_and_their_labels() -> None:
    data, model = dataset(10_000), Line()
    previews = Previews(data, most=300)
    drawn = previews.draw(model)  # type: ignore[arg-type]
    assert drawn is not None
    header, points, codes = drawn
    assert header.n == len(previews.index) == 300
    np.testing.assert_allclose(
        np.frombuffer(points, "<f4").reshape(-1, 2), principal(data.array[previews.index]), atol=1e-4
    )
    want = [255 if i % 5 == 0 else int(i) % 2 for i in previews.index]
    assert list(codes) == want
    assert model.modes == [False]
    assert model.training


def test_random_numbers_and_gradients_are_left_alone() -> None:
    model = Line()
    before = torch.get_rng_state()
    Previews(dataset(50)).draw(model)  # type: ignore[arg-type]
    assert torch.equal(before, torch.get_rng_state())
    assert model.weight.grad is None


def test_previews_wait_when_they_would_hold_training_up() -> None:
    previews = Previews(dataset(50))
    previews._cost, previews._drawn_at = 10.0, time.monotonic()
    assert previews.draw(Line()) is None  # type: ignore[arg-type]
    previews._drawn_at = time.monotonic() - 1000
    assert previews.draw(Line()) is not None  # type: ignore[arg-type]


def test_the_next_preview_lies_like_the_one_before() -> None:
    previews, model = Previews(dataset(400)), Line()
    first = previews.draw(model)
    previews._cost = 0.0
    with torch.no_grad():
        model.weight.copy_(torch.diag(torch.tensor([-1.0, -1.0, 1.0, 1.0])))
    second = previews.draw(model)
    assert first is not None
    assert second is not None
    np.testing.assert_allclose(np.frombuffer(first[1], "<f4"), np.frombuffer(second[1], "<f4"), atol=1e-4)


def test_a_map_that_takes_shape_shows_the_same_rows_where_it_has_them() -> None:
    data = dataset(1000)
    previews = Previews(data, most=100)
    before = previews.index
    rows = np.delete(np.arange(1000), before[3])  # one row is not on the map's sample
    places = data.array[rows, :2] * 1e-3 + 5
    drawn = previews.lay(rows, places)
    assert drawn is not None
    header, points, codes = drawn
    kept = np.delete(before, 3)
    assert header.n == 99
    want = data.array[kept, :2] - data.array[kept, :2].mean(0)
    want /= np.sqrt((want**2).sum(1).mean())
    np.testing.assert_allclose(np.frombuffer(points, "<f4").reshape(-1, 2), want, atol=1e-3)
    assert list(codes) == [255 if i % 5 == 0 else int(i) % 2 for i in kept]
    assert previews.lay(rows, places) is None  # too soon after the last one


def test_a_map_of_other_rows_brings_its_own_labels() -> None:
    previews = Previews(dataset(1000), most=100)
    rows = np.setdiff1d(np.arange(1000), previews.index)[::3]
    drawn = previews.lay(rows, np.random.default_rng(0).normal(size=(len(rows), 2)).astype(np.float32))
    assert drawn is not None
    assert set(previews.index) <= set(rows)
    assert list(drawn[2]) == [255 if i % 5 == 0 else int(i) % 2 for i in previews.index]
