"""What every room's tests share."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The browser comes last: Playwright leaves an event loop running in this thread, in which no other can be
    started."""
    items.sort(key=lambda item: "e2e" in item.path.relative_to(ROOT).parts)


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


@pytest.fixture(scope="session", params=MODALITIES)
def any_space(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Space:
    """A small real space, of each modality in turn."""
    return fit_space(request.param, tmp_path_factory.mktemp("spaces"))
