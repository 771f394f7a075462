"""Small spaces of all four modalities, made once: real rows, a small untrained model, a real map."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from deepspace.space import BaseSpace, build
from tests.space.made import MODALITIES, dataset, history, model_for


@pytest.fixture(scope="session")
def make() -> Callable[..., BaseSpace]:
    """make(path, modality, seed) builds a space there."""

    def made(path: Path, modality: str = "image", seed: int = 0) -> BaseSpace:
        rows = dataset(modality)
        return build(rows, model_for(rows, seed), history(len(rows)), path, seed=seed)

    return made


@pytest.fixture(scope="session", params=MODALITIES)
def each(
    request: pytest.FixtureRequest, make: Callable[..., BaseSpace], tmp_path_factory: pytest.TempPathFactory
) -> BaseSpace:
    """A space of each modality in turn."""
    return make(tmp_path_factory.mktemp(request.param) / f"{request.param}.space", request.param)


@pytest.fixture(scope="session")
def digits(make: Callable[..., BaseSpace], tmp_path_factory: pytest.TempPathFactory) -> BaseSpace:
    """A space of 160 digits."""
    return make(tmp_path_factory.mktemp("digits") / "digits.space", "image")


@pytest.fixture(scope="session")
def others(make: Callable[..., BaseSpace], tmp_path_factory: pytest.TempPathFactory) -> BaseSpace:
    """Another space, to be replaced or to replace."""
    return make(tmp_path_factory.mktemp("others") / "others.space", "vector", 7)
