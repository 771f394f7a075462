"""The built page as static files, or a page that says how to build it."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

__all__ = ["STATIC", "mount_page"]

STATIC = Path(__file__).parent / "static"
"""Where the build of ``explorer/`` lies inside the package."""

_MISSING = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>deepspace: the page is not built</title>
<style>body{font:15px/1.6 system-ui;max-width:40rem;margin:4rem auto;padding:0 1rem;color-scheme:light dark}
code{background:#8882;padding:.1em .4em;border-radius:4px}</style>
<h1>The page is not built yet</h1>
<p>The server is running, but this copy of deepspace has no built page. In the repository, run</p>
<p><code>make page</code></p><p>and load this address again. The interface itself answers at
<a href="/api/session">/api/session</a>.</p></html>
"""


class _Page(StaticFiles):
    """Files with hashed names may be kept for ever; all others are asked for again."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        kept = path.startswith("assets/")
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable" if kept else "no-cache"
        return answer


def mount_page(app: FastAPI, static: Path | None) -> None:
    """Serves ``static`` at the root; call last, it takes every path that is left."""

    if static is not None and (static / "index.html").is_file():
        app.mount("/", _Page(directory=static, html=True))
        return

    @app.get("/", include_in_schema=False)
    def missing() -> Response:
        return HTMLResponse(_MISSING, 503)
