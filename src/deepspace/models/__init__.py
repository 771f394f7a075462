"""What can be learned: model families, the networks inside them, and the likelihoods they measure data with."""

from __future__ import annotations

from deepspace.models import families, likelihoods
from deepspace.models.base import ClosedForm, LatentModel, Posterior, Terms
from deepspace.models.choose import choose
from deepspace.models.config import Config, Networked
from deepspace.models.families import build, configure, from_json
from deepspace.models.families.autoencoder import AE
from deepspace.models.families.conditional import ConditionalVAE
from deepspace.models.families.gan import GAN
from deepspace.models.families.pca import PCA
from deepspace.models.families.ppca import PPCA
from deepspace.models.families.qlae import QLAE
from deepspace.models.families.tcvae import TCVAE
from deepspace.models.families.vae import VAE
from deepspace.models.layout import Layout

__all__ = [
    "AE",
    "GAN",
    "PCA",
    "PPCA",
    "QLAE",
    "TCVAE",
    "VAE",
    "ClosedForm",
    "ConditionalVAE",
    "Config",
    "LatentModel",
    "Layout",
    "Networked",
    "Posterior",
    "Terms",
    "build",
    "choose",
    "configure",
    "families",
    "from_json",
    "likelihoods",
]
