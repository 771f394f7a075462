"""Counterfactuals: the nearest permitted items that the predictor decides otherwise, or why there are none."""

from __future__ import annotations

from deepspace.decisions.counterfactuals.constraints import Constraints
from deepspace.decisions.counterfactuals.finding import counterfactuals
from deepspace.decisions.counterfactuals.results import CaseCounterfactuals, Counterfactual, Counterfactuals

__all__ = ["CaseCounterfactuals", "Constraints", "Counterfactual", "Counterfactuals", "counterfactuals"]
