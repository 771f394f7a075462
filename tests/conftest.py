"""What every room's tests share."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.spaces import MODALITIES
from tests.spaces import fit as fit_space

if TYPE_CHECKING:
    from deepspace import Space

ROOT = Path(__file__).resolve().parents[1]

# No test asserts on a clock, and an example may meet a busy machine.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

# What tests open is nothing that the user opened.
os.environ["DEEPSPACE_STATE"] = tempfile.mkdtemp(prefix="deepspace-state-")
atexit.register(shutil.rmtree, os.environ["DEEPSPACE_STATE"], ignore_errors=True)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of larger public data sets beside the repository; tests that need it skip, visibly, without it."""
    folder = Path(os.environ.get("DEEPSPACE_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no data sets at {folder}; set DEEPSPACE_SHARED to the folder that holds data/")
    return folder


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Small tensors: one thread is fastest, and sums come out the same on every machine."""
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--share", metavar="I/N", help="Run every N-th file, from the I-th on: 1/2 and 2/2 run them all.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The browser comes last: Playwright leaves an event loop running in this thread, in which no other can be
    started."""
    items.sort(key=lambda item: "e2e" in item.path.relative_to(ROOT).parts)
    share = config.getoption("--share")
    if share is None:
        return
    first, count = map(int, share.split("/"))
    files = {path: place for place, path in enumerate(sorted({item.path for item in items}))}
    mine = [files[item.path] % count == first - 1 for item in items]
    config.hook.pytest_deselected(items=[item for item, own in zip(items, mine, strict=True) if not own])
    items[:] = [item for item, own in zip(items, mine, strict=True) if own]


@pytest.fixture(scope="session", autouse=True)
def short_maps() -> Iterator[int]:
    """A map's networks take 500 steps however few the rows are, which is most of what a small fit costs. Where the rows
    lie does not depend on them, what is decoded between rows does: ``whole_maps`` brings the steps back."""
    from deepspace.space.map import train

    whole = train._LEAST_STEPS
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_LEAST_STEPS", 100)
        yield whole


@pytest.fixture(scope="module")
def whole_maps(short_maps: int) -> Iterator[None]:
    """Maps as users get them, in a file that looks at what is between the rows of a space that it fits."""
    from deepspace.space.map import train

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train, "_LEAST_STEPS", short_maps)
        yield


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Space]:
    """``small("table")``: a small real space of a modality, fitted at first use and shared by all tests: to be read."""
    made: dict[str, Space] = {}

    def space(modality: str) -> Space:
        if modality not in made:
            made[modality] = fit_space(modality, tmp_path_factory.mktemp("spaces"))
        return made[modality]

    return space


@pytest.fixture(scope="session", params=MODALITIES)
def any_space(request: pytest.FixtureRequest, small: Callable[[str], Space]) -> Space:
    """The small real space of each modality in turn."""
    return small(request.param)
