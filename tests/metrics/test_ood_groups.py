"""p-values where rows come in groups: by hand at both ends, near the promised rate between them, on a real space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.metrics.ood import combined_p, ood, ood_rows
from deepspace.metrics.ood_groups import Clumps, spread_groups


def test_rows_by_themselves_are_counted_as_before() -> None:
    rng = np.random.default_rng(0)
    own, items = rng.normal(size=(3, 60)), rng.normal(size=(3, 40))
    alone = combined_p(own, items)
    np.testing.assert_array_equal(alone, combined_p(own, items, Clumps(rng.permutation(60))))
    assert set(np.round(alone * 61, 9)) <= set(map(float, range(1, 62)))


def test_p_is_by_hand_what_it_says_and_leaves_out_the_own_group() -> None:
    codes = np.array([5, 5, 5, 9, 9, 2])
    clumps = Clumps(codes)
    far = np.array([[1, 1, 0, 1, 0, 1], [0, 0, 0, 1, 1, 0]], bool).T
    np.testing.assert_allclose(clumps.shares(far), [[1, 0], [2 / 3, 0], [1 / 2, 1]])
    worth = 4.5
    expected = [(1 + worth * (1 + 2 / 3 + 1 / 2) / 3) / (1 + worth), (1 + worth / 3) / (1 + worth)]
    np.testing.assert_allclose(clumps.p(far, worth), expected)
    own = clumps.places([9, 7])
    assert own.tolist() == [2, -1]
    without = (1 + worth * 2 / 3 * (1 + 2 / 3) / 2) / (1 + worth * 2 / 3)
    np.testing.assert_allclose(clumps.p(far, worth, own), [without, expected[1]])


def test_what_rows_are_worth_lies_between_the_groups_and_the_rows() -> None:
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(12), 50)
    alike = Clumps(codes).worth(np.repeat(rng.normal(size=12), 50))
    assert alike.rows == pytest.approx(12)
    apart = [Clumps(codes).worth(rng.normal(size=600)).rows for _ in range(40)]
    assert np.median(apart) > 300
    half = [Clumps(codes).worth(np.repeat(rng.normal(size=12), 50) + rng.normal(size=600)).rows for _ in range(40)]
    assert 12 < np.median(half) < 60
    assert all(Clumps(codes).worth(rng.normal(size=600)).least <= 600 for _ in range(5))


@pytest.mark.parametrize(("groups", "apart"), [(5, 0.0), (5, 0.7), (5, 1.5), (20, 1.5), (50, 0.7)])
def test_new_groups_raise_about_the_promised_rate_and_lie_in_the_range(groups: int, apart: float) -> None:
    """Rows are of a group's place and their own, both normal: the rate of rows of all new groups is then known."""
    rng, rates, inside = np.random.default_rng(groups), [], []
    codes = np.repeat(np.arange(groups), 40)
    clumps = Clumps(codes)
    for _ in range(200):
        usual = np.repeat(apart * rng.normal(size=groups), 40) + rng.normal(size=len(codes))
        worth = clumps.worth(usual)
        highest = np.sort(usual)[::-1][: len(usual) // 10]
        p = clumps.p(usual[:, None] >= highest[None], worth.rows)
        # An item above the first row with p > .05 has the p of the row before; above all rows, the smallest there is.
        limit = highest[(p <= 0.05).sum()] if worth.rows >= 19 else np.inf
        rates.append(norm.sf(limit / np.sqrt(1 + apart**2)))
        found = ds.metrics.OutOfDistribution({}, {}, usual, p, len(usual), False, worth=worth)
        _, low, high = found.false_alarms(0.05)
        inside.append(low <= rates[-1] <= high)
    error = np.std(rates) / np.sqrt(len(rates))
    assert 0.033 - 2 * error < np.mean(rates) < 0.055 + 2 * error
    assert np.mean(inside) > 0.91


def test_counting_rows_for_independent_raises_too_many_where_groups_are_few() -> None:
    rng, by_rows, by_groups, guaranteed = np.random.default_rng(3), [], [], []
    for _ in range(250):
        place = np.repeat(1.5 * rng.normal(size=(3, 6)), 30, 1)
        own, items = place + rng.normal(size=(3, 180)), np.sqrt(1 + 1.5**2) * rng.normal(size=(3, 60))
        clumps = Clumps(np.repeat(np.arange(6), 30))
        by_rows.append((combined_p(own, items) <= 0.05).mean())
        by_groups.append((combined_p(own, items, clumps) <= 0.05).mean())
        guaranteed.append((combined_p(own, items, clumps, worth=6) <= 1 / 6).mean())
    assert np.mean(by_rows) > 0.07
    assert 0.02 < np.mean(by_groups) < 0.06
    assert np.mean(guaranteed) < 1 / 6  # that of whole groups, whatever they share


def test_calibration_rows_are_taken_from_all_groups_alike() -> None:
    rows = np.arange(1000, dtype=np.int64)
    codes = np.concatenate([np.repeat(np.arange(50), 2), np.repeat([50, 51, 52], 300)])
    some = spread_groups(rows, codes, 400)
    assert 390 <= len(some) <= 400
    assert np.bincount(codes[some])[:50].tolist() == [2] * 50
    assert len(set(np.bincount(codes[some])[50:])) == 1
    assert len(spread_groups(rows, np.arange(1000), 100)) == 100
    assert len(spread_groups(rows[:100], codes[:100], 10)) == 10


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> tuple[ds.Space, ds.Space, np.ndarray, np.ndarray]:
    """Eight windows each of 150 people: a place of their own and little else. Fitted row by row, and by people."""
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(6, 12))
    who = np.repeat(np.arange(300), 8)
    x = (rng.normal(size=(300, 6))[who] @ mix + 0.3 * rng.normal(size=(2400, 12))).astype(np.float32)
    made: list[ds.Space] = []
    for name, groups in (("rows", None), ("people", who[:1200])):
        path = tmp_path_factory.mktemp("people") / f"{name}.space"
        made.append(ds.fit(x[:1200], modality="vector", model=ds.PCA(latent_dim=3), path=path, groups=groups))
    return made[0], made[1], x[1200:], who[1200:]


