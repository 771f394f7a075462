"""What every message has in common, and how a binary one is framed."""

from __future__ import annotations

import struct

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

__all__ = ["Sparse", "Wire", "frame"]


class Wire(BaseModel):
    """Base of all messages: snake_case in Python, camelCase on the wire, no NaN or infinity in JSON."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", ser_json_inf_nan="null"
    )


class Sparse(Wire):
    """A message that is sent without its nulls."""


def frame(header: Sparse, *payload: bytes | memoryview) -> bytes:
    """u32 LE header length, header JSON, payload."""
    text = header.model_dump_json(by_alias=True, exclude_none=True).encode()
    return b"".join((struct.pack("<I", len(text)), text, *payload))
