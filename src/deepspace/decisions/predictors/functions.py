"""Predictors in Python: a function, an estimator or a module of torch, named ``package:name`` or ``file.py:name``."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.decisions.predictors.predictor import Predictor
    from deepspace.space import BaseSpace

__all__ = ["from_function"]


def from_function(name: str, space: BaseSpace) -> Predictor:
    """What ``name`` names, imported. The folder it is called from is put on Python's path and stays there, since a
    function may import more when it is called. The code of that file or package is run: it is the user's own.

    Raises ModelError where there is no such module or name, or where importing it raises.
    """
    from deepspace.decisions.predictors.recognise import of_object

    where, _, names = name.rpartition(":")
    if not where or not names:
        raise ModelError(f"'{name}' names no predictor; write package:function or file.py:function.")
    found: Any = _file(Path(where)) if where.endswith(".py") else _package(where)
    for part in names.split("."):
        if not hasattr(found, part):
            near = [n for n in vars(found) if not n.startswith("_") and callable(getattr(found, n, None))]
            raise ModelError(
                f"'{where}' has no '{names}'; what can be called there: {', '.join(near[:8]) or 'nothing'}."
            )
        found = getattr(found, part)
    if isinstance(found, type):
        raise ModelError(f"'{name}' is a class; name a function, or an object that is made of it.")
    predictor = of_object(found, space)
    label = names if predictor.name in (names, "<lambda>") else f"{names} ({predictor.name})"
    return replace(predictor, name=label, source=name)


def _package(name: str) -> ModuleType:
    _on_path(Path.cwd())
    importlib.invalidate_caches()
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ModelError(
                f"there is no module '{name}'; it is looked for in {Path.cwd()} and among the installed packages."
            ) from None
        raise ModelError(f"'{name}' could not be imported: {error}.") from error
    except Exception as error:  # whatever the user's code raises
        raise ModelError(_raised(name, error)) from error
    except SystemExit as error:
        raise ModelError(f"'{name}' ended the program while it was imported; guard what it runs.") from error


def _file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ModelError(f"there is no file '{path}'; check the path, seen from {Path.cwd()}.")
    _on_path(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(f"deepspace_predictor_{path.stem}", path.resolve())
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # classes that are defined there look for their module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ModelError(_raised(str(path), error)) from error
    except SystemExit as error:
        raise ModelError(f"'{path}' ended the program while it was imported; guard what it runs.") from error
    return module


def _on_path(folder: Path) -> None:
    known = {str(Path(entry).resolve()) for entry in sys.path}  # an empty entry is the folder one is in
    if str(folder.resolve()) not in known:
        sys.path.insert(0, str(folder))


def _raised(name: str, error: BaseException) -> str:
    first = (str(error).strip().splitlines() or [""])[0].rstrip(".")
    return f"'{name}' raised {type(error).__name__} while it was imported: {first or 'it says no more'}."
