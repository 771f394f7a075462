"""One planted space for all tests of decisions; see ``planted``."""

from __future__ import annotations

import pytest

import deepspace as ds
from deepspace.decisions import Audit
from tests.decisions import planted


@pytest.fixture(scope="session")
def planted_space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return planted.space(tmp_path_factory.mktemp("planted"))


@pytest.fixture(scope="session")
def planted_audit(planted_space: ds.Space) -> Audit:
    """Outcomes are ("no", "yes"), "yes" is favourable."""
    return Audit(planted_space, planted.predictor, favourable="yes", held_out=planted_space.validation_index)
