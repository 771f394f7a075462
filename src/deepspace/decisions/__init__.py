"""Decisions seen through a space: a predictor of the user's, and the cases that it decides."""

from __future__ import annotations

from deepspace.decisions.audit import Audit
from deepspace.decisions.boundary import (
    Boundary,
    Doubt,
    MapTrust,
    PredictorComparison,
    Triangle,
    boundary,
    compare_boundaries,
    doubt,
    map_trust,
    static_boundary,
    triangle,
)
from deepspace.decisions.case_precedents import CasePrecedents, case_precedents
from deepspace.decisions.counterfactuals import (
    CaseCounterfactuals,
    Constraints,
    Counterfactual,
    Counterfactuals,
    counterfactuals,
)
from deepspace.decisions.drift import Drift, drift
from deepspace.decisions.familiarity import Familiarity, unfamiliar
from deepspace.decisions.groups import Groups, groups
from deepspace.decisions.performance import Performance, performance
from deepspace.decisions.precedents import Precedents, precedents
from deepspace.decisions.predictors import Answers, Predictor
from deepspace.decisions.prototypes import Prototypes, prototypes
from deepspace.decisions.reasons import CaseReasons, Reason, Reasons, Wording, overall, reasons

__all__ = [
    "Answers",
    "Audit",
    "Boundary",
    "CaseCounterfactuals",
    "CasePrecedents",
    "CaseReasons",
    "Constraints",
    "Counterfactual",
    "Counterfactuals",
    "Doubt",
    "Drift",
    "Familiarity",
    "Groups",
    "MapTrust",
    "Performance",
    "Precedents",
    "Predictor",
    "PredictorComparison",
    "Prototypes",
    "Reason",
    "Reasons",
    "Triangle",
    "Wording",
    "boundary",
    "case_precedents",
    "compare_boundaries",
    "counterfactuals",
    "doubt",
    "drift",
    "groups",
    "map_trust",
    "overall",
    "performance",
    "precedents",
    "prototypes",
    "reasons",
    "static_boundary",
    "triangle",
    "unfamiliar",
]
