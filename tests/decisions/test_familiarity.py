"""Like anything seen? The promise of the p-values, kept by construction, and what is said of an item that is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import beta

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.familiarity import unfamiliar
from deepspace.errors import SpaceError
from deepspace.metrics.ood import combined_p, ood, ood_rows
from tests.decisions import planted


def _scores(rng: np.random.Generator, n: int) -> np.ndarray:
    """Five scores that hang together and have a heavy tail."""
    x = rng.normal(size=(5, n))
    return np.asarray(x**2 + 0.5 * x[:1])


@pytest.mark.parametrize("n", [39, 79, 199])
def test_false_alarms_are_what_is_promised_for_any_number_of_rows(n: int) -> None:
    """Mean over calibrations: floor(.05 (n + 1)) / (n + 1) exactly, so that no interval may leave it out."""
    rng, rates = np.random.default_rng(n), []
    for _ in range(600):
        rates.append((combined_p(_scores(rng, n), _scores(rng, 60)) <= 0.05).mean())
    promised = np.floor(0.05 * (n + 1) + 1e-9) / (n + 1)
    error = np.std(rates) / np.sqrt(len(rates))
    assert abs(np.mean(rates) - promised) < 3.5 * error


def test_scaling_by_the_calibration_rows_alone_would_call_out_too_many() -> None:
    """Why the item is scaled together with them: this is what was done before."""
    rng, before, now = np.random.default_rng(0), [], []
    for _ in range(1500):
        own, items = _scores(rng, 39), _scores(rng, 40)
        middle, high = np.percentile(own, [50, 90], axis=1)[:, :, None]

        def together(x: np.ndarray, middle: Any = middle, high: Any = high) -> np.ndarray:
            return np.asarray(np.sqrt((np.maximum((x - middle) / (high - middle), 0) ** 2).sum(0)))

        usual = together(own)
        before.append(((1 + (usual[None] >= together(items)[:, None]).sum(1)) / 40 <= 0.05).mean())
        now.append((combined_p(own, items) <= 0.05).mean())
    assert np.mean(before) > 0.06
    assert np.mean(now) == pytest.approx(0.05, abs=0.006)


def test_p_is_by_hand_what_it_says() -> None:
    """One item: its scores among those of the rows, scaled by percentiles of all n + 1."""
    rng = np.random.default_rng(4)
    own, items = _scores(rng, 30), _scores(rng, 7)
    for j, p in enumerate(combined_p(own, items)):
        both = np.concatenate([own, items[:, [j]]], 1)
        middle, high = np.percentile(both, [50, 90], axis=1)[:, :, None]
        joined = np.sqrt((np.maximum((both - middle) / (high - middle), 0) ** 2).sum(0))
        assert p == pytest.approx((joined >= joined[-1] - 1e-12).sum() / 31)


def test_the_range_of_one_calibration_is_that_of_its_beta_distribution(planted_space: ds.Space) -> None:
    found = ood(planted_space, planted.frame(300, 9))
    mean, low, high = found.false_alarms(0.05)
    k = int(0.05 * (found.n + 1))
    assert mean == k / (found.n + 1)
    assert (low, high) == pytest.approx(tuple(beta.ppf([0.025, 0.975], k, found.n + 1 - k)))
    # Conditional on the calibration, false alarms of many new rows lie in the range in 95 % of calibrations.
    rng, inside = np.random.default_rng(0), 0
    for _ in range(200):
        own, items = _scores(rng, found.n), _scores(rng, 1500)
        rate = (combined_p(own, items) <= 0.05).mean()
        inside += low - 0.012 <= rate <= high + 0.012  # two errors of a share of 1,500
    assert inside >= 186


def test_new_rows_of_the_same_kind_keep_the_rate_and_strange_ones_are_found(planted_space: ds.Space) -> None:
    fresh = planted.frame(1500, 11)
    found = ood(planted_space, fresh)
    _, low, high = found.false_alarms(0.05)
    assert low - 0.012 <= found.flagged().mean() <= high + 0.012
    strange = fresh.assign(years=fresh["years"].to_numpy()[::-1], age=20)  # years of work that nobody of 20 has
    assert ood(planted_space, strange[strange["years"] > 25]).flagged().mean() > 0.8


def test_rows_given_to_calibrate_take_the_place_of_those_held_out(planted_space: ds.Space) -> None:
    fresh = planted.frame(500, 12)
    found = ood(planted_space, fresh[:100], calibration=fresh[100:], scores=["input_knn", "latent_knn"])
    assert found.n == 400
    assert found.given
    assert "rows given to calibrate" in str(found)
    usual = ood(planted_space, fresh[100:], scores=["input_knn", "latent_knn"]).scores
    expected = (1 + (usual["input_knn"][None] >= found.scores["input_knn"][:, None] - 1e-9).sum(1)) / 401
    np.testing.assert_allclose(found.p["input_knn"], expected)
    with pytest.raises(SpaceError, match="there are no items to compare"):
        ood(planted_space, fresh[:0])


def test_a_row_that_calibrates_is_compared_with_the_others(planted_space: ds.Space) -> None:
    held = planted_space.validation_index
    found = ood_rows(planted_space, held)
    own = np.sort(found.scores["input_knn"])[::-1]
    ranks = np.array([(own >= value - 1e-9).sum() for value in found.scores["input_knn"]])
    np.testing.assert_allclose(found.p["input_knn"], ranks / len(held), atol=1.5 / len(held))
    assert found.combined_p.min() == pytest.approx(1 / len(held))
    with pytest.raises(SpaceError, match="has rows 0 to 899"):
        ood_rows(planted_space, [900])


def test_an_unfamiliar_item_is_named_with_the_score_and_the_rows_nearest(planted_audit: Audit) -> None:
    rows = planted.frame(60, 13)
    rows.loc[7, ["age", "years", "income", "debt"]] = [21, 49, 300.0, 300.0]
    found = unfamiliar(planted_audit, x=rows)
    first = found.items[0]
    assert first.item == 7
    assert first.flagged
    assert first.score_p <= 0.05
    assert first.decision == "no"
    assert len(first.nearest) == 3
    near = planted_audit.space.neighbors(rows.iloc[[7]], k=3).index[0]
    assert first.nearest == tuple(near)
    assert f"{len(found.flagged)} of 60 items are unlike anything seen" in str(found)
    assert found.to_arrow().num_rows == 60
    by_row = unfamiliar(planted_audit, rows=planted_audit.tested[:20])
    assert not by_row.notes
    assert all(item.row not in item.nearest for item in by_row.items)
    trained = np.setdiff1d(np.arange(900), planted_audit.space.validation_index)[:5]
    assert "5 of these rows were trained on" in unfamiliar(planted_audit, rows=trained).notes[0]


def test_every_modality_can_be_asked(any_space: Any) -> None:
    audit = Audit(any_space, lambda x: np.full(len(x), 0.6), target="none", classes=("a", "b"))
    found = unfamiliar(audit, rows=any_space.validation_index[:10])
    assert len(found) == 10
    assert all(0 < item.p <= 1 for item in found.items)
    with pytest.raises(SpaceError, match="give one of them"):
        unfamiliar(audit)
