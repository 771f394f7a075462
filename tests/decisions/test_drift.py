"""Drift: seen and named where it was made, seen at the stated rate where it was not, and told in words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import chi2_contingency, ks_2samp, mannwhitneyu
from sklearn.metrics import roc_auc_score

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.drift import Drift, drift
from deepspace.decisions.drift.testing import (
    classifier,
    combined,
    discrepancy,
    p_of,
    permuted_labels,
    stepped,
    tail_of_category,
    tail_of_number,
)
from deepspace.errors import SpaceError
from tests.decisions import planted

FEW = {"permutations": 199}


def _fresh(n: int = 300, seed: int = 77) -> Any:
    return planted.frame(n, seed)


def test_no_drift_is_called_one_at_the_stated_rate() -> None:
    """Every test by itself, the columns together and all together: two halves of the same rows, 300 times."""
    rng = np.random.default_rng(0)
    called: dict[str, int] = dict.fromkeys(("mmd", "classifier", "columns", "together"), 0)
    for _ in range(300):
        x = rng.normal(size=(70, 4)).astype(np.float32) @ np.array(
            [[1, 0.8, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], np.float32
        )
        codes, holes = rng.integers(0, 3, 70), np.where(rng.random(70) < 0.2, np.nan, rng.integers(0, 5, 70))
        labels = permuted_labels(30, 40, 99, rng)
        found, _ = discrepancy(x, labels)
        areas, _ = classifier(x, labels, rng)
        tails = np.stack([
            *(tail_of_number(x[:, i].astype(float), labels) for i in range(4)),
            tail_of_category(codes, labels), tail_of_number(holes, labels),
        ])  # fmt: skip
        called["mmd"] += p_of(found) <= 0.05
        called["classifier"] += p_of(areas) <= 0.05
        called["columns"] += stepped(tails)[1].min() <= 0.05
        called["together"] += p_of(combined([found, areas, tails.max(0)])) <= 0.05
    for name, count in called.items():
        assert 4 <= count <= 27, name  # 15 expected; outside this is a chance of one in a thousand


def test_statistics_are_those_of_their_names() -> None:
    rng = np.random.default_rng(1)
    values = np.concatenate([rng.normal(0, 1, 150), rng.normal(0.3, 1, 250)])
    labels = permuted_labels(150, 250, 3, rng)
    for other in (values, np.concatenate([rng.normal(0, 1, 150), rng.normal(0, 2, 250)]), np.floor(values)):
        gap = ks_2samp(other[:150], other[150:]).statistic
        kolmogorov = -(np.log(2) - 2 * (np.sqrt(150 * 250 / 400) * gap) ** 2)
        rank_sum = mannwhitneyu(other[:150], other[150:], use_continuity=False, method="asymptotic").pvalue
        expected = max(kolmogorov, -np.log(rank_sum))
        assert tail_of_number(other, labels)[0] == pytest.approx(expected, abs=2e-3)
    codes = np.concatenate([rng.integers(0, 4, 150), rng.integers(0, 3, 250)])
    for other in (codes, codes % 2, np.where(np.arange(400) < 80, codes, codes % 3)):
        kinds = int(other.max()) + 1
        table = np.stack([np.bincount(other[:150], minlength=kinds), np.bincount(other[150:], minlength=kinds)])
        each = [chi2_contingency(np.stack([row, table.sum(1) - row], 1), correction=False).pvalue for row in table.T]
        whole = chi2_contingency(table, correction=False).pvalue
        expected = -np.log(min(whole, kinds * min(each) if kinds > 2 else 1))
        assert tail_of_category(other, labels)[0] == pytest.approx(max(expected, 0), rel=1e-3)
    # The squared discrepancy without bias, pair by pair.
    x, y = rng.normal(size=(12, 2)), rng.normal(size=(9, 2)) + 1
    both = np.concatenate([x, y]).astype(np.float32)
    _, found = discrepancy(both, permuted_labels(12, 9, 3, rng))
    squares = ((both[:, None] - both[None]) ** 2).sum(2)
    kernel = np.exp(-squares / (2 * np.median(squares[squares > 0])))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (kernel[:12, :12], kernel[12:, 12:])]
    assert found == pytest.approx(sum(within) - 2 * kernel[:12, 12:].mean(), rel=3e-3)


def test_the_classifier_is_scored_on_rows_it_was_not_fitted_on() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 5)).astype(np.float32)
    x[150:, 0] += 1
    labels = permuted_labels(150, 150, 99, rng)
    areas, scores = classifier(x, labels, rng)
    assert p_of(areas) == 0.01
    best = roc_auc_score(labels[:, 0], x[:, 0])
    assert roc_auc_score(labels[:, 0], scores) == pytest.approx(best, abs=0.08)
    # Of noise in many dimensions a classifier scored on its own rows would reach 1.
    noise, _ = classifier(rng.normal(size=(100, 200)).astype(np.float32), permuted_labels(50, 50, 199, rng), rng)
    assert noise.mean() == pytest.approx(0.5, abs=0.02)


def test_adjusted_p_hold_together_and_are_sharper_than_holms_for_copies() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=200)
    values[120:] += 0.4
    labels = permuted_labels(100, 100, 499, rng)
    one = tail_of_number(values, labels)
    p, raised = stepped(np.stack([one] * 10))
    np.testing.assert_allclose(raised, p)  # ten copies are one test
    p, raised = stepped(np.stack([one, *(tail_of_number(rng.normal(size=200), labels) for _ in range(9))]))
    assert (raised >= p - 1e-12).all()


@pytest.fixture(scope="module")
def audit(planted_space: ds.Space) -> Audit:
    return Audit(planted_space, planted.predictor, favourable="yes", held_out=planted_space.validation_index)


@pytest.fixture(scope="module")
def richer(planted_space: ds.Space, audit: Audit) -> Drift:
    """Debts have risen by 8, about a standard deviation."""
    rows = _fresh()
    rows["debt"] += 8
    rows["approved"] = np.where(planted.rule(rows), "yes", "no")
    return drift(planted_space, rows, audit=audit)


def test_the_column_that_was_moved_is_named(richer: Drift) -> None:
    assert richer.drifted
    # What was decided moved with it.
    assert richer.columns[0].name == "debt"
    assert {column.name for column in richer.moved} <= {"debt", "approved"}
    assert richer.columns[0].shift == pytest.approx(0.8, abs=0.3)
    assert richer.columns[0].words.startswith("mean ")
    assert all(t.p <= 0.05 for t in richer.tests if t.on == "items")
    assert richer.to_arrow().num_rows == len(richer.columns) + len(richer.factors)
    assert "the data has moved" in str(richer)


def test_more_rows_like_one_end_of_a_factor_name_it_and_its_way_leads_from_mean_to_mean(
    planted_space: ds.Space,
) -> None:
    pool = planted.frame(3000, 5)
    z = planted_space.encode(pool)
    for d in np.argsort(-z.std(0))[:2]:
        weight = np.exp(0.8 * (z[:, d] - z[:, d].mean()) / z[:, d].std())
        some = np.random.default_rng(int(d)).choice(np.arange(1000, 3000), 300, p=weight[1000:] / weight[1000:].sum(),
                                                    replace=False)  # fmt: skip
        found = drift(planted_space, pool.iloc[some], reference=pool.iloc[:1000], **FEW)
        assert found.factors[0].name == f"dimension {d}"
        way = found.traversal
        assert way is not None
        assert way.factor == d
        np.testing.assert_allclose(way.z[0], z[:1000].mean(0), atol=1e-5)
        np.testing.assert_allclose(way.z[-1, d], z[some, d].mean(), atol=1e-5)
        np.testing.assert_allclose(np.delete(way.z, d, 1), np.delete(way.z[:1], d, 1).repeat(7, 0))
        np.testing.assert_allclose(planted_space.encode(way.content).shape, (7, 4))
        shift = (way.positions[-1] - way.positions[0]) / z[:1000, d].std()
        assert shift == pytest.approx(found.factors[0].shift, rel=1e-3)


def test_what_it_does_to_decisions(richer: Drift, planted_space: ds.Space) -> None:
    found = richer.decision
    assert found is not None
    assert found.affected
    rows = _fresh()
    rows["debt"] += 8
    before = planted.rule(planted.frame().iloc[planted_space.validation_index])
    assert found.rates == pytest.approx((before.mean(), planted.rule(rows).mean()))
    assert found.high < 0
    assert found.accuracy is not None
    assert found.accuracy[:2] == (1, 1)  # the predictor is the rule
    assert found.accuracy_p == 1
    assert not found.less_right
    rates = before.mean(), planted.rule(rows).mean()
    assert found.always == pytest.approx([max(rate, 1 - rate) for rate in rates])
    assert not found.worthless
    assert "The decision is affected" in str(richer)


def test_a_predictor_that_no_longer_beats_one_word_is_called_so(planted_space: ds.Space, audit: Audit) -> None:
    rows = _fresh().drop(columns="approved", errors="ignore")
    decided = planted.rule(rows)
    found = drift(planted_space, rows, audit=audit, truth=["no"] * len(rows), **FEW).decision
    assert found is not None
    assert found.accuracy is not None
    assert found.accuracy[1] == pytest.approx(1 - decided.mean())
    assert found.always is not None
    assert found.always[1] == 1
    assert found.worthless
    assert found.less_right
    assert found.accuracy_p <= 0.05
    assert "Always saying the commonest outcome would reach" in str(found)


def test_a_shift_that_decisions_do_not_hang_on_leaves_them(planted_space: ds.Space, audit: Audit) -> None:
    rows = _fresh()
    rows["region"] = np.where(np.arange(len(rows)) % 2 == 0, "north", rows["region"])
    found = drift(planted_space, rows, audit=audit)
    assert found.columns[0].name == "region"
    assert found.columns[0].words.startswith("north: ")
    assert found.drifted
    assert found.decision is not None
    assert not found.decision.affected


def test_where_nothing_moved_hardly_anything_is_said_to_have_and_nothing_contradicts(
    planted_space: ds.Space, audit: Audit
) -> None:
    """Columns, factors, rates, scores, rows near the boundary and accuracy: all together at .05."""
    rng = np.random.default_rng(8)
    pool = planted.frame(400, 78)
    pool["approved"] = np.where(rng.random(400) < 0.2, "no", pool["approved"])
    said = 0
    for seed in range(160):
        order = rng.permutation(400)
        cut = [pool.iloc[rows].reset_index(drop=True) for rows in (order[:30], order[30:60])]
        found = drift(planted_space, cut[1], reference=cut[0], audit=audit, permutations=99, seed=seed)
        decision = found.decision
        assert decision is not None
        assert decision.accuracy is not None
        anything = bool(
            found.moved or any(f.moved for f in found.factors) or decision.affected
            or min(decision.near_p, decision.accuracy_p) <= 0.05
        )  # fmt: skip
        assert found.drifted or not anything
        assert ("no drift is shown" in str(found)) == (not found.drifted)
        assert ("The decision is affected" in str(found)) == decision.affected
        said += found.drifted or anything
    assert 1 <= said <= 17  # 8 expected; more is a chance of one in five hundred


def test_of_three_outcomes_those_that_moved_are_named(planted_space: ds.Space) -> None:
    """North is decided "a", the rest "b", the indebted "c": more rows from the north trade "b" for "a"."""

    def three(rows: Any) -> np.ndarray:
        place = np.where(rows["debt"] > planted.CEILING, 2, np.where(rows["region"] == "north", 0, 1))
        return np.asarray(np.eye(3)[place] * 0.7 + 0.1)

    rows = _fresh()
    rows["region"] = np.where(np.arange(len(rows)) % 2 == 0, "north", rows["region"])
    for favourable in (None, "c"):
        audit = Audit(planted_space, three, target="none", classes=("a", "b", "c"), favourable=favourable)
        found = drift(planted_space, rows, audit=audit).decision
        assert found is not None
        assert {one.outcome for one in found.outcomes} == {"a", "b", "c"}
        assert {one.outcome for one in found.moved} == {"a", "b"}
        assert found.outcome == found.first.outcome in ("a", "b")
        held = planted.frame().iloc[planted_space.validation_index]
        for one in found.outcomes:
            place = "abc".index(one.outcome)
            assert one.rates == pytest.approx([(three(x).argmax(1) == place).mean() for x in (held, rows)])
            assert one.low <= one.difference <= one.high
        assert "2 of 3 outcomes moved" in str(found)


def test_cells_gone_missing_and_categories_never_seen(planted_space: ds.Space) -> None:
    rows = _fresh()
    rows.loc[::4, "age"] = np.nan
    found = drift(planted_space, rows, **FEW)
    assert found.columns[0].name == "age"
    assert "missing: 0 % -> 25 %" in found.columns[0].words
    rows = _fresh()
    rows.loc[::4, "job"] = "astronaut"
    found = drift(planted_space, rows, **FEW)
    assert found.columns[0].name == "job"
    assert "astronaut: 0 % -> 25 %" in found.columns[0].words


def test_every_modality_is_compared(any_space: Any) -> None:
    """The same rows do not drift; rows that all look alike do."""
    form = any_space.schema.form
    half = len(any_space) // 2
    order = np.random.default_rng(0).permutation(len(any_space))
    encoded = np.asarray(any_space.samples[:])

    def items(rows: np.ndarray) -> Any:
        if form == "table":
            return any_space.rows.table([c.name for c in any_space.schema.features], rows)
        return any_space.schema.decode(encoded[rows])

    calm = drift(any_space, items(order[half:]), reference=items(order[:half]), **FEW)
    assert calm.p > 0.01
    z = np.asarray(any_space.latents.mean)
    end = np.argsort(z[:, int(z.std(0).argmax())])[: half // 2]
    moved = drift(any_space, items(end), reference=np.setdiff1d(order, end), **FEW)
    assert moved.drifted
    assert moved.traversal is not None
    assert moved.columns
    assert any("trained on" in note for note in moved.notes)
    if form == "image":
        assert {"brightness", "contrast"} <= {c.name for c in moved.columns}
        assert any(c.name.endswith("as its neighbours have it") for c in moved.columns)
        dark = drift(any_space, (items(order[half:]) * 0.6).astype(np.uint8), reference=items(order[:half]), **FEW)
        assert dark.columns[0].name == "brightness"


def test_a_space_without_a_model_compares_the_items() -> None:
    x = np.random.default_rng(0).normal(size=(300, 6)).astype(np.float32)
    space = ds.attach(latents=x[:, :2], data=x)
    found = drift(space, x[:100] + np.eye(6, dtype=np.float32)[0], **FEW)
    assert found.columns[0].name == "x0"
    assert found.traversal is None
    assert not found.factors
    assert "no encoder" in " ".join(found.notes)
    assert "no record of held-out rows" in " ".join(found.notes)


@pytest.mark.parametrize(
    ("current", "options", "words"),
    [
        (lambda: _fresh(5), {}, "the current data has 5 rows; drift needs at least 20"),
        (lambda: _fresh().drop(columns="debt"), {}, "the current data cannot be compared with 'planted'"),
        (_fresh, {"reference": np.arange(10)}, "the reference data has 10 rows"),
        (_fresh, {"reference": [5000]}, "which has rows 0 to 899"),
        (_fresh, {"permutations": 9}, "9 permutations are too few"),
        (_fresh, {"truth": ["yes"]}, "truth has 1 values for 300 current items"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    planted_space: ds.Space, current: Any, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        drift(planted_space, current(), **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
