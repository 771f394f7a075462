"""The start page's words on the wire."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from deepspace.server.wire.base import Wire
from deepspace.server.wire.items import Content

__all__ = [
    "DeskInfo",
    "ExampleInfo",
    "FamilyInfo",
    "FitRequest",
    "Head",
    "Look",
    "LookColumn",
    "LookRequest",
    "PartialInfo",
    "PathRequest",
    "RecentInfo",
    "SourceInfo",
]

Text = Annotated[str, Field(min_length=1, max_length=4096)]


class RecentInfo(Wire):
    """A space that can be opened again; ``opened`` in seconds since 1970, None for one that was only found here."""

    path: str
    name: str
    modality: str
    rows: int
    opened: float | None
    missing: bool


class PartialInfo(Wire):
    """A fit that was cut short. ``blocked`` says why it cannot go on from here."""

    path: str
    name: str
    data: str | None
    epochs: int
    elbo: float | None
    trained: bool
    changed: float
    blocked: str | None


class ExampleInfo(Wire):
    name: str
    title: str
    modality: str
    rows: int
    says: str


class DeskInfo(Wire):
    """What the start page offers: ``folder`` is where spaces are kept, ``room`` the most bytes an upload may have."""

    folder: str
    room: int
    recent: list[RecentInfo]
    partial: list[PartialInfo]
    examples: list[ExampleInfo]


class SourceInfo(Wire):
    """Where an upload went, as ``source`` of what follows."""

    source: str


class LookColumn(Wire):
    name: str
    kind: str
    role: str
    missing: int
    distinct: int
    values: str
    reason: str


class Head(Wire):
    """The first rows as text."""

    names: list[str]
    cells: list[list[str]]


class FamilyInfo(Wire):
    """A model family that can learn this data."""

    name: str
    title: str
    says: str


class Look(Wire):
    """What data is taken for. ``output`` is the name that its space would get, ``taken`` whether there is one."""

    source: str
    name: str
    modality: str
    rows: int
    shape: list[int]
    target: str | None
    columns: list[LookColumn]
    column_count: int
    correctable: bool
    notes: list[str]
    head: Head
    items: list[Content] | None
    families: list[FamilyInfo]
    output: str = ""
    taken: bool = False


class LookRequest(Wire):
    """``corrections`` as --schema takes them: {modality, target, image_size, columns: {name: {kind, role}}}."""

    source: Text
    corrections: dict[str, Any] = Field(default_factory=dict)


class FitRequest(LookRequest):
    """``output``: a name or a path; ``overwrite`` replaces the space that is there."""

    output: Text
    overwrite: bool = False
    epochs: Annotated[int, Field(ge=1, le=100_000)] | None = None
    latent_dim: Annotated[int, Field(ge=1, le=4096)] | None = None
    model: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class PathRequest(Wire):
    path: Text
