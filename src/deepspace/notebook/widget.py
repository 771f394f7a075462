"""The widget: a server on this machine's loopback address, its page in a frame, and traits that follow it."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import traitlets

from deepspace.errors import SpaceError
from deepspace.server.background import Background
from deepspace.server.session import Session
from deepspace.server.shared import Shared, same

if TYPE_CHECKING:
    from deepspace.decisions import Audit
    from deepspace.space import BaseSpace

__all__ = ["FRAMES", "ExplorerWidget"]

FRAMES = (
    "http://localhost:*", "https://localhost:*", "http://127.0.0.1:*", "https://127.0.0.1:*", "vscode-webview:",
    "vscode-file:",
)  # fmt: skip
"""Where a notebook of this machine may be shown; pages of no other origin may hold the explorer in a frame."""

_HERE = Path(__file__).parent


class _Rows(traitlets.TraitType[Any, Any]):  # type: ignore[misc, unused-ignore]
    """Row numbers (k,) int64, ascending, or None. Takes row numbers in any order or a boolean of each row."""

    info_text = "row numbers, a mask of all rows, or None"
    default_value = None
    allow_none = True

    def validate(self, widget: Any, value: Any) -> Any:
        try:
            return widget._shared.checked(value)
        except SpaceError as error:
            raise traitlets.TraitError(str(error)) from None

    def set(self, widget: Any, value: Any) -> None:
        """As its base, but arrays are compared as a whole."""
        new = self._validate(widget, value)
        old = widget._trait_values.get(self.name)
        widget._trait_values[self.name] = new
        if not same(old, new):
            widget._notify_trait(self.name, old, new)


class ExplorerWidget(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """The page of a space, inline. Show it by leaving it as a cell's last line; ``close`` ends its server.

    selection: the rows selected on the map, an int64 array, or None while nothing is selected. Settable.
    pinned: the row that is pinned, or None. Settable.
    height: of the frame, in pixels.

    All three can be observed: ``widget.observe(lambda change: ..., "selection")``. What the page does arrives while a
    cell runs, too, in a thread of the server.

    >>> page = space.explore()
    >>> page.selection = space.rows.column("species").to_numpy() == "setosa"
    """

    _esm = _HERE / "widget.js"

    address = traitlets.Unicode(read_only=True).tag(sync=True)
    title = traitlets.Unicode(read_only=True).tag(sync=True)
    command = traitlets.Unicode(read_only=True).tag(sync=True)
    height = traitlets.Int(640).tag(sync=True)
    selection = _Rows()
    pinned = traitlets.Int(None, allow_none=True)

    def __init__(
        self, space: BaseSpace, *, beside: BaseSpace | None = None, audits: Sequence[Audit] = (), height: int = 640
    ) -> None:
        self._shared = Shared(space.name, len(space))
        session = Session(space.name, space=space, beside=beside, audits=audits)
        self._server = Background(session, shared=self._shared, frames=FRAMES)
        super().__init__(height=height)
        self.set_trait("address", self._server.address)
        self.set_trait("title", f"deepspace explorer of {space.name}")
        self.set_trait("command", f"deepspace explore {space.folder}")
        # The server must not keep the widget, nor the widget's end depend on the garbage collector's mood.
        this = weakref.ref(self)
        self._forget = self._shared.listen(lambda: _follow(this))
        self._end = weakref.finalize(self, self._server.close)

    @traitlets.validate("pinned")  # type: ignore[untyped-decorator, misc, unused-ignore]
    def _check_pin(self, proposal: Any) -> Any:
        try:
            self._shared.pin(proposal["value"])
        except SpaceError as error:
            raise traitlets.TraitError(str(error)) from None
        return proposal["value"]

    @traitlets.observe("selection")  # type: ignore[untyped-decorator, misc, unused-ignore]
    def _tell(self, change: Any) -> None:
        self._shared.select(change["new"])

    def close(self) -> None:
        """Takes the page away and ends its server."""
        if hasattr(self, "_end"):
            self._forget()
            self._end()
        super().close()


def _follow(this: weakref.ref[ExplorerWidget]) -> None:
    """Something changed on either side: the traits are as the page shows it."""
    widget = this()
    if widget is None:
        return
    rows = widget._shared.selection
    if not same(rows, widget.selection):
        widget.selection = rows  # type: ignore[assignment, unused-ignore]
    if widget.pinned != widget._shared.pinned:
        widget.pinned = widget._shared.pinned
