"""Thumbnails of all rows on a few PNG sheets, so that near points can be drawn as the pictures they are."""

from __future__ import annotations

import io
import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.server.wire import SpriteInfo

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Sprites", "shrink"]

_SIDE = 4096
"""Most pixels along one side of a sheet: every browser's WebGL2 takes a texture of this size."""

_BUDGET = 16_000_000
"""Bytes of all tiles together, uncompressed, above which tiles shrink: 60,000 grey digits become 16 x 16."""

_LARGEST, _SMALLEST = 32, 8
_BLOCK = 4096
_GREYS = 16
_LARGE = 2_000_000
"""Bytes of a sheet beyond which it is worth fewer greys and colours."""


def _tile(height: int, width: int, channels: int, n: int) -> tuple[int, int]:
    """(height, width) of a thumbnail: at most 32 px and no larger than the picture, smaller for many rows."""
    side = min(_LARGEST, max(_SMALLEST, int(math.sqrt(_BUDGET / (n * channels)))), max(height, width))
    scale = side / max(height, width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def _areas(source: int, target: int) -> npt.NDArray[np.float32]:
    """(target, source) weights of area averaging; each row sums to one."""
    edges = np.linspace(0.0, source, target + 1)
    cells = np.arange(source)
    overlap = np.minimum(edges[1:, None], cells + 1) - np.maximum(edges[:-1, None], cells)
    weights = np.clip(overlap, 0.0, None)
    return np.asarray(weights / weights.sum(1, keepdims=True), dtype=np.float32)


def shrink(block: npt.NDArray[Any], height: int, width: int) -> npt.NDArray[np.uint8]:
    """(B, C, H, W) -> (B, height, width, C), area-averaged."""
    if block.shape[2:] == (height, width):
        return np.ascontiguousarray(np.moveaxis(block, 1, 3), dtype=np.uint8)
    down, across = _areas(block.shape[2], height), _areas(block.shape[3], width)
    small = down @ block.astype(np.float32) @ across.T
    return np.moveaxis(np.clip(np.rint(small), 0, 255).astype(np.uint8), 1, 3)


def _png(sheet: npt.NDArray[np.uint8]) -> bytes:
    """(H, W, C) -> PNG. A large sheet is grey in 16 levels, four bits a pixel, or has 256 colours chosen for it."""
    from PIL import Image

    out = io.BytesIO()
    grey, large = sheet.shape[2] == 1, sheet.nbytes > _LARGE
    if grey and large:
        picture = Image.fromarray(((sheet[..., 0].astype(np.uint16) * (_GREYS - 1) + 127) // 255).astype(np.uint8), "P")
        picture.putpalette([v for g in range(_GREYS) for v in [g * 255 // (_GREYS - 1)] * 3])
        picture.save(out, "PNG", bits=4, compress_level=6)
        return out.getvalue()
    picture = Image.fromarray(sheet[..., 0] if grey else sheet)
    if large:
        picture = picture.quantize(256, method=Image.Quantize.FASTOCTREE)
    picture.save(out, "PNG", compress_level=6)
    return out.getvalue()


class Sprites:
    """Sheets of one space's pictures. Each is made when it is first asked for, and kept."""

    def __init__(self, space: BaseSpace) -> None:
        channels, height, width = space.schema.shape
        n = len(space)
        self._samples = space.samples
        self._sheets: dict[int, bytes] = {}
        self._lock = threading.Lock()
        self.height, self.width = _tile(height, width, channels, n)
        most_columns, most_lines = _SIDE // self.width, _SIDE // self.height
        self.columns = min(most_columns, max(1, math.ceil(math.sqrt(n * self.height / self.width))))
        self.per_sheet = self.columns * min(most_lines, math.ceil(n / self.columns))
        self.info = SpriteInfo(
            tile=(self.width, self.height),
            per_sheet=self.per_sheet,
            sheets=math.ceil(n / self.per_sheet),
            columns=self.columns,
        )

    def sheet(self, index: int) -> bytes:
        """PNG of rows ``index * per_sheet`` onwards, line by line."""
        with self._lock:
            if index not in self._sheets:
                self._sheets[index] = _png(self._draw(index))
            return self._sheets[index]

    def _draw(self, index: int) -> npt.NDArray[np.uint8]:
        start = index * self.per_sheet
        stop = min(start + self.per_sheet, self._samples.shape[0])
        channels = self._samples.shape[1]
        lines = math.ceil((stop - start) / self.columns)
        tiles = np.zeros((lines * self.columns, self.height, self.width, channels), np.uint8)
        for begin in range(start, stop, _BLOCK):
            end = min(begin + _BLOCK, stop)
            tiles[begin - start : end - start] = shrink(self._samples[begin:end], self.height, self.width)
        grid = tiles.reshape(lines, self.columns, self.height, self.width, channels).swapaxes(1, 2)
        return grid.reshape(lines * self.height, self.columns * self.width, channels)
