"""Subgroups: decisions, errors, reconstruction, familiarity and cost of recourse, each beside the rest of the rows."""

from __future__ import annotations

from deepspace.decisions.groups.measured import groups
from deepspace.decisions.groups.results import Entry, Groups

__all__ = ["Entry", "Groups", "groups"]
