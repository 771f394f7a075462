"""The live connection: what is asked and what comes back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from deepspace.server.wire.base import Sparse, Wire
from deepspace.server.wire.items import Content, Difference, NeighbourInfo

__all__ = ["ClientMessage", "DecodeRequest", "Decoded", "ErrorMessage", "StopRequest", "parse"]


class Decoded(Sparse):
    """Header of the binary answer to a decode request."""

    type: Literal["decoded"] = "decoded"
    id: int
    x: float
    y: float
    content: Content
    nearest: NeighbourInfo
    density_percentile: float | None
    has_data: bool
    uncertainty: float | None = None
    uncertainty_percentile: float | None = None
    neighbours: list[NeighbourInfo] | None = None
    differs: list[Difference] | None = None


class ErrorMessage(Sparse):
    """Sent as text to a live connection whose message could not be served."""

    type: Literal["error"] = "error"
    id: int | None = None
    error: str


class DecodeRequest(Wire):
    type: Literal["decode"]
    id: Annotated[int, Field(ge=0, le=2**53)]
    x: Annotated[float, Field(allow_inf_nan=False)]
    y: Annotated[float, Field(allow_inf_nan=False)]
    detail: bool = False
    axes: Annotated[str, Field(max_length=500)] = "map"


class StopRequest(Wire):
    type: Literal["stop"]


ClientMessage = Annotated[DecodeRequest | StopRequest, Field(discriminator="type")]
_CLIENT: TypeAdapter[DecodeRequest | StopRequest] = TypeAdapter(ClientMessage)


def parse(text: str) -> DecodeRequest | StopRequest:
    """A client's text message. Raises pydantic.ValidationError for anything else."""
    return _CLIENT.validate_json(text)
