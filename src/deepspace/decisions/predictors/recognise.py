"""What the user gave, as a ``Predictor``: an estimator, a torch module, a callable, or a name of a file or address."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.decisions.predictors.predictor import Kind, Predictor, outcome_name
from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.models.foreign import Inputs
    from deepspace.space import BaseSpace

__all__ = ["recognise"]


def recognise(
    model: Any,
    space: BaseSpace,
    *,
    name: str | None = None,
    classes: Sequence[Any] | None = None,
    columns: Sequence[str] | None = None,
    inputs: Inputs | None = None,
    flat: bool | None = None,
    kind: Kind | None = None,
    trust: Sequence[str] = (),
) -> Predictor:
    """A predictor of a space's items.

    model: a scikit-learn estimator or pipeline, a torch module (logits or probabilities), any callable, or the name
        of a ``.skops`` or ``.onnx`` file, ``package:function``, or an ``http(s)://`` address.
    name, classes, columns, inputs, flat, kind: what cannot be found out, as in ``Predictor``.
    trust: types that a skops file may hold beyond those known to be safe.

    Raises ModelError for what cannot be asked, and for pickle and joblib files, which run code when they are opened.
    """
    import torch

    if isinstance(model, Predictor):
        found = model
    elif isinstance(model, (str, os.PathLike)):
        from deepspace.decisions.predictors.files import from_file

        found = from_file(os.fspath(model), space, trust=tuple(trust))
    elif isinstance(model, torch.nn.Module):
        found = of_module(model, space)
    elif callable(getattr(model, "predict", None)):
        found = of_estimator(model, space)
    elif callable(model):
        found = Predictor(model, name=getattr(model, "__qualname__", type(model).__name__))
    else:
        raise ModelError(
            f"A {type(model).__name__} is no predictor: give a scikit-learn estimator, a torch module, something that "
            "can be called, or the name of a .skops or .onnx file."
        )
    said: dict[str, Any] = {"name": name, "inputs": inputs, "flat": flat, "kind": kind}
    if classes is not None:
        said["classes"] = tuple(outcome_name(c) for c in classes)
    if columns is not None:
        said["columns"] = tuple(columns)
    return replace(found, **{key: value for key, value in said.items() if value is not None})


def of_estimator(model: Any, space: BaseSpace) -> Predictor:
    """A scikit-learn estimator, or what behaves like one (``predict_proba``, ``classes_``, ``feature_names_in_``)."""
    names = getattr(model, "feature_names_in_", None)
    columns = None if names is None else tuple(map(str, names))
    inner = model.steps[-1][1] if hasattr(model, "steps") else model
    label = type(inner).__name__
    source = f"{type(model).__module__.split('.')[0]} {type(model).__name__}"
    common: dict[str, Any] = {
        "name": label, "columns": columns, "flat": space.schema.form != "table", "source": source,
        "frames": names is not None or hasattr(model, "steps"),
    }  # fmt: skip
    classes = getattr(model, "classes_", None)
    if classes is None:
        return Predictor(model.predict, kind="values", **common)
    known = tuple(outcome_name(c) for c in np.asarray(classes).tolist())
    call = _probabilities_of(model)
    if call is None:
        return Predictor(model.predict, kind="labels", classes=known, **common)
    return Predictor(call, kind="probabilities", classes=known, **common)


def _probabilities_of(model: Any) -> Callable[[Any], Any] | None:
    """``predict_proba``, where there is one: some estimators have it only under some settings."""
    call = getattr(model, "predict_proba", None)
    return call if callable(call) else None


def of_module(module: Any, space: BaseSpace) -> Predictor:
    """A torch module: (B, K) logits or probabilities, or (B,) of them for two classes. Pictures are handed over in
    0..1, other items as this house's models see them; ``inputs`` says otherwise."""
    import torch

    module.eval()

    def call(x: Any) -> Any:
        parameter = next(iter(module.parameters()), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        with torch.inference_mode():
            out = torch.cat([module(piece.to(device)).float().cpu() for piece in torch.split(x, 256)])
        out = out[:, 0] if out.ndim == 2 and out.shape[1] == 1 else out
        return _as_probabilities(out)

    image = space.schema.form == "image"
    return Predictor(
        call, name=type(module).__name__, kind="probabilities", inputs="unit" if image else "encoded", tensors=True,
        source=f"torch {type(module).__name__}",
    )  # fmt: skip


def _as_probabilities(out: Any) -> Any:
    """Logits become probabilities; what already is some stays. Of a batch, rows of logits that all lie in 0..1 and add
    up to 1 do not occur."""
    if out.ndim == 1:
        return out if bool(((out >= 0) & (out <= 1)).all()) else out.sigmoid()
    sums = out.sum(1)
    given = bool(((out >= 0) & (out <= 1)).all()) and bool(((sums - 1).abs() < 1e-3).all())
    return out if given else out.softmax(1)
