"""See the space that a deep generative model has learned from your data.

>>> import deepspace as ds
>>> space = ds.fit("customers.csv")                              # doctest: +SKIP
>>> space.decode(space.map.inverse_transform([[0.0, 0.0]]))      # doctest: +SKIP

A *model* turns data into latents and back. A *space* is where you move: it knows distance, paths and density. The
*map* is the part of it that you can see.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deepspace.api import Space, attach, compare, fit, open, stability
    from deepspace.data import Schema
    from deepspace.errors import DeepspaceError
    from deepspace.layers import look as layers
    from deepspace.models import AE, GAN, PCA, PPCA, QLAE, TCVAE, VAE, ConditionalVAE
    from deepspace.training import Progress, TrainConfig

__all__ = [
    "AE",
    "GAN",
    "PCA",
    "PPCA",
    "QLAE",
    "TCVAE",
    "VAE",
    "ConditionalVAE",
    "DeepspaceError",
    "Progress",
    "Schema",
    "Space",
    "TrainConfig",
    "attach",
    "compare",
    "fit",
    "layers",
    "open",
    "stability",
]

_HOMES = {
    "AE": "deepspace.models",
    "PPCA": "deepspace.models",
    "ConditionalVAE": "deepspace.models",
    "DeepspaceError": "deepspace.errors",
    "GAN": "deepspace.models",
    "PCA": "deepspace.models",
    "Progress": "deepspace.training.events",
    "QLAE": "deepspace.models",
    "Schema": "deepspace.data.schema",
    "Space": "deepspace.api",
    "TCVAE": "deepspace.models",
    "TrainConfig": "deepspace.training",
    "VAE": "deepspace.models",
    "attach": "deepspace.api",
    "compare": "deepspace.api",
    "fit": "deepspace.api",
    "layers": "deepspace.layers",
    "open": "deepspace.api",
    "stability": "deepspace.api",
}


def __getattr__(name: str) -> Any:
    """PEP 562: a name is imported when it is first used, so that ``import deepspace`` costs next to nothing."""
    if name == "__version__":
        from importlib.metadata import version

        return version("deepspace")
    if name not in _HOMES:
        raise AttributeError(f"module 'deepspace' has no attribute {name!r}")
    # ``layers`` is a room whose name is also a verb: the package itself can be called.
    value = import_module("deepspace.layers") if name == "layers" else getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
