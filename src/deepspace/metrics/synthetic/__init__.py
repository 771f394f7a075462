"""Synthetic tables: how true they are to the real ones, and whether they give real rows away."""

from __future__ import annotations

from deepspace.metrics.synthetic.fidelity import column_pairs, column_shapes, fidelity
from deepspace.metrics.synthetic.imputation import imputation
from deepspace.metrics.synthetic.privacy import privacy, privacy_of
from deepspace.metrics.synthetic.record import synthetic_record
from deepspace.metrics.synthetic.utility import utility, utility_of

__all__ = [
    "column_pairs", "column_shapes", "fidelity", "imputation", "privacy", "privacy_of", "synthetic_record", "utility",
    "utility_of",
]  # fmt: skip
