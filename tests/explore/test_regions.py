"""Regions against planted clusters and columns, and against scipy's exact tests."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import false_discovery_control, fisher_exact, mannwhitneyu
from sklearn.metrics import adjusted_rand_score

from deepspace.errors import SpaceError
from deepspace.explore import Regions, regions
from deepspace.explore.discovery import adjusted
from deepspace.explore.traits import traits_of
from tests.explore.planted import Planted, blobs
from tests.spaces import MODALITIES, fit

NAMES = np.array(["oak", "ash", "elm", "fir"])


def planted(n: int = 1200, seed: int = 0, shuffled: int = 0) -> tuple[Planted, np.ndarray]:
    """Four clusters; "tree" says which (but for 5 %), "height" is greater in the last; ``shuffled`` say nothing."""
    places, cluster = blobs(n, seed=seed)
    rng = np.random.default_rng(seed + 1)
    tree = np.where(rng.random(n) < 0.05, rng.choice(4, n), cluster)
    columns = {
        "tree": ("categorical", "target", NAMES[tree].tolist()),
        "height": ("numeric", "feature", (rng.normal(size=n) + 3.0 * (cluster == 3)).tolist()),
    }
    for i in range(shuffled):
        columns[f"noise {i}"] = ("numeric", "metadata", rng.permutation(columns["height"][2]).tolist())
        columns[f"name {i}"] = ("categorical", "metadata", rng.permutation(columns["tree"][2]).tolist())
    return Planted(places, columns), cluster


@pytest.mark.parametrize("seed", range(4))
def test_planted_clusters_are_found_whatever_their_size(seed: int) -> None:
    space, cluster = planted(800 * (seed + 1), seed)
    found = regions(space)
    assert len(found) == 4
    inside = found.of >= 0
    assert inside.mean() > 0.9
    assert adjusted_rand_score(cluster[inside], found.of[inside]) > 0.99
    assert [r.n for r in found] == sorted((r.n for r in found), reverse=True)
    for region in found:
        assert np.array_equal(np.flatnonzero(found.of == region.index), region.rows)
        assert np.linalg.norm(np.subtract(region.at, space.map.positions[region.rows].mean(0))) < 1.2


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [100, 1000, 20_000])
def test_the_bumps_of_chance_are_no_regions(n: int, seed: int) -> None:
    assert len(regions(Planted(np.random.default_rng(seed).normal(size=(n, 2))))) == 1


def test_two_that_touch_are_two_where_the_valley_is_deep() -> None:
    rng = np.random.default_rng(0)
    side = np.where(rng.random(4000) < 0.5, -1.0, 1.0)
    for apart, expected in ((0.5, 1), (2.0, 2)):
        places = rng.normal(size=(4000, 2)) + np.stack([apart * side, 0 * side], 1)
        assert len(regions(Planted(places))) == expected


def test_each_region_is_named_by_its_planted_column() -> None:
    found = regions(planted()[0])
    assert [r.traits[0].value for r in found] == ["oak", "ash", "elm", "fir"]
    assert found[0].label.startswith("mostly oak (")
    heights = [[t for t in r.traits if t.column == "height"] for r in found]
    assert [len(h) for h in heights[:3]] == [0, 0, 0] or all(h[0].delta < 0 for h in heights[:3] if h)
    (tall,) = heights[3]
    assert tall.delta > 0.9
    assert tall.shift is not None
    assert tall.shift > 1.5
    assert tall.phrase.startswith("high height (mean 3.")


def test_shuffled_columns_are_named_in_at_most_a_twentieth_of_regions() -> None:
    named, asked = 0, 0
    for seed in range(20):
        for region in regions(planted(400, seed, shuffled=3)[0]):
            asked += 1
            named += any(t.column.startswith(("noise", "name")) for t in region.traits)
    assert asked >= 70
    assert named <= 0.05 * asked


@pytest.mark.parametrize("share", [0.25, 0.9])
def test_each_figure_of_a_planted_trait(share: float) -> None:
    """A category and a number with ties, against scipy and against counting pairs."""
    rng = np.random.default_rng(1)
    group = np.repeat([0, -1], [200, 600])
    yes = np.where(group == 0, rng.random(800) < share + 0.1, rng.random(800) < 0.05)
    count = rng.poisson(np.where(group == 0, 3 + 6 * share, 3))
    space = Planted(
        np.zeros((800, 2)),
        {"owns": ("boolean", "feature", yes.tolist()), "count": ("integer", "feature", count.tolist())},
    )
    ((*found,),), _ = traits_of(space, group, 1)
    by = {t.column: t for t in found}
    inside = group == 0
    table = [[(yes & inside).sum(), (~yes & inside).sum()], [(yes & ~inside).sum(), (~yes & ~inside).sum()]]
    assert by["owns"].p == pytest.approx(fisher_exact(table, alternative="greater").pvalue, rel=1e-6)
    assert by["owns"].value == "true"
    assert by["owns"].lift == pytest.approx(yes[inside].mean() / yes[~inside].mean())
    assert by["count"].p == pytest.approx(
        mannwhitneyu(count[inside], count[~inside], method="asymptotic").pvalue, rel=1e-6
    )
    pairs = np.sign(count[inside][:, None] - count[~inside][None])
    assert by["count"].delta == pytest.approx(pairs.mean())
    assert by["count"].shift == pytest.approx((count[inside].mean() - count[~inside].mean()) / count.std())


def test_q_is_scipys_and_leaves_out_what_was_not_asked() -> None:
    p = np.random.default_rng(0).random((6, 5)) ** 3
    np.testing.assert_allclose(adjusted(p).ravel(), false_discovery_control(p.ravel()))
    holed = np.append(p.ravel(), np.nan)
    np.testing.assert_allclose(adjusted(holed)[:-1], adjusted(p.ravel()))
    assert np.isnan(adjusted(holed)[-1])


def test_missing_values_and_dates() -> None:
    places, cluster = blobs(600)
    days = [None if i % 10 == 0 else dt.date(2020, 1, 1) + dt.timedelta(days=int(900 * (c == 1)) + i % 300)
            for i, c in enumerate(cluster)]  # fmt: skip
    found = regions(Planted(places, {"seen": ("date", "metadata", days)}))
    trait = found[1].traits[0]
    assert trait.phrase.startswith("late seen (mean 2022-")
    assert trait.n == sum(days[i] is not None for i in found[1].rows)
    assert found[0].traits[0].phrase.startswith(("early seen", "earlier seen"))


def test_what_may_not_be_named_is_not() -> None:
    places, cluster = blobs(600)
    columns = {
        "key": ("text", "identifier", NAMES[cluster].tolist()),
        "left out": ("categorical", "excluded", NAMES[cluster].tolist()),
        "same": ("numeric", "feature", [1.0] * 600),
    }
    found = regions(Planted(places, columns))
    assert [r.traits for r in found] == [()] * 4
    assert f"like row {found[0].exemplar}" in str(found)


def test_the_exemplar_is_the_medoid() -> None:
    space, _ = planted(500)
    for region in regions(space):
        z = space.latents.mean[region.rows].astype(float)
        squared = ((z[:, None] - z[None]) ** 2).sum(2).sum(1)
        assert region.exemplar == region.rows[squared.argmin()]


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_a_handful_of_rows(n: int) -> None:
    found = regions(Planted(np.random.default_rng(n).normal(size=(n, 2)), {"a": ("numeric", "feature", range(n))}))
    assert len(found) == (n >= 10)
    assert len(found.of) == n


def test_many_rows_are_named_from_a_sample_that_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deepspace.explore.traits._ROWS", 1500)
    found = regions(planted(6000)[0])
    assert found.tested == 1500
    assert "named from 1,500 of them" in str(found)
    assert [r.traits[0].value for r in found] == ["oak", "ash", "elm", "fir"]
    assert sum(r.traits[0].n for r in found) <= 1500


def test_an_impossible_rate_is_refused() -> None:
    with pytest.raises(SpaceError, match=r"cannot name the regions of 'planted': fdr lies between 0 and 1, got 5"):
        regions(planted()[0], fdr=5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_real_spaces(modality: str, tmp_path: Path) -> None:
    space = fit(modality, tmp_path)
    found = space.regions()
    assert isinstance(found, Regions)
    assert len(found) >= 1
    table = found.to_arrow()
    assert table.column_names == ["index", "n", "share", "x", "y", "label", "exemplar"]
    assert sum(table.column("n").to_pylist()) + int((found.of < 0).sum()) == len(space)
    named = [r.label for r in found if r.traits]
    if modality != "counts":  # whether regions of 300 cells follow their type hangs on the last bits of a training
        assert bool(named) == (modality != "vector")  # that one has no columns here
