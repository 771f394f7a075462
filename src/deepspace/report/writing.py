"""Pages put together from templates, and written whole or not at all."""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import Markup

from deepspace.errors import SpaceError
from deepspace.results import figure

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["css_text", "template", "write"]


def css_text(text: str) -> Markup:
    """Text for a CSS string: what is no plain letter or digit as its code point, so that nothing ends the string."""
    return Markup(re.sub(r"[^A-Za-z0-9 ,.:\-]", lambda found: f"\\{ord(found.group()):06x}", text))


def template(name: str) -> Template:
    """A template of this folder, strict about names, with everything escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["figure"] = figure
    environment.filters["css"] = css_text
    return environment.get_template(name)


def write(page: str, target: Path, what: str, *, overwrite: bool) -> Path:
    """Write a page beside its place and move it there. Raises SpaceError when that cannot be."""
    if target.exists() and not overwrite:
        raise SpaceError(f"cannot write the {what}: {target} exists; choose another name or allow overwriting.")
    partial = target.with_name(target.name + ".partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(page, encoding="utf-8")
        os.replace(partial, target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise SpaceError(f"cannot write the {what} to {target}: {error.strerror or error}.") from error
    return target
