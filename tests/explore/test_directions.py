"""Directions where the true one is known: planted groups, planted confounders, and groups that are mere chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kstest

from deepspace.data.schema import Column
from deepspace.errors import SpaceError
from deepspace.explore import arithmetic, direction
from deepspace.explore.certainty import bootstrap, held_out
from deepspace.explore.separation import NORMALS
from deepspace.space.files import Sink
from deepspace.space.rows import Rows, write_rows
from tests.linear import LinearSpace, PlainSchema

DIMENSIONS = 5


class PlantedSpace(LinearSpace):
    """A linear decoder over latents of our choice, with columns of our choice."""

    def __init__(self, z: np.ndarray, columns: dict[str, Any], folder: Path | None = None) -> None:
        super().__init__(len(z), widths=(1.0, 2.0, 3.0, 1.0, 1.0)[: z.shape[1]], features=7)
        self.latents.mean, self.latents.scale = z.astype(np.float32), np.full(z.shape, 0.1, np.float32)
        self.table = pa.table(columns)
        kinds = {name: "numeric" if np.asarray(v).dtype.kind == "f" else "categorical" for name, v in columns.items()}
        described = tuple(Column(name, kind, "metadata") for name, kind in kinds.items())
        self.schema = PlainSchema((7,), described)
        self.rows.names = tuple(columns)
        if folder is not None:
            with Sink(folder / "rows.parquet") as sink:
                write_rows(sink, self.table)
            self.rows = Rows(folder / "rows.parquet", list(columns), len(z), {})


def planted(n: int = 600, shift: float = 2.0, seed: int = 0) -> tuple[PlantedSpace, np.ndarray]:
    """Group "a" lies ``shift`` further along a known unit vector than "b"; "age" is noise."""
    rng = np.random.default_rng(seed)
    true = rng.normal(size=DIMENSIONS)
    true /= np.linalg.norm(true)
    member = rng.random(n) < 0.4
    z = rng.normal(size=(n, DIMENSIONS)) + shift * member[:, None] * true
    columns = {"group": np.where(member, "a", "b"), "age": rng.normal(size=n)}
    return PlantedSpace(z, columns), true


def degrees(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.degrees(np.arccos(np.clip(a @ b / np.linalg.norm(a) / np.linalg.norm(b), -1, 1))))


@pytest.mark.parametrize("method", ["means", "logistic"])
def test_a_planted_direction_is_found_within_its_interval(method: str) -> None:
    space, true = planted()
    found = direction(space, {"group": "a"}, method=method)
    assert np.linalg.norm(found.vector) == pytest.approx(1)
    assert degrees(found.vector, true) <= found.angle < 20
    # Two unit normals two apart: one of a row of each lies further along with probability Phi(2 / sqrt 2).
    assert found.auc_interval[0] <= 0.921 <= found.auc_interval[1]
    assert found.p == 1 / 200
    assert found.step_interval[0] <= 2.0 <= found.step_interval[1]
    assert found.warnings == ()
    assert (found.low <= found.vector).all()
    assert (found.vector <= found.high).all()


@pytest.mark.parametrize("shift", [0.3, 3.0])
def test_the_angle_holds_as_often_as_it_says(shift: float) -> None:
    """95 % nominal, 160 repeats: at least 90 % (three standard errors below), also where noise is large."""
    rng = np.random.default_rng(1)
    true = np.eye(DIMENSIONS)[0]
    inside = []
    for _ in range(160):
        a, b = rng.normal(size=(40, DIMENSIONS)) + shift * true, rng.normal(size=(40, DIMENSIONS))
        found = NORMALS["means"](a, b)
        inside.append(degrees(found, true) <= bootstrap(a, b, found, "means", rng).angle)
    assert np.mean(inside) >= 0.9


def test_few_rows_are_said_to_be_few_for_a_logistic_normal() -> None:
    space, _ = planted(120)
    assert "few for a logistic normal in 5 dimensions" in " ".join(
        direction(space, {"group": "a"}, method="logistic").warnings
    )
    assert direction(space, {"group": "a"}).warnings == ()


def test_more_rows_narrow_the_angle() -> None:
    angles = [direction(planted(n)[0], {"group": "a"}).angle for n in (60, 600, 6000)]
    assert angles[0] > 2 * angles[1] > 4 * angles[2]


def test_random_groups_are_at_chance() -> None:
    """p is uniform and the AUC one half on average when the groups mean nothing."""
    space, _ = planted(300)
    rng = np.random.default_rng(2)
    ps, aucs = [], []
    for _ in range(60):
        rows = rng.permutation(300)[:70]
        tested = held_out(space, (rows[:30], rows[30:]), "means", rng)
        ps.append(tested.p)
        aucs.append(tested.auc)
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.04)
    assert kstest(ps, "uniform").pvalue > 0.01


def test_random_groups_are_said_to_be_random() -> None:
    space, _ = planted(400)
    found = direction(space, np.arange(0, 100), np.arange(100, 200), seed=3)
    assert found.p > 0.05
    assert any("no better than random groups" in w for w in found.warnings)
    assert any("do not determine a direction" in w or "degrees only" in w for w in found.warnings)


def test_no_row_is_scored_that_made_the_direction() -> None:
    """Far more dimensions than rows: any two groups part perfectly along the direction that they make themselves."""
    rng = np.random.default_rng(0)
    space = PlantedSpace(rng.normal(size=(40, DIMENSIONS)), {"x": np.repeat("a", 40)})
    wide = rng.normal(size=(40, 200)).astype(np.float32)
    space.latents.mean = wide
    tested = held_out(space, (np.arange(20), np.arange(20, 40)), "means", rng)
    found = NORMALS["means"](wide[:20], wide[20:])
    assert (wide[:20] @ found).min() > (wide[20:] @ found).max()
    assert tested.auc < 0.8


def confounded(of_site: bool) -> PlantedSpace:
    """Latents move with the site (or with the group itself); the site goes with the group in 85 % of the rows."""
    rng = np.random.default_rng(4)
    member = rng.random(1500) < 0.5
    site = np.where(rng.random(1500) < 0.85, member, ~member)
    z = rng.normal(size=(1500, DIMENSIONS))
    z[:, 1] += 3 * (site if of_site else member)
    columns = {
        "group": np.where(member, "a", "b"),
        "site": np.where(site, "north", "south"),
        "noise": rng.normal(size=1500),
    }
    return PlantedSpace(z, columns)


def test_a_planted_confounder_is_named() -> None:
    found = direction(confounded(of_site=True), {"group": "a"})
    assert len(found.warnings) == 1
    assert "alike in 'site'" in found.warnings[0]
    site = found.effects["site"]
    assert site.moves
    assert (site.toward, site.away) == ("north", "south")
    assert site.within == pytest.approx(0.5, abs=0.06)
    assert not found.effects["noise"].moves
    assert found.effects["group"].defines
    assert not site.defines


def test_a_column_that_only_goes_along_is_no_confounder() -> None:
    found = direction(confounded(of_site=False), {"group": "a"})
    assert found.effects["site"].moves
    assert found.effects["site"].within == pytest.approx(found.auc, abs=0.05)
    assert found.warnings == ()


def test_groups_that_share_no_value_of_a_column_cannot_be_told_from_it() -> None:
    space, _ = planted()
    member = np.asarray(space.table.column("group").to_pylist()) == "a"
    assert "hardly share a value of 'group'" in direction(space, member).warnings[0]


def test_what_the_decode_changes_is_that_of_a_linear_decoder() -> None:
    space, _ = planted()
    found = direction(space, {"group": "a"})
    np.testing.assert_allclose(found.change, space.weights @ found.vector * found.step, atol=1e-5)


def test_the_groups_lie_at_nought_and_one() -> None:
    space, _ = planted()
    found = direction(space, {"group": "a"})
    scores = found.project()
    assert scores.shape == (len(space),)
    assert scores[found.positive.rows].mean() == pytest.approx(1, abs=1e-5)
    assert scores[found.negative.rows].mean() == pytest.approx(0, abs=1e-5)
    np.testing.assert_allclose(found.project(z=space.latents.mean[:3]), scores[:3], atol=1e-6)
    np.testing.assert_allclose(found.project(space.samples[:3]), found.project(z=space.encode(space.samples[:3])))
    with pytest.raises(SpaceError, match="both x and z"):
        found.project(space.samples[:3], z=space.latents.mean[:3])


def test_a_row_moves_along_it_and_nowhere_else() -> None:
    space, _ = planted()
    found = direction(space, {"group": "a"})
    moved = found.apply(7, [0, 1, -2])
    np.testing.assert_allclose(moved.z[0], space.latents.mean[7], atol=1e-6)
    np.testing.assert_allclose(moved.z[1] - moved.z[0], found.step * found.vector, atol=1e-5)
    np.testing.assert_allclose(moved.content, space.decode(moved.z))
    np.testing.assert_allclose(found.project(z=moved.z) - found.project()[7], [0, 1, -2], atol=1e-4)
    walk = found.traverse(steps=5, span=2)
    np.testing.assert_allclose(walk.amounts, [-2, -1, 0, 1, 2])
    np.testing.assert_allclose(walk.z[2], space.latents.mean.mean(0), atol=1e-5)
    with pytest.raises(SpaceError, match="one finite amount or a list"):
        found.apply(7, np.nan)


def test_large_groups_are_drawn_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("deepspace.explore.directions", fromlist=["x"]).MOST_ROWS, "means", 100)
    space, true = planted(2000)
    found = direction(space, {"group": "a"})
    assert len(found.positive) == 100
    assert found.positive.total > 700
    assert "100 drawn of" in str(found)
    assert degrees(found.vector, true) < found.angle
    assert found.held_out == (50, 50)


def test_however_a_group_is_named_it_is_the_same(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    columns = {"name": np.array(["x", "y"])[rng.integers(0, 2, 80)], "height": rng.normal(size=80).round(2)}
    space = PlantedSpace(rng.normal(size=(80, DIMENSIONS)), columns, tmp_path)
    mask = (columns["name"] == "x") & (columns["height"] > 0)
    ways = [mask, np.flatnonzero(mask), list(np.flatnonzero(mask)[::-1]), "name = 'x' and height > 0"]
    found = [direction(space, way) for way in ways]
    for other in found[1:]:
        np.testing.assert_array_equal(other.vector, found[0].vector)
        assert other.auc == found[0].auc
    both = direction(space, {"name": "x"}, {"name": ["y", "z"]})
    np.testing.assert_array_equal(both.positive.rows, np.flatnonzero(columns["name"] == "x"))
    np.testing.assert_array_equal(both.negative.rows, np.flatnonzero(columns["name"] == "y"))


def test_values_are_found_by_type_by_text_and_where_they_are_missing() -> None:
    z = np.random.default_rng(0).normal(size=(6, DIMENSIONS))
    columns = {
        "digit": pa.array([1, 2, 1, 2, None, 3]),
        "wide": pa.array([True, False, None, True, False, True]),
        "kind": pa.array(["a", "b", None, "a", "b", "a"]).dictionary_encode(),
    }
    space = PlantedSpace(z, {"digit": np.arange(6)})
    space.table, space.rows.names = pa.table(columns), tuple(columns)
    space.schema = PlainSchema((7,))
    for condition, rows in [
        ({"digit": 1}, [0, 2]), ({"digit": "1"}, [0, 2]), ({"digit": [1, None]}, [0, 2, 4]),
        ({"wide": True}, [0, 3, 5]), ({"wide": "true"}, [0, 3, 5]),
        ({"kind": "a", "digit": 1}, [0]), ({"kind": None}, [2]),
    ]:  # fmt: skip
        assert direction(space, condition).positive.rows.tolist() == rows, condition


def test_small_groups_are_told() -> None:
    space, _ = planted()
    found = direction(space, [0], [1, 2])
    assert found.auc is None
    assert found.angle == 180
    assert found.warnings[0].startswith("A has only 1 row:")
    assert found.warnings[1].startswith("B has only 2 rows:")
    assert "not determined" in str(found)


@pytest.mark.parametrize(
    ("groups", "message"),
    [
        (([], None), "the positive group in 'linear': it has no rows"),
        (([0], []), "the negative group in 'linear': it has no rows"),
        (([0, 1, 2], [2, 3]), "1 rows are in both groups, the first of them row 2"),
        ((np.ones(600, bool), None), "holds all 600 rows"),
        (([600], None), "has no row 600: it has 600 rows"),
        (([-1], None), "has no row -1"),
        ((np.ones(5, bool), None), r"a mask of shape \(5,\)"),
        (([0.5], None), "float64 of shape"),
        (({"colour": "red"}, None), "has no column 'colour'; its columns are: group, age"),
        (({"group": "c"}, None), "no row has group = c"),
        (({}, None), "by no column"),
        (([0, 1], [2, 3], "scenic"), "use 'means' or 'logistic'"),
    ],
)
def test_groups_that_cannot_be_used(groups: tuple[Any, ...], message: str) -> None:
    space, _ = planted()
    a, b, method = (*groups, "means")[:3]
    with pytest.raises(SpaceError, match=message):
        direction(space, a, b, method=method)


def test_groups_without_a_difference() -> None:
    space, _ = planted()
    space.latents.mean[:4] = 1.0
    with pytest.raises(SpaceError, match="the same average"):
        direction(space, [0, 1], [2, 3])


def test_it_prints_and_converts() -> None:
    space, _ = planted()
    found = direction(space, {"group": "a"})
    lines = str(found).splitlines()
    assert lines[0].startswith("direction from the rest (n = ")
    assert "to group = a (n = " in lines[0]
    assert lines[1].startswith("held-out AUC 0.9")
    assert found.to_arrow().column_names == ["dimension", "component", "low", "high"]
    np.testing.assert_allclose(found.to_arrow().column("component").to_numpy(), found.vector)
    assert found.effects.to_arrow().column("name").to_pylist() == ["group", "age"]
    assert found.traverse(0).to_arrow().column_names == ["amount", "log_density", "density_percentile", "content"]
    assert "generated" in str(found.traverse(0))


def test_the_same_seed_gives_the_same_answer() -> None:
    space, _ = planted()
    one, other = direction(space, {"group": "a"}, seed=5), direction(space, {"group": "a"}, seed=5)
    assert str(one) == str(other)
    np.testing.assert_array_equal(one.null, other.null)


def test_a_minus_b_plus_c_is_the_fourth_corner() -> None:
    """On a square, the corner opposite b; the three that were summed are not offered as its neighbours."""
    z = np.zeros((40, DIMENSIONS))
    z[:, 0] = np.linspace(5, 9, 40)
    z[:4, :2] = [[0, 1], [0, 0], [1, 0], [1, 1.1]]
    space = PlantedSpace(z, {"x": np.repeat("a", 40)})
    found = arithmetic(space, plus=[0, 2], minus=[1], k=3)
    np.testing.assert_allclose(found.z, [1, 1, 0, 0, 0], atol=1e-6)
    assert found.index[0] == 3
    assert not set(found.index) & {0, 1, 2}
    assert len(found.index) == 3
    assert found.distance[0] == pytest.approx(0.1, abs=1e-5)
    np.testing.assert_allclose(np.asarray(found.content)[0], space.weights @ found.z + space.mean, atol=1e-5)
    assert str(found).startswith("row 0 - row 1 + row 2 (generated)")
    assert found.warnings == ()


def test_sums_that_are_no_place_among_the_others() -> None:
    space, _ = planted()
    assert "one place more in plus" not in str(arithmetic(space, [0]))
    assert "plus needs one place more than minus" in arithmetic(space, [0, 1]).warnings[0]
    assert "nothing like this" in arithmetic(space, [np.full(DIMENSIONS, 9.0)]).warnings[0]
    with pytest.raises(SpaceError, match="plus names none"):
        arithmetic(space, [], [1])
    with pytest.raises(SpaceError, match="no row 600"):
        arithmetic(space, [600])
