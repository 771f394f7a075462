"""The page's types are the server's."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from deepspace.server import wire
from tests.conftest import ROOT


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_types", ROOT / "explorer" / "generate_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_types_are_up_to_date(generator: ModuleType) -> None:
    assert generator.FILE.read_text() == generator.typescript(), "stale: run `make wire`"


def test_every_message_is_exported(generator: ModuleType) -> None:
    """A message that is not in ``__all__`` would have no type in the page."""

    def below(kind: type) -> set[str]:
        return {kind.__name__}.union(*(below(k) for k in kind.__subclasses__()))

    ours = {n for n in below(wire.Wire) if n not in ("Wire", "Sparse")}
    assert ours <= set(wire.__all__)
    text = generator.typescript()
    assert all(f"export interface {name} {{" in text for name in ours)


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "array", "items": {"anyOf": [{"type": "number"}, {"type": "null"}]}}, "(number | null)[]"),
        ({"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}]}, "[number, string]"),
        ({"enum": ["a", "b"]}, '"a" | "b"'),
        ({"type": "object", "additionalProperties": {"$ref": "#/$defs/Film"}}, "Record<string, Film>"),
        ({"anyOf": [{"type": "integer"}, {"type": "number"}, {"type": "null"}]}, "number | null"),
        ({}, "unknown"),
    ],
)
def test_a_schema_as_a_type(generator: ModuleType, schema: dict[str, object], expected: str) -> None:
    assert generator._type(schema) == expected


def test_what_is_left_out_is_optional_only_where_nulls_are_not_sent(generator: ModuleType) -> None:
    text = generator.typescript()
    decoded = text[text.index("export interface Decoded {") :].split("}")[0]
    assert "uncertainty?: number | null;" in decoded
    assert 'type: "decoded";' in decoded
    column = text[text.index("export interface ColumnInfo {") :].split("}")[0]
    assert "categories: string[] | null;" in column
