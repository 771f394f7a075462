"""What the user says about their data wins over what is inferred."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from deepspace.data import TableSchema, load
from deepspace.errors import DataError

N = 200
g = np.random.default_rng(0)
TABLE = pa.table(
    {
        "customer_id": g.permutation(10**6)[:N],
        "size": g.choice(["S", "M", "L"], N),
        "rooms": g.integers(1, 7, N),
        "x": g.normal(size=N),
        "k": g.integers(0, 3, N),
    }
)
WANTED = {
    "target": "size",
    "columns": {
        "customer_id": {"kind": "integer"},
        "rooms": "numeric",
        "size": {"kind": "ordinal", "categories": ["S", "M", "L"]},
        "x": {"role": "metadata"},
    },
}


@pytest.mark.parametrize("form", ["dict", "yaml", "json"])
def test_overrides_from_anywhere(tmp_path: Path, form: str):
    schema: object = WANTED
    if form != "dict":
        schema = tmp_path / f"schema.{form}"
        text = yaml.safe_dump(WANTED) if form == "yaml" else json.dumps(WANTED)
        (tmp_path / f"schema.{form}").write_text(text)
    columns = {c.name: c for c in load(TABLE, schema=schema).schema.columns}  # type: ignore[arg-type]
    assert (columns["customer_id"].role, columns["customer_id"].kind) == ("feature", "integer")
    assert (columns["rooms"].role, columns["rooms"].kind) == ("feature", "numeric")
    assert (columns["size"].role, columns["size"].categories) == ("target", ("S", "M", "L"))
    assert columns["x"].role == "metadata"
    assert columns["k"].role == "feature"


def test_role_target_and_include_target():
    schema = load(TABLE, schema={"columns": {"rooms": {"role": "target"}}}).schema
    assert schema.target is not None
    assert schema.target.name == "rooms"
    asked = load(TABLE, schema={"target": "rooms", "include_target": True}).schema
    assert "rooms" in [c.name for c in asked.features]


def test_a_number_can_be_categories_with_those_not_listed_missing():
    wanted = {"columns": {"rooms": {"kind": "categorical", "categories": [2, 3, 4]}}, "target": "none"}
    dataset = load(TABLE, schema=wanted)
    assert isinstance(dataset.schema, TableSchema)
    i = [c.name for c in dataset.schema.features].index("rooms")
    rooms = TABLE["rooms"].to_numpy()
    assert np.array_equal(np.isnan(dataset.array[:, i]), ~np.isin(rooms, [2, 3, 4]))
    assert dataset.schema.cardinalities[i] == 3
    assert set(dataset.schema.decode(dataset.array)["rooms"].drop_null().to_pylist()) == {2, 3, 4}


def test_a_schema_saved_earlier_is_an_override(tmp_path: Path):
    first = load(TABLE, schema=WANTED).schema
    (tmp_path / "s.json").write_text(json.dumps(first.to_json()))
    assert load(TABLE, schema=tmp_path / "s.json").schema.features == first.features
    assert load(TABLE, schema=first).schema.target == first.target


def test_modality_and_size():
    digits = np.random.default_rng(0).integers(0, 256, (20, 12, 12), dtype=np.uint8)
    assert load(digits, schema={"image_size": 8}).array.shape == (20, 1, 8, 8)
    assert load(digits, modality="signal").schema.modality == "signal"
    assert load(digits, schema={"modality": "vector"}).array.shape == (20, 144)


@pytest.mark.parametrize(
    ("schema", "sentence"),
    [
        ({"colums": {}}, "unknown entry 'colums'; did you mean 'columns'"),
        ({"columns": {"room": {"kind": "numeric"}}}, "no column 'room'; did you mean 'rooms'"),
        ({"columns": {"rooms": {"kind": "number"}}}, "has kind 'number'; choose one of numeric, integer"),
        ({"columns": {"rooms": {"role": "feture"}}}, "has role 'feture'"),
        ({"columns": {"size": {"kind": "numeric"}}}, "holds string values, which cannot be learned as numeric"),
        ({"columns": {"rooms": {"kind": "boolean"}}}, "has 6 different values, so it cannot be boolean"),
        ({"columns": {"rooms": 3}}, "is given 3"),
        ({"columns": {"rooms": {"categories": "abc"}}}, "should be a list"),
        ({"image_size": "big"}, "should be a whole number of pixels"),
        ([1], "should be a mapping"),
    ],
)
def test_mistakes_are_named(schema: object, sentence: str):
    with pytest.raises(DataError, match=sentence):
        load(TABLE, schema=schema)  # type: ignore[arg-type]


@pytest.mark.parametrize(("name", "text"), [("s.json", "{"), ("s.yaml", "a: [1"), ("none.yaml", None)])
def test_unreadable_schema_files(tmp_path: Path, name: str, text: str | None):
    if text is not None:
        (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=name):
        load(TABLE, schema=tmp_path / name)
