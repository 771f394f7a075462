"""Finding rows, and taking those that were selected along."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv as pc_csv
from fastapi import FastAPI, HTTPException, Query, Request
from fastapi.responses import Response, StreamingResponse

from deepspace.server import search
from deepspace.server.answers import RAW
from deepspace.server.view import View
from deepspace.server.wire import FoundRows

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["add", "unpacked"]

Text = Annotated[str, Query(max_length=200)]

_BLOCK = 1 << 15


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/search")
    def read_found(q: Text) -> FoundRows:
        return search.found(current().items, q)

    @app.get("/api/search/rows", response_class=Response)
    def read_matching(q: Text) -> Response:
        return Response(search.matching(current().space, q).tobytes(), media_type=RAW)

    @app.post("/api/rows.csv", response_class=Response)
    async def write_rows(request: Request) -> Response:
        space = current().space
        rows = unpacked(await request.body(), len(space))
        name = f"{space.name}-{len(rows)}-rows.csv".replace('"', "")
        headers = {"Content-Disposition": f'attachment; filename="{name.encode("ascii", "replace").decode()}"'}
        return StreamingResponse(_csv(space, rows), media_type="text/csv; charset=utf-8", headers=headers)


def unpacked(body: bytes, n: int) -> npt.NDArray[np.int64]:
    """One bit a row, the first in the lowest bit of the first byte -> row numbers, ascending."""
    if len(body) != (n + 7) // 8:
        raise HTTPException(400, f"Rows are chosen with {(n + 7) // 8} bytes, one bit a row; {len(body)} came.")
    return np.flatnonzero(np.unpackbits(np.frombuffer(body, np.uint8), count=n, bitorder="little"))


def _csv(space: BaseSpace, rows: npt.NDArray[np.int64]) -> Iterator[bytes]:
    """The chosen rows in the user's own columns, with the row's number before them, a block at a time."""
    for start in range(0, max(len(rows), 1), _BLOCK):
        block = rows[start : start + _BLOCK]
        columns: dict[str, object] = {_free("row", space.rows.names): pa.array(block)}
        if space.rows.names:
            table = space.rows.table(indices=block)
            columns |= {name: _writable(table.column(name)) for name in table.column_names}
        sink = io.BytesIO()
        pc_csv.write_csv(pa.table(columns), sink, pc_csv.WriteOptions(include_header=start == 0))
        yield sink.getvalue()


def _writable(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """CSV knows no lists, structures or categories: those become text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column.cast(kind.value_type)
    if pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return pa.chunked_array([pa.array([None if v is None else str(v) for v in column.to_pylist()], pa.string())])
    return column


def _free(name: str, taken: tuple[str, ...]) -> str:
    while name in taken:
        name += "_"
    return name
