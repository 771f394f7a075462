"""A space of wines and one of handwritten digits, once."""

from __future__ import annotations

import pytest

import deepspace as ds
from tests import spaces
from tests.decisions.predictors import tables


@pytest.fixture(scope="session")
def wines(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return tables.space(tmp_path_factory.mktemp("wines"))


@pytest.fixture(scope="session")
def fitted_images(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return spaces.fit("image", tmp_path_factory.mktemp("images"), epochs=2)
