"""MMD-critic picks what the definition says, finds planted groups, and is measured on rows that it did not see."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit
from deepspace.decisions.prototypes import critic, prototypes
from deepspace.errors import SpaceError
from deepspace.results import wilson
from tests.decisions import planted


def kernel_of(z: np.ndarray, width: float = 0.5) -> np.ndarray:
    squares = ((z[:, None] - z[None]) ** 2).sum(2)
    return np.exp(-squares / np.quantile(squares[np.triu_indices(len(z), 1)], width))


def discrepancy(kernel: np.ndarray, some: list[int]) -> float:
    """The squared maximum mean discrepancy between all points and some of them, by its definition."""
    return float(kernel.mean() - 2 * kernel[:, some].mean() + kernel[np.ix_(some, some)].mean())


@pytest.mark.parametrize("width", [0.05, 0.5])
def test_every_pick_is_the_one_that_lowers_the_discrepancy_most(width: float) -> None:
    z = np.random.default_rng(0).normal(size=(40, 3)) * [3, 1, 1]
    kernel = kernel_of(z, width)
    picks, critics = critic(z, 6, 5, width=width)
    for m in range(6):
        before = picks[:m].tolist()
        rest = [i for i in range(40) if i not in before]
        best = min(rest, key=lambda i: discrepancy(kernel, [*before, i]))
        assert picks[m] == best
    witness = np.abs(kernel.mean(1) - kernel[:, picks].mean(1))
    chosen: list[int] = []
    for one in critics:
        rest = [i for i in range(40) if i not in {*picks.tolist(), *chosen}]

        def worth(i: int, chosen: list[int] = chosen) -> float:
            some = [*chosen, i]
            return float(witness[some].sum() + np.linalg.slogdet(kernel[np.ix_(some, some)])[1])

        assert one == max(rest, key=worth)
        chosen.append(int(one))
    assert not set(picks) & set(critics)


def test_planted_groups_each_have_a_prototype() -> None:
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    z = np.concatenate([c + rng.normal(0, 0.5, (50, 2)) for c in centres] + [np.array([[4.5, 4.5]])])
    picks, critics = critic(z, 3, 3, width=0.1)
    assert sorted(picks // 50) == [0, 1, 2]  # and not the odd point between them
    assert len(set(critics)) == 3


def test_more_than_there_are_and_points_that_are_all_the_same() -> None:
    picks, critics = critic(np.zeros((3, 2)), 5, 5)
    assert sorted(picks) == [0, 1, 2]
    assert len(critics) == 0
    assert [len(part) for part in critic(np.ones((1, 2)), 1, 1)] == [1, 0]


def test_they_are_chosen_among_rows_that_they_are_not_measured_on(planted_audit: Audit) -> None:
    found = planted_audit.prototypes(k=4)
    held = planted_audit.space.validation_index
    decided = planted_audit.answers.outcome
    for place, own in enumerate(found.exemplars):
        assert own.outcome == planted_audit.outcomes[place]
        assert len(own.prototypes) == len(own.criticisms) == 4
        everything = np.concatenate([own.prototypes, own.criticisms])
        assert (decided[everything] == place).all()
        assert not np.isin(everything, held).any()
        assert own.stands_for.sum() == pytest.approx(1)
        assert own.n == int((decided == place).sum() - (decided[held] == place).sum())
    z = np.asarray(planted_audit.space.latents.mean, np.float64)
    index = np.concatenate([own.prototypes for own in found.exemplars])
    nearest = np.linalg.norm(z[held][:, None] - z[index][None], axis=2).argmin(1)
    share = float((decided[index][nearest] == decided[held]).mean())
    assert found.fidelity is not None
    assert found.fidelity.share == pytest.approx(share)
    assert found.fidelity.n == len(held)
    assert found.fidelity.interval == wilson(round(share * len(held)), len(held))
    assert found.fidelity.drawn_range[0] <= found.fidelity.drawn <= found.fidelity.drawn_range[1]


def test_a_decision_that_follows_the_space_is_reproduced(planted_space: Any) -> None:
    z = np.asarray(planted_space.latents.mean)
    side = z[:, z.var(0).argmax()] > np.median(z[:, z.var(0).argmax()])
    keys = {tuple(np.round(row, 4)): bool(s) for row, s in zip(np.asarray(planted_space.samples), side, strict=True)}

    def follows(rows: Any) -> np.ndarray:
        return np.array([float(keys[tuple(np.round(row, 4))]) for row in rows])

    audit = Audit(planted_space, follows, inputs="encoded", target="none", classes=("left", "right"))
    found = prototypes(audit, k=3)
    assert found.fidelity is not None
    assert found.fidelity.share > 0.8


def test_a_random_decision_has_prototypes_that_tell_nothing(planted_space: Any) -> None:
    found = prototypes(Audit(planted_space, planted.random_predictor), k=5)
    assert found.fidelity is not None
    low, high = found.fidelity.interval
    assert low < 0.56
    assert high > 0.44
    assert "not surely better than rows drawn at random" in found.notes[0]
    assert str(found).startswith("these prototypes")


def test_every_modality_by_decision_and_by_truth(any_space: Any) -> None:
    flat = np.nan_to_num(np.asarray(any_space.samples[:], np.float64)).reshape(len(any_space), -1)
    level = float(np.median(flat.mean(1)))
    audit = Audit(
        any_space, lambda items: np.nan_to_num(np.asarray(items, np.float64)).reshape(len(items), -1).mean(1),
        inputs="encoded", kind="values", threshold=level, target="none",
    )  # fmt: skip
    found = prototypes(audit, k=2, criticisms=1)
    table = found.to_arrow()
    assert table.column("role").to_pylist() == ["prototype", "prototype", "criticism"] * 2
    assert str(found)
    with pytest.raises(SpaceError, match="not known what happened"):
        prototypes(audit, by="truth")


def test_by_what_happened(planted_audit: Audit) -> None:
    by_truth = prototypes(planted_audit, by="truth")
    for place, own in enumerate(by_truth.exemplars):
        assert (planted_audit.truth[own.prototypes] == place).all()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"k": 0}, "at least 1 prototype"),
        ({"criticisms": -1}, "no fewer than 0"),
        ({"by": "score"}, "by 'decision' or"),
    ],
)
def test_questions_that_make_no_sense(planted_audit: Audit, options: dict[str, Any], words: str) -> None:
    with pytest.raises(SpaceError, match=words):
        prototypes(planted_audit, **options)


def test_an_outcome_that_nothing_has_is_left_out(planted_space: Any) -> None:
    found = prototypes(Audit(planted_space, lambda rows: np.full(len(rows), 0.1)))
    assert [own.outcome for own in found.exemplars] == ["no"]
    assert any("has the outcome 'yes'" in note for note in found.notes)
