"""Precedents of a decision: the rows that a search by hand finds, said as they are."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.case_precedents import case_precedents
from deepspace.decisions.differences import Differences, cell, given_to, told
from deepspace.decisions.nearness import METRICS, coordinates_of, nearness
from deepspace.errors import DeepspaceError, SpaceError
from deepspace.results import wilson
from tests.decisions import planted


def cells_by_hand(audit: Audit) -> np.ndarray:
    """(n, W): numbers as encoded, of a category k of frequency p its indicator over sqrt(p)."""
    rows, parts = np.asarray(audit.space.samples[:], np.float64), []
    for j, size in enumerate(audit.space.schema.cardinalities):
        indicators = rows[:, [j]] == np.arange(size)
        parts.append(indicators / np.sqrt(indicators.mean(0)) if size else rows[:, [j]])
    return np.concatenate(parts, 1)


def by_hand(audit: Audit, row: int, metric: str) -> np.ndarray:
    """(n,): the distance of every row, from the formula."""
    z = np.asarray(audit.space.latents.mean, np.float64)
    parts = ((z - z[row]) ** 2).sum(1) / z.var(0).sum()
    if metric == "decision":
        p = np.clip(audit.answers.score, 0.01, 0.99)
        s, cells = np.log(p / (1 - p)), cells_by_hand(audit)
        parts = (parts + ((cells - cells[row]) ** 2).sum(1) / cells.var(0).sum()) / 2
        parts += (s - s[row]) ** 2 / s.var() + 0.5**2 * (audit.answers.outcome != audit.answers.outcome[row])
    return np.sqrt(parts)


@pytest.mark.parametrize("metric", ["decision", "latent"])
@pytest.mark.parametrize("row", [0, 17, 401])
def test_they_are_the_nearest_rows_on_either_side(planted_audit: Audit, metric: Any, row: int) -> None:
    distance = by_hand(planted_audit, row, metric)
    distance[row] = np.inf
    decided = planted_audit.answers.outcome
    found = case_precedents(planted_audit, row=row, k=6, metric=metric)
    for side, mask in ((found.same, decided == decided[row]), (found.opposite, decided != decided[row]),
                       (found.nearest, np.ones(len(decided), bool))):  # fmt: skip
        order = np.argsort(np.where(mask, distance, np.inf), kind="stable")[:6]
        np.testing.assert_array_equal(side.index, order)
        np.testing.assert_allclose(side.distance, distance[order], rtol=1e-3)
        np.testing.assert_array_equal(side.truth, planted_audit.truth[order])
        np.testing.assert_allclose(side.score, planted_audit.answers.score[order])
    assert (found.same.decision == found.decision).all()
    assert (found.opposite.decision != found.decision).all()
    own = by_hand(planted_audit, row, "latent")
    own[row] = np.inf
    assert found.opposite_nearer == (decided[own.argmin()] != decided[row])


def test_an_item_that_is_a_row_has_that_row_first(planted_audit: Audit) -> None:
    item = planted.frame().iloc[[12]].drop(columns="approved")
    for given in (item, item.to_dict("records")[0]):
        found = case_precedents(planted_audit, x=given, k=4)
        assert found.same.index[0] == 12
        assert found.same.distance[0] < 1e-2
        assert found.same.differs[0] == ()
        assert found.truth == -1
        np.testing.assert_array_equal(found.same.index[1:], case_precedents(planted_audit, row=12, k=3).same.index)


def test_what_differs_is_told_in_the_users_units(planted_audit: Audit) -> None:
    rows = planted.frame()
    item = rows.iloc[[12]].drop(columns="approved").assign(region="west", job="engineer", age=rows["age"][12] + 3)
    found = case_precedents(planted_audit, x=item, k=200)
    side = found.same if 12 in found.same.index else found.opposite
    at = int(np.flatnonzero(side.index == 12)[0])
    said = {d.column: (d.case, d.other) for d in side.differs[at]}
    assert said["job"] == ("engineer", rows["job"][12])
    assert said["age"] == (rows["age"][12] + 3, rows["age"][12])
    assert said["region"] == ("west", rows["region"][12])  # a category never seen is missing to the space
    assert set(said) == {"job", "age", "region"}
    assert f"age {rows['age'][12] + 3} -> {rows['age'][12]}" in "; ".join(map(str, side.differs[at]))


def test_columns_that_the_predictor_is_not_given_stand_apart(planted_space: Any) -> None:
    """The same rule as a pipeline on two columns, as a callable told which it gets, and as one that is given all."""
    named = Audit(planted_space, planted.predictor, columns=["income", "debt", "age"], favourable="yes")
    bare = Audit(planted_space, planted.predictor, favourable="yes")
    assert given_to(named) == {"income", "debt", "age"}
    assert given_to(bare) is None
    apart, whole = (case_precedents(audit, row=12, k=6) for audit in (named, bare))
    for side, other in ((apart.same, whole.same), (apart.opposite, whole.opposite)):
        np.testing.assert_array_equal(side.index, other.index)
        for differs, plain in zip(side.differs, other.differs, strict=True):
            assert all(d.given is None for d in plain)
            assert [d.given for d in differs] == sorted((d.given for d in differs), reverse=True)
            assert all(d.given == (d.column in ("income", "debt", "age")) for d in differs)
            for given in (True, False):
                sizes = [d.size for d in differs if d.given == given]
                assert sizes == sorted(sizes, reverse=True)
            # The most unlike column is told, whichever it is.
            assert plain[0].column in {d.column for d in differs}
            assert told(plain)[1] == ""
    lines = str(apart)
    assert "not given to the predictor: " in lines
    assert "not given" not in str(whole)
    table = apart.to_arrow().to_pylist()
    assert all("region" not in line["differs"] and "income" not in line["differs_not_given"] for line in table)
    assert any(line["differs_not_given"] for line in table)


def test_a_target_among_the_learned_columns_is_told_apart(tmp_path: Path) -> None:
    """A space that learned the target too, and an estimator that was fitted without it."""
    rows = planted.frame(300)
    space = ds.fit(rows, path=tmp_path / "all.space", seed=0, training=ds.TrainConfig(epochs=3, threads=1))
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(rows[["age", "debt"]], rows["approved"])
    found = case_precedents(Audit(space, model, target="approved", favourable="yes"), row=3, k=20)
    differences = [d for side in (found.same, found.opposite) for row in side.differs for d in row]
    assert {d.given for d in differences if d.column == "approved"} == {False}
    assert {d.column for d in differences if d.given} == {"age", "debt"}


def test_the_size_of_a_difference_is_one_between_strangers(planted_space: Any) -> None:
    differences = Differences(planted_space)
    rng = np.random.default_rng(1)
    total = dict.fromkeys(differences.names, 0.0)
    pairs = rng.integers(0, len(planted_space), (400, 2))
    for a, b in pairs:
        found = differences.between(planted_space.samples[a], {}, np.array([b]), len(total))
        for d in found[0]:
            total[d.column] += d.size / len(pairs)
    assert {name: size for name, size in total.items() if not 0.75 < size < 1.35} == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "missing"), (float("nan"), "missing"), (True, "yes"), (3, "3"), (1250, "1250"), (0.5, "0.5"),
        (12.0, "12"), (1234.56, "1,235"), ("north", "north"), (date(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1), "2024-05-01"), (datetime(2024, 5, 1, 13, 30), "2024-05-01 13:30"), (0.10, "0.1"),
    ],
)  # fmt: skip
def test_cells_read_well(value: Any, text: str) -> None:
    assert cell(value) == text


def test_how_they_ended_comes_with_an_interval(planted_space: Any) -> None:
    rng = np.random.default_rng(0)
    noisy = rng.random(900)
    audit = Audit(planted_space, lambda rows: planted.predictor(rows) * 0.98, held_out=np.arange(0, 900, 2))
    found = case_precedents(audit, row=5, k=20)
    count = int((found.opposite.truth == 0).sum())
    assert found.opposite.ended[0].count == count
    assert found.opposite.ended[0].n == 20
    assert found.opposite.ended[0].interval == wilson(count, 20)
    odd = int((found.same.index % 2).sum() + (found.opposite.index % 2).sum())
    assert found.fitted == odd > 0
    assert any(note.startswith(f"{odd} of the 40 precedents may be rows") for note in found.notes)
    assert noisy.shape == (900,)
    unknown = case_precedents(Audit(planted_space, planted.predictor, target="none", classes=("no", "yes")), row=5)
    assert unknown.same.ended == ()
    assert (unknown.same.truth == -1).all()
    assert "no target" in unknown.notes[-1]


def test_a_case_like_nothing_is_said_to_be(planted_audit: Audit) -> None:
    item = {"income": 900.0, "debt": 300.0, "age": 69, "years": 0, "region": "east", "job": "nurse", "owner": False}
    strange = case_precedents(planted_audit, x=item)
    assert strange.far
    assert "unlike all rows" in strange.notes[0]
    assert str(strange).startswith("this case is unlike all rows")
    far = [case_precedents(planted_audit, row=row).far for row in range(0, 900, 30)]
    assert np.mean(far) < 0.2


def test_a_side_that_is_short_is_said_to_be(planted_space: Any) -> None:
    audit = Audit(planted_space, lambda rows: (np.arange(len(rows)) < 0) * 0.5 + 0.1 * (rows["income"] > 0))
    found = case_precedents(audit, row=3)
    assert len(found.opposite) == 0
    assert str(found.opposite) == "none"
    assert any("only 0 rows were decided otherwise; 5 were asked for" in note for note in found.notes)
    assert found.to_arrow().num_rows == 5
    assert "decided otherwise\nnone" in str(found)


def test_three_outcomes_and_values_have_coordinates(planted_space: Any) -> None:
    def three(rows: Any) -> np.ndarray:
        p = planted.predictor(rows)
        return np.stack([0.5 * p, 1 - p, 0.5 * p], 1)

    audit = Audit(planted_space, three, target="none", classes=("a", "b", "c"))
    points = coordinates_of(audit.answers)
    assert points.shape == (900, 3)
    np.testing.assert_allclose(points.sum(1), 0, atol=1e-4)
    found = case_precedents(audit, row=0)
    assert (found.opposite.decision != found.decision).all()
    value = Audit(planted_space, lambda rows: rows["debt"], kind="values", threshold=20)
    np.testing.assert_allclose(coordinates_of(value.answers)[:, 0], planted.frame()["debt"], rtol=1e-6)
    assert "so that it is not known what happened" in value.notes[-1]
    near = case_precedents(value, row=4, k=10)
    assert near.same.score.std() < value.answers.score.std()


def test_every_modality_has_precedents_in_every_metric(any_space: Any) -> None:
    encoded = np.nan_to_num(np.asarray(any_space.samples[:], np.float64)).reshape(len(any_space), -1)
    score = 1 / (1 + np.exp(-(encoded - encoded.mean(0)) @ np.sign(np.arange(encoded.shape[1]) % 3 - 0.5)))
    level = float(np.median(score))

    def predictor(items: Any) -> np.ndarray:
        flat = np.nan_to_num(np.asarray(items, np.float64)).reshape(len(items), -1)
        return 1 / (1 + np.exp(-(flat - encoded.mean(0)) @ np.sign(np.arange(flat.shape[1]) % 3 - 0.5)))

    audit = Audit(any_space, predictor, inputs="encoded", kind="values", threshold=level, target="none")
    table = any_space.schema.form == "table"
    for metric in METRICS:
        found = case_precedents(audit, row=7, k=3, metric=metric)
        assert 7 not in found.same.index
        assert len(found.same.differs) == (3 if table else 0)
        assert found.to_arrow().column_names[:2] == ["side", "row"]
        assert str(found)
        assert (np.diff(found.same.distance) >= 0).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "need one case: a row number, or an item x"),
        ({"row": 1, "x": {}}, "need one case"),
        ({"row": 900}, "no row 900: it has rows 0 to 899"),
        ({"row": 1, "k": 0}, "at least 1, got 0"),
        ({"row": 1, "metric": "cosine"}, "there is no metric 'cosine'"),
        ({"x": planted.frame().iloc[:2]}, "one case at a time, got 2"),
        ({"x": {"income": 3.0}}, "lacks 6 of the 7 feature columns"),
    ],
)
def test_questions_that_make_no_sense(planted_audit: Audit, options: dict[str, Any], words: str) -> None:
    with pytest.raises(DeepspaceError) as caught:
        case_precedents(planted_audit, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_it_prints_and_converts(planted_audit: Audit) -> None:
    found = planted_audit.precedents(row=17, k=2)
    table = found.to_arrow()
    assert table.column("side").to_pylist() == ["same"] * 2 + ["opposite"] * 2
    assert table.column("row").to_pylist() == [*found.same.index, *found.opposite.index]
    text = str(found)
    assert "decided alike" in text
    assert f"decision: {planted_audit.outcomes[found.decision]}" in text
    assert "% [" in text
    with pytest.raises(SpaceError):
        nearness(planted_audit, "nothing")  # type: ignore[arg-type]


def test_rows_of_the_cases_own_group_are_no_precedents(tmp_path: Path) -> None:
    people = np.tile(np.arange(60), 4)
    generator = np.random.default_rng(0)
    x = generator.normal(size=(60, 5))[people] + 0.01 * generator.normal(size=(240, 5))
    options: dict[str, Any] = {"modality": "vector", "model": ds.PCA(latent_dim=3)}
    for groups in (people, None):
        space = ds.fit(x.astype(np.float32), path=tmp_path / f"{groups is None}.space", groups=groups, **options)
        audit = Audit(space, lambda rows: (np.asarray(rows)[:, 0] > 0).astype(float))
        found = case_precedents(audit, row=7, k=3)
        near = people[np.concatenate([found.same.index, found.opposite.index, found.nearest.index])]
        assert (7 in near) == (groups is None), "the other visits of a person are the nearest rows by far"
