"""The priors p(z) of a VAE: one file each, and one line here."""

from __future__ import annotations

from deepspace.errors import ModelError
from deepspace.models.layout import Layout
from deepspace.models.priors.base import Density, Prior
from deepspace.models.priors.gaussians import GaussianMixture
from deepspace.models.priors.mixture import Mixture
from deepspace.models.priors.standard import Standard
from deepspace.models.priors.vamp import Vamp

__all__ = ["REGISTRY", "Density", "GaussianMixture", "Prior", "make"]

REGISTRY: dict[str, type[Prior]] = {
    "standard": Standard,
    "vamp": Vamp,
    "mixture": Mixture,
}


def make(name: str, layout: Layout, latent_dim: int, components: int) -> Prior:
    """The prior of that name over (D,) latents. Raises ModelError for a name that is not there."""
    if name not in REGISTRY:
        raise ModelError(f"No prior is called {name!r}; there are {', '.join(REGISTRY)}.")
    return REGISTRY[name](layout, latent_dim, components)
