"""Axes: rows where they belong and places that decode, by closed forms, scikit-learn and the rows' reconstructions."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from deepspace.data.schema import Column
from deepspace.errors import SpaceError
from deepspace.explore import Axes, axes
from tests.linear import LinearSpace, PlainSchema
from tests.spaces import MODALITIES

KINDS = ("pca", (0, 1), (2, 0), ("height", "weight, kg"))


class OwnSpace(LinearSpace):
    """The linear space with columns of the user's own; ``gappy`` misses a third, ``spread`` is wide."""

    def __init__(self, n: int = 400) -> None:
        super().__init__(n)
        rng = np.random.default_rng(3)
        height, weight = rng.normal(170, 10, n), rng.normal(70, 12, n)
        day = [dt.date(2020, 1, 1) + dt.timedelta(days=int(d)) for d in rng.integers(0, 900, n)]
        gappy = [None if i % 3 == 0 else float(h) for i, h in enumerate(height)]
        cells = {
            "height": height, "weight, kg": weight, "spread": height * 1e3, "age": rng.integers(20, 80, n),
            "day": day, "gappy": gappy, "empty": pa.nulls(n, pa.float64()),
        }  # fmt: skip
        kinds = dict.fromkeys(cells, "numeric") | {"age": "integer", "day": "date"}
        self.table = pa.table({"side": self.table.column("side"), **cells})
        own = tuple(Column(name, kind, "metadata") for name, kind in kinds.items())  # type: ignore[arg-type]
        self.schema = PlainSchema(self.schema.shape, (*self.schema.columns, *own))
        self.rows.names = tuple(self.table.column_names)


@pytest.fixture(scope="module")
def space() -> Any:
    return OwnSpace()


def test_components_are_scikit_learns(space: Any) -> None:
    found, theirs = axes(space, "pca"), PCA(2).fit(space.latents.mean)
    signs = np.sign((found.basis * theirs.components_).sum(1))
    np.testing.assert_allclose(found.basis * signs[:, None], theirs.components_, atol=1e-5)
    np.testing.assert_allclose(found.positions * signs, theirs.transform(space.latents.mean), atol=1e-4)
    np.testing.assert_allclose(found.explained, theirs.explained_variance_ratio_, rtol=1e-4)
    # An axis has no sign of its own: the largest entry is positive, so that two runs agree.
    assert (found.basis[[0, 1], np.abs(found.basis).argmax(1)] > 0).all()


def test_latent_axes_are_the_latents_themselves(space: Any) -> None:
    found = axes(space, (2, 0))
    np.testing.assert_array_equal(found.positions, space.latents.mean[:, [2, 0]])
    variance = space.latents.mean.astype(np.float64).var(0)
    np.testing.assert_allclose(found.explained, variance[[2, 0]] / variance.sum(), rtol=1e-5)
    assert found.labels == ("dimension 2", "dimension 0")
    assert found.name == "latent:2,0"


def test_own_columns_read_back_in_their_own_units(space: Any) -> None:
    found = axes(space, ("height", "day"))
    table = found.to_arrow()
    np.testing.assert_allclose(table.column("height"), space.table.column("height"), rtol=1e-6)
    days = [(day - dt.date(1970, 1, 1)).days for day in space.table.column("day").to_pylist()]
    np.testing.assert_allclose(table.column("day"), days, atol=1e-3)
    assert found.kinds == ("numeric", "date")
    assert not found.exact
    assert found.explained is None


def test_alike_columns_keep_their_shape_and_unlike_ones_are_stretched(space: Any) -> None:
    alike = axes(space, ("height", "weight, kg"))
    assert alike.unit[0] == alike.unit[1]
    wide = axes(space, ("height", "spread"))
    np.testing.assert_allclose(np.ptp(wide.positions, axis=0), 10, rtol=1e-5)


@pytest.mark.parametrize("which", KINDS)
def test_a_rows_own_place_decodes_to_its_reconstruction(space: Any, which: Any) -> None:
    found = axes(space, which)
    np.testing.assert_array_equal(found.inverse_transform(found.positions), space.latents.mean)


@pytest.mark.parametrize("modality", MODALITIES)
def test_on_real_spaces_too(small: Callable[[str], Any], modality: str) -> None:
    """Also where rows share a place: they share the mean of their latents."""
    space = small(modality)
    own = [c.name for c in space.schema.columns if c.kind in ("numeric", "integer") and c.role != "constant"][:2]
    for which in ("map", "pca", (0, 1), *([tuple(own)] if len(own) == 2 else [])):
        found = space.axes(which)
        rows = found.placed
        back = found.inverse_transform(found.positions[rows])
        groups = np.unique(found.positions[rows], axis=0, return_inverse=True)[1].ravel()
        mean = np.stack([np.bincount(groups, z) / np.bincount(groups) for z in space.latents.mean[rows].T], 1)
        np.testing.assert_allclose(back, mean[groups], atol=1e-5)
        alone = np.bincount(groups)[groups] == 1
        assert np.array_equal(space.decode_encoded(back[alone]), space.decode_encoded(space.latents.mean[rows[alone]]))
        assert found.has_data(found.positions[rows]).all()
        placed = found.transform(space.latents.mean[rows[alone]])
        np.testing.assert_allclose(placed, found.positions[rows[alone]], atol=1e-4)


