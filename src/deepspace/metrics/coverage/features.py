"""In which numbers rows are compared: the user's own, the model's latents, principal components, or all as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError

if TYPE_CHECKING:
    from torch import Tensor

    from deepspace.space import BaseSpace

__all__ = ["Features", "Kind", "features"]

Kind = Literal["principal", "latent", "raw"]
_COMPONENTS = 64
_BLOCK = 2048


class Features(NamedTuple):
    """``name``: what they are, in words. ``of``: encoded rows (n, *shape) -> (n, F)."""

    name: str
    of: Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]


def features(
    space: BaseSpace, training: npt.NDArray[Any], kind: Kind | Callable[[Any], npt.ArrayLike] = "principal"
) -> Features:
    """``training``: encoded rows that principal components are fitted to, never those that are measured.

    "principal": the 64 first principal components, unscaled; of a table, of its numbers and categories brought to one
    scale (``deepspace.models.coordinates``), where a missing cell lies at the mean. "latent": the model's own posterior
    means, which see what the model sees. "raw": all of these coordinates. A function gets rows in the user's units.
    """
    if callable(kind):
        return _own(space, kind)
    if kind == "latent":
        return Features(f"the model's {space.latent_dim} latents", _blocks(lambda x: space.model.encode(x).mean))
    if kind == "principal":
        return _principal(space, training)
    if kind == "raw":
        from deepspace.models import Layout
        from deepspace.models.coordinates import Coordinates

        coordinates = Coordinates(Layout.of(space.schema))
        coordinates.prepare(_reader(training))
        return Features(f"all {coordinates.width} values", _blocks(coordinates))
    raise SpaceError(
        f"no features are called {kind!r}; they are 'principal', 'latent', 'raw', or a function of your own."
    )


def _own(space: BaseSpace, function: Callable[[Any], npt.ArrayLike]) -> Features:
    def of(encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        found = np.asarray(function(space.schema.decode(encoded)), np.float32)
        if len(found) != len(encoded):
            raise SpaceError(f"your features gave {len(found)} rows for {len(encoded)}.")
        return found.reshape(len(found), -1)

    return Features("your own features", of)


def _principal(space: BaseSpace, training: npt.NDArray[Any]) -> Features:
    from deepspace.models import PCA, ClosedForm, Layout, build

    layout = Layout.of(space.schema)
    count = min(_COMPONENTS, layout.size if layout.modality != "table" else _COMPONENTS, len(training) - 1)
    model = build(PCA(latent_dim=max(1, count)), layout)
    assert isinstance(model, ClosedForm)
    training = training[: model.wanted(len(training))]
    model.solve(_reader(training))
    weights = model.distance_weights()
    assert weights is not None
    lengths = weights.sqrt()[: int((weights > 0).sum())]
    name = f"{len(lengths)} principal components of {len(training):,} training rows"
    return Features(name, _blocks(lambda x: model.encode(x).mean[:, : len(lengths)] * lengths))


def _reader(rows: npt.NDArray[Any]) -> Callable[[], Iterator[Tensor]]:
    import torch

    def read() -> Iterator[Tensor]:
        for start in range(0, len(rows), _BLOCK):
            yield torch.from_numpy(np.array(rows[start : start + _BLOCK]))

    return read


def _blocks(function: Callable[[Tensor], Tensor]) -> Callable[[npt.NDArray[Any]], npt.NDArray[np.float32]]:
    import torch

    def of(encoded: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        with torch.inference_mode():
            parts = [function(block).float().numpy() for block in _reader(encoded)()]
        return np.concatenate(parts)

    return of
