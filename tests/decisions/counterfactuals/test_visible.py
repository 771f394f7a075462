"""What can be seen of a change, in words that are true of the pictures: planted changes, and every space's own."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit, counterfactuals
from deepspace.decisions.counterfactuals.visible import Sight, where

LATENTS = np.random.default_rng(0).normal(size=(200, 3)).astype(np.float32)


def _pictures(channels: int = 1) -> Sight:
    return Sight(SimpleNamespace(schema=SimpleNamespace(form="image", channels=channels)), LATENTS)  # type: ignore[arg-type]


def _signals(channels: int = 1) -> Sight:
    """Heights 4 and, of a second channel, 400 in the user's units; 2 in encoded ones."""
    rows = np.random.default_rng(1).normal(size=(50, channels, 100)).clip(-1, 1)
    rows[:, :, :2] = [-1, 1]
    schema = SimpleNamespace(
        form="signal", deviation=(2.0, 200.0)[:channels], channel_names=("x", "y")[:channels] if channels > 1 else ()
    )

    class Space:
        def __len__(self) -> int:
            return len(rows)

    space = Space()
    space.schema, space.samples = schema, rows  # type: ignore[attr-defined]
    return Sight(space, LATENTS)  # type: ignore[arg-type]


def test_a_planted_change_of_a_picture_is_told_as_it_is() -> None:
    sight, start = _pictures(), np.full((1, 30, 30), 100.0)
    item = start.copy()
    item[0, :15] += 26
    end = start.copy()
    end[0, 22:28, 5:25] += 60
    end[0, 2:8, 2:8] -= 40
    end[0, 10:20, 10:20] += 25  # a tenth of black to white is 25.5: not seen
    found = sight.of(item, start, end, 2 * sight.usual)
    assert found is not None
    assert (found.share, found.up, found.down) == pytest.approx((156 / 900, 120 / 900, 36 / 900))
    assert found.rebuilt == 0.5
    assert found.move == pytest.approx(2)
    assert found.text == (
        "17 % of the picture changes visibly (by more than a tenth of black to white): 13 % becomes brighter, mostly "
        "in the lower third; 4 % becomes darker, mostly in the upper left quarter"
    )
    assert "The way is 2 of the median distance" in found.more
    assert "50 % differs visibly from the real item" in found.more
    same = sight.of(item, start, start + 25, 0.0)
    assert same is not None
    assert same.share == 0
    assert "it can hardly be seen" in same.text


def test_a_colour_may_change_and_be_no_brighter() -> None:
    start = np.full((3, 10, 10), 100.0)
    end = start.copy()
    end[0, :, :5] += 60
    end[1, :, :5] -= 60
    found = _pictures(3).of(start, start, end, 1.0)
    assert found is not None
    assert (found.share, found.up, found.down) == (0.5, 0, 0)
    assert found.text.endswith("50 % changes colour alone, mostly in the left half")


@pytest.mark.parametrize(
    ("rows", "columns", "place"),
    [
        ((11, 19), (11, 19), "in the middle"), ((0, 9), (0, 30), "in the upper third"),
        ((0, 30), (21, 30), "in the right third"), ((0, 14), (16, 30), "in the upper right quarter"),
        ((10, 20), (0, 30), "across the middle"), ((0, 30), (10, 20), "down the middle"),
        ((0, 15), (0, 30), "in the upper half"), ((5, 25), (5, 25), "away from the edge"),
        ((0, 30), (0, 30), "all over it"),
    ],
)  # fmt: skip
def test_a_place_is_the_smallest_that_holds_it(rows: Any, columns: Any, place: str) -> None:
    mask = np.zeros((30, 30), bool)
    mask[slice(*rows), slice(*columns)] = True
    assert where(mask) == place
    # Turned upside down and left to right, the words turn with it.
    turned = {"upper": "lower", "right": "left"}
    assert where(mask[::-1, ::-1]) == re.sub("|".join(turned), lambda m: turned[m.group()], place)


def test_both_sides_and_the_edge() -> None:
    sides = np.zeros((30, 30), bool)
    sides[:, :6] = sides[:, 24:] = True
    assert where(sides) == "at both sides"
    assert where(sides.T) == "at the top and the bottom"
    edge = np.ones((30, 30), bool)
    edge[4:26, 4:26] = False
    assert where(edge) == "around the edge"
    assert where(np.random.default_rng(0).random((30, 30)) < 0.3) == "all over it"


def test_stretches_of_a_signal_are_told_in_the_users_units() -> None:
    start = np.zeros((1, 100))
    end = start.copy()
    end[0, 19:40] = 0.5
    end[0, 29] = 0.1  # a gap of one sample is bridged
    end[0, 60:62] = -0.3
    end[0, 80:90] = 0.19  # less than a tenth of the usual height, 2
    found = _signals().of(start, start, end, 1.0)
    assert found is not None
    assert (found.up, found.down) == pytest.approx((0.20, 0.02))
    assert found.text == (
        "22 % of the signal changes visibly (by more than a tenth of its usual height): samples 20 to 40 of 100 higher "
        "by up to 1; samples 61 to 62 of 100 lower by up to 0.60"
    )
    both = np.zeros((2, 100))
    both[1, 3] = -0.5
    told = _signals(2).of(np.zeros((2, 100)), np.zeros((2, 100)), both, 1.0)
    assert told is not None
    assert told.text.endswith(": y, sample 4 of 100 lower by up to 100")
    many = start.copy()
    many[0, ::10] = 1
    several = _signals().of(start, start, many, 1.0)
    assert several is not None
    assert several.text.endswith("; and 7 smaller stretches")


def test_what_is_told_of_every_space_is_true_of_its_pictures(any_space: Any) -> None:
    encoded = np.nan_to_num(np.asarray(any_space.samples[:], np.float32)).reshape(len(any_space), -1)
    column = int(encoded.var(0).argmax())
    middle, spread = float(np.median(encoded[:, column])), float(encoded[:, column].std())

    def chance(x: Any) -> np.ndarray:
        values = np.nan_to_num(np.asarray(x, np.float32)).reshape(len(x), -1)[:, column]
        return np.asarray(1 / (1 + np.exp(-4 * (values - middle) / spread)), float)

    audit = Audit(any_space, chance, target="none", classes=("low", "high"), kind="probabilities", inputs="encoded")
    form = any_space.schema.form
    for case in counterfactuals(audit, rows=audit.rows[audit.answers.outcome == 0][:6]):
        for one in case:
            if form not in ("image", "signal"):
                assert one.visible is None
                continue
            assert one.visible is not None
            assert one.path_encoded is not None
            change = one.path_encoded[-1].astype(np.float64) - one.path_encoded[0]
            if form == "image":
                assert one.visible.share == pytest.approx((np.abs(change) > 25.5).any(0).mean())
            assert one.visible.up + one.visible.down <= one.visible.share + 1e-9
            assert one.visible.text in str(one)
            assert one.visible.move >= 0
