"""The live connection: decode requests of all clients answered in batches by one worker thread, the latest first."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError
from starlette.websockets import WebSocket, WebSocketDisconnect

from deepspace.errors import DeepspaceError
from deepspace.server.guard import MAX_MESSAGE
from deepspace.server.items import Items
from deepspace.server.planes import MAP, plane
from deepspace.server.wire import Decoded, DecodeRequest, ErrorMessage, frame, parse

if TYPE_CHECKING:
    from deepspace.server.desk.desk import Desk
    from deepspace.server.session import Session
    from deepspace.server.shared import Shared
    from deepspace.server.view import Views
    from deepspace.space import BaseSpace

__all__ = ["Hub", "decode"]

log = logging.getLogger("deepspace.server")

_TOO_BIG = 1009
_NEAREST = 3
"""Real items beside a place where the cursor rests."""


class _NotReadyError(Exception):
    """A decode was asked for before there is a space."""


def decode(items: Items, requests: list[DecodeRequest]) -> list[bytes]:
    """One batch of requests -> their binary answers, in order."""
    space = items.space
    z, has_data = _looked_up(space, requests)
    k = min(_NEAREST if any(r.detail for r in requests) else 1, len(space))
    found = space.neighbors(z=z, k=k)
    nearest = [int(i) for i in found.index[:, 0]]
    encoded = items.shown(z, nearest)
    percentiles = np.asarray(space.density_percentile(z), dtype=np.float64)
    resting = [m for m, r in enumerate(requests) if r.detail]
    sure = dict(zip(resting, items.sureness.of(z[resting]), strict=True)) if resting else {}
    answers = []
    for m, (request, made) in enumerate(zip(requests, items.rendered(encoded, nearest), strict=True)):
        neighbours = items.neighbours(found.index[m], found.distance[m])
        header = Decoded(
            id=request.id,
            x=request.x,
            y=request.y,
            content=made.content,
            nearest=neighbours[0],
            density_percentile=float(percentiles[m]) if np.isfinite(percentiles[m]) else None,
            has_data=bool(has_data[m]),
            uncertainty=sure[m].value if m in sure else None,
            uncertainty_percentile=sure[m].percentile if m in sure else None,
            neighbours=neighbours if request.detail else None,
            differs=items.differs(made.record, nearest[m])
            if made.record is not None and "decoder" not in space.lacks
            else None,
        )
        answers.append(frame(header, made.payload))
    return answers


def _looked_up(
    space: BaseSpace, requests: list[DecodeRequest]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    """The latents (M, D) that the places stand for, each on its own axes, and whether there is data (M,)."""
    z, has_data = np.empty((len(requests), space.latent_dim), np.float32), np.empty(len(requests), bool)
    for name in {r.axes for r in requests}:
        which = [m for m, r in enumerate(requests) if r.axes == name]
        places = np.array([(requests[m].x, requests[m].y) for m in which], np.float32)
        # The map is what nearly every request is about, and needs no other lookup.
        seen = space.map if name == MAP else plane(space, name)
        z[which], has_data[which] = seen.inverse_transform(places), seen.has_data(places)
    return z, has_data


class Connection:
    """One client: at most one decode waiting and one under way, and whatever is still to be sent."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.waiting: DecodeRequest | None = None
        self.busy = False
        self.outbox: deque[bytes | str] = deque()
        self.session_changed = True
        self.shared_changed = True
        self.preview_seen = 0
        self.wake = asyncio.Event()

    def send(self, message: bytes | str) -> None:
        self.outbox.append(message)
        self.wake.set()


