"""Tables: cells to numbers and back."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepspace.data import TableSchema, load, schema_from_json
from deepspace.data.dataset import Dataset
from deepspace.errors import DataError

N = 300


def table_schema(dataset: Dataset) -> TableSchema:
    assert isinstance(dataset.schema, TableSchema)
    return dataset.schema


def mixed(seed: int = 0) -> pa.Table:
    g = np.random.default_rng(seed)
    days = [dt.date(2015, 1, 1) + dt.timedelta(int(d)) for d in g.integers(0, 2000, N)]
    return pa.table(
        {
            "age": pa.array(g.integers(18, 90, N), pa.int16()),
            "height": pa.array(g.normal(170, 9, N), mask=g.random(N) < 0.1),
            "income": np.rint(g.lognormal(9, 2, N)),
            "losses": g.poisson(0.2, N) * 1000 * g.integers(1, 40, N),
            "vip": g.random(N) < 0.2,
            "flag": g.integers(0, 2, N),
            "level": pa.array(g.integers(1, 6, N), pa.int8()),
            "city": pa.array(g.choice(["Rome", "Oslo", "Bonn"], N), mask=g.random(N) < 0.2),
            "job": pa.array(g.choice(["nurse", "cook"], N)).dictionary_encode(),
            "joined": days,
            "seen": pa.array([dt.datetime(2020, 1, 1) + dt.timedelta(seconds=int(s)) for s in g.integers(0, 10**8, N)]),
        }
    )


def test_every_cell_comes_back_in_its_own_type():
    table = mixed()
    dataset = load(table, target="none")
    back = dataset.schema.decode(dataset.array)
    assert back.schema.names == table.schema.names
    for name in table.schema.names:
        got, want = back[name].to_pylist(), table[name].to_pylist()
        if name == "height":
            assert [v is None for v in got] == [v is None for v in want]
            present = [(a, b) for a, b in zip(got, want, strict=True) if b is not None]
            np.testing.assert_allclose(*map(list, zip(*present, strict=True)), rtol=1e-6)
        elif name == "seen":
            assert max(abs((a - b).total_seconds()) for a, b in zip(got, want, strict=True)) < 60
        else:
            assert got == want, name
    assert str(back["age"].type) == "int16"
    assert str(back["vip"].type) == "bool"
    assert str(back["joined"].type) == "date32[day]"
    assert pa.types.is_dictionary(back["job"].type)


def test_kinds_cardinalities_and_codes():
    dataset = load(mixed(), target="none")
    schema = table_schema(dataset)
    assert schema.shape == (11,)
    assert len(schema.kinds) == len(schema.cardinalities) == 11
    by_name = dict(zip((c.name for c in schema.features), schema.cardinalities, strict=True))
    assert {k: by_name[k] for k in ("age", "vip", "flag", "level", "city", "joined")} == {
        "age": 0, "vip": 2, "flag": 2, "level": 5, "city": 3, "joined": 0
    }  # fmt: skip
    for i, (column, k) in enumerate(zip(schema.features, schema.cardinalities, strict=True)):
        codes = dataset.array[:, i]
        present = codes[~np.isnan(codes)]
        assert len(present) == N - column.missing
        if k:
            assert set(present.tolist()) <= set(range(k))


def test_decoding_anything_gives_possible_cells():
    dataset = load(mixed(), target="none")
    wild = np.random.default_rng(1).normal(0, 50, (200, 11)).astype(np.float32)
    back = dataset.schema.decode(wild)
    table = mixed()
    for name in ("age", "income", "losses", "level"):
        values = back[name].to_numpy()
        assert values.min() >= min(table[name].to_pylist())
        assert values.max() <= max(table[name].to_pylist())
        assert np.all(values == np.rint(values))
    assert set(back["city"].to_pylist()) <= {"Rome", "Oslo", "Bonn"}


def test_unseen_categories_and_missing_cells_are_nan():
    schema = load(mixed(), target="none").schema
    row = {name: column[0].as_py() for name, column in zip(mixed().schema.names, mixed().columns, strict=True)}
    new = schema.encode([{**row, "city": "Lima", "age": None, "level": 9, "income": float("inf")}])
    names = [c.name for c in schema.features]
    assert {name for name, missing in zip(names, np.isnan(new[0]), strict=True) if missing} == {
        "city", "age", "level", "income"
    }  # fmt: skip
    assert schema.decode(new)["city"][0].as_py() is None


def test_schema_survives_json():
    schema = load(mixed()).schema
    again = schema_from_json(json.loads(json.dumps(schema.to_json())))
    assert again == schema
    np.testing.assert_array_equal(again.encode(mixed()), schema.encode(mixed()))


def test_pandas_in_pandas_out():
    frame = mixed().to_pandas()
    frame["size"] = pd.Categorical(["S", "L", "M"] * 100, categories=["S", "M", "L"], ordered=True)
    dataset = load(frame, target="none")
    assert next(c for c in dataset.schema.columns if c.name == "size").categories == ("S", "M", "L")
    back = dataset.schema.decode(dataset.array)
    assert isinstance(back, pd.DataFrame)
    assert back["size"].tolist() == frame["size"].tolist()
    assert back["age"].tolist() == frame["age"].tolist()


def test_polars_in_polars_out():
    frame = pl.from_arrow(mixed())
    assert isinstance(frame, pl.DataFrame)
    dataset = load(frame, target="none")
    back = dataset.schema.decode(dataset.array)
    assert isinstance(back, pl.DataFrame)
    assert back["age"].to_list() == frame["age"].to_list()
    assert back["city"].to_list() == frame["city"].to_list()


def test_the_same_table_by_four_ways_encodes_alike(tmp_path: Path):
    table = mixed().drop_columns(["seen", "job"])
    pa.parquet.write_table(table, tmp_path / "t.parquet")
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    pa.csv.write_csv(table, tmp_path / "t.csv")
    want = load(table, target="none").array
    for name in ("t.parquet", "t.arrow", "t.csv"):
        np.testing.assert_allclose(load(tmp_path / name, target="none").array, want, atol=1e-5, err_msg=name)


def test_rows_hold_every_column_as_the_user_wrote_it():
    dataset = load(pa.table({"id": np.arange(50), "x": np.random.default_rng(0).normal(size=50), "k": ["a", "b"] * 25}))
    assert dataset.rows.schema.names == [c.name for c in dataset.schema.columns]
    assert dataset.rows["id"].to_pylist() == list(range(50))
    assert len(dataset) == dataset.rows.num_rows == 50


def test_a_missing_column_and_a_wrong_cell_are_named():
    schema = load(mixed(), target="none").schema
    with pytest.raises(DataError, match="lacks 1 of the 11 feature columns, first 'city'"):
        schema.encode(mixed().drop_columns(["city"]))
    broken: dict[str, Any] = mixed().to_pydict()
    broken["height"] = ["170"] * 7 + ["tall"] + ["160"] * (N - 8)
    with pytest.raises(DataError, match="column 'height' should hold double values, but row 7 holds 'tall'"):
        schema.encode(broken)


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_encode_decode_is_exact_for_whole_numbers_and_categories(data: st.DataObject):
    n = 60
    cells = {
        "count": st.lists(st.integers(-(10**5), 10**5), min_size=n, max_size=n),
        "word": st.lists(st.sampled_from(["a", "b", "ü", "x y", "Ω"]), min_size=n, max_size=n),
        "maybe": st.lists(st.one_of(st.none(), st.booleans()), min_size=n, max_size=n),
    }
    table = pa.table({name: data.draw(strategy) for name, strategy in cells.items()} | {"z": np.linspace(0, 1, n)})
    dataset = load(table, target="none")
    back = dataset.schema.decode(dataset.array)
    for column in dataset.schema.features:
        if column.name != "z":
            assert back[column.name].to_pylist() == table[column.name].to_pylist()
