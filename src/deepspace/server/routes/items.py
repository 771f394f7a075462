"""Real rows, with what the model makes of them."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI, HTTPException

from deepspace.server.routes.parameters import Index
from deepspace.server.view import View
from deepspace.server.wire import Content, Item

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    def view_with(index: int) -> View:
        view = current()
        if index >= len(view.space):
            raise HTTPException(404, f"There is no item {index}; this space has {len(view.space)}, counted from 0.")
        return view

    @app.get("/api/items/{index}")
    def read_item(index: Index) -> Item:
        return view_with(index).items.item(index)

    @app.get("/api/items/{index}/content")
    def read_content(index: Index) -> Content:
        return view_with(index).items.real(index)
