"""Signals: float32 (C, L), standardised per channel, and back to the user's units."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from deepspace.data.arrays import checked_numbers, good_rows
from deepspace.data.dataset import Dataset
from deepspace.data.grid import grid_of, matrix, to_arrays
from deepspace.data.metadata import describe_rows, rows_from_side
from deepspace.data.raw import Arrays, Frame, Options, Raw
from deepspace.data.schema import Column, Schema, column_from_json, column_to_json
from deepspace.data.storage import allocate, settle
from deepspace.errors import DataError

__all__ = ["SignalSchema", "build", "fits"]

# Neighbouring samples of a signal resemble each other; unrelated columns do not. Measured: UCR sets .60 to 1.00,
# tables and embeddings below .45.
SMOOTHNESS, MIN_LENGTH, MAX_CHANNELS = 0.5, 24, 64
_SIGNAL_NAMES = ("signal", "signals", "series", "ecg", "eeg", "waveform", "waveforms", "x")


@dataclass(frozen=True)
class SignalSchema(Schema):
    """Signals of one length. shape: (C, L). encoded = (user's value - mean) / deviation, channel by channel.

    ``unit`` multiplies stored integers into the user's units (a ``scale`` entry beside the array), 1 otherwise.
    ``layout``: 'nl' for one channel given as (N, L), 'ncl', or 'nlc'.
    """

    modality: ClassVar[str] = "signal"
    shape: tuple[int, ...]
    columns: tuple[Column, ...]
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    channel_names: tuple[str, ...] = ()
    unit: float = 1.0
    layout: str = "ncl"

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)

    def encode(self, raw: Any) -> npt.NDArray[np.float32]:
        """A path or an array in the user's units, (N, L), (N, C, L) or one signal -> (N, C, L). NaN is refused.
        A stored file with a ``scale`` entry is multiplied by it."""
        if isinstance(raw, (np.ndarray, list, tuple)):
            array = np.asarray(raw)
            array = array[None] if array.ndim == (1 if self.layout == "nl" else 2) else array
        else:
            from deepspace.data.readers import read

            array, _, unit, _, _ = _open(
                raw if isinstance(raw, (Arrays, Frame)) else read(raw, Options(fingerprint=False))
            )
            array = array * np.float32(unit) if unit != 1.0 else array
        return self._encode(checked_numbers(array, "the signals"))

    def _encode(self, array: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        planes = _to_planes(array, self.layout if array.ndim == 3 else "nl")
        if planes.shape[1:] != self.shape:
            raise DataError(f"signals have shape {planes.shape[1:]}, but this space was learned from {self.shape}.")
        out = _standardise(planes, self.mean, self.deviation, 1.0)
        if not np.isfinite(out).all():
            row = int(np.argmin(np.isfinite(out).reshape(len(out), -1).all(1)))
            raise DataError(f"signal {row} holds NaN or infinite values; fill them in or leave it out.")
        return out

    def decode(self, encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """(N, C, L) -> (N, L) if the signals came as such, else (N, C, L) or (N, L, C), in the user's units."""
        encoded = np.asarray(encoded, np.float32)
        if encoded.shape[-2:] != self.shape:
            raise DataError(
                f"encoded signals have shape {encoded.shape}, expected (N, {self.shape[0]}, {self.shape[1]})."
            )
        encoded = encoded.reshape(-1, *self.shape)
        mean, deviation = (np.asarray(v, np.float32)[:, None] for v in (self.mean, self.deviation))
        values = encoded * deviation + mean
        if self.layout == "nl":
            return values[:, 0]
        return np.ascontiguousarray(values.transpose(0, 2, 1)) if self.layout == "nlc" else values

    def to_json(self) -> dict[str, Any]:
        return {
            "modality": self.modality,
            "shape": list(self.shape),
            "columns": [column_to_json(column) for column in self.columns],
            "mean": list(self.mean),
            "deviation": list(self.deviation),
            "channel_names": list(self.channel_names),
            "unit": self.unit,
            "layout": self.layout,
        }

    @classmethod
    def from_json(cls, obj: dict[str, Any]) -> SignalSchema:
        return cls(
            tuple(int(n) for n in obj["shape"]),
            tuple(column_from_json(column) for column in obj["columns"]),
            tuple(map(float, obj["mean"])),
            tuple(map(float, obj["deviation"])),
            tuple(map(str, obj["channel_names"])),
            float(obj["unit"]),
            str(obj["layout"]),
        )


def fits(raw: Raw) -> float:
    """How surely these are signals: by their shape, by what lies beside them, and by how smooth rows are."""
    if isinstance(raw, Frame):
        grid = grid_of(raw)
        return 0.8 if grid and raw.table.num_rows > 1 and smoothness(matrix(raw, grid, 500)) >= SMOOTHNESS else 0.0
    if not isinstance(raw, Arrays) or raw.main.dtype.kind not in "iuf":
        return 0.0
    shape, hints = raw.main.shape, {name.lower() for name in raw.side} & {"channels", "scale", "fs", "sampling_rate"}
    if raw.main.ndim == 3 and min(shape[1:]) <= MAX_CHANNELS and max(shape[1:]) >= 8:
        return 0.95 if hints else 0.6
    if raw.main.ndim == 2 and shape[1] >= MIN_LENGTH:
        return 0.8 if hints or smoothness(raw.main) >= SMOOTHNESS else 0.0
    return 0.0


def smoothness(array: npt.NDArray[Any]) -> float:
    """Mean correlation of neighbouring columns within rows, over at most 500 rows of (N, L)."""
    step = max(1, len(array) // 500)
    rows = np.asarray(array[::step], np.float64)
    rows = rows[np.isfinite(rows).all(1)]
    rows = rows - rows.mean(1, keepdims=True) if len(rows) else rows
    deviation = rows.std(1) if len(rows) else np.zeros(0)
    rows = rows[deviation > 0] / deviation[deviation > 0, None]
    return float((rows[:, 1:] * rows[:, :-1]).mean()) if rows.size else 0.0


def build(raw: Raw, options: Options) -> Dataset:
    notes = list(raw.notes)
    array, side, unit, names, layout = _open(raw)
    checked_numbers(array, "the signals")
    if len(array) < 5:
        raise DataError(f"'{raw.source.name}' has {len(array)} signals; at least 5 are needed to learn from.")
    good = good_rows(array, getattr(raw, "main_name", "") or raw.source.name, notes)
    if good is not None:
        count = len(array)
        array = array[good]
        side = {k: v[good] if v.ndim and v.shape[0] == count else v for k, v in side.items()}
    planes = _to_planes(array, layout)
    if layout == "nlc":
        notes.append(
            f"the array is read as (rows, time, channels): {planes.shape[1]} channels of {planes.shape[2]} samples."
        )
    if unit != 1.0:
        notes.append(f"values are multiplied by the 'scale' beside them, {unit:g}.")
    mean, deviation = _moments(planes, unit)
    encoded = settle(_standardise(planes, mean, deviation, unit, allocate(planes.shape, np.float32, options)))
    rows, columns = describe_rows(rows_from_side(side, len(planes), notes), options, notes)
    schema = SignalSchema(planes.shape[1:], columns, mean, deviation, names, unit, layout)
    return Dataset(schema, encoded, rows, raw.source, tuple(notes), good)


def stream_signals(raw: Raw, schema: SignalSchema, rows: int) -> Iterator[npt.NDArray[np.float32]]:
    array, _, unit, _, _ = _open(raw)
    for start in range(0, len(array), rows):
        block = np.asarray(array[start : start + rows])
        yield schema._encode(block * np.float32(unit) if unit != 1.0 else block)


def _open(raw: Raw) -> tuple[npt.NDArray[Any], dict[str, npt.NDArray[Any]], float, tuple[str, ...], str]:
    """(array, side arrays, unit, channel names, layout)."""
    if isinstance(raw, Frame):
        found = grid_of(raw)
        if found is None:
            raise DataError(f"'{raw.source.name}' holds no signals: its columns are no plain row of numbers.")
        raw = to_arrays(raw, found)
    if not isinstance(raw, Arrays):
        raise DataError(f"'{raw.source.name}' holds no signals; leave the modality to be inferred.")
    array, side = raw.main, dict(raw.side)
    unit = 1.0
    for name in [k for k, v in side.items() if v.ndim == 0 and v.dtype.kind in "iuf"]:
        value = float(side.pop(name))
        unit = value if name.lower() == "scale" else unit
    if array.ndim == 2:
        return array, side, unit, (), "nl"
    if array.ndim != 3:
        raise DataError(f"signals are (N, L) or (N, C, L), but '{raw.source.name}' holds shape {array.shape}.")
    layout = "nlc" if array.shape[2] < array.shape[1] and array.shape[2] <= MAX_CHANNELS else "ncl"
    channels = array.shape[2 if layout == "nlc" else 1]
    names: tuple[str, ...] = ()
    for name in [
        k for k, v in side.items() if v.ndim == 1 and v.dtype.kind in "US" and k.lower().startswith("channel")
    ]:
        values = side.pop(name)
        names = tuple(map(str, values)) if len(values) == channels else names
    return array, side, unit, names, layout


def _to_planes(array: npt.NDArray[Any], layout: str) -> npt.NDArray[Any]:
    if array.ndim == 2:
        return array[:, None, :]
    if array.ndim != 3:
        raise DataError(f"signals are (N, L) or (N, C, L), got an array of shape {array.shape}.")
    return array.transpose(0, 2, 1) if layout == "nlc" else array


def _moments(planes: npt.NDArray[Any], unit: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and deviation of each channel, over rows and time, in the user's units."""
    total, squares, count = 0.0, 0.0, 0
    shift = planes[:64].mean((0, 2), dtype=np.float64) * unit
    for start in range(0, len(planes), 4096):
        block = planes[start : start + 4096].astype(np.float64) * unit - shift[:, None]
        total, squares = total + block.sum((0, 2)), squares + (block * block).sum((0, 2))
        count += block.shape[0] * block.shape[2]
    mean = np.asarray(total / count)
    variance = np.maximum(np.asarray(squares / count) - mean**2, 0.0)
    deviation = np.sqrt(variance)
    deviation[deviation <= 1e-12 * np.maximum(1.0, np.abs(mean + shift))] = 1.0
    return tuple((mean + shift).tolist()), tuple(deviation.tolist())


def _standardise(
    planes: npt.NDArray[Any],
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    unit: float,
    out: npt.NDArray[np.float32] | None = None,
) -> npt.NDArray[np.float32]:
    centre, spread = (np.asarray(v, np.float64)[:, None] for v in (mean, deviation))
    out = np.empty(planes.shape, np.float32) if out is None else out
    for start in range(0, len(planes), 4096):
        out[start : start + 4096] = (planes[start : start + 4096] * unit - centre) / spread
    return out
