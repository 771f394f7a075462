"""The decision on real maps: the picture is what the predictor says of decodes, and its trust is of new rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.decisions.boundary import (
    boundary,
    compare_boundaries,
    doubt,
    map_trust,
    proxy,
    static_boundary,
    triangle,
)
from deepspace.decisions.boundary.trust import auc_of
from deepspace.errors import SpaceError
from tests.decisions import planted


@pytest.fixture(scope="module")
def random_audit(planted_space: ds.Space) -> Audit:
    return Audit(planted_space, planted.random_predictor, favourable="yes", held_out=planted_space.validation_index)


def _nodes(found: Any) -> tuple[np.ndarray, np.ndarray]:
    """Places of the grid with data, and their outcomes."""
    rows, columns = np.nonzero(found.outcome >= 0)
    places = np.stack([found.origin[0] + found.cell * columns, found.origin[1] + found.cell * rows], 1)
    return places.astype(np.float32), found.outcome[rows, columns]


def test_the_picture_agrees_with_the_rule_on_what_places_decode_to(planted_audit: Audit) -> None:
    space = planted_audit.space
    found = boundary(planted_audit, resolution=24, depth=2, proxy=proxy(planted_audit))
    places, outcome = _nodes(found)
    ruled = planted.rule(space.decode(space.map.inverse_transform(places)))
    # What was not asked is filled in: it may miss islands inside coarse cells.
    assert (ruled == (outcome == 1)).mean() > 0.995
    for line in found.lines[:20]:
        ends = np.concatenate([line[:1], line[-1:]]).astype(np.float32)
        around = ends[:, None] + found.cell * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1], [0, 0]], np.float32)
        decided = planted.rule(space.decode(space.map.inverse_transform(around.reshape(-1, 2)))).reshape(2, 5)
        assert decided.any()
        assert not decided.all()


@pytest.mark.parametrize("name", ["planted_audit", "random_audit"])
def test_refining_finds_the_boundary_of_the_whole_grid(request: Any, name: str) -> None:
    audit = request.getfixturevalue(name)
    found = boundary(audit, resolution=24, depth=2, proxy=proxy(audit))
    full = boundary(audit, resolution=96, depth=0)
    # The grids begin a coarse cell and a fine cell beside the map: three fine cells apart.
    assert found.cell == pytest.approx(full.cell)
    inner = found.outcome[3 : 3 + full.outcome.shape[0], 3 : 3 + full.outcome.shape[1]]
    shared = (inner >= 0) & (full.outcome >= 0)
    assert shared.sum() > 0.98 * (full.outcome >= 0).sum()
    assert (inner == full.outcome)[shared].mean() > (0.995 if name == "planted_audit" else 0.97)
    assert full.calls == full.full
    if name == "planted_audit":
        assert found.calls < 0.6 * found.full
        assert found.length == pytest.approx(full.length, rel=0.03)


def test_a_row_lies_where_its_own_reconstruction_is_decided(planted_audit: Audit) -> None:
    found = boundary(planted_audit, resolution=32, depth=3)
    rebuilt = planted_audit.ask_latents(planted_audit.space.latents.mean[:])
    there = found.at(planted_audit.space.map.positions)
    near = rebuilt.margin > 0.2  # the nearest place of the grid may lie beyond the line
    assert (there >= 0).mean() > 0.95
    assert (there == rebuilt.outcome)[near & (there >= 0)].mean() > 0.95


def test_trust_is_what_can_be_counted_by_hand(planted_audit: Audit) -> None:
    space, held = planted_audit.space, planted_audit.tested
    seen = proxy(planted_audit, most=100_000)
    trust = map_trust(planted_audit, proxy=seen, rounds=2)
    assert trust.accuracy is not None
    assert (trust.accuracy.count, trust.accuracy.n) == (len(held), len(held)), "the rule is what happened"
    own = planted.rule(planted.frame().iloc[held])
    rebuilt = planted.rule(space.decode(space.latents.mean[held]))
    assert trust.rebuilt.count == int((own == rebuilt).sum())
    shares = own.mean(), (seen.shown.outcome[seen.tested] == 1).mean()
    assert trust.chance == pytest.approx(shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1]))
    assert sum(s.n for s in trust.by_outcome) == trust.agreement.n == len(held)
    assert sum(s.count for s in trust.by_outcome) == trust.agreement.count
    # Each row was left out of the map that decodes its place.
    row = seen.rows[seen.tested][0]
    place = np.array(space.map.positions[row])
    np.testing.assert_array_equal(space.map.inverse_transform(place), space.latents.mean[[row]])
    assert not np.array_equal(space.map.without([row])(place), space.latents.mean[[row]])
    assert trust.sentence in str(trust)
    assert trust.to_arrow().num_rows == 5 + len(trust.outcomes)


def test_of_a_random_predictor_the_picture_is_said_to_tell_nothing(random_audit: Audit) -> None:
    seen = proxy(random_audit)
    trust = map_trust(random_audit, proxy=seen, rounds=1)
    low, high = trust.agreement.interval
    assert low - 0.06 < trust.chance < high + 0.06
    assert not trust.better_than_chance
    assert trust.sentence.startswith("The picture cannot be told from chance")
    assert trust.auc is not None
    assert abs(trust.auc - 0.5) < 0.12
    assert doubt(random_audit, proxy=seen).hatched > 0.8


def test_doubt_is_where_rows_are_decided_otherwise(planted_audit: Audit) -> None:
    seen = proxy(planted_audit)
    found = doubt(planted_audit, proxy=seen, cells=48, k=10)
    positions = planted_audit.space.map.positions[seen.rows]
    rows, columns = np.nonzero(np.isfinite(found.values))
    for row, column in list(zip(rows, columns, strict=True))[::97]:
        place = np.array(found.place(row, column))
        nearest = np.argsort(((positions - place) ** 2).sum(1), kind="stable")[:10]
        assert found.values[row, column] == pytest.approx(seen.differs[nearest].mean(), abs=1e-6)
    assert not planted_audit.space.map.has_data(np.array([found.place(0, 0)])).any()
    assert not np.isfinite(found.values[0, 0])
    assert found.share == pytest.approx(seen.differs.mean())


def test_the_static_view_is_the_vote_of_the_rows_around(planted_audit: Audit) -> None:
    found = static_boundary(planted_audit, resolution=24, depth=1, k=5)
    positions, own = planted_audit.space.map.positions, planted_audit.answers.outcome
    places, outcome = _nodes(found)
    apart = ((places[::31, None].astype(np.float64) - positions[None].astype(np.float64)) ** 2).sum(2)
    votes = own[np.argsort(apart, 1)[:, :5]].mean(1) > 0.5
    assert (votes == (outcome[::31] == 1)).mean() > 0.98
    between = ((positions[:, None].astype(np.float64) - positions[None]) ** 2).sum(2)
    np.fill_diagonal(between, np.inf)
    right = (own[np.argsort(between, 1, kind="stable")[:, :5]].mean(1) > 0.5) == (own == 1)
    assert found.accuracy == pytest.approx(right.mean(), abs=0.01)
    assert found.n == len(own)
    assert "real rows nearest" in str(found)


def test_a_triangle_is_the_plane_through_three_rows(planted_audit: Audit) -> None:
    space = planted_audit.space
    found = triangle(planted_audit, 0, 5, 9, resolution=12)
    z = space.latents.mean[[0, 5, 9]].astype(np.float64)
    assert len(found.outcome) == 13 * 14 // 2
    assert len(found.cells) == 12 * 12
    np.testing.assert_allclose(found.weights.sum(1), 1)
    for i in range(3):
        for j in range(3):
            apart = np.linalg.norm(found.corners[i] - found.corners[j])
            assert apart == pytest.approx(np.linalg.norm(z[i] - z[j]), rel=1e-6)
    ruled = planted.rule(space.decode(found.weights @ z))
    np.testing.assert_array_equal(ruled, found.outcome == 1)
    assert found.own.tolist() == planted_audit.ask_rows([0, 5, 9]).outcome.tolist()
    corner = int(found.weights[:, 1].argmax())
    assert found.outcome[corner] == found.shown[1]
    assert "between rows 0, 5, 9" in str(found)


def test_two_predictors_are_compared_row_by_row(planted_audit: Audit, random_audit: Audit) -> None:
    other = Audit(
        planted_audit.space,
        lambda rows: np.clip(1 - 1e-9 - planted.predictor(rows), 0, 1),  # the threshold itself stays with "yes"
        classes=("yes", "no"),
        held_out=planted_audit.tested,
    )
    found = compare_boundaries([planted_audit, other, random_audit], resolution=12, depth=1)
    same, apart, _ = found.pairs
    assert same.agreement.value == 1.0, "the same decisions under classes in another order"
    assert len(same) == 0
    assert same.area is not None
    assert same.area < 0.01
    differ = planted_audit.answers.outcome != random_audit.answers.outcome
    np.testing.assert_array_equal(apart.rows, np.flatnonzero(differ))
    assert apart.agreement.count == int((~differ[planted_audit.tested]).sum())
    assert apart.a_right is not None
    assert apart.b_right is not None
    assert (apart.a_right.value, apart.b_right.value) == (1.0, 0.0), "what happened is the rule"
    assert len(str(found).split("\n")) == 4
    with pytest.raises(SpaceError, match="two or more, got 1"):
        compare_boundaries([planted_audit])
    three = Audit(planted_audit.space, lambda r: np.full((len(r), 3), 1 / 3), classes=("no", "yes", "later"))
    with pytest.raises(SpaceError, match="the same outcomes, but predictor decides between 'no', 'yes'"):
        compare_boundaries([planted_audit, three])


def test_a_regression_is_drawn_at_its_threshold(planted_space: ds.Space) -> None:
    audit = Audit(planted_space, lambda rows: rows["income"], kind="values", threshold=44, target="none")
    found = boundary(audit, resolution=24, depth=2)
    rows, columns = np.nonzero(found.outcome >= 0)
    values = found.values[rows, columns]
    sides = found.outcome[rows, columns] == 1
    assert ((values >= 44) == sides).mean() > 0.99
    places, _ = _nodes(found)
    asked = planted_space.decode(planted_space.map.inverse_transform(places))["income"].to_numpy()
    assert np.median(np.abs(asked - values)) < 0.5
    trust = map_trust(audit, rounds=1)
    assert trust.accuracy is None
    assert trust.auc is None


def test_every_modality_has_a_picture(any_space: ds.Space) -> None:
    """A linear classifier of three classes, or two, on what the modality hands over."""
    from sklearn.linear_model import LogisticRegression

    encoded = np.nan_to_num(np.asarray(any_space.samples[:], np.float32)).reshape(len(any_space), -1)
    column = int(encoded.var(0).argmax())
    label = np.digitize(encoded[:, column], np.quantile(encoded[:, column], [1 / 3, 2 / 3]))
    scale = float(np.abs(encoded).max())
    model = LogisticRegression(max_iter=100).fit(encoded / scale, label)

    def ask(x: Any) -> np.ndarray:
        flat = np.nan_to_num(np.asarray(x, np.float32)).reshape(len(x), -1)
        return np.asarray(model.predict_proba(flat / scale))

    from deepspace.decisions import Predictor

    found_classes = tuple(str(c) for c in model.classes_)
    predictor = Predictor(ask, "linear", kind="probabilities", classes=found_classes, inputs="encoded")
    audit = Audit(any_space, predictor, target="none")
    found = boundary(audit, resolution=8, depth=1)
    places, outcome = _nodes(found)
    decided = audit.ask_latents(any_space.map.inverse_transform(places)).outcome
    assert (decided == outcome).mean() > 0.9
    assert found.to_arrow().num_rows == sum(len(line) for line in found.lines)
    trust = map_trust(audit, rounds=1)
    assert 0 <= trust.agreement.value <= 1
    assert static_boundary(audit, resolution=8, depth=1).accuracy is not None


def test_without_a_decoder_there_is_the_static_view_alone(tmp_path: Any) -> None:
    vectors = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    space = ds.attach(latents=vectors[:, :3], data=vectors, modality="vector", path=tmp_path / "bare.space")
    audit = Audit(space, lambda x: 1 / (1 + np.exp(-np.asarray(x)[:, 0])), target="none", classes=("low", "high"))
    for ask in (boundary, map_trust, doubt, lambda a: triangle(a, 0, 1, 2)):
        with pytest.raises(
            SpaceError, match=r"has no decoder, so that no place of its map can be shown to .* needs none"
        ):
            ask(audit)
    found = static_boundary(audit, resolution=8, depth=1)
    assert (found.outcome >= 0).any()
    pair = compare_boundaries([audit, audit], resolution=8, depth=1).pairs[0]
    assert pair.agreement.value == 1.0


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (lambda a: boundary(a, resolution=1), "a resolution of 2 or more"),
        (lambda a: boundary(a, resolution=64, depth=9), "at most 4,096 fine cells along a side; got 64 and 9"),
        (lambda a: doubt(a, level=0), "a level between 0 and 1; got 128 cells, 25 rows and a level of 0"),
        (lambda a: triangle(a, 0, 1, 1), "three different rows of 'planted', 0 to 899: got 0, 1, 1"),
        (lambda a: triangle(a, 0, 1, 900), "row 900 is none of them"),
        (lambda a: triangle(a, 0, 1, 2, resolution=0), "1 to 512 steps a side, got 0"),
        (lambda a: a.space.map.without(np.arange(900)), "none is left; leave some of them in"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_one_sentence(planted_audit: Audit, ask: Any, words: str) -> None:
    with pytest.raises(SpaceError) as caught:
        ask(planted_audit)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_area_under_the_curve_is_scikit_learns() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 2, 400)
    score = np.round(truth + rng.normal(0, 1, 400), 1)  # with ties
    found = auc_of(score, truth)
    assert found is not None
    area, (low, high) = found
    assert area == pytest.approx(roc_auc_score(truth, score))
    assert low < area < high
    assert auc_of(score, np.ones(400, int)) is None
