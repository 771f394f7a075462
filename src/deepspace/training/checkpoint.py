"""A training on disk: one safetensors file with a JSON header, replaced as a whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from deepspace.errors import TrainingError
from deepspace.training.feed import gather

__all__ = ["Checkpoint", "fingerprint", "restore_optimizer", "store_optimizer"]

_VERSION = 1


def fingerprint(
    description: dict[str, Any], array: npt.NDArray[Any], held_out: npt.NDArray[np.int64] | None = None
) -> str:
    """SHA-256 of what must be the same for a checkpoint to go on: the settings, up to 256 rows from all over, and which
    rows are held out where they are named."""
    digest = hashlib.sha256(json.dumps([_VERSION, description], sort_keys=True).encode())
    digest.update(repr((array.shape, array.dtype.str)).encode())
    some = np.linspace(0, len(array) - 1, min(256, len(array))).astype(np.int64)
    digest.update(gather(array, some).tobytes())
    if held_out is not None:
        digest.update(np.ascontiguousarray(held_out, "<i8").tobytes())
    return digest.hexdigest()


def store_optimizer(optimizer: torch.optim.Optimizer, names: list[str]) -> dict[str, Tensor]:
    """The optimizer's state as flat tensors, one name each."""
    state = optimizer.state_dict()["state"]
    return {
        f"optimizer.{key}.{names[i]}": torch.as_tensor(value).detach()
        for i, slots in state.items()
        for key, value in slots.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, names: list[str], tensors: dict[str, Tensor]) -> None:
    """Put back what ``store_optimizer`` took."""
    state: dict[int, dict[str, Tensor]] = {}
    places = {name: i for i, name in enumerate(names)}
    for full, value in tensors.items():
        if full.startswith("optimizer."):
            _, key, name = full.split(".", 2)
            state.setdefault(places[name], {})[key] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})


class Checkpoint:
    """Reads and writes one file; writing takes at most a twentieth of the time unless asked to."""

    def __init__(self, path: Path, key: str) -> None:
        self.path, self.key = path, key
        self._next = 0.0

    def load(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors and facts, or None if there is no file, or it is of another training or damaged."""
        try:
            with safe_open(self.path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("fingerprint") != self.key:
                    return None
                names = file.keys()  # not iterable itself
                return {name: file.get_tensor(name) for name in names}, json.loads(header["facts"])
        except (OSError, SafetensorError, KeyError, ValueError):
            return None

    @property
    def due(self) -> bool:
        """Whether enough time has passed since the last writing."""
        return time.monotonic() >= self._next

    def save(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Write beside, flush to the disk, and put in place. Raises TrainingError if the disk does not take it."""
        start = time.monotonic()
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}.partial")
        header = {"fingerprint": self.key, "facts": json.dumps(facts)}
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save_file({k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}, aside, metadata=header)
            with open(aside, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(aside, self.path)
        except (OSError, SafetensorError) as error:
            with contextlib.suppress(OSError):
                aside.unlink()
            raise TrainingError(
                f"Cannot write the checkpoint {self.path}: {error}; free some space or choose another place."
            ) from error
        self._next = time.monotonic() + 20 * (time.monotonic() - start)
