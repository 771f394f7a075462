"""Rows as this house keeps them, handed to a foreign model as it wants them, and its answers brought back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from deepspace.data.schema import Schema
from deepspace.errors import ModelError
from deepspace.models.foreign import Inputs, Second, Spoken, means_of, rows_of

__all__ = ["ForeignEnds"]


class ForeignEnds:
    """Encode and decode of a foreign model on encoded rows.

    inputs: "raw", in the units and value range of the data as it was given; "unit" or "signed", pictures with black 0
    or -1 and white 1; "encoded", as this house's own models see rows. flat: rows (B, values), pictures in the order in
    which the data had them, instead of (B, *shape). Only one call runs at a time, in the module's evaluation mode.
    """

    def __init__(
        self, spoken: Spoken, schema: Schema, *, inputs: Inputs, flat: bool, second: Second | None = None,
        device: str = "cpu", batch: int = 256,
    ) -> None:  # fmt: skip
        self.spoken, self.schema = spoken, schema
        self.inputs, self.flat, self.second = inputs, flat, second
        self.device, self.batch = device, batch
        self.latent_shape: tuple[int, ...] = ()
        self.tensors = spoken.tensors
        if spoken.module is not None:
            spoken.module.eval().to(device)

    # The model's side

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        means, scales = [], []
        for block in torch.split(x, self.batch):
            given = self._given(block)
            answer = self._call(self.spoken.encode, given, "encode")
            mean, scale = means_of(answer, self.second)
            if mean.ndim < 2 or len(mean) != len(block):
                raise ModelError(
                    f"Of {len(block)} rows the encoder made an array of shape {tuple(mean.shape)}; it must give one "
                    "row of latents a row, (B, D) or (B, c, h, w)."
                )
            self.latent_shape = self.latent_shape or tuple(mean.shape[1:])
            means.append(mean.flatten(1))
            if scale is not None:
                scales.append(scale.expand_as(mean).flatten(1))
        return torch.cat(means), torch.cat(scales) if scales else None

    def decode(self, z: Tensor) -> Tensor:
        shape = self.latent_shape or tuple(z.shape[1:])
        made = [
            self._taken(rows_of(self._call(self.spoken.decode, block.reshape(-1, *shape), "decode")), len(block))
            for block in torch.split(z, self.batch)
        ]
        return torch.cat(made)

    def _call(self, f: Callable[[Any], Any] | None, x: Any, doing: str) -> Any:
        """Arrays or tensors: as the callable is known to take, else whichever it does not stumble over."""
        assert f is not None
        kinds = [self.tensors] if self.tensors is not None else [False, True]
        trouble: Exception | None = None
        for tensors in kinds:
            try:
                answer = f(self._as_tensor(x) if tensors else self._as_array(x))
            except Exception as error:  # a foreign model raises whatever it likes
                trouble = trouble or error
                continue
            self.tensors = tensors
            return answer
        assert trouble is not None
        what = "rows" if doing == "encode" else "latents"
        first = (str(trouble).strip().splitlines() or [type(trouble).__name__])[0]
        advice = "; inputs= and flat= say how rows are handed to it" if doing == "encode" else ""
        raise ModelError(
            f"The attached model cannot {doing} {what} of shape {tuple(np.shape(x))} ({first}){advice}."
        ) from trouble

    def _as_tensor(self, x: Any) -> Any:
        return x.to(self.device) if isinstance(x, Tensor) else torch.as_tensor(np.asarray(x)).to(self.device)

    def _as_array(self, x: Any) -> Any:
        return x.detach().cpu().numpy() if isinstance(x, Tensor) else x

    # The house's side

    def _given(self, x: Tensor) -> Any:
        """Encoded rows (B, *shape) -> what the model is handed, float32."""
        if self.inputs == "encoded":
            return x.float().flatten(1) if self.flat else x.float()
        schema: Any = self.schema
        if schema.form == "image":
            low, high = self._range()
            values = x.float() * ((high - low) / 255.0) + low
            if self.flat and schema.layout == "hwc":
                values = values.permute(0, 2, 3, 1)
            return values.flatten(1) if self.flat else values
        raw = schema.decode(x.detach().cpu().numpy())
        if schema.form == "table":
            return _matrix(raw, [c.name for c in schema.features]) if self._numeric() else raw
        values = torch.from_numpy(np.asarray(raw, np.float32))
        return values.flatten(1) if self.flat else values

    def _taken(self, made: Any, count: int) -> Tensor:
        """What the model decoded -> encoded rows (B, *shape), float32."""
        schema: Any = self.schema
        if schema.form == "table" and self.inputs == "raw":
            return torch.from_numpy(schema.encode(self._framed(made, count)))
        values = made.float().cpu() if isinstance(made, Tensor) else torch.from_numpy(np.asarray(made, np.float32))
        shape = tuple(schema.shape)
        if len(values) != count or values[0].numel() != int(np.prod(shape)):
            raise ModelError(
                f"Of {count} latents the decoder made an array of shape {tuple(values.shape)}; "
                f"it must give rows of shape {shape}, as the data has them."
            )
        if schema.form == "image":
            turned = self.flat and schema.layout == "hwc" and self.inputs != "encoded"
            values = values.reshape(count, shape[1], shape[2], shape[0]).permute(0, 3, 1, 2) if turned else values
            values = values.reshape(count, *shape)
            if self.inputs != "encoded":
                low, high = self._range()
                values = (values - low) * (255.0 / (high - low))
            return values.clamp(0.0, 255.0)
        if self.inputs == "encoded":
            return values.reshape(count, *shape)
        raw = values.detach().numpy()
        if schema.modality == "signal":
            raw = raw.reshape(np.asarray(schema.decode(np.zeros((count, *shape), np.float32))).shape)
        return torch.from_numpy(np.asarray(schema.encode(raw.reshape(count, -1) if raw.ndim < 2 else raw), np.float32))

    def _range(self) -> tuple[float, float]:
        schema: Any = self.schema
        return {"unit": (0.0, 1.0), "signed": (-1.0, 1.0)}.get(self.inputs, (schema.low, schema.high))

    def _numeric(self) -> bool:
        return all(column.kind in ("numeric", "integer") for column in self.schema.features)

    def _framed(self, made: Any, count: int) -> Any:
        names = [column.name for column in self.schema.features]
        if hasattr(made, "columns") or isinstance(made, dict):
            return made
        values = np.asarray(made.detach().cpu() if isinstance(made, Tensor) else made, np.float64)
        if values.shape != (count, len(names)):
            raise ModelError(
                f"Of {count} latents the decoder made an array of shape {values.shape}; "
                f"it must give the {len(names)} feature columns, or a frame with their names."
            )
        return {name: values[:, i] for i, name in enumerate(names)}


def _matrix(frame: Any, names: list[str]) -> npt.NDArray[np.float32]:
    """The numbers of a frame (B, F), NaN where missing."""
    from deepspace.data.frames import as_table

    table = as_table(frame)
    assert table is not None
    columns = [table.column(name).cast(pa.float64()).to_numpy().astype(np.float32) for name in names]
    return np.stack(columns, 1)
