"""Ports."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from deepspace.errors import ServerError
from deepspace.server import run
from deepspace.server.run import bind


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


def test_a_port_in_use_is_named_with_a_way_out(taken: int) -> None:
    with pytest.raises(ServerError, match=rf"port {taken} on 127\.0\.0\.1 is already in use; .*--port"):
        bind(port=taken)


def test_without_a_port_the_next_free_one_is_taken(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DEFAULT_PORT", taken)
    with bind() as listener:
        assert taken < listener.getsockname()[1] < taken + 50
        assert listener.getsockname()[0] == "127.0.0.1"


def test_when_all_are_taken_it_says_so(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "DEFAULT_PORT", taken)
    monkeypatch.setattr(run, "_TRIED", 1)
    with pytest.raises(ServerError, match=f"ports {taken} to {taken} .* all in use"):
        bind()


@pytest.mark.parametrize(("host", "port"), [("127.0.0.1", 70_000), ("not a host", 8765), ("203.0.113.7", 0)])
def test_impossible_addresses_are_refused_in_a_sentence(host: str, port: int) -> None:
    with pytest.raises(ServerError) as refusal:
        bind(host, port)
    assert "\n" not in str(refusal.value)
    assert str(port) in str(refusal.value)


def test_answers_are_sent_at_once() -> None:
    """An answer is written in two parts; the second would wait 40 ms for the first to be acknowledged."""

    async def nodelay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            found.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = bind(port=0)
        async with await asyncio.start_server(accepted, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await found

    assert asyncio.run(nodelay())
