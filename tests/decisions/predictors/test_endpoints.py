"""A predictor behind an address, asked on a server of this machine."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pandas as pd
import pytest

from deepspace.decisions import Audit
from deepspace.decisions.predictors import endpoints
from deepspace.errors import ModelError
from tests.decisions import planted

SEEN: list[dict[str, Any]] = []
DROPPED: list[int] = []


class Server(BaseHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass

    def do_POST(self) -> None:
        content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        SEEN.append({"path": self.path, "content": content, "key": self.headers.get("Authorization")})
        if self.path == "/drops-once" and not DROPPED:
            DROPPED.append(1)
            self.connection.close()
            return
        if self.path == "/broken":
            return self._say(500, b"the model\nis not loaded")
        if self.path == "/html":
            return self._say(200, b"<html>log in</html>")
        if self.path == "/other":
            return self._say(200, b'{"scores": [1]}')
        self._say(200, json.dumps({"predictions": _predictions(self.path, content)}).encode())

    def _say(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _predictions(path: str, content: dict[str, Any]) -> list[Any]:
    if "instances" in content:
        rows = pd.DataFrame(content["instances"])
    else:
        split = content["dataframe_split"]
        rows = pd.DataFrame(split["data"], columns=split["columns"])
    p = planted.predictor(rows.astype({"income": float, "debt": float}))
    if path == "/labels":
        return np.where(p >= 0.5, "yes", "no").tolist()
    if path == "/named":
        return [{"yes": float(v), "no": 1 - float(v)} for v in p]
    if path == "/vertex":
        return [{"classes": ["yes", "no"], "scores": [float(v), 1 - float(v)]} for v in p]
    if path == "/lists":
        return [[1 - float(v), float(v)] for v in p]
    if path == "/ragged":
        return [[1.0, 0.0], *[[1.0]] * (len(p) - 1)]
    if path == "/nulls":
        return [None] * len(p)
    if path == "/short":
        return p[:-1].tolist()
    return p.tolist()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/score", "/named", "/lists", "/vertex", "/invocations", "/labels"])
def test_every_way_to_answer(planted_space: Any, address: str, path: str) -> None:
    SEEN.clear()
    audit = Audit(planted_space, address + path, headers={"Authorization": "Bearer x"})
    expected = planted.predictor(planted.frame())
    if path == "/labels":
        np.testing.assert_array_equal(audit.answers.score, expected >= 0.5)
    else:
        np.testing.assert_allclose(audit.answers.score, expected, rtol=1e-9)
    assert all(seen["key"] == "Bearer x" for seen in SEEN)
    split = "dataframe_split" in SEEN[0]["content"]
    assert split == (path == "/invocations")
    assert max(len(s["content"].get("instances", [])) for s in SEEN) <= endpoints.ROWS
    assert audit.predictor.name == address + path


def test_the_body_may_be_chosen_and_missing_cells_are_null(wines: Any) -> None:
    from tests.decisions.predictors import tables

    rows = tables.frame()[tables.FEATURES]
    sent = json.loads(endpoints._body(rows, "instances"))["instances"]
    assert [r["hue"] is None for r in sent] == rows["hue"].isna().tolist()
    assert [r["colour"] is None for r in sent] == rows["colour"].isna().tolist()
    assert sent[0]["strong"] is bool(rows["strong"][0])
    assert sent[0]["magnesium"] == int(rows["magnesium"][0])
    split = json.loads(endpoints._body(rows, "dataframe_split"))["dataframe_split"]
    assert split["columns"] == tables.FEATURES
    assert len(split["data"]) == len(rows)
    assert json.loads(endpoints._body(np.ones((2, 3)), "instances")) == {"instances": [[1.0] * 3] * 2}
    assert json.loads(endpoints._body(np.ones((2, 3)), "dataframe_split")) == {"inputs": [[1.0] * 3] * 2}


def test_a_connection_that_breaks_is_tried_once_more(planted_space: Any, address: str) -> None:
    DROPPED.clear()
    audit = Audit(planted_space, f"{address}/drops-once")
    assert DROPPED
    np.testing.assert_allclose(audit.answers.score, planted.predictor(planted.frame()), rtol=1e-9)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/broken", "answered 500 Internal Server Error: the model is not loaded"),
        ("/html", "answered with what is no JSON: '<html>log in</html>'"),
        ("/other", "answered without a list of predictions, only 'scores'"),
        ("/short", "items with 63 predictions; one each is due"),
        ("/ragged", "lists of different lengths"),
        ("/nulls", "64 of 64 items with NaN or infinity"),
    ],
)
def test_answers_that_cannot_be_used(planted_space: Any, address: str, path: str, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, address + path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_there(planted_space: Any) -> None:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, f"http://name:secret@127.0.0.1:{port}/score?token=abc")
    message = str(caught.value)
    assert message.startswith(f"http://127.0.0.1:{port}/score cannot be reached:")
    assert message.endswith("is the server running?")
    assert "secret" not in message
    assert "abc" not in message


def test_a_server_that_keeps_silent(planted_space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setattr(endpoints, "TIMEOUT", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(ModelError, match=r"gave no answer in 0.2 s"):
            Audit(planted_space, f"http://127.0.0.1:{silent.getsockname()[1]}/score")


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [("http:///score", {}, "is no address"), ("http://host/score", {"body": "xml"}, "body is 'instances' or")],
)
def test_wrong_addresses(planted_space: Any, name: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError, match=words):
        Audit(planted_space, name, **options)
