"""Decisions seen through a space: the real rows that stand nearest to an item, and whether they agree."""

from __future__ import annotations

from deepspace.decisions.precedents import Precedents, precedents

__all__ = ["Precedents", "precedents"]
