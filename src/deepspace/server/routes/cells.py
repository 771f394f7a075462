"""What the model makes of a grid of places."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from fastapi import FastAPI, HTTPException

from deepspace.server.planes import MAP, plane
from deepspace.server.routes.parameters import AxesName, Count, Finite, Positive
from deepspace.server.view import View
from deepspace.server.wire import Cells, Content

__all__ = ["add"]

_MOST_CELLS = 1200


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/cells")
    def read_cells(x: Finite, y: Finite, step: Positive, columns: Count, rows: Count, axes: AxesName = MAP) -> Cells:
        if columns * rows > _MOST_CELLS:
            raise HTTPException(400, f"{columns} x {rows} places are too many at once; ask for {_MOST_CELLS} at most.")
        space, items = current().space, current().items
        seen = plane(space, axes)
        across, down = np.meshgrid(x + step * np.arange(columns), y - step * np.arange(rows))
        places = np.stack([across.ravel(), down.ravel()], 1).astype(np.float32)
        there = np.flatnonzero(seen.has_data(places))
        contents: list[Content | None] = [None] * len(places)
        if len(there):
            z = seen.inverse_transform(places[there])
            # Vectors, and all places without a decoder, are shown by their nearest rows, which nothing else here needs.
            known = items.modality != "vector" and "decoder" not in space.lacks
            nearest = there if known else space.neighbors(z=z, k=1).index[:, 0]
            made = items.small(items.shown(z, nearest), [int(i) for i in nearest])
            for i, content in zip(there, made, strict=True):
                contents[i] = content
        return Cells(contents=contents)
