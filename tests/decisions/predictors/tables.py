"""A real table with every trouble: categories, booleans, whole numbers, missing cells of text and of numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

import deepspace as ds

__all__ = ["FEATURES", "MODELS", "frame", "pipeline", "space", "to_file"]

FEATURES = ["alcohol", "proline", "magnesium", "hue", "colour", "strong"]


def frame() -> pd.DataFrame:
    """scikit-learn's wines, 178 rows; a tenth of hues and of colours is missing."""
    wine = load_wine(as_frame=True)
    data = wine.data[["alcohol", "proline", "magnesium", "hue"]].round(2)
    data["magnesium"] = data["magnesium"].astype(int)
    data["colour"] = pd.cut(wine.data["color_intensity"], [0, 3.5, 6, 99], labels=["pale", "ruby", "deep"]).astype(str)
    data["strong"] = data["alcohol"] > 13
    rng = np.random.default_rng(0)
    data.loc[rng.random(len(data)) < 0.1, "hue"] = np.nan
    data.loc[rng.random(len(data)) < 0.1, "colour"] = np.nan
    data["grower"] = wine.target.map({0: "first", 1: "second", 2: "third"})
    return data


def space(folder: Path) -> ds.Space:
    training = ds.TrainConfig(epochs=8, threads=1, validation_fraction=0.2)
    return ds.fit(frame(), path=folder / "wines.space", target="grower", seed=0, training=training)


def pipeline(kind: str) -> Any:
    """Fitted on all rows: "linear", "forest" or "two" (the first grower against the others)."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    data = frame()
    # ONNX scales in single precision, which may put a row on the other side of a tree's split.
    numbers = make_pipeline(SimpleImputer(), *([] if kind == "forest" else [StandardScaler()]))
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["colour"]),
        (numbers, ["alcohol", "proline", "magnesium", "hue", "strong"]),
    )
    forest = RandomForestClassifier(20, max_depth=4, random_state=0)
    model = forest if kind == "forest" else LogisticRegression(max_iter=500)
    wanted = data["grower"] if kind != "two" else np.where(data["grower"] == "first", "first", "another")
    return make_pipeline(columns, model).fit(data[FEATURES], wanted)


MODELS = ("linear", "forest", "two")


def to_file(model: Any, path: Path, **options: Any) -> Path:
    """An ONNX file with one input a column, as skl2onnx writes it."""
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType, StringTensorType

    types = {c: StringTensorType if c == "colour" else FloatTensorType for c in FEATURES}
    given = {id(model.steps[-1][1]): options} if options else None
    proto = to_onnx(model, initial_types=[(c, t([None, 1])) for c, t in types.items()], options=given)
    path.write_bytes(proto.SerializeToString())
    return path
