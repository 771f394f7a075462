"""Raw input -> typed, encoded rows, and back to the user's own units.

``load`` gives a Dataset, ``stream`` encodes anything block by block with a schema, ``schema_from_json`` reopens one.

To add a modality, write one file with three functions and a Schema: ``fits(raw) -> 0..1`` says how surely raw input is
yours, ``build(raw, options) -> Dataset`` infers the schema and encodes, ``stream_x(raw, schema, rows)`` yields encoded
blocks; then add one line to MODALITIES in ``registry.py``. Readers (``readers.py``) know nothing of modalities: they
open files into the few kinds of raw input listed in ``raw.py``.
"""

from __future__ import annotations

from deepspace.data.counts import CountsSchema
from deepspace.data.dataset import Dataset, Source
from deepspace.data.images import ImageSchema
from deepspace.data.registry import load, schema_from_json, stream
from deepspace.data.schema import Column, Schema
from deepspace.data.signals import SignalSchema
from deepspace.data.tables import TableSchema
from deepspace.data.vectors import VectorSchema

__all__ = [
    "Column",
    "CountsSchema",
    "Dataset",
    "ImageSchema",
    "Schema",
    "SignalSchema",
    "Source",
    "TableSchema",
    "VectorSchema",
    "load",
    "schema_from_json",
    "stream",
]
