"""Counts on the wire: records of the genes that tell rows apart, real ones as counted, rebuilt ones at their depth."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepspace as ds
from deepspace.server.items import Items
from tests.spaces import fit


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return fit("counts", tmp_path_factory.mktemp("counts"))


def test_a_row_is_shown_as_it_was_counted(space: ds.Space) -> None:
    items = Items(space)
    item = items.item(7)
    assert item.real.kind == item.reconstruction.kind == "table"
    genes = list(space.schema.names)
    assert len(item.real.fields) == 24
    for field in item.real.fields:
        assert field.value == str(int(space.samples[7, genes.index(field.name)]))
        assert field.share is not None
        assert 0 <= field.share <= 1
    assert {"label"} == {f.name for f in item.fields}


def test_its_reconstruction_has_its_own_depth(space: ds.Space) -> None:
    items = Items(space)
    for row in (0, 11):
        rebuilt = items._rebuilt(row)
        assert rebuilt.sum() == pytest.approx(space.samples[row].sum(), rel=1e-4)


def test_the_shown_genes_are_those_that_vary_most(space: ds.Space) -> None:
    x = space.schema.normalise(np.asarray(space.samples))
    best = [space.schema.names[i] for i in np.argsort(-x.var(0))[:24]]
    assert Items(space).features == best


def test_bars_grow_with_counts(space: ds.Space) -> None:
    items = Items(space)
    many, few = np.full((1, 40), 30, np.float32), np.full((1, 40), 1, np.float32)
    high, low = (items.inline(x, [0])[0].fields for x in (many, few))
    assert all(a.share >= b.share for a, b in zip(high, low, strict=True))


def test_a_space_of_counts_opens_again(space: ds.Space, tmp_path: Path) -> None:
    saved = space.save(tmp_path / "copy.space")
    np.testing.assert_array_equal(saved.decode(saved.latents.mean[:2]), space.decode(space.latents.mean[:2]))
    assert saved.sample(4).dtype == np.int64