def test_held_out_by_people_new_people_raise_few_alarms_and_by_rows_too_many(
    people: tuple[ds.Space, ds.Space, np.ndarray, np.ndarray],
) -> None:
    by_rows, by_people, x, _ = people
    scores = ["input_knn", "latent_knn"]
    before, now = ood(by_rows, x, scores=scores), ood(by_people, x, scores=scores)
    assert before.flagged().mean() > 0.15
    assert now.worth is not None
    assert now.worth.groups == by_people.groups.among(by_people.validation_index) == 15  # type: ignore[union-attr]
    mean, low, high = now.false_alarms()
    assert mean == 0.05
    assert low < 0.02 < 0.1 < high < 0.4  # 15 groups: it is said to be wide
    assert low - 0.012 <= now.flagged().mean() <= high + 0.012
    assert ood(by_people, 3 * x, scores=scores).flagged().mean() > 0.3
    assert "of 15 groups and worth" in str(now)
    assert now.guaranteed_p is not None
    assert now.guaranteed_p.min() >= 1 / 16 - 1e-12
    with pytest.raises(SpaceError, match=r"of 15 groups, worth \d+, are too few for a false-alarm rate of 0\.0001"):
        now.flagged(0.0001)


def test_a_row_that_calibrates_is_compared_with_the_other_groups(
    people: tuple[ds.Space, ds.Space, np.ndarray, np.ndarray],
) -> None:
    _, space, _, _ = people
    held = space.validation_index
    found = ood_rows(space, held, scores=["input_knn"])
    assert space.groups is not None
    codes, scores = space.groups.codes[held], found.scores["input_knn"]
    clumps = Clumps(codes)
    worth = clumps.worth(scores).rows
    for i in (0, 50, len(held) - 1):
        rest = [np.mean(scores[codes == g] >= scores[i]) for g in np.unique(codes) if g != codes[i]]
        own = worth * len(rest) / len(clumps)
        assert found.p["input_knn"][i] == pytest.approx((1 + own * np.mean(rest)) / (1 + own), abs=1e-6)


def test_items_given_to_calibrate_may_come_in_groups(
    people: tuple[ds.Space, ds.Space, np.ndarray, np.ndarray],
) -> None:
    by_rows, _, x, who = people
    scores = ["input_knn"]
    found = ood(by_rows, x[800:], scores=scores, calibration=x[:800], groups=who[:800])
    assert found.worth is not None
    assert found.worth.groups == 100
    assert found.flagged().mean() == pytest.approx(0.05, abs=0.06)
    for wrong, why in ((who[:799], "one value for each of the 800"), (None, "")):
        if wrong is not None:
            with pytest.raises(SpaceError, match=why):
                ood(by_rows, x, scores=scores, calibration=x[:800], groups=wrong)
    with pytest.raises(SpaceError, match="give calibration= as well"):
        ood(by_rows, x, groups=who)


def test_the_split_is_kept_by_the_space_its_copy_and_its_twin(
    people: tuple[ds.Space, ds.Space, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    _, space, _, _ = people
    assert space.groups is not None
    held = space.validation_index
    who = np.repeat(np.arange(150), 8)
    assert np.isin(who, np.unique(who[held])).sum() == len(held) == 120
    assert space.manifest["groups"] == {"column": "", "missing": 0, "groups": 150, "held_out": 15}
    assert any("120 rows of 15 groups are held out" in note for note in space.manifest["provenance"]["notes"])
    copy = space.save(tmp_path / "copy.space")
    np.testing.assert_array_equal(copy.groups.codes, space.groups.codes)
    twin = copy.twin("ppca")
    np.testing.assert_array_equal(twin.validation_index, held)
    np.testing.assert_array_equal(twin.groups.codes, space.groups.codes)
    assert copy.compare(twin).n == 120
    measured = copy.measure(["reconstruction"])
    assert measured.held_out == "120 rows of 15 groups"
    assert str(measured).startswith("held out: 120 rows of 15 groups; intervals take rows for independent")
