"""Decisions are called by the user's own names, whatever is decided and whoever said what is favourable."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.report.audit import Options, render_audit
from deepspace.report.audit.words import words_of
from tests.decisions import planted
from tests.report.audit.test_page import LENDING, only

NAMES = ("{low}", "middle", "high")


def three(rows: Any) -> Any:
    income = np.asarray(rows["income"], float)
    return np.eye(3)[np.digitize(income, np.quantile(planted.frame(600)["income"], [0.1, 0.5]))]


def audit_of(space: ds.Space, favourable: str | None) -> Audit:
    return Audit(space, three, classes=NAMES, kind="probabilities", target="none", favourable=favourable)


def test_of_two_outcomes_both_are_named(space: ds.Space) -> None:
    for favourable, other in (("yes", "no"), ("no", "yes")):
        words = words_of(Audit(space, planted.predictor, favourable=favourable))
        assert words.plain == f"decided {other}"
        assert words.others.format(**words.names) == f"decided {favourable}"
        assert words.said


def test_of_more_the_favourable_one_or_the_rarest_is(space: ds.Space) -> None:
    assert words_of(audit_of(space, "high")).plain == "not decided high"
    audit = audit_of(space, None)
    counts = np.bincount(audit.ask_rows(audit.tested).outcome, minlength=3)
    assert words_of(audit).plain == f"decided {NAMES[int(np.argmin(counts))]}"
    assert not words_of(audit).said


@pytest.mark.parametrize("favourable", [None, "high"])
def test_no_report_on_several_outcomes_speaks_of_lending(
    space: ds.Space, monkeypatch: pytest.MonkeyPatch, favourable: str | None
) -> None:
    only(monkeypatch, "predictor", "reasons", "recourse", "groups")
    page, told = render_audit(audit_of(space, favourable), options=Options(groups=("owner",)))
    said = [entry.get("sentence", "") for entry in told["evidence"]]
    assert any("decided" in sentence for sentence in said)
    text = re.sub(r"<[^>]+>", " ", page[page.index("<body>") : page.index('<h2 id="manifest"')])
    assert not LENDING.search(text), LENDING.search(text)
