"""What all layers answer to many rows, streamed to disk: a summary of every layer, never the whole set in memory."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.layers.layers import BATCH, Layer, Layers
from deepspace.layers.network import Part, watch

if TYPE_CHECKING:
    import torch

__all__ = ["BUDGET", "ROWS", "Recording", "pick_rows", "record"]

BUDGET = 4 << 30
"""Bytes on disk that one recording may take."""
ROWS = 4000
WIDTH = 512
"""Most numbers kept of a layer for one row."""
_LEAST_WIDTH = 32
_MOST = 65_000.0  # of half precision, in which summaries may be kept

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]


class Recording:
    """Summaries of layers at rows. Files in a temporary folder, gone with the recording.

    ``features``: (M, w) a layer as one vector a row: itself where it is small; else averaged over neighbouring
    positions until it fits; where the channels alone are too many, projected at random (Johnson & Lindenstrauss), the
    same way each time. ``peaks``: (M, U) the largest answer of each unit over all positions.
    """

    def __init__(
        self, listed: Layers, layers: tuple[Layer, ...], rows: Rows, width: int, kind: npt.DTypeLike, folder: Path
    ) -> None:
        self.listed, self.layers, self.rows, self.width = listed, layers, rows, width
        self.network = listed.network
        self._folder, self._kind = folder, np.dtype(kind)
        self._kept: dict[str, int] = {}
        names = [layer.name for layer in layers]
        if listed.network.latent:
            names.insert(sum(layer.part == "encoder" for layer in layers), "latent")
        self.names = ("input", *names)
        self._names = {name: i for i, name in enumerate(self.names)}
        self._finalizer = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)

    def features(self, name: str) -> Floats:
        """(M, w) float32 of one layer."""
        return np.asarray(self._open("features", name), np.float32)

    def peaks(self, name: str) -> Floats:
        """(M, U) float32 of one layer."""
        return np.asarray(self._open("peaks", name), np.float32)

    def held_out(self) -> npt.NDArray[np.bool_] | None:
        """(M,): which of the rows training never saw; None where nobody says."""
        held = self.network.held_out
        return None if held is None else np.isin(self.rows, held)

    def close(self) -> None:
        """Forget the files now."""
        self._finalizer()

    def _open(self, kind: str, name: str) -> npt.NDArray[Any]:
        if name not in self._names:
            raise SpaceError(f"Layer {name!r} was not recorded: recorded are {', '.join(self.names)}.")
        return np.memmap(self._file(name, kind), self._kind, "r").reshape(len(self.rows), -1)

    def _file(self, name: str, kind: str) -> Path:
        return self._folder / f"{self._names[name]}.{kind}"

    def keep(self, name: str, at: slice, **made: torch.Tensor) -> None:
        """Add what a layer answers to the rows ``at``, which follow those that it has. Not mapped into memory: what is
        written there counts as used, and a full disk would end the process."""
        self._expect(name, at.start)
        self._kept[name] = at.stop
        for kind, values in made.items():
            with self._file(name, kind).open("ab") as file:
                file.write(values.clamp(-_MOST, _MOST).cpu().numpy().astype(self._kind).tobytes())

    def finish(self) -> None:
        """Every layer has answered to every row, or a sentence says which has not."""
        for name in self.names:
            self._expect(name, len(self.rows))

    def _expect(self, name: str, count: int) -> None:
        if self._kept.get(name, 0) != count:
            raise SpaceError(
                f"Layer {name!r} of '{self.network.name}' does not run for all rows alike, so that it cannot "
                "be recorded; name the other layers."
            )


def pick_rows(held_out: Rows | None, count: int, most: int = ROWS) -> Rows:
    """At most so many rows, evenly spread, a half of them held out where as many are."""
    if count <= most:
        return np.arange(count)
    if held_out is None or not len(held_out):
        return np.linspace(0, count - 1, most).round().astype(np.int64)
    seen = np.setdiff1d(np.arange(count), held_out)
    few = min(len(held_out), most // 2)
    parts = (held_out, few), (seen, min(len(seen), most - few))
    return np.sort(
        np.concatenate([part[np.linspace(0, len(part) - 1, n).round().astype(np.int64)] for part, n in parts])
    )


def record(
    listed: Layers,
    rows: npt.ArrayLike | None = None,
    names: str | Sequence[str] | Callable[[str], bool] | None = None,
    *,
    budget: int = BUDGET,
    batch: int = BATCH,
    tell: Callable[[str], None] | None = None,
) -> Recording:
    """Run rows through the network and keep a summary of every layer on disk, within ``budget`` bytes.

    rows: numbers of rows; without, at most 4,000, half of them held out where as many are. tell: hears how far it is.
    Raises SpaceError where the budget or the disk is too small.
    """
    import torch

    network = listed.network
    chosen = pick_rows(network.held_out, network.rows) if rows is None else np.asarray(rows, np.int64).reshape(-1)
    if not len(chosen) or not (chosen.min() >= 0 and chosen.max() < network.rows):
        raise SpaceError(f"'{network.name}' has {network.rows:,} rows, and {_told(chosen)} asked for.")
    layers = listed.chosen(names)
    width, kind = _room(layers, len(chosen), budget, network.name)
    folder = Path(tempfile.mkdtemp(prefix="deepspace-layers-"))
    recording = Recording(listed, layers, chosen, width, kind, folder)
    try:
        axes = {layer.name: layer.axis for layer in layers}

        def note(name: str, part: Part, module: torch.nn.Module, output: torch.Tensor) -> None:
            if name in axes:
                keep(name, output)

        def keep(name: str, output: torch.Tensor) -> None:
            features, peaks = summary(output.detach(), axes.get(name, 0), width)
            recording.keep(name, at, features=features, peaks=peaks)

        size = _batch(listed, batch)
        with watch(network, note) as run, torch.inference_mode():
            for start in range(0, len(chosen), size):
                at = slice(start, min(start + size, len(chosen)))
                x = network.inputs(chosen[at])
                keep("input", x.nan_to_num(0.0))  # a cell that is missing stands at the column's mean
                answer = run(x)
                if network.latent:
                    keep("latent", answer)
                if tell is not None:
                    tell(f"layers of '{network.name}': {at.stop:,} of {len(chosen):,} rows")
        recording.finish()
    except OSError as error:
        recording.close()
        raise SpaceError(
            f"cannot keep the layers of '{network.name}' in {folder}: {error.strerror or error}."
        ) from error
    except BaseException:
        recording.close()
        raise
    return recording


def summary(output: torch.Tensor, axis: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(B, *shape) -> features (B, w) and the peak of every unit (B, U), float32."""
    import torch
    from torch.nn import functional

    x = output.float()
    if x.ndim == 1:
        x = x[:, None]
    x = x.movedim(axis + 1, 1)
    peaks = x.flatten(2).amax(2) if x.ndim > 2 else x
    if x[0].numel() > width and x.ndim > 2:
        room = max(1, width // x.shape[1])
        if x.ndim == 4:
            side = max(1, int(room**0.5))
            x = functional.adaptive_avg_pool2d(x, (min(side, x.shape[2]), min(side, x.shape[3])))
        else:
            x = functional.adaptive_avg_pool1d(x.flatten(2), min(room, x[0, 0].numel()))
    flat = x.flatten(1)
    if flat.shape[1] > width:
        generator = torch.Generator().manual_seed(flat.shape[1])
        matrix = torch.randn(flat.shape[1], width, generator=generator) * width**-0.5
        flat = flat @ matrix.to(flat.device)
    return flat, peaks


def _room(layers: tuple[Layer, ...], rows: int, budget: int, name: str) -> tuple[int, type[np.floating[Any]]]:
    """The most numbers a row, and the finer precision, that fit: what varies by a thousandth needs the single one."""
    peaks = sum(layer.units for layer in layers)
    plans: list[tuple[int, type[np.floating[Any]]]] = [(WIDTH, np.float32)]
    plans += [(width, np.float16) for width in (WIDTH, WIDTH // 2, WIDTH // 4, _LEAST_WIDTH)]
    for width, kind in plans:
        needed = np.dtype(kind).itemsize * rows * (peaks + sum(min(layer.size, width) for layer in layers))
        if needed <= budget:
            return width, kind
    raise SpaceError(
        f"{len(layers):,} layers of '{name}' at {rows:,} rows need {needed / 1e9:.2g} GB on disk, and the budget is "
        f"{budget / 1e9:.2g} GB; take fewer rows or name the layers."
    )


def _batch(listed: Layers, batch: int) -> int:
    """Rows at once: the largest two layers' answers live together, and shall not take more than 256 MB."""
    largest = sum(sorted((layer.size for layer in listed), reverse=True)[:3])
    return max(1, min(batch, (256 << 20) // (4 * max(1, largest))))


def _told(rows: Rows) -> str:
    return "none was" if not len(rows) else f"rows {rows.min():,} to {rows.max():,} were"
