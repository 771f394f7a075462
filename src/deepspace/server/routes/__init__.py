"""What the page may ask of a space over HTTP: one file a feature, each adding its addresses to the application.

``current()`` gives the view of the space, or answers 409 while there is none.
"""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from deepspace.server.routes import (
    arrays,
    axes,
    cells,
    compare,
    decisions,
    directions,
    factors,
    health,
    items,
    layers,
    network,
    paths,
    rows,
)
from deepspace.server.view import View

__all__ = ["add_all"]


def add_all(app: FastAPI, current: Callable[[], View]) -> None:
    """Every address under /api that asks a space."""
    first = (arrays, axes, items, factors, cells, rows, paths, directions)
    for feature in (*first, compare, layers, network, decisions, health):
        feature.add(app, current)
