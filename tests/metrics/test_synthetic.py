"""Fidelity, privacy, use and imputation of synthetic tables: against scipy, and where the answer is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.metrics import HeldOut, held_out, synthetic_record
from deepspace.metrics.synthetic import (
    column_pairs,
    column_shapes,
    fidelity,
    imputation,
    privacy_of,
    utility,
    utility_of,
)
from deepspace.metrics.synthetic.fidelity import fidelity_of
from deepspace.metrics.synthetic.imputation import hidden_cells
from deepspace.metrics.synthetic.privacy import copies, nearest

NUMBERS, CODES = np.array([False, False]), np.array([True, True])


def people(n: int = 900) -> pd.DataFrame:
    """Age and income go together; who is poor mostly rents; a bonus is 0 for most and absent for the young."""
    rng = np.random.default_rng(0)
    age = rng.integers(18, 80, n)
    income = (age * 500 + rng.normal(0, 3000, n)).round(2)
    home = np.where(income + rng.normal(0, 3000, n) > 24000, "own", np.where(rng.random(n) < 0.5, "rent", "parents"))
    bonus = np.where(rng.random(n) < 0.7, 0.0, rng.exponential(1000, n).round())
    bonus[age < 25] = np.nan
    return pd.DataFrame({"age": age, "income": income, "home": home, "bonus": bonus, "hired": age > 48})


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ds.Space]:
    path: Path = tmp_path_factory.mktemp("people") / "people.space"
    training = ds.TrainConfig(epochs=30, threads=1, validation_fraction=0.3)
    with ds.fit(people(), target="hired", include_target=True, path=path, training=training) as fitted:
        yield fitted


@pytest.fixture(scope="module")
def held(space: ds.Space) -> HeldOut:
    return held_out(space)


def test_shapes_are_the_complements_of_scipy_s_statistics() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(400, 2)), rng.normal(0.4, 1.2, (300, 2))
    a[:50, 1] = np.nan
    a[:, 0], b[:, 0] = a[:, 0].round(1), b[:, 0].round(1)  # ties
    got = column_shapes(a, b, NUMBERS)
    seen = a[50:, 1]
    assert got == pytest.approx(
        [1 - stats.ks_2samp(a[:, 0], b[:, 0]).statistic, 1 - stats.ks_2samp(seen, b[:, 1]).statistic]
    )
    codes = np.array([[0.0, 1.0], [0.0, np.nan], [1.0, 0.0], [2.0, 0.0]])
    other = np.array([[0.0, 1.0], [1.0, 1.0]])
    # Column 0: (.5, .25, .25) against (.5, .5, 0); column 1, with missing: (.25, .5, .25) against (0, 0, 1).
    assert column_shapes(codes, other, CODES) == pytest.approx([0.75, 0.25])


def test_pairs_are_differences_of_correlations_and_of_two_way_tables() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=(500, 1))
    a, b = x + rng.normal(size=(500, 2)), rng.normal(size=(400, 2))
    expected = 1 - abs(stats.pearsonr(*a.T).statistic - stats.pearsonr(*b.T).statistic) / 2
    assert column_pairs(a, b, NUMBERS) == pytest.approx([expected])
    same, crossed = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[0.0, 1.0], [1.0, 0.0]])
    assert column_pairs(same, crossed, CODES) == pytest.approx([0.0])
    assert column_pairs(same, np.concatenate([same, crossed]), CODES) == pytest.approx([0.5])
    mixed = np.stack([np.repeat([0.0, 1.0], 50), np.linspace(0, 9.99, 100)], 1)
    assert column_pairs(mixed, mixed[:50], np.array([True, False])) == pytest.approx([0.5])


def test_real_rows_score_high_and_shuffled_columns_fail_the_pairs(space: ds.Space, held: HeldOut) -> None:
    rng = np.random.default_rng(0)
    real = held.encoded_training
    shuffled = np.stack([rng.permutation(column) for column in real.T], 1)
    true, broken = ({m.name: m for m in fidelity_of(space, held, rows)} for rows in (real, shuffled))
    assert true["column_shapes"].value == pytest.approx(broken["column_shapes"].value)
    assert true["column_shapes"].value > 0.9 > true["column_shapes"].baseline
    assert broken["column_pairs"].value < true["column_pairs"].value - 0.05
    low, high = broken["column_pairs"].interval
    assert low < broken["column_pairs"].baseline < high
    assert true["column_pairs"].interval[0] > high


def test_copied_training_rows_are_flagged_and_held_out_rows_are_not(space: ds.Space, held: HeldOut) -> None:
    copied, unseen = (
        {m.name: m for m in privacy_of(space, held, rows)} for rows in (held.encoded_training, held.encoded)
    )
    assert copied["copies"].value == 1
    assert copied["nearer_than_held_out"].value > 0.95
    assert copied["very_near"].value > 0.95
    assert unseen["nearer_than_held_out"].value == pytest.approx(0.5)
    assert unseen["copies"].value == unseen["copies"].baseline
    assert all(m.interval is not None and m.n for m in copied.values())


def test_copies_among_partly_missing_rows_and_nearest_rows_against_scipy(space: ds.Space) -> None:
    real = np.asarray(space.samples[:200])
    moved = real.copy()
    moved[:, 1] += 0.01
    assert copies(space.schema, np.concatenate([real[:30], moved[:30]]), real) == 30
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(50, 4)).astype(np.float32), rng.normal(size=(60, 4)).astype(np.float32)
    from scipy.spatial.distance import cdist

    assert nearest(a, b) == pytest.approx(cdist(a, b).min(1), abs=1e-5)


def test_a_predictor_learns_from_true_rows_and_not_from_a_shuffled_target(space: ds.Space, held: HeldOut) -> None:
    real = held.encoded_training
    place = [c.name for c in space.schema.features].index("hired")
    shuffled = real.copy()
    shuffled[:, place] = np.random.default_rng(0).permutation(shuffled[:, place])
    true, broken = ({m.name: m for m in utility_of(space, held, rows)} for rows in (real, shuffled))
    assert true["tstr_auc"].value > 0.95
    assert true["tstr_f1"].value > 0.9 > true["tstr_f1"].baseline
    assert 0.3 < broken["tstr_auc"].value < 0.7


def test_what_cannot_be_taken_says_why(tmp_path: Path) -> None:
    frame = people(300)
    with ds.fit(
        frame, target="hired", path=tmp_path / "a.space", training=ds.TrainConfig(epochs=2, threads=1)
    ) as space:
        with pytest.raises(SpaceError, match="the target 'hired' was not trained on"):
            utility(space, held_out(space))
        record = synthetic_record(space, np.asarray(space.samples[:50]))
        assert "include_target" in record.skipped["utility"]
        assert record["copies"].value > 0.5


def test_a_space_that_is_no_table_has_no_such_figures(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32)
    training = ds.TrainConfig(epochs=1, threads=1)
    with ds.fit(rows, modality="vector", path=tmp_path / "v.space", training=training) as space:
        with pytest.raises(SpaceError, match="not of a table"):
            fidelity(space, held_out(space))
        with pytest.raises(SpaceError, match="cannot impute with 'v': it is of vector data"):
            space.impute(rows)


def test_imputation_beats_what_has_learned_nothing(space: ds.Space, held: HeldOut) -> None:
    found = {m.name: m for m in imputation(space, held)}
    assert found["imputation_rmse"].interval[1] < found["imputation_rmse"].baseline
    assert found["imputation_wrong"].value < found["imputation_wrong"].baseline
    hidden = hidden_cells(held.encoded, 0)
    observed = ~np.isnan(held.encoded)
    assert not (hidden & ~observed).any()
    assert hidden.sum() / observed.sum() == pytest.approx(0.15, abs=0.02)
    assert (observed & ~hidden).any(1).all()