@pytest.mark.parametrize("which", ["pca", (1, 3)])
@given(places=st.lists(st.tuples(st.floats(-6, 6, width=32), st.floats(-6, 6, width=32)), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_a_place_of_the_latents_is_kept(space: Any, which: Any, places: list[tuple[float, float]]) -> None:
    """Wherever one looks, what is decoded lies at that very place of the axes; far off, the rest is at the mean."""
    found = axes(space, which)
    np.testing.assert_allclose(found.transform(found.inverse_transform(places)), places, atol=1e-4)


def test_nothing_jumps_between_rows(space: Any) -> None:
    found = axes(space, (0, 1))
    way = np.linspace(found.positions[5], found.positions[9], 4001)
    steps = np.linalg.norm(np.diff(found.inverse_transform(way), axis=0), axis=1)
    straight = np.linalg.norm(way[1] - way[0])
    assert steps.max() < 60 * straight


def test_far_from_every_row_the_rest_is_the_mean_and_there_is_no_data(space: Any) -> None:
    z = axes(space, (0, 1)).inverse_transform([[1e4, -1e4]])
    np.testing.assert_allclose(z[0, :2], [1e4, -1e4])
    assert np.abs(z[0, 2:] - space.latents.mean[:, 2:].mean(0)).max() < 1
    for which in KINDS:
        found = axes(space, which)
        assert not found.has_data([[1e4, -1e4]])[0]
        assert found.has_data(found.positions[::17]).all()


def test_rows_without_a_value_have_no_place(space: Any) -> None:
    found = axes(space, ("gappy", "age"))
    missing = np.arange(len(space)) % 3 == 0
    np.testing.assert_array_equal(np.isnan(found.positions).all(1), missing)
    np.testing.assert_array_equal(found.placed, np.flatnonzero(~missing))
    np.testing.assert_allclose(found.inverse_transform(found.positions[[1, 2]]), space.latents.mean[[1, 2]], atol=1e-6)
    # A row without a place lies where the nearest row that has one does.
    distance = np.linalg.norm(space.latents.mean[~missing] - space.latents.mean[3], axis=1)
    np.testing.assert_array_equal(
        found.transform(space.latents.mean[3])[0], found.positions[~missing][distance.argmin()]
    )
    assert f"{(~missing).sum()} of {len(space)} rows" in str(found)


def test_rows_inside_a_box_and_a_triangle(space: Any) -> None:
    found = axes(space, ("gappy", "age"))
    x, y = found.positions.T
    box = found.inside([-2, -3, 2, -3, 2, 3, -2, 3])
    np.testing.assert_array_equal(box, np.flatnonzero((abs(x) < 2) & (abs(y) < 3)))
    triangle = found.inside([[-9, -9], [9, -9], [-9, 9]])
    np.testing.assert_array_equal(triangle, np.flatnonzero((x > -9) & (y > -9) & (x + y < 0)))


def test_trust_is_that_of_the_axes_shown(space: Any) -> None:
    """Two latents that carry nearly all the variance keep the neighbours, two that carry little do not."""
    good, bad = axes(space, (0, 1)).trust, axes(space, (2, 3)).trust
    assert good["trustworthiness"] > bad["trustworthiness"] + 0.1
    assert good["n"] == len(space)


@pytest.mark.parametrize(
    ("which", "same"),
    [
        ("latent:0,3", (0, 3)),
        ("columns:height,age", ("height", "age")),
        ("columns:weight, kg,age", ("weight, kg", "age")),
    ],
)
def test_what_the_address_says_is_what_python_says(space: Any, which: str, same: Any) -> None:
    named, paired = axes(space, which), axes(space, same)
    assert named.name == paired.name == which
    np.testing.assert_array_equal(named.positions, paired.positions)
    np.testing.assert_array_equal(axes(space, named.name).positions, named.positions)


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("umap", "has no axes 'umap': use 'map', 'pca'"),
        ((1, 2, 3), r"has no axes \(1, 2, 3\)"),
        ((0, 4), "no latent dimension 4: it has 4, counted from 0"),
        ((0, -1), "no latent dimension -1"),
        ((2, 2), "must differ, got latent dimension 2 twice"),
        ("latent:0", "has no axes 'latent:0'"),
        (("height", "side"), "'side' holds categorical; columns of numbers are: 'height'"),
        (("height", "width"), "there is no column 'width'"),
        (("height", "height"), "got the column 'height' twice"),
        (("height", "empty"), "no two rows with both 'height' and 'empty'"),
        ("columns:height", "there is no column ''"),
    ],
)
def test_axes_that_are_not_there(space: Any, which: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        axes(space, which)


def test_a_space_of_one_dimension_has_its_map_only() -> None:
    narrow = LinearSpace(50, widths=(1.0,))
    with pytest.raises(SpaceError, match="one latent dimension"):
        axes(narrow, "pca")


def test_wrong_places_are_refused(space: Any) -> None:
    found = axes(space, "pca")
    with pytest.raises(SpaceError, match=r"pass \(n, 2\) finite coordinates, got shape \(1, 3\)"):
        found.inverse_transform([[1, 2, 3]])
    with pytest.raises(SpaceError, match="finite coordinates"):
        found.inverse_transform([[np.nan, 0]])


def test_they_print_and_convert(space: Any) -> None:
    found = axes(space, "pca")
    assert isinstance(found, Axes)
    assert "% of the latents' variance (n = 400)" in str(found)
    assert "trustworthiness" in str(found)
    assert found.to_arrow().column_names == ["component 1", "component 2"]
    assert "blends the latents of the near ones" in str(axes(space, ("height", "age")))
    assert len(found.to_pandas()) == len(space)