class Hub:
    """All live connections of one server, and the worker that answers them."""

    def __init__(self, session: Session | Desk, views: Views, shared: Shared | None = None) -> None:
        self.shared = shared
        self.session = session
        self.views = views
        self.connections: set[Connection] = set()
        self.batches: deque[int] = deque(maxlen=1024)
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="deepspace-decode")
        self._threads = 0
        self._task: asyncio.Task[None] | None = None
        self._work = asyncio.Event()
        self._warm: BaseSpace | None = None

    # Lifetime

    def open(self) -> None:
        """Starts answering; call inside the running event loop."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._session_changed)

        def told() -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._shared_changed)

        self._forget = self.session.listen(changed)
        self._forget_shared = self.shared.listen(told) if self.shared is not None else lambda: None
        self._task = asyncio.create_task(self._answer())
        self._session_changed()

    async def close(self) -> None:
        self._forget()
        self._forget_shared()
        if self._task is not None:
            self._task.cancel()
        for connection in list(self.connections):
            connection.wake.set()
        self._worker.shutdown(wait=False, cancel_futures=True)
        if self._threads:
            import torch

            torch.set_num_threads(self._threads)

    def _one_thread(self) -> None:
        """Called once training is over: a decode or eight are too small to be worth sharing among threads."""
        import torch

        self._threads = torch.get_num_threads()
        torch.set_num_threads(1)

    def _session_changed(self) -> None:
        space = self.session.space
        if space is not None and space is not self._warm:
            self._warm = space
            self._worker.submit(self._warm_up, space)
        for connection in self.connections:
            connection.session_changed = True
            connection.wake.set()

    def _shared_changed(self) -> None:
        for connection in self.connections:
            connection.shared_changed = True
            connection.wake.set()

    def _warm_up(self, space: BaseSpace) -> None:
        """Loads what the first decode would otherwise wait for: model, map, indices, and the columns' descriptions."""
        try:
            self._one_thread()
            space.map.prepare()
            x, y = (float(v) for v in np.asarray(space.map.positions[0]))
            items = self.views.of(space).items
            for detail in (False, True):
                decode(items, [DecodeRequest(type="decode", id=0, x=x, y=y, detail=detail)])
            sprites = self.views.of(space).sprites
            if sprites is not None:  # beside the worker, which has places to decode from now on
                threading.Thread(target=sprites.sheet, args=(0,), daemon=True).start()
        except DeepspaceError as error:
            log.warning("%s", error)
        except Exception:
            log.exception("the first decode failed")

    # Answering

    async def _answer(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._work.wait()
            self._work.clear()
            # Requests that came with this one are read by their own tasks first, and join the batch.
            await asyncio.sleep(0)
            batch = [c for c in self.connections if c.waiting is not None and not c.busy]
            requests = [c.waiting for c in batch if c.waiting is not None]
            if not batch:
                continue
            for connection in batch:
                connection.waiting, connection.busy = None, True
            self.batches.append(len(batch))
            try:
                if self.session.space is None:
                    raise _NotReadyError("The space is not ready yet; places decode when the fit is done.")
                answers: list[Any] = await loop.run_in_executor(self._worker, self._decode, requests)
            except Exception as error:
                answers = [self._apology(r, error) for r in requests]
            for connection, answer in zip(batch, answers, strict=True):
                connection.send(answer)

    def _decode(self, requests: list[DecodeRequest]) -> list[bytes]:
        space = self.session.space
        assert space is not None
        return decode(self.views.of(space).items, requests)

    @staticmethod
    def _apology(request: DecodeRequest, error: Exception) -> str:
        if isinstance(error, DeepspaceError | _NotReadyError):
            sentence = str(error)
        else:
            log.error("a decode failed", exc_info=error)
            sentence = f"This place could not be decoded ({type(error).__name__}); the terminal shows why."
        return ErrorMessage(id=request.id, error=sentence).model_dump_json(by_alias=True)

    # One client

    async def serve(self, socket: WebSocket) -> None:
        """Talks to one client until it leaves."""
        await socket.accept()
        connection = Connection(socket)
        self.connections.add(connection)
        connection.wake.set()
        writer = asyncio.create_task(self._write(connection))
        try:
            await self._read(connection)
        except WebSocketDisconnect:
            pass
        finally:
            self.connections.discard(connection)
            writer.cancel()

    async def _read(self, connection: Connection) -> None:
        while True:
            message = await connection.socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None or len(text) > MAX_MESSAGE:
                await connection.socket.close(_TOO_BIG if text else 1003)
                return
            try:
                request = parse(text)
            except ValidationError as error:
                first = error.errors()[0]
                where = ".".join(str(p) for p in first["loc"]) or "message"
                sentence = f"This message is not understood: {where}: {first['msg']}."
                connection.send(ErrorMessage(error=sentence).model_dump_json(by_alias=True))
                continue
            if isinstance(request, DecodeRequest):
                connection.waiting = request
                self._work.set()
            else:
                self.session.stop()

    async def _write(self, connection: Connection) -> None:
        try:
            while True:
                await connection.wake.wait()
                connection.wake.clear()
                await self._write_news(connection)
                await self._write_shared(connection)
                while connection.outbox:
                    message = connection.outbox.popleft()
                    if isinstance(message, bytes):
                        await connection.socket.send_bytes(message)
                    else:
                        await connection.socket.send_text(message)
                connection.busy = False
                if connection.waiting is not None:
                    self._work.set()
        except (WebSocketDisconnect, RuntimeError):
            return  # The client left while something was on its way to it; the reader sees that too.

    async def _write_news(self, connection: Connection) -> None:
        if not connection.session_changed:
            return
        connection.session_changed = False
        await connection.socket.send_text(self.session.info().model_dump_json(by_alias=True, exclude_none=True))
        preview = self.session.preview
        if preview is not None and preview[0] > connection.preview_seen:
            connection.preview_seen = preview[0]
            await connection.socket.send_bytes(preview[1])

    async def _write_shared(self, connection: Connection) -> None:
        if connection.shared_changed and self.shared is not None:
            connection.shared_changed = False
            await connection.socket.send_text(self.shared.info().model_dump_json(by_alias=True))
