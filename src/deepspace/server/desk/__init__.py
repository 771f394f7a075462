"""Behind the start page: which session is open, recent spaces, fits that were cut short, examples, uploads.

The desk knows how to choose data and settings; how to open a space or to fit one is handed to it, since that
is the business of rooms to the right.
"""

from __future__ import annotations

__all__ = ["desk", "examples", "looking", "orders", "recent", "uploads", "wire"]
