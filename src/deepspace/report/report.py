"""One offline HTML file that says what a space is, what is wrong with it, and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.errors import DeepspaceError, SpaceError
from deepspace.metrics import Measures, Uncovered, health, measure, uncovered
from deepspace.report.pictures import Key, colours, curve, map_picture
from deepspace.report.samples import ROWS, generated, originals, reconstructions
from deepspace.report.writing import template, write
from deepspace.results import figure

if TYPE_CHECKING:
    from deepspace.data.schema import Column
    from deepspace.space import BaseSpace

__all__ = ["render", "report"]

NUMERIC = ("numeric", "integer")
MOST_COLUMNS = 60
"""Measures of single columns shown: the worst ones, against their baseline."""


def report(space: BaseSpace, file: str | Path, *, overwrite: bool = True) -> Path:
    """Write the report of a space to ``file``: one HTML page with everything inside, no script, nothing to fetch.

    The same space gives the same bytes. Written beside and moved into place. Raises SpaceError when it cannot be
    written.
    """
    target = Path(file)
    if target.exists() and not overwrite:  # before the work, not after
        raise SpaceError(f"cannot write the report: {target} exists; choose another name or allow overwriting.")
    return write(render(space), target, "report", overwrite=overwrite)


def render(space: BaseSpace, measures: Measures | None = None) -> str:
    """The page as text. ``measures`` are taken now unless given."""
    taken = measure(space) if measures is None else measures
    picture, key = _map(space)
    left_out = _left_out(space)
    return template("report.html").render(
        space=space,
        health=health(space, taken),
        provenance=space.manifest.get("provenance", {}),
        columns=[_column(c) for c in space.schema.columns if c.role in ("feature", "target", "metadata")],
        left_out=[c for c in space.schema.columns if c.role not in ("feature", "target", "metadata")],
        model=_flat(space.manifest.get("model", {})),
        parameters=sum(p.numel() for p in space.model.parameters()),
        history=space.history,
        curve=_curve(space.history),
        measures=[m for m in taken if not m.about],
        each=_worst(taken),
        units=[m for m in taken if m.about and m.name == "kl"],
        skipped=taken.skipped,
        map_picture=picture,
        key=key,
        reconstructions=reconstructions(space) if "decoder" not in space.lacks else None,
        generated=generated(space) if "decoder" not in space.lacks and "prior" not in space.lacks else None,
        uncovered=left_out,
        forsaken=None if left_out is None else originals(space, left_out.rows[:ROWS]),
    )


def _left_out(space: BaseSpace) -> Uncovered | None:
    """None where it cannot be asked."""
    try:
        return uncovered(space)
    except DeepspaceError:
        return None


def _map(space: BaseSpace) -> tuple[str, Key]:
    """The map coloured by the target; without one, by log density."""
    target = space.schema.target
    if target is None:
        values, name, numeric = np.asarray(space.figures["log_density"]).tolist(), "log density of the latents", True
    else:
        values, name, numeric = space.rows.column(target.name).to_pylist(), target.name, target.kind in NUMERIC
    paint, key = colours(name, values, numeric=numeric)
    return map_picture(np.asarray(space.map.positions), paint), key


def _column(column: Column) -> dict[str, str]:
    """A line of the schema table."""
    if column.categories:
        shown = ", ".join(column.categories[:6])
        values = shown + (f", ... ({len(column.categories)} in all)" if len(column.categories) > 6 else "")
    elif column.minimum is not None and column.maximum is not None:
        values = f"{figure(column.minimum, 4)} to {figure(column.maximum, 4)}"
    else:
        values = f"{column.distinct:,} distinct" if column.distinct else ""
    return {
        "name": column.name,
        "kind": column.kind,
        "role": column.role,
        "values": values,
        "missing": f"{column.missing:,}" if column.missing else "",
    }


def _flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested settings as (dotted name, value) lines, long lists cut."""
    if isinstance(value, dict):
        return [line for key, item in value.items() for line in _flat(item, f"{name}.{key}" if name else str(key))]
    text = ", ".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)
    return [(name, text if len(text) <= 160 else text[:157] + "...")] if text else []


def _curve(history: dict[str, Any]) -> str:
    epochs = history.get("epochs") or []
    if not isinstance(epochs, list) or not epochs or not isinstance(epochs[0], dict):
        return ""
    wanted = (("training", "#0072b2", ("elbo", "train_elbo")), ("held out", "#d55e00", ("validation_elbo",)))
    lines = []
    for label, colour, names in wanted:
        name = next((name for name in names if epochs[0].get(name) is not None), None)
        if name is not None:
            lines.append((label, colour, [epoch.get(name) for epoch in epochs]))
    return curve(lines)


def _worst(measures: Measures) -> list[Any]:
    """Reconstruction of single columns, worst against its baseline first."""
    each = measures.each("reconstruction_error")
    return sorted(each, key=lambda m: -(m.value / m.baseline if m.baseline else 0.0))[:MOST_COLUMNS]
