"""What is wrong with the space, in figures."""

from __future__ import annotations

from collections.abc import Callable

from fastapi import FastAPI

from deepspace.server.health import health_info
from deepspace.server.view import View
from deepspace.server.wire import HealthInfo, UncoveredInfo

__all__ = ["add"]


def add(app: FastAPI, current: Callable[[], View]) -> None:
    @app.get("/api/health")
    def read_health() -> HealthInfo:
        return health_info(current().space)

    @app.get("/api/uncovered")
    def read_uncovered() -> UncoveredInfo:
        return current().left_out.info()
