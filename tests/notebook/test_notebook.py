"""The explorer in a notebook, without a browser: where it is shown, and what is said where it cannot be."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from deepspace.errors import DeepspaceError
from deepspace.notebook import in_notebook, show
from tests.server.fakes import make


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a Jupyter kernel."""
    shell = SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))


def test_a_terminal_is_no_notebook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    for shell in (None, SimpleNamespace()):  # plain Python; IPython in a terminal has no kernel
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda s=shell: s))
        assert not in_notebook()


def test_a_kernel_is_one(kernel: None) -> None:
    assert in_notebook()


def test_without_anywidget_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch, kernel: None) -> None:
    import deepspace as ds

    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "deepspace.notebook.widget", raising=False)
    space: Any = make("vector")
    with pytest.raises(DeepspaceError, match=r"pip install 'deepspace\[notebook\]'.*deepspace explore .*\.space"):
        ds.Space.explore(space)


def test_asking_where_one_is_loads_nothing() -> None:
    code = (
        "import sys; from deepspace.notebook import in_notebook; in_notebook(); "
        "print('IPython' in sys.modules, 'anywidget' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


@pytest.fixture
def widget() -> Any:
    pytest.importorskip("anywidget")
    made = show(make("vector"), height=300)  # type: ignore[arg-type]
    yield made
    made.close()


def test_the_traits_are_checked_and_observed(widget: Any) -> None:
    import traitlets

    seen: list[tuple[str, Any]] = []
    widget.observe(lambda change: seen.append((change["name"], change["new"])), ["selection", "pinned"])
    widget.selection = [5, 3, 5]
    assert widget.selection.tolist() == [3, 5]
    widget.selection = np.isin(np.arange(len(make("vector"))), [3, 5])
    widget.pinned = 7
    widget.selection = None
    assert [(n, v if v is None or isinstance(v, int) else v.tolist()) for n, v in seen] == [
        ("selection", [3, 5]), ("pinned", 7), ("selection", None),
    ]  # fmt: skip
    for name, value in (("selection", [10**6]), ("selection", "all"), ("pinned", -1), ("pinned", 10**6)):
        with pytest.raises(traitlets.TraitError):
            setattr(widget, name, value)
    widget.selection = [1]
    with pytest.raises(ValueError, match="read-only"):
        widget.selection[0] = 2


def test_what_a_page_changes_arrives_in_the_traits(widget: Any) -> None:
    import httpx

    seen: list[Any] = []
    widget.observe(lambda change: seen.append((change["new"].tolist(), threading.current_thread().name)), "selection")
    bits = np.zeros(widget._shared.n, np.uint8)
    bits[[2, 9]] = 1
    own = {"X-Deepspace": "1"}
    with httpx.Client(base_url=widget.address, headers=own) as http:
        http.put("/api/shared/selection", content=np.packbits(bits, bitorder="little").tobytes()).raise_for_status()
        http.put("/api/shared/pin", json={"row": 4}).raise_for_status()
    assert widget.selection.tolist() == [2, 9]
    assert widget.pinned == 4
    assert [rows for rows, _ in seen] == [[2, 9]]


def test_closing_ends_the_server() -> None:
    pytest.importorskip("anywidget")
    made = show(make("vector"))  # type: ignore[arg-type]
    port = made._server.port
    socket.create_connection(("127.0.0.1", port)).close()
    made.close()
    made.close()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", port))
