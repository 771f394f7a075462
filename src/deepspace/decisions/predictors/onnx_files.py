"""A predictor from an ONNX file: what it takes is read off its inputs, what it answers off its outputs."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from deepspace.data.frames import as_table
from deepspace.decisions.predictors.predictor import Kind, Predictor, outcome_name
from deepspace.errors import ModelError

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.models.foreign import Inputs
    from deepspace.space import BaseSpace

__all__ = ["from_onnx"]

_FLOATS = {"tensor(float)": np.float32, "tensor(double)": np.float64, "tensor(float16)": np.float16}
_WHOLE = {f"tensor({name})": np.dtype(name) for name in ("int8", "int16", "int32", "int64", "uint8", "uint16")}
_TYPES: dict[str, Any] = {**_FLOATS, **_WHOLE, "tensor(bool)": np.bool_, "tensor(string)": object}
BATCH = 4096
MISSING = "nan"
"""What a missing cell of text becomes: scikit-learn writes its category of missing cells into ONNX so."""
NUMERIC = ("numeric", "integer", "boolean")


def from_onnx(path: Path, space: BaseSpace) -> Predictor:
    """inputs: one tensor (a table's numbers in the order of its features, or arrays in the tensor's own layout), or
    one a column, by name. outputs: labels and probabilities as skl2onnx writes them, logits or probabilities, labels,
    or one value an item. Raises ModelError for other models, and where onnxruntime is missing."""
    session = _session(path)
    inputs, outputs = session.get_inputs(), session.get_outputs()
    for tensor in inputs:
        if tensor.type not in _TYPES:
            raise ModelError(f"'{path}' wants {tensor.type} as '{tensor.name}'; numbers or text can be handed over.")
    picked = _picked(path, outputs)
    common: dict[str, Any] = {"name": path.stem, "source": f"ONNX file {path.name}"}
    common |= _kind(path, outputs, picked, session)
    if len(inputs) > 1 or (space.schema.form == "table" and _is_column(inputs[0], space)):
        if space.schema.form != "table":
            raise ModelError(
                f"'{path}' has {len(inputs)} inputs, but an item of '{space.name}' is one array; export it with one."
            )
        columns = _columns(path, inputs, space)

        def by_column(items: Any) -> Any:
            table = _table(items, path)
            feeds = {t.name: _column(table, c, t, path) for t, c in zip(inputs, columns, strict=True)}
            return _run(session, picked, feeds, len(items))

        return Predictor(by_column, columns=columns, **common)
    return _of_one(path, space, session, picked, common)


def _session(path: Path) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise ModelError(f"'{path}' needs onnxruntime to be run: pip install 'deepspace[onnx]'.") from None
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong is raised too
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own kinds
        first = str(error).strip().splitlines()[0].rstrip(".")
        raise ModelError(f"'{path}' cannot be opened as ONNX: {first[:200]}.") from error


# What goes in


def _is_column(tensor: Any, space: BaseSpace) -> bool:
    return tensor.shape[-1:] == [1] and bool(_matching(tensor.name, space))


def _matching(name: str, space: BaseSpace) -> str | None:
    """The column that an input is called after; exporters replace what is no letter."""
    if name in space.rows.names:
        return name
    return next((c for c in space.rows.names if re.sub(r"\W", "_", c) == re.sub(r"\W", "_", name)), None)


def _columns(path: Path, inputs: list[Any], space: BaseSpace) -> tuple[str, ...]:
    found = [_matching(tensor.name, space) for tensor in inputs]
    for tensor, column in zip(inputs, found, strict=True):
        if column is None:
            have = ", ".join(map(repr, list(space.rows.names)[:12]))
            raise ModelError(
                f"'{path}' wants an input '{tensor.name}', but '{space.name}' has no such column; it has {have}."
            )
    return tuple(str(column) for column in found)


def _table(items: Any, path: Path) -> pa.Table:
    table = as_table(items)
    if table is None:
        raise ModelError(f"'{path}' has one input a column; let inputs be 'raw', so that it is given frames.")
    return table


def _column(table: pa.Table, name: str, tensor: Any, path: Path) -> npt.NDArray[Any]:
    """(B, 1), or (B,) where the tensor has one axis."""
    import pyarrow as pa

    column = table.column(name)
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    values = _cast(column, name, tensor.type, path)
    return values if len(tensor.shape) == 1 else values[:, None]


def _cast(column: Any, name: str, kind: str, path: Path) -> npt.NDArray[Any]:
    import pyarrow as pa

    if kind == "tensor(string)":
        cells = column.to_pylist()
        return np.array([MISSING if v is None or v != v else outcome_name(v) for v in cells], object)
    try:
        numbers = column.cast(pa.float64(), safe=False).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        raise ModelError(
            f"'{path}' wants {kind[7:-1]} numbers, but column '{name}' holds {column.type}; give a model with one "
            "input a column, text as text."
        ) from None
    missing = np.isnan(numbers)
    if kind not in _FLOATS and missing.any():
        raise ModelError(
            f"'{path}' wants {kind[7:-1]} numbers, but column '{name}' has missing cells; export it with a float input."
        )
    return np.asarray(numbers, _TYPES[kind])


def _of_one(path: Path, space: BaseSpace, session: Any, picked: list[int], common: dict[str, Any]) -> Predictor:
    tensor = session.get_inputs()[0]
    table = space.schema.form == "table"
    numeric = tuple(c.name for c in space.schema.features if c.kind in NUMERIC)
    width = tensor.shape[-1] if tensor.shape and isinstance(tensor.shape[-1], int) else None
    everything = tuple(c.name for c in space.schema.features)
    columns = everything if tensor.type == "tensor(string)" or width == len(everything) else numeric

    def call(items: Any) -> Any:
        if as_table(items) is not None:
            found = as_table(items)
            assert found is not None
            parts = [_column(found, name, _Flat(tensor.type), path) for name in found.column_names]
            values = np.stack(parts, 1)
        else:
            values = _laid(np.asarray(items), tensor, space, path)
        if width is not None and values.shape[-1] != width:
            raise ModelError(
                f"'{path}' wants {width} numbers an item, but has {values.shape[-1]} columns of '{space.name}' to "
                "take them from; name its columns in their order with columns=."
            )
        return _run(session, picked, {tensor.name: values}, len(items))

    inputs: Inputs = "raw"
    if space.schema.form == "image" and tensor.type in _FLOATS:
        inputs = "unit"
    return Predictor(call, columns=columns if table else None, inputs=inputs, **common)


class _Flat:
    """A tensor of one axis."""

    def __init__(self, kind: str) -> None:
        self.type, self.shape = kind, [None]


def _laid(values: npt.NDArray[Any], tensor: Any, space: BaseSpace, path: Path) -> npt.NDArray[Any]:
    """Arrays as the tensor has them: pictures (N, C, H, W), (N, H, W, C) or (N, H, W), signals (N, C, L) or
    (N, L, C), anything flat."""
    shape, wanted = space.schema.shape, [n if isinstance(n, int) and n > 0 else None for n in tensor.shape[1:]]
    count = len(values)
    first = _channels_first(values, shape)
    last = np.moveaxis(first, 1, -1) if first.ndim > 2 else first
    grey = first[:, 0] if len(shape) > 1 and shape[0] == 1 else first
    for form in (first, last, grey):
        if form.ndim - 1 == len(wanted) and all(w in (None, n) for w, n in zip(wanted, form.shape[1:], strict=True)):
            return np.ascontiguousarray(form, _TYPES[tensor.type])
    if len(wanted) == 1 and wanted[0] in (None, math.prod(shape)):
        # Rows of pixels are read row by row, the channels of each pixel together.
        flat = last if space.schema.form == "image" else first
        return np.ascontiguousarray(flat.reshape(count, -1), _TYPES[tensor.type])
    raise ModelError(
        f"'{path}' wants items of shape {tuple(tensor.shape[1:])}, but those of '{space.name}' have "
        f"{tuple(first.shape[1:])}; export it for this shape."
    )


def _channels_first(values: npt.NDArray[Any], shape: tuple[int, ...]) -> npt.NDArray[Any]:
    if values.shape[1:] == shape:
        return values
    if values.ndim == len(shape) + 1 and values.shape[1:] == (*shape[1:], shape[0]):
        return np.moveaxis(values, -1, 1)
    return values.reshape(len(values), *shape)  # without the axis of one channel, or flat


# What comes out


def _picked(path: Path, outputs: list[Any]) -> list[int]:
    """Which outputs are used: probabilities where there are some, else the one that there is."""
    maps = [i for i, o in enumerate(outputs) if o.type.startswith("seq(map(")]
    if maps:
        return maps[:1]
    floats = [i for i, o in enumerate(outputs) if o.type in _FLOATS]
    if len(outputs) == 1:
        return [0]
    two_axes = [i for i in floats if len(outputs[i].shape or ()) != 1]
    if len(floats) == 1 or len(two_axes) == 1:
        return two_axes[:1] or floats[:1]
    listed = ", ".join(f"'{o.name}' {o.type}" for o in outputs)
    raise ModelError(f"'{path}' has {len(outputs)} outputs, {listed}; export it with its probabilities alone.")


def _kind(path: Path, outputs: list[Any], picked: list[int], session: Any) -> dict[str, Any]:
    chosen = outputs[picked[0]]
    names = _class_names(path.read_bytes())
    if chosen.type.startswith("seq(map("):
        return {"kind": "probabilities", "classes": names}
    if chosen.type not in _FLOATS:
        return {"kind": "labels", "classes": names}
    width = (chosen.shape or [None])[-1] if len(chosen.shape or ()) > 1 else 1
    classes = names if names is not None and width in (len(names), None) else None
    labelled = any(o.type in ("tensor(string)", "tensor(int64)") for o in outputs) and len(outputs) > 1
    if labelled:
        kind: Kind = "probabilities"
        return {"kind": kind, "classes": names}
    return {"undecided": True, "classes": classes}


def _run(session: Any, picked: list[int], feeds: dict[str, Any], count: int) -> Any:
    names = [session.get_outputs()[i].name for i in picked]
    size = _batch(session, count)
    parts: list[Any] = []
    for start in range(0, count, size):
        piece = {name: values[start : start + size] for name, values in feeds.items()}
        parts.append(session.run(names, piece)[0])
    if not parts:
        return np.empty(0)
    if isinstance(parts[0], list):
        return [{outcome_name(k): v for k, v in row.items()} for part in parts for row in part]
    return np.concatenate([np.asarray(part) for part in parts])


def _batch(session: Any, count: int) -> int:
    """Items in a run: models that were exported with a batch of one take no more."""
    fixed = [t.shape[0] for t in session.get_inputs() if t.shape and isinstance(t.shape[0], int) and t.shape[0] > 0]
    return int(min(fixed)) if fixed else max(1, min(count, BATCH))


# The names of classes: a few fields of the protobuf that an ONNX file is, so that onnx itself is not needed.

_GRAPH, _NODE, _ATTRIBUTE = 7, 1, 5
_NAME, _INTS, _STRINGS = 1, 8, 9


def _class_names(content: bytes) -> tuple[str, ...] | None:
    """Labels that a classifier's or a ZipMap's node holds, in order."""
    found: tuple[str, ...] | None = None
    for graph in _fields(memoryview(content), _GRAPH):
        for node in _fields(graph, _NODE):
            for attribute in _fields(node, _ATTRIBUTE):
                name = _text(next(iter(_fields(attribute, _NAME)), memoryview(b"")))
                if name in ("classlabels_strings", "classes_strings", "cats_strings_labels"):
                    labels = [_text(v) for v in _fields(attribute, _STRINGS)]
                elif name in ("classlabels_int64s", "classlabels_ints"):
                    labels = [str(v) for v in _whole(attribute, _INTS)]
                else:
                    continue
                found = tuple(labels) if len(labels) > 1 else found
    return found


def _text(message: memoryview) -> str:
    return bytes(message).decode("utf-8", "replace")


def _fields(message: memoryview, wanted: int) -> Iterator[memoryview]:
    for number, value in _walk(message):
        if number == wanted and not isinstance(value, int):
            yield value


def _whole(message: memoryview, wanted: int) -> Iterator[int]:
    for number, value in _walk(message):
        if number != wanted:
            continue
        values = [value] if isinstance(value, int) else list(_varints(value))
        yield from (v - (1 << 64) if v >> 63 else v for v in values)


def _walk(message: memoryview) -> Iterator[tuple[int, memoryview | int]]:
    """The fields of one protobuf message: numbers, and bytes that are messages or text in turn."""
    at = 0
    while at < len(message):
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
        elif kind == 2:
            size, at = _varint(message, at)
            yield number, message[at : at + size]
            at += size
        elif kind in (1, 5):
            at += 8 if kind == 1 else 4
        else:
            return


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value, shift = 0, 0
    while at < len(message):
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
    return value, at


def _varints(packed: memoryview) -> Iterator[int]:
    at = 0
    while at < len(packed):
        value, at = _varint(packed, at)
        yield value
