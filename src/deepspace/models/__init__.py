"""What can be learned: model families, the networks inside them, and the likelihoods they measure data with."""

from __future__ import annotations

from deepspace.models import families, likelihoods
from deepspace.models.base import ClosedForm, LatentModel, Posterior, Terms
from deepspace.models.choose import choose
from deepspace.models.config import PCA, VAE
from deepspace.models.families import build, from_json
from deepspace.models.layout import Layout

__all__ = [
    "PCA",
    "VAE",
    "ClosedForm",
    "LatentModel",
    "Layout",
    "Posterior",
    "Terms",
    "build",
    "choose",
    "families",
    "from_json",
    "likelihoods",
]
