"""What the start page may ask: what there is to open, what data is taken for, and to change what is open."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from deepspace.server.desk.uploads import Upload
from deepspace.server.wire.desk import DeskInfo, FitRequest, Look, LookRequest, PathRequest, SourceInfo
from deepspace.server.wire.session import SessionInfo

if TYPE_CHECKING:
    from deepspace.server.desk.desk import Desk

__all__ = ["UPLOADS", "OneSpace", "add"]

UPLOADS = "/api/desk/uploads"


class OneSpace:
    """ASGI wrapper: a page that names the session it knows gets no answer out of another one.

    Without it a page that asks for a map and its rows while the space is changed could get one of each.
    """

    def __init__(self, app: ASGIApp, *, desk: Desk) -> None:
        self.app, self.desk = app, desk

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            known = Headers(scope=scope).get("x-deepspace-session")
            if known is not None and known != str(self.desk.serial):
                sentence = "Another space has been opened here since; load the page again."
                await JSONResponse({"error": sentence}, 409)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def add(app: FastAPI, desk: Desk) -> None:
    @app.get("/api/desk")
    def read_desk() -> DeskInfo:
        return desk.offers()

    @app.put(UPLOADS)
    async def upload(request: Request, name: str) -> SourceInfo:
        size = int(request.headers.get("content-length", "0"))
        try:
            with await run_in_threadpool(Upload, desk.uploads, name, size) as kept:
                async for block in request.stream():
                    await run_in_threadpool(kept.write, block)
                await run_in_threadpool(kept.finish)
        except ClientDisconnect:
            raise HTTPException(400, "The upload was broken off.") from None
        return SourceInfo(source=f"upload:{'/'.join(kept.parts)}")

    @app.post("/api/desk/look")
    def read_look(request: LookRequest) -> Look:
        return desk.look(request)

    @app.post("/api/desk/fit", response_model_exclude_none=True)
    def begin(request: FitRequest) -> SessionInfo:
        desk.begin(request)
        return desk.info()

    @app.post("/api/desk/open", response_model_exclude_none=True)
    def open_space(request: PathRequest) -> SessionInfo:
        desk.open(request.path)
        return desk.info()

    @app.post("/api/desk/resume", response_model_exclude_none=True)
    def resume(request: PathRequest) -> SessionInfo:
        desk.resume(request.path)
        return desk.info()

    @app.post("/api/desk/leave", response_model_exclude_none=True)
    def leave() -> SessionInfo:
        desk.leave()
        return desk.info()

    @app.post("/api/desk/discard")
    def discard(request: PathRequest) -> DeskInfo:
        desk.discard(request.path)
        return desk.offers()

    @app.post("/api/desk/forget")
    def forget(request: PathRequest) -> DeskInfo:
        desk.forget(request.path)
        return desk.offers()
