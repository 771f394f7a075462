"""What can be handed to somebody else: one HTML file that opens anywhere and stays as it is."""

from __future__ import annotations

from deepspace.report.atlas import atlas
from deepspace.report.audit import audit_report, difference
from deepspace.report.report import render, report

__all__ = ["atlas", "audit_report", "difference", "render", "report"]
