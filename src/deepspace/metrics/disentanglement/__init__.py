"""How well latent dimensions match known factors, one to one: the field's measures, on arrays and on spaces."""

from __future__ import annotations

from deepspace.metrics.disentanglement.dci import dci
from deepspace.metrics.disentanglement.factorvae import factor_vae_score
from deepspace.metrics.disentanglement.infomec import infomec
from deepspace.metrics.disentanglement.information import information
from deepspace.metrics.disentanglement.mig import mig
from deepspace.metrics.disentanglement.sap import sap
from deepspace.metrics.disentanglement.space import Disentanglement, active, disentangled, disentanglement

__all__ = [
    "Disentanglement",
    "active",
    "dci",
    "disentangled",
    "disentanglement",
    "factor_vae_score",
    "infomec",
    "information",
    "mig",
    "sap",
]
