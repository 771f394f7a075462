"""Real rows beside their reconstructions, and rows made up by the model, in a form that a page can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.report.pictures import image_sheet, sparkline
from deepspace.space.figures import own_condition

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Examples", "generated", "originals", "reconstructions"]

ROWS = 8
FIELDS = 16
FAR = 0.5
"""Another category, or half a standard deviation: from there on a reconstructed cell is marked."""
REAL, MADE = "#333333", "#d55e00"


@dataclass(frozen=True)
class Examples:
    """``pictures``: (caption, data URI); ``drawings``: (caption, inline SVG); ``header`` and ``lines``: a table, each
    cell (text, differs). Only what the modality has is filled."""

    rows: tuple[int, ...]
    pictures: tuple[tuple[str, str], ...] = ()
    drawings: tuple[tuple[str, str], ...] = ()
    header: tuple[str, ...] = ()
    lines: tuple[tuple[tuple[str, bool], ...], ...] = ()


def reconstructions(space: BaseSpace, count: int = ROWS) -> Examples:
    """Rows spread evenly over the held-out rows (over all rows when none were held out), and how the model rebuilds
    them."""
    held = space.validation_index
    pool = held if len(held) else np.arange(len(space))
    rows = pool[np.linspace(0, len(pool) - 1, min(count, len(pool))).round().astype(np.int64)]
    encoded = np.asarray(space.samples[rows])
    real = space.schema.decode(encoded.astype(np.float32))
    own = own_condition(space, rows)
    made = space.decode(np.asarray(space.latents.mean[rows]), **own)
    chosen = tuple(int(row) for row in rows)
    match space.schema.form:
        case "image":
            sheets = [("real", np.asarray(real)), ("reconstruction (generated)", np.asarray(made))]
            return Examples(chosen, pictures=tuple((name, image_sheet(images, len(rows))) for name, images in sheets))
        case "signal":
            drawn = [
                (f"row {row}", sparkline([(REAL, _first(a)), (MADE, _first(b))]))
                for row, a, b in zip(chosen, np.asarray(real), np.asarray(made), strict=True)
            ]
            return Examples(chosen, drawings=tuple(drawn))
        case "table":
            rebuilt = space.decode_encoded(np.asarray(space.latents.mean[rows]), **own)
            differs = np.abs(np.nan_to_num(encoded - rebuilt)) > FAR
            return Examples(chosen, **_record_table(_columns(real), _columns(made), np.isnan(encoded), differs, chosen))
        case _:
            real_vectors, made_vectors = np.asarray(real), np.asarray(made)
            drawn = [
                (f"row {row}", sparkline([(REAL, a), (MADE, b)]))
                for row, a, b in zip(chosen, real_vectors, made_vectors, strict=True)
            ]
            return Examples(chosen, drawings=tuple(drawn))


def originals(space: BaseSpace, rows: npt.NDArray[np.int64]) -> Examples:
    """Some real rows as they are."""
    chosen = tuple(int(row) for row in rows)
    if not chosen:
        return Examples(())
    real = space.schema.decode(np.asarray(space.samples[rows]).astype(np.float32))
    match space.schema.form:
        case "image":
            return Examples(chosen, pictures=(("real", image_sheet(np.asarray(real), len(rows))),))
        case "table":
            columns = _columns(real)
            names = list(columns)[:FIELDS]
            cells = [
                ((f"{row}", False), *((_text(columns[name][place]), False) for name in names))
                for place, row in enumerate(chosen)
            ]
            return Examples(chosen, header=("row", *names), lines=tuple(cells))
        case _:
            drawn = zip(chosen, np.asarray(real), strict=True)
            return Examples(chosen, drawings=tuple((f"row {row}", sparkline([(REAL, _first(x))])) for row, x in drawn))


def generated(space: BaseSpace, count: int = ROWS) -> Examples:
    """Rows made by decoding draws from the prior, seed 0."""
    made = space.sample(count, seed=0)
    match space.schema.form:
        case "image":
            return Examples((), pictures=(("generated", image_sheet(np.asarray(made), count)),))
        case "table":
            columns = _columns(made)
            names = list(columns)[:FIELDS]
            lines = tuple(tuple((_text(columns[name][row]), False) for name in names) for row in range(count))
            return Examples((), header=tuple(names), lines=lines)
        case _:
            return Examples(
                (), drawings=tuple(("generated", sparkline([(MADE, _first(row))])) for row in np.asarray(made))
            )


def _record_table(
    real: dict[str, list[Any]],
    made: dict[str, list[Any]],
    missing: npt.NDArray[np.bool_],
    differs: npt.NDArray[np.bool_],
    rows: tuple[int, ...],
) -> dict[str, Any]:
    """Two lines a row, real above generated, with what differs marked. missing, differs: (rows, features)."""
    names = list(real)[:FIELDS]
    lines = []
    for place, row in enumerate(rows):
        shown = ["missing" if missing[place, f] else _text(real[name][place]) for f, name in enumerate(names)]
        built = [(_text(made[name][place]), bool(differs[place, f])) for f, name in enumerate(names)]
        lines += [((f"{row}, real", False), *((cell, False) for cell in shown)), ((f"{row}, generated", False), *built)]
    return {"header": ("row", *names), "lines": tuple(lines)}


def _columns(table: Any) -> dict[str, list[Any]]:
    """Any of the frames that a table schema decodes to, as plain lists."""
    if hasattr(table, "to_pydict"):
        return dict(table.to_pydict())
    return {str(name): list(table[name]) for name in table.columns}


def _first(signal: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """The first channel of (L,) or (C, L)."""
    return signal if signal.ndim == 1 else signal[0]


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
