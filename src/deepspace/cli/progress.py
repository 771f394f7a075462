"""A fit in the terminal: one bar a phase with the ELBO's parts, or plain lines where there is no terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from deepspace.cli.terminal import console, say

if TYPE_CHECKING:
    from deepspace.training.events import Progress

__all__ = ["FitDisplay", "describe", "duration"]

_QUIET_SECONDS = 5.0
"""Least time between two plain lines of one phase."""

_TITLES = {
    "loading": "reading",
    "training": "training",
    "encoding": "encoding rows",
    "mapping": "drawing the map",
    "measuring": "measuring",
    "saving": "saving",
}


def duration(seconds: float | None) -> str:
    """3 s, 2:05 min or 1:10 h."""
    if seconds is None or not 0 <= seconds < 1e7:
        return ""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"


def describe(progress: Progress) -> str:
    """ELBO = reconstruction - KL in nats a row, the ELBO of held-out rows, active units, rate, time left."""
    parts = []
    if progress.epoch:
        parts.append(f"epoch {progress.epoch}" + (f"/{progress.epochs}" if progress.epochs else ""))
    if progress.elbo is not None:
        text = f"ELBO {progress.elbo:.2f}"
        if progress.reconstruction is not None and progress.kl is not None:
            text += f" = {progress.reconstruction:.2f} - KL {progress.kl:.2f}"
        parts.append(text)
    if progress.validation_elbo is not None:
        parts.append(f"held out {progress.validation_elbo:.2f}")
    if progress.active_units is not None:
        parts.append(f"{progress.active_units} active")
    if progress.rows_per_second:
        parts.append(f"{progress.rows_per_second:,.0f} rows/s")
    left = duration(progress.seconds_left)
    if left and progress.fraction >= 0.01:  # the first steps are slow and tell little
        parts.append(f"{left} left")
    return ", ".join(parts)


class FitDisplay:
    """Shows progress while it is entered. Call it with each Progress, from any thread."""

    def __init__(self) -> None:
        self._fancy = sys.stderr.isatty()
        self._live: Any = None
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._phase = ""
        self._message = ""
        self._detail = ""
        self._said = 0.0

    def __enter__(self) -> FitDisplay:
        if self._fancy:
            from rich.live import Live
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            out = console()
            self._bars = Progress(
                TextColumn("{task.description:<16}", markup=False),
                BarColumn(bar_width=32),
                TaskProgressColumn(),
                console=out,
            )
            self._live = Live(self._bars, console=out, refresh_per_second=8)
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def __call__(self, progress: Progress) -> None:
        title = _TITLES.get(progress.phase)
        if title is None:
            return
        if progress.message and progress.message != self._message:
            self._message = progress.message
            say(progress.message)
        if self._fancy:
            self._draw(title, progress)
        else:
            self._print(title, progress)

    def _draw(self, title: str, progress: Progress) -> None:
        from rich.console import Group
        from rich.text import Text

        bars, live = self._bars, self._live
        if live is None:
            return
        if progress.phase != self._phase and self._phase in self._tasks:
            bars.update(self._tasks[self._phase], completed=1.0)
            if self._phase == "training":
                say(self._detail)
        self._phase, self._detail = progress.phase, describe(progress)
        if progress.phase not in self._tasks:
            self._tasks[progress.phase] = bars.add_task(title, total=1.0)
        bars.update(self._tasks[progress.phase], completed=progress.fraction)
        live.update(Group(bars, Text(self._detail, overflow="fold")))

    def _print(self, title: str, progress: Progress) -> None:
        if progress.phase == "loading":
            return
        now = time.monotonic()
        last = progress.fraction >= 1.0 and progress.phase == "training"
        if progress.phase == self._phase and not last and now - self._said < _QUIET_SECONDS:
            return
        self._phase, self._said = progress.phase, now
        detail = describe(progress)
        say(f"{title} {progress.fraction:4.0%}" + (f"  {detail}" if detail else ""))
