"""What the build of the page promises: it needs nothing of this machine, and knows when it is up to date."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.conftest import ROOT

LOCK = ROOT / "explorer" / "package-lock.json"


@pytest.mark.parametrize("system", ["linux-x64-gnu", "linux-arm64-gnu", "darwin-x64", "darwin-arm64", "win32-x64-msvc"])
def test_the_lockfile_names_the_bindings_of_every_platform(system):
    packages = json.loads(LOCK.read_text())["packages"]
    assert f"node_modules/@rolldown/binding-{system}" in packages
    assert f"node_modules/lightningcss-{system}" in packages


def test_the_lockfile_holds_no_address():
    packages = json.loads(LOCK.read_text())["packages"]
    assert [name for name, entry in packages.items() if "resolved" in entry] == []
    assert all("integrity" in entry for name, entry in packages.items() if name)


def test_the_page_is_small_and_asks_no_other_machine(built):
    sizes = {file.name: len(gzip.compress(file.read_bytes())) for file in (built / "assets").glob("*.js")}
    index = (built / "index.html").read_text(encoding="utf-8")
    begun = [name for name in sizes if name in index]
    assert begun
    # What the page begins with; a panel's code comes when it is opened.
    assert sum(sizes[name] for name in begun) < 110_000
    assert sum(sizes.values()) < 200_000
    for file in [built / "index.html", *(built / "assets").iterdir()]:
        text = file.read_text(encoding="utf-8").replace("http://www.w3.org/", "").replace("https://svelte.dev/e/", "")
        assert "http://" not in text, file
        assert "https://" not in text, file
