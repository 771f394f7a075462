"""What is installed and what is shipped: versions, extras, the page in the wheel, no addresses in the lockfile."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKFILE = ROOT / "explorer" / "package-lock.json"


def requirements() -> list[Requirement]:
    """Direct dependencies, those of every extra, and those of the build."""
    project = PROJECT["project"]
    texts = [*project["dependencies"], *PROJECT["build-system"]["requires"]]
    texts += [text for extra in project["optional-dependencies"].values() for text in extra]
    return [r for r in map(Requirement, texts) if r.name != "deepspace"]


def constraints() -> dict[str, Version]:
    lines = [line.split("#")[0].strip() for line in (ROOT / "constraints.txt").read_text().splitlines()]
    pins = [Requirement(line) for line in lines if line]
    return {canonical(p.name): Version(str(p.specifier).removeprefix("==")) for p in pins}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.mark.parametrize("requirement", requirements(), ids=str)
def test_every_dependency_was_tested_at_one_version_within_its_range(requirement: Requirement) -> None:
    pins = constraints()
    assert canonical(requirement.name) in pins
    assert requirement.specifier.contains(pins[canonical(requirement.name)])


def test_torch_is_a_range_for_users_and_one_version_for_us() -> None:
    torch = next(r for r in requirements() if r.name == "torch")
    assert str(torch.specifier) == ">=2.5"
    assert constraints()["torch"] == Version("2.13.0")


def test_licences_that_must_not_become_dependencies() -> None:
    banned = {"sdv", "ctgan", "alibi", "alibi-detect", "zennit", "torchvision", "umap-learn", "pythae", "lightning"}
    assert not banned & {canonical(r.name) for r in requirements()}


def test_the_command_is_installed() -> None:
    from importlib.metadata import entry_points

    (command,) = [e for e in entry_points(group="console_scripts") if e.name == "deepspace"]
    assert command.value == PROJECT["project"]["scripts"]["deepspace"]
    assert callable(command.load())


def test_the_continuous_integration_runs_the_test_command_of_the_readme() -> None:
    runner = ROOT / ".ci" / "run"
    assert os.access(runner, os.X_OK)
    assert runner.read_text().rstrip().endswith("exec make test")
    assert "make test" in (ROOT / "README.md").read_text()


def test_make_knows_every_word_that_the_readme_uses() -> None:
    listed = subprocess.run(["make", "-n", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert listed.returncode == 0
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"setup", "demo", "test", "lint", "types", "page", "bench", "docs", "clean"} <= targets
    for document in ("README.md", "CONTRIBUTING.md"):
        used = set(re.findall(r"`make ([a-z-]+)|^ {4}make ([a-z-]+)", (ROOT / document).read_text(), re.MULTILINE))
        assert {a or b for a, b in used} <= targets


def test_the_lockfile_builds_anywhere() -> None:
    """No registry address, which would tie the build to one mirror; every platform's native binding is listed."""
    text = LOCKFILE.read_text()
    packages = json.loads(text)["packages"]
    assert not [name for name, entry in packages.items() if "resolved" in entry]
    assert "http://" not in re.sub(r'"(url|funding)": *"[^"]*"', "", text)
    natives = {name.rsplit("/", 1)[-1] for name, entry in packages.items() if entry.get("optional") and entry.get("os")}
    bundlers = {n.split("-", 1)[0] for n in natives}
    for family in bundlers & {"rollup", "rolldown", "binding"}:
        members = {n for n in natives if n.startswith(f"{family}-")}
        for platform in ("linux-x64-gnu", "linux-arm64-gnu", "darwin-arm64", "darwin-x64", "win32-x64-msvc"):
            assert f"{family}-{platform}" in members, f"{family} has no binding for {platform} in the lockfile"
    assert natives, "the lockfile lists no native bindings at all"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source archive, and the wheel that is built from that archive alone, on a machine without Node."""
    out = tmp_path_factory.mktemp("dist")
    clean = {k: v for k, v in os.environ.items() if not k.startswith("DEEPSPACE_")}
    bare = clean | {"PATH": str(tools_but_node(tmp_path_factory.mktemp("bin")))}
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return out


def tools_but_node(folder: Path) -> Path:
    """A folder of links to everything in /usr/bin, but for Node and its companions."""
    for tool in Path("/usr/bin").iterdir():
        if not re.match(r"(node|nodejs|npm|npx|corepack|yarn|pnpm)$", tool.name):
            (folder / tool.name).symlink_to(tool)
    return folder


@pytest.mark.slow
def test_the_wheel_holds_the_page_and_nothing_of_the_workshop(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "deepspace/server/static/index.html" in names
    assert "deepspace/report/report.html" in names
    assert "deepspace/notebook/widget.js" in names
    assert "deepspace/py.typed" in names
    assert [n for n in names if n.startswith("deepspace/server/static/") and n.endswith(".js")]
    assert not [n for n in names if n.startswith(("tests/", "explorer/", "benchmarks/")) or "node_modules" in n]
    metadata = zipfile.ZipFile(wheel).read(next(n for n in names if n.endswith("METADATA"))).decode()
    assert "Requires-Dist: torch>=2.5" in metadata


@pytest.mark.slow
def test_the_source_archive_can_build_the_page(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {"/".join(n.split("/")[1:]) for n in opened.getnames()}
    assert {
        "explorer/package.json",
        "explorer/package-lock.json",
        "hatch_build.py",
        "constraints.txt",
        "LICENSE",
    } <= names
    assert [n for n in names if n.startswith("explorer/src/")]
    assert not [n for n in names if "node_modules" in n or n.startswith((".venv", "src/deepspace/server/static"))]
