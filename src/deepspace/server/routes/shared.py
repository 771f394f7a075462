"""The selection and the pin that a page shares with Python."""

from __future__ import annotations

import numpy as np
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import Response

from deepspace.server.answers import RAW
from deepspace.server.shared import Shared
from deepspace.server.wire.shared import PinRequest, SharedInfo

__all__ = ["add"]


def add(app: FastAPI, shared: Shared) -> None:
    @app.get("/api/shared")
    def read_shared() -> SharedInfo:
        return shared.info()

    @app.get("/api/shared/selection", response_class=Response)
    def read_selection() -> Response:
        """One bit a row, the first in the lowest bit of the first byte; nothing when nothing is selected."""
        rows = shared.selection
        if rows is None:
            return Response(b"", media_type=RAW)
        mask = np.zeros(shared.n, bool)
        mask[rows] = True
        return Response(np.packbits(mask, bitorder="little").tobytes(), media_type=RAW)

    @app.put("/api/shared/selection")
    async def select(request: Request) -> SharedInfo:
        body = await request.body()
        length = (shared.n + 7) // 8
        if len(body) not in (0, length):
            raise HTTPException(400, f"Rows are chosen with {length} bytes, one bit a row; {len(body)} came.")
        bits = np.unpackbits(np.frombuffer(body, np.uint8), count=shared.n, bitorder="little") if body else None
        shared.select(None if bits is None else np.flatnonzero(bits))
        return shared.info()

    @app.put("/api/shared/pin")
    def pin(request: PinRequest) -> SharedInfo:
        shared.pin(request.row)
        return shared.info()
