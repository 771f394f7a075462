"""The panel that CONTRIBUTING shows is a panel: put into a copy of the page, it passes the page's own type check."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

from tests.conftest import ROOT


def blocks(language: str) -> list[str]:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_example_panel_is_one_file_and_one_line(built: Path, tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)

    page = tmp_path / "explorer"
    shutil.copytree(ROOT / "explorer", page, ignore=shutil.ignore_patterns("node_modules"))
    (page / "node_modules").symlink_to(ROOT / "explorer" / "node_modules")
    drawer = page / "src" / "lib" / "drawer"
    (drawer / "NotesPanel.svelte").write_text(blocks("svelte")[0], encoding="utf-8")
    registry = drawer / "panels.ts"
    text = registry.read_text(encoding="utf-8")
    line = blocks("ts")[0]
    text = text.replace("\n];", f"\n{line}];", 1)
    assert line in text
    registry.write_text(text, encoding="utf-8")
    checker = "node_modules/svelte-check/bin/svelte-check"
    hook.run(page, checker, "--tsconfig", "tsconfig.json", "--fail-on-warnings")
    # The check looks at it: a panel that asks for what is not there does not pass.
    (drawer / "NotesPanel.svelte").write_text(blocks("svelte")[0].replace(".notes as", ".remarks as"))
    try:
        hook.run(page, checker, "--tsconfig", "tsconfig.json", "--fail-on-warnings")
    except hook.PageError:
        return
    raise AssertionError("the type check passed a panel that reads what is not there")
