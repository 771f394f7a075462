"""Where a fit stands, and the previews it sends."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from deepspace.server.wire.base import Sparse, Wire
from deepspace.training.events import Phase, Progress

__all__ = ["Preview", "PreviewLabels", "ProgressInfo", "SessionInfo"]


class ProgressInfo(Sparse):
    """``deepspace.training.events.Progress``, as the page sees it."""

    phase: Phase
    fraction: float
    epoch: int = 0
    epochs: int = 0
    elbo: float | None = None
    reconstruction: float | None = None
    kl: float | None = None
    validation_elbo: float | None = None
    active_units: int | None = None
    rows_per_second: float | None = None
    seconds_left: float | None = None
    message: str = ""

    @classmethod
    def of(cls, progress: Progress) -> ProgressInfo:
        return cls(**{name: getattr(progress, name) for name in cls.model_fields})


class SessionInfo(Sparse):
    """Where the session stands; sent on /api/session and, with type "session", to every live connection.

    desk: whether there is a start page to go back to; then ``serial`` counts the sessions, and the phase is
    "idle" while none is open.
    """

    type: Literal["session"] = "session"
    phase: Phase | Literal["idle"]
    name: str
    modality: str | None = None
    progress: ProgressInfo | None = None
    error: str | None = None
    version: str
    notes: list[str] = Field(default_factory=list)
    can_stop: bool = False
    desk: bool = False
    serial: int = 0


class PreviewLabels(Wire):
    categories: list[str]
    encoding: Literal["u8"] = "u8"


class Preview(Sparse):
    """Header of the binary preview of a space that is still being fitted."""

    type: Literal["preview"] = "preview"
    epoch: int
    n: int
    labels: PreviewLabels | None = None
