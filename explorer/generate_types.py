"""Writes the page's TypeScript types from the server's wire models: `make wire`.

python explorer/generate_types.py            # write src/lib/wire.gen.ts
python explorer/generate_types.py --check    # fail when it is stale
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from deepspace.server import wire

FILE = Path(__file__).parent / "src" / "lib" / "wire.gen.ts"
_HEAD = "/** Written by explorer/generate_types.py from src/deepspace/server/wire: do not edit, run `make wire`. */"
_PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def typescript() -> str:
    """The whole file: one interface a model, by name."""
    named = (wire.__dict__[name] for name in wire.__all__)
    models = {m.__name__: m for m in named if isinstance(m, type) and m not in (wire.Wire, wire.Sparse)}
    _, schema = models_json_schema([(m, "serialization") for m in models.values()], by_alias=True)
    return _HEAD + "\n" + "".join(_interface(name, m, schema["$defs"][name]) for name, m in sorted(models.items()))


def _interface(name: str, model: type, schema: dict[str, Any]) -> str:
    lines = []
    for field, s in schema["properties"].items():
        kind = _type(s)
        left_out = issubclass(model, wire.Sparse) and "null" in kind.split(" | ")
        lines.append(f"  {field}{'?' if left_out else ''}: {kind};")
    said = " ".join(schema.get("description", "").split())
    comment = f"/** {said} */\n" if said else ""
    return f"\n{comment}export interface {name} {{\n" + "\n".join(lines) + "\n}\n"


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        return str(schema["$ref"].rsplit("/", 1)[-1])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return " | ".join(f'"{value}"' for value in schema["enum"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return " | ".join(dict.fromkeys(_type(s) for s in schema[several]))
    if schema.get("type") == "array":
        if "prefixItems" in schema:
            return f"[{', '.join(_type(s) for s in schema['prefixItems'])}]"
        inner = _type(schema.get("items", {}))
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if schema.get("type") == "object":
        more = schema.get("additionalProperties")
        return f"Record<string, {_type(more) if isinstance(more, dict) else 'unknown'}>"
    return _PLAIN.get(schema.get("type", ""), "unknown")


def main(arguments: list[str]) -> int:
    text = typescript()
    if "--check" in arguments:
        if not FILE.is_file() or FILE.read_text() != text:
            print(f"{FILE.name} is not what the server's wire models say; run `make wire`", file=sys.stderr)
            return 1
        return 0
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
