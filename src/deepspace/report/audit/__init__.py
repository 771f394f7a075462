"""The audit of a predictor as a document: each sentence with a figure leads to its evidence."""

from __future__ import annotations

from deepspace.report.audit.context import Options
from deepspace.report.audit.difference import Difference, difference
from deepspace.report.audit.writing import Unaudited, audit_report, audited, render_audit

__all__ = ["Difference", "Options", "Unaudited", "audit_report", "audited", "difference", "render_audit"]
