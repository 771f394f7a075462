"""What a page and Python may both change."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from deepspace.server.wire.base import Wire

__all__ = ["PinRequest", "SharedInfo"]


class SharedInfo(Wire):
    """Sent to every live connection when something changed, with type "shared". ``selected``: how many rows, or null
    when nothing is selected; which ones comes from /api/shared/selection, one bit a row."""

    type: Literal["shared"] = "shared"
    serial: int
    selected: int | None
    pinned: int | None


class PinRequest(Wire):
    row: Annotated[int, Field(ge=0)] | None
