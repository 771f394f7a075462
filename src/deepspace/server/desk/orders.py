"""Fits that can be taken up again: what was asked for lies beside the checkpoint, and how far it had come inside."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepspace.errors import SpaceError
from deepspace.space.files import Work, work_folder

__all__ = ["Order", "Partial", "discard", "keep_order", "partials", "read_order"]

_FILE = "order.json"
_CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Order:
    """A fit as it was asked for. ``options`` are the words of whoever fits (see ``deepspace.cli.fitting``)."""

    data: str
    output: Path
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Partial:
    """A fit that was cut short. ``order`` is None when only the command that began it can go on.

    ``epochs``: how many are done; ``elbo``: nats a held-out row, of the best; ``trained``: only the map is to be made;
    ``running``: another process is at it now.
    """

    output: Path
    order: Order | None
    epochs: int
    elbo: float | None
    trained: bool
    changed: float
    running: bool


def keep_order(order: Order) -> None:
    """Leaves the order in the work folder of a fit that has begun, so that the start page can go on from there."""
    folder = work_folder(order.output)
    text = json.dumps({"data": order.data, "options": order.options}, default=str)
    with suppress(OSError):
        (folder / _FILE).write_text(text, encoding="utf-8")


def read_order(output: Path) -> Order | None:
    """The order of the partial fit of ``output``, or None where there is none that can be read."""
    try:
        read = json.loads((work_folder(output) / _FILE).read_bytes())
        data, options = read["data"], read["options"]
    except (OSError, ValueError, RecursionError, KeyError, TypeError):
        return None
    return Order(data, output, options) if isinstance(data, str) and isinstance(options, dict) else None


def partials(folder: Path, begun: Iterable[Path]) -> list[Partial]:
    """Fits cut short in ``folder``, and those among ``begun`` elsewhere; the last changed first."""
    with suppress(OSError):
        begun = [*begun, *(p.with_suffix("") for p in sorted(folder.glob("*.space.partial")))]
    found = [_partial(output) for output in dict.fromkeys(begun)]
    return sorted((p for p in found if p is not None), key=lambda p: -p.changed)


def _partial(output: Path) -> Partial | None:
    folder = work_folder(output)
    if not (folder / "work.json").is_file():
        return None
    order, checkpoint = read_order(output), folder / _CHECKPOINT
    try:
        changed = max(f.stat().st_mtime for f in (checkpoint, folder / "work.json") if f.exists())
    except (OSError, ValueError):
        return None
    state = _state(checkpoint)
    best = state.get("best")
    elbo = float(best) if isinstance(best, float) and math.isfinite(best) else None
    return Partial(
        output, order, len(state.get("epochs", [])), elbo, bool(state.get("stopped")), changed, _claimed(folder)
    )


def _state(checkpoint: Path) -> dict[str, Any]:
    """What the training's checkpoint says about itself: its header alone is read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(checkpoint, framework="np") as file:
            state = json.loads((file.metadata() or {})["facts"])["state"]
    except (OSError, SafetensorError, KeyError, ValueError, TypeError):
        return {}
    return state if isinstance(state, dict) else {}


def _claimed(folder: Path) -> bool:
    """Whether a process that lives holds this work folder."""
    import os

    from deepspace.space.files import _try_lock

    try:
        handle = os.open(folder / "work.json", os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try_lock(handle)
    finally:
        os.close(handle)


def discard(output: Path) -> None:
    """Removes the partial fit of ``output``. Raises SpaceError when it is none, or is being written."""
    folder = work_folder(output)
    if not (folder / "work.json").is_file():
        raise SpaceError(f"there is no interrupted fit at '{folder}'; it may have been finished or removed.")
    work = Work(output)  # claims it, so that nothing which is being written or not ours is removed
    work.keep = False
    work.release()
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)
