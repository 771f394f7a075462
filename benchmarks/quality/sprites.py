"""Disentanglement on sprites with dSprites' factors: MIG, DCI, SAP, FactorVAE score, InfoMEC.

    python -m benchmarks.quality.sprites        or: python benchmarks/quality/sprites.py --quick

50,000 of the 737,280 sprites, drawn at 64 x 64 and averaged over blocks to --side, so that a row is learned in some 50 us
of one core; 10 latents (QLAE: 10 with 10 codes each, as the paper has twice as many as factors), fully connected. All
figures are of the rows held out of training. Orientation cannot be told apart where a sprite is symmetric, and counts.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parent))

from _harness import Table, arguments, parser
from _sprites import FACTORS, draw, subset

from deepspace.metrics.disentanglement import dci, factor_vae_score, infomec, mig, sap
from deepspace.models import Layout, build, configure
from deepspace.training import TrainConfig, train

NAMES = {
    "mig": "MIG", "dci_disentanglement": "DCI D", "dci_completeness": "DCI C", "dci_informativeness": "DCI I",
    "sap": "SAP", "factor_vae_score": "FactorVAE", "infom": "InfoM", "infoe": "InfoE", "infoc": "InfoC",
}  # fmt: skip
