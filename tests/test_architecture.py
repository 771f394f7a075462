"""The house keeps its rules: imports go left, heavy things load late, files stay short, nothing is unpickled."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "deepspace"
FILES = sorted(SOURCE.rglob("*.py"))
LONGEST_FILE, LONGEST_FUNCTION = 500, 60
HEAVY = ("torch", "faiss", "duckdb", "sklearn", "pyarrow", "pandas", "polars", "fastapi", "PIL", "scipy", "uvicorn")


def name(path: Path) -> str:
    return str(path.relative_to(SOURCE))


def test_rooms_import_only_from_rooms_to_their_left() -> None:
    from importlinter.cli import lint_imports

    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_the_linter_knows_every_room() -> None:
    """A new room has to be put in its place among the layers."""
    text = (ROOT / "pyproject.toml").read_text()
    rooms = {p.stem for p in SOURCE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()} - {
        "__init__",
        "__main__",
    }
    assert {room for room in rooms if f"deepspace.{room}" not in text} == set()


def loaded_by(code: str) -> set[str]:
    """Which heavy packages a fresh interpreter has loaded after running the code."""
    probe = f"{code}\nimport sys\nprint(*[m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split()) if done.stdout.strip() else set()


def test_importing_deepspace_loads_nothing_heavy() -> None:
    assert loaded_by("import deepspace; dir(deepspace)") == set()


def test_asking_for_help_loads_nothing_heavy() -> None:
    code = "import sys, contextlib\nsys.argv = ['deepspace', '--help']\nfrom deepspace.cli import main\n"
    assert loaded_by(code + "with contextlib.suppress(SystemExit):\n    main()\nprint()") == set()


def test_reading_data_needs_no_torch() -> None:
    assert not loaded_by("import deepspace.data") & {"torch", "fastapi", "faiss"}


def test_every_public_name_is_there() -> None:
    import deepspace

    for public in deepspace.__all__:
        assert getattr(deepspace, public) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        deepspace.nothing  # noqa: B018


@pytest.mark.parametrize("path", FILES, ids=name)
def test_files_and_functions_stay_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= LONGEST_FILE, f"{name(path)} is over {LONGEST_FILE} lines: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            # The signature and the docstring are not what makes a function hard to follow.
            first = node.body[1] if ast.get_docstring(node) and len(node.body) > 1 else node.body[0]
            length = (node.end_lineno or 0) - first.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{name(path)}: {node.name} has {length} lines: split it"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_what_it_is_for_and_what_it_offers(path: Path) -> None:
    tree = ast.parse(path.read_text())
    docstring = ast.get_docstring(tree)
    assert docstring, f"{name(path)} has no docstring"
    assert docstring.splitlines()[0].strip()
    if path.name != "__main__.py":
        names = {t.id for n in tree.body if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
        assert "__all__" in names, f"{name(path)} has no __all__"


@pytest.mark.parametrize("path", FILES, ids=name)
def test_nothing_is_ever_unpickled(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        imported = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        imported += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        roots = {module.split(".")[0] for module in imported}
        assert not roots & {"pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}, name(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            called = ast.unparse(node.func)
            keywords = {k.arg: ast.unparse(k.value) for k in node.keywords}
            if called in ("np.load", "numpy.load"):
                assert keywords.get("allow_pickle") == "False", f"{name(path)}:{node.lineno} np.load may unpickle"
            assert called not in ("torch.load", "torch.save", "pd.read_pickle"), f"{name(path)}:{node.lineno} {called}"
            assert called not in ("yaml.load", "yaml.unsafe_load"), f"{name(path)}:{node.lineno} use yaml.safe_load"


@pytest.mark.skipif(os.environ.get("CI") != "true", reason="only continuous integration (CI=true) promises a CPU build")
def test_the_tested_torch_is_a_cpu_build() -> None:
    """Constraints protect only the commands that pass them; a stray install would bring gigabytes of CUDA."""
    import torch

    assert torch.version.cuda is None
