"""The clusters that a model's prior is made of, as a column of the rows like any other."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from deepspace.data.dataset import Dataset
from deepspace.data.schema import Column

if TYPE_CHECKING:
    from deepspace.models.base import LatentModel

__all__ = ["COLUMN", "probabilities", "with_clusters"]

COLUMN = "cluster"
"""What the column is called, unless the rows have one of that name."""
_BLOCK = 8192


def probabilities(model: LatentModel, z: npt.NDArray[Any]) -> npt.NDArray[np.float32] | None:
    """(N, D) latents -> (N, K): how probable each cluster is; None where the prior has none."""
    import torch

    device = next((p.device for p in model.parameters()), torch.device("cpu"))
    parts = []
    with torch.inference_mode():
        for start in range(0, max(len(z), 1), _BLOCK):
            block = torch.from_numpy(np.array(z[start : start + _BLOCK], np.float32)).to(device)
            found = model.clusters(block)
            if found is None:
                return None
            parts.append(found.float().cpu().numpy())
    return np.concatenate(parts)


def with_clusters(dataset: Dataset, model: LatentModel, latents: npt.NDArray[Any]) -> tuple[Dataset, str | None]:
    """The dataset with each row's most probable cluster, by its posterior mean (N, D), and what the column is called.

    The same dataset and None where the prior has no clusters. Clusters go by number, from "0"; an empty one is no
    category.
    """
    chances = probabilities(model, latents)
    if chances is None:
        return dataset, None
    taken = {c.casefold() for c in dataset.rows.column_names} | {c.name.casefold() for c in dataset.schema.columns}
    name = next(n for n in chain((COLUMN,), (f"{COLUMN}_{i}" for i in count(2))) if n not in taken)
    numbers = chances.argmax(1)
    there, codes = np.unique(numbers, return_inverse=True)
    names = tuple(str(k) for k in there)
    column = Column(
        name, "categorical", "metadata", f"the most probable of the {chances.shape[1]} clusters of the model's prior",
        categories=names, distinct=len(names),
    )  # fmt: skip
    values = pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names)).cast(pa.string())
    rows = dataset.rows.append_column(name, pa.chunked_array([values]))
    schema = replace(dataset.schema, columns=(*dataset.schema.columns, column))  # type: ignore[type-var]
    return replace(dataset, schema=schema, rows=rows), name
