"""What is said of a picture, from its counts alone."""

from __future__ import annotations

import pytest

from deepspace.decisions.boundary.trust import MapTrust, Share


def _trust(yes: int, no: int, each: int = 100) -> MapTrust:
    """Of ``each`` rows decided "no" and "yes", those that the picture shows so."""
    rare = Share(yes, each)
    agreement = Share(yes + no, 2 * each)
    return MapTrust(
        outcomes=("no", "yes"), accuracy=None, shown_accuracy=None, auc=None, auc_interval=None, agreement=agreement,
        rebuilt=agreement, chance=0.5, consistency=agreement, rounds=10, by_outcome=(Share(no, each), rare),
        tested_known=True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("yes", "no", "overlooked", "begins"),
    [
        (90, 95, (), "The picture decides"),
        (11, 99, ("yes",), "The picture cannot be told from chance"),
        (30, 99, ("yes",), "The picture is of no use for 'yes'"),
        (45, 99, (), "The picture decides"),
    ],
)
def test_an_outcome_that_the_picture_does_not_show_is_said_first(
    yes: int, no: int, overlooked: tuple[str, ...], begins: str
) -> None:
    trust = _trust(yes, no)
    assert trust.overlooked == overlooked
    assert trust.sound == (not overlooked)
    assert trust.sentence.startswith(begins)
