"""Reference against current data: whether it moved, by which column and factor, and what that does to decisions."""

from __future__ import annotations

from deepspace.decisions.drift.measured import drift
from deepspace.decisions.drift.results import DecisionShift, Drift, Moved, OutcomeShift, TwoSampleTest

__all__ = ["DecisionShift", "Drift", "Moved", "OutcomeShift", "TwoSampleTest", "drift"]
