"""Principal reasons for an adverse decision: the columns that set a case apart from accepted ones like it.

Kept apart from recourse: a reason says what weighed, a counterfactual what could be changed.
"""

from __future__ import annotations

from deepspace.decisions.reasons.found import reasons
from deepspace.decisions.reasons.overall import Overall, overall
from deepspace.decisions.reasons.results import CaseReasons, Reason, Reasons
from deepspace.decisions.reasons.wording import Wording

__all__ = ["CaseReasons", "Overall", "Reason", "Reasons", "Wording", "overall", "reasons"]
