"""One report of a predictor whose rule is known, read as a page and as JSON by all tests here."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.report.audit import Options, audit_report
from tests.decisions import planted

PREDICTOR = "tests.decisions.planted:predictor"


@dataclass(frozen=True)
class Report:
    """What was written, and from what."""

    file: Path
    page: str
    told: dict[str, Any]
    space: ds.Space


def options(folder: Path) -> Options:
    """Everything that a report can be asked for."""
    return Options(
        constraints={"immutable": ["age"]}, groups=("owner",), current=folder / "current.csv",
        statements={"intended-use": "To decide on loans."},
    )  # fmt: skip


@pytest.fixture(scope="session")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    folder = tmp_path_factory.mktemp("planted")
    planted.frame(160, seed=5).to_csv(folder / "current.csv", index=False)
    return planted.space(folder, 600)


@pytest.fixture(scope="session")
def report(space: ds.Space) -> Report:
    import json

    folder = space.folder.parent
    audit = Audit(space, PREDICTOR, favourable="yes", held_out=space.validation_index)
    file = audit_report(audit, folder / "planted.html", given=PREDICTOR, options=options(folder))
    told = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
    return Report(file, file.read_text(encoding="utf-8"), told, space)
