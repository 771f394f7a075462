"""The version of deepspace that is running."""

from __future__ import annotations

from functools import cache

__all__ = ["version"]


@cache
def version() -> str:
    """From the installed package's metadata; "unknown" when run from a tree that was never installed."""
    from importlib.metadata import PackageNotFoundError
    from importlib.metadata import version as installed

    try:
        return installed("deepspace")
    except PackageNotFoundError:
        return "unknown"
