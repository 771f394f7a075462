"""Documentation that cannot lie: its Python runs, its generated parts are fresh, its links lead somewhere."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
RUN = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def registries() -> Iterator[None]:
    """The worked examples register things; what they added is taken out again."""
    from deepspace.data import registry as data
    from deepspace.metrics import registry as metrics
    from deepspace.models import families, likelihoods

    kept: list[dict[str, Any]] = [data.MODALITIES, metrics.metrics, families.REGISTRY, likelihoods.REGISTRY]
    before = [dict(entries) for entries in kept]
    yield
    for entries, old in zip(kept, before, strict=True):
        entries.clear()
        entries.update(old)


def put_public(wanted: str, folder: Path) -> None:
    """What the page tells its reader to fetch, from the copies beside the repository; skips where there are none."""
    copies = Path(os.environ.get("DEEPSPACE_SHARED", ROOT.parent / "shared")) / "data"
    if not copies.is_dir():
        pytest.skip(f"no data sets at {copies}; set DEEPSPACE_SHARED to the folder that holds data/")
    load("public", ROOT / "examples" / "public.py").fetch(wanted, folder, source=copies)


def load(name: str, file: Path) -> Any:
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN, ids=name)
def test_every_python_block_runs(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registries: None, capsys: pytest.CaptureFixture[str]
) -> None:
    """In order, in one namespace, in an empty folder. An assertion in a block is an assertion here."""
    text = page.read_text(encoding="utf-8")
    for wanted in re.findall(r"python examples/public\.py (\w+)", text):
        put_public(wanted, tmp_path)
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__docs__"}
    for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        line = text.count("\n", 0, block.start()) + 1
        # Blank lines in front: a traceback names the line of the page.
        exec(compile("\n" * line + block.group(1), str(page), "exec", dont_inherit=True), namespace)
    for value in namespace.values():
        with contextlib.suppress(Exception):
            value.close()


def test_there_is_something_to_run() -> None:
    assert {"README.md", "CONTRIBUTING.md"} < {name(page) for page in RUN}
    assert len([page for page in RUN if page.parent.name == "tutorials"]) >= 3


def test_the_command_line_page_is_what_the_commands_say() -> None:
    module = load("generate", ROOT / "docs" / "generate.py")
    assert (ROOT / "docs" / "cli.md").read_text(encoding="utf-8") == module.command_line(), "stale: run `make docs`"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (page.parent / target).exists(), f"{name(page)} links to {target}"


def test_files_that_the_architecture_names_exist() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    rooms = "data|models|training|space|metrics|decisions|report|server|explorer"
    for path in re.findall(rf"`((?:{rooms})/[\w/.]*)`", text):
        base = ROOT if path.startswith("explorer/") else ROOT / "src" / "deepspace"
        assert (base / path).exists(), path


def test_every_room_stands_on_the_map() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for room in (ROOT / "src" / "deepspace").iterdir():
        if room.name not in ("py.typed", "__pycache__"):
            assert f"  {room.name}{'/' if room.is_dir() else ''} " in text, room.name


def test_the_files_of_a_space_are_all_described() -> None:
    from deepspace.space.manifest import FILES

    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert [file for file in FILES if f"`{file}`" not in text] == []


@pytest.mark.parametrize("room", ["results", "space.map.trust"])
def test_examples_in_docstrings(room: str) -> None:
    import doctest
    import importlib

    module = importlib.import_module(f"deepspace.{room}")
    module.__dict__.setdefault("np", __import__("numpy"))
    outcome = doctest.testmod(module)
    assert outcome.attempted > 0
    assert outcome.failed == 0
