"""What the user gave, as a ``Predictor``: an estimator, a torch module, a callable, or a name of a file or address."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.decisions.predictors.predictor import Kind, Predictor, outcome_name
from deepspace.errors import ModelError

if TYPE_CHECKING:
    from deepspace.models.foreign import Inputs
    from deepspace.space import BaseSpace

__all__ = ["of_estimator", "of_module", "of_object", "recognise"]


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
    body: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Predictor:
    """A predictor of a space's items.

    model: a scikit-learn estimator or pipeline, a torch module (logits or probabilities), any callable, or the name
        of a ``.skops`` or ``.onnx`` file, ``package:function``, or an ``http(s)://`` address.
    name, classes, columns, inputs, flat, kind: what cannot be found out, as in ``Predictor``.
    trust: types that a skops file may hold beyond those known to be safe.
    body: how an address is asked, "instances" or "dataframe_split"; headers: sent along.

    Raises ModelError for what cannot be asked, and for pickle and joblib files, which run code when they are opened.
    """
    if isinstance(model, (str, os.PathLike)):
        from deepspace.decisions.predictors.files import from_file

        found = from_file(os.fspath(model), space, trust=tuple(trust), body=body, headers=headers)
    else:
        found = of_object(model, space)
    if kind is not None and kind not in (known := ("probabilities", "logits", "labels", "values")):
        raise ModelError(f"kind is one of {', '.join(known)}, got {kind!r}.")
    said: dict[str, Any] = {"name": name, "inputs": inputs, "flat": flat, "kind": kind}
    if kind is not None:
        said["undecided"] = False
    if classes is not None:
        said["classes"] = tuple(outcome_name(c) for c in classes)
    if columns is not None:
        said["columns"] = tuple(columns)
    found = replace(found, **{key: value for key, value in said.items() if value is not None})
    return replace(found, classes=None) if kind == "values" else found


def of_object(model: Any, space: BaseSpace) -> Predictor:
    """A predictor that is an object in Python."""
    import torch

    if isinstance(model, Predictor):
        return model
    if isinstance(model, torch.nn.Module):
        return of_module(model, space)
    if isinstance(model, type):
        raise ModelError(f"{model.__name__} is a class and no predictor; give an object that is made of it.")
    if callable(getattr(model, "predict", None)):
        return of_estimator(model, space)
    if callable(model):
        return Predictor(model, name=getattr(model, "__qualname__", type(model).__name__))
    raise ModelError(
        f"A {type(model).__name__} is no predictor: give a scikit-learn estimator, a torch module, something that "
        "can be called, or the name of a .skops or .onnx file."
    )


def of_estimator(model: Any, space: BaseSpace) -> Predictor:
    """A scikit-learn estimator, or what behaves like one (``predict_proba``, ``classes_``, ``feature_names_in_``)."""
    names = _names_in(model)
    columns = None if names is None else tuple(map(str, names))
    source = f"{type(model).__module__.split('.')[0]} {type(model).__name__}"
    common: dict[str, Any] = {
        "name": _label(model), "columns": columns, "flat": space.schema.form != "table", "source": source,
        # What counted columns and kept no names was fitted on an array; what did neither takes what it is given.
        "frames": names is not None or not hasattr(model, "n_features_in_"),
    }  # fmt: skip
    classes = getattr(model, "classes_", None)
    if classes is None:
        call = _probabilities_of(model)
        # Some libraries' classifiers give probabilities and no names.
        return Predictor(model.predict if call is None else call, kind="values" if call is None else None, **common)
    if isinstance(classes, list) and classes and isinstance(classes[0], np.ndarray):
        raise ModelError(f"{_label(model)} decides {len(classes)} things at once; audit one of its estimators_ alone.")
    known = tuple(outcome_name(c) for c in np.asarray(classes).tolist())
    call = _probabilities_of(model)
    if call is None:
        return Predictor(model.predict, kind="labels", classes=known, **common)
    return Predictor(call, kind="probabilities", classes=known, places=_places_of(model), **common)


def _names_in(model: Any) -> Any:
    """The columns that an estimator was fitted on; those of what is inside it, where it does not say itself."""
    for _ in range(8):
        names = getattr(model, "feature_names_in_", None)
        if names is not None:
            return names
        steps = [step for _, step in getattr(model, "steps", ()) if step is not None and not isinstance(step, str)]
        model = steps[0] if steps else getattr(model, "best_estimator_", getattr(model, "estimator_", None))
        if model is None:
            break
    return None


def _label(model: Any) -> str:
    """What decides inside pipelines and searches."""
    for _ in range(8):
        steps, best = getattr(model, "steps", None), getattr(model, "best_estimator_", None)
        inner = steps[-1][1] if steps else best
        if inner is None or isinstance(inner, str):
            break
        model = inner
    return type(model).__name__


def _probabilities_of(model: Any) -> Callable[[Any], Any] | None:
    """``predict_proba``, where there is one: some estimators have it only under some settings."""
    call = getattr(model, "predict_proba", None)
    return call if callable(call) else None


def _places_of(model: Any) -> Callable[[Any], Any]:
    """Its own decisions as places, since whoever uses it may give its classes other names."""

    def places(x: Any) -> Any:
        known = {outcome_name(c): i for i, c in enumerate(np.asarray(model.classes_).tolist())}
        return np.array([known.get(outcome_name(v), -1) for v in np.asarray(model.predict(x)).ravel().tolist()])

    return places


def of_module(module: Any, space: BaseSpace) -> Predictor:
    """A torch module: (B, K) logits or probabilities, or (B,) of them for two classes, or values. Pictures are handed
    over in 0..1, other items as this house's models see them; ``inputs`` says otherwise."""
    import torch

    def call(x: Any) -> Any:
        # Whoever holds the module may train on between two questions.
        module.eval()
        parameter = next(iter(module.parameters()), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        with torch.inference_mode():
            return torch.cat([module(piece.to(device)).float().cpu() for piece in torch.split(x, 256)])

    image = space.schema.form == "image"
    return Predictor(
        call, name=type(module).__name__, inputs="unit" if image else "encoded", tensors=True,
        source=f"torch {type(module).__name__}", undecided=True,
    )  # fmt: skip
