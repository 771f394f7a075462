"""Arrays as answers: raw bytes in pieces, tagged so that a browser asks for each only once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from fastapi import Request
from fastapi.responses import Response, StreamingResponse

__all__ = ["RAW", "Cache", "not_modified", "raw", "tagged"]

RAW = "application/octet-stream"
_CHUNK = 1 << 20
_CACHE_BYTES = 256 << 20


class Cache:
    """Bytes by key, the least recently used dropped beyond a total size."""

    def __init__(self, most: int = _CACHE_BYTES) -> None:
        self._most = most
        self._size = 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str, make: Callable[[], bytes]) -> bytes:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = make()
        with self._lock:
            if key not in self._kept and len(made) <= self._most:
                self._kept[key] = made
                self._size += len(made)
                while self._size > self._most:
                    self._size -= len(self._kept.popitem(last=False)[1])
        return made


def tagged(tag: str) -> dict[str, str]:
    # Another space may be served from this address tomorrow, so browsers ask each time and mostly get a 304.
    return {"ETag": f'"{tag}"', "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}


def not_modified(request: Request, tag: str) -> Response | None:
    known = [t.strip().removeprefix("W/") for t in request.headers.get("if-none-match", "").split(",")]
    return Response(status_code=304, headers=tagged(tag)) if f'"{tag}"' in known else None


def raw(values: npt.NDArray[np.generic], tag: str) -> Response:
    """An array's bytes, in pieces, so that no second copy of a large one is made."""
    view = memoryview(values.reshape(-1).view(np.uint8))  # type: ignore[arg-type]
    pieces = (bytes(view[i : i + _CHUNK]) for i in range(0, len(view), _CHUNK))
    headers = {**tagged(tag), "Content-Length": str(len(view))}
    return StreamingResponse(pieces, media_type=RAW, headers=headers)
