"""How models of other libraries are spoken to: which calls encode and decode, and what comes back from them.

Each library is known by what its objects offer, not by an import of it: diffusers (``encode(x).latent_dist``,
``decode(z).sample``), pythae (``encoder(x).embedding``, ``.log_covariance``, ``decoder(z)["reconstruction"]``),
scvi-tools (``module.inference`` and ``module.generative``), scikit-learn (``transform``, ``inverse_transform``), and
any object with ``encode`` and ``decode`` or ``encoder`` and ``decoder``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from deepspace.errors import ModelError

__all__ = ["Inputs", "Second", "Spoken", "means_of", "recognise", "rows_of"]

Inputs = Literal["raw", "unit", "signed", "encoded"]
Second = Literal["scale", "log_variance"]


@dataclass(frozen=True)
class Spoken:
    """encode: rows -> latents, or None; decode: latents -> rows, or None. ``inputs``, ``flat``: how the library's
    models are usually given rows, where that is known; ``tensors``: whether they take tensors, None if unknown."""

    encode: Callable[[Any], Any] | None
    decode: Callable[[Any], Any] | None
    inputs: Inputs | None = None
    flat: bool = False
    tensors: bool | None = None
    module: Any = None


def recognise(model: Any) -> Spoken:
    """The calls of a whole model. Raises ModelError for an object that offers none of the known ones."""
    module = next((m for m in (model, getattr(model, "module", None)) if isinstance(m, torch.nn.Module)), None)
    if callable(getattr(model, "get_latent_representation", None)) and hasattr(model, "module"):
        return _scvi(model.module)
    if callable(getattr(model, "encode", None)) and callable(getattr(model, "decode", None)):
        return Spoken(model.encode, model.decode, tensors=_takes_tensors(model.encode), module=module)
    if callable(getattr(model, "encoder", None)) and callable(getattr(model, "decoder", None)):
        return Spoken(model.encoder, model.decoder, tensors=_takes_tensors(model.encoder), module=module)
    if callable(getattr(model, "transform", None)):
        back = getattr(model, "inverse_transform", None)
        return Spoken(_framed(model), _double(back) if callable(back) else None, flat=True, tensors=False)
    if callable(getattr(model, "encode", None)):
        return Spoken(model.encode, None, tensors=_takes_tensors(model.encode), module=module)
    raise ModelError(
        f"Cannot attach a {type(model).__name__}: it has neither encode and decode, nor encoder and decoder, nor "
        "transform; pass encode= and decode= yourself, or latents= alone."
    )


def spoken(encode: Any, decode: Any) -> Spoken:
    """Two loose callables as one model."""
    for name, f in (("encode", encode), ("decode", decode)):
        if f is not None and not callable(f):
            raise ModelError(f"{name} must be something that can be called, got {type(f).__name__}.")
    tensors = next((True for f in (encode, decode) if _takes_tensors(f)), None)
    module = next((m for f in (encode, decode) if (m := _owner(f)) is not None), None)
    return Spoken(encode, decode, tensors=tensors, module=module)


def _owner(f: Any) -> torch.nn.Module | None:
    found = f if isinstance(f, torch.nn.Module) else getattr(f, "__self__", None)
    return found if isinstance(found, torch.nn.Module) else None


def _takes_tensors(f: Any) -> bool | None:
    return True if _owner(f) is not None else None


def _framed(model: Any) -> Callable[[Any], Any]:
    """A transformer that was fitted on a frame is given a frame with the same names, so that it need not warn. Numbers
    are handed over in double, which all of them take."""
    names = getattr(model, "feature_names_in_", None)

    def transform(x: Any) -> Any:
        if hasattr(x, "columns"):
            return model.transform(x)
        rows = np.asarray(x, np.float64)
        if names is None:
            return model.transform(rows)
        import pandas as pd

        return model.transform(pd.DataFrame(rows, columns=list(names)))

    return transform


def _double(f: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda z: f(np.asarray(z, np.float64))


def _scvi(module: Any) -> Spoken:
    """scvi-tools: counts in, q(z|x) out; and back, the expected counts of a cell of the batch 0 and of the median size
    among those seen. A place on the map is no cell, so that its size has to come from somewhere."""
    sizes: list[Tensor] = []

    def encode(x: Tensor) -> Any:
        if len(sizes) < 64:
            sizes.append(x.sum(1).float())
        batch = torch.zeros(len(x), 1, dtype=torch.long, device=x.device)
        return module.inference(x=x, batch_index=batch)["qz"]

    def decode(z: Tensor) -> Any:
        size = torch.cat(sizes).median() if sizes else torch.tensor(1e4)
        library = size.clamp_min(1.0).log().to(z.device).expand(len(z), 1)
        batch = torch.zeros(len(z), 1, dtype=torch.long, device=z.device)
        return module.generative(z=z, library=library, batch_index=batch)["px"]

    return Spoken(encode, decode, inputs="raw", tensors=True, module=module)


def means_of(answer: Any, second: Second | None) -> tuple[Tensor, Tensor | None]:
    """What an encoder answered -> posterior mean, and scale where there is one, both float32 (B, ...).

    Understood: an array; (mean, scale) or (mean, log-variance); an object or mapping with ``latent_dist``,
    ``embedding`` and ``log_covariance``, or ``mean`` and ``std`` or ``stddev`` (a distribution). A pair whose second
    has a value of 0 or below holds log-variances; ``second`` says it outright.
    """
    answer = _get(answer, "latent_dist", "qz", "latents", default=answer)
    embedding = _get(answer, "embedding")
    if embedding is not None:
        return _tensor(embedding), _scale(_get(answer, "log_covariance"), "log_variance")
    if isinstance(answer, (tuple, list)):
        if len(answer) == 1:
            return means_of(answer[0], second)
        mean, other = _tensor(answer[0]), _tensor(answer[1])
        if other.shape != mean.shape:
            return mean, None
        return mean, _scale(other, second or ("log_variance" if bool((other <= 0).any()) else "scale"))
    centre = None if _is_array(answer) else _get(answer, "mean", "loc")
    if centre is not None and not callable(centre):
        return _tensor(centre), _scale(_get(answer, "std", "stddev", "scale"), "scale")
    return _tensor(answer), None


def rows_of(answer: Any) -> Any:
    """What a decoder answered -> an array or tensor of rows, or a frame: the mean of a distribution, ``sample``
    (diffusers), ``reconstruction`` (pythae), the first of a tuple."""
    if isinstance(answer, (tuple, list)) and len(answer) and not np.isscalar(answer[0]):
        return rows_of(answer[0])
    if _is_array(answer):
        return answer
    for name in ("reconstruction", "recon_x", "px", "sample", "mean"):
        found = _get(answer, name)
        if found is not None and not callable(found):
            return rows_of(found)
    return answer


def _get(answer: Any, *names: str, default: Any = None) -> Any:
    if _is_array(answer):
        return default
    for name in names:
        if isinstance(answer, Mapping):
            if name in answer:
                return answer[name]
        elif getattr(answer, name, None) is not None:
            return getattr(answer, name)
    return default


def _is_array(answer: Any) -> bool:
    return isinstance(answer, (Tensor, np.ndarray))


def _tensor(values: Any) -> Tensor:
    if isinstance(values, Tensor):
        return values.float().cpu()
    if hasattr(values, "toarray"):  # scipy's sparse matrices
        values = values.toarray()
    try:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32))
    except (TypeError, ValueError):
        raise ModelError(
            f"The encoder gave a {type(values).__name__}, which is no array of numbers; let it give latents (B, D)."
        ) from None


def _scale(values: Any, second: Second) -> Tensor | None:
    if values is None:
        return None
    found = _tensor(values)
    found = (0.5 * found).exp() if second == "log_variance" else found
    return found.clamp_min(1e-6)
