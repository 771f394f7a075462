"""Predictors: the user's own models under audit, whatever they are made of, asked in one way and checked.

A way to recognise one is one file here; ``recognise`` tries them.
"""

from __future__ import annotations

from deepspace.decisions.predictors.predictor import Answers, Predictor, outcome_name
from deepspace.decisions.predictors.recognise import recognise

__all__ = ["Answers", "Predictor", "outcome_name", "recognise"]
