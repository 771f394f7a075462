"""Decisions seen through a space: a predictor of the user's, and the cases that it decides."""

from __future__ import annotations

from deepspace.decisions.audit import Audit
from deepspace.decisions.precedents import Precedents, precedents
from deepspace.decisions.predictors import Answers, Predictor

__all__ = ["Answers", "Audit", "Precedents", "Predictor", "precedents"]
