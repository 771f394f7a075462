"""Signals and vectors."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.datasets import load_breast_cancer

from deepspace.data import SignalSchema, VectorSchema, load, schema_from_json, stream
from deepspace.errors import DataError


def waves(n: int = 40, channels: int = 3, length: int = 64, seed: int = 0) -> np.ndarray:
    g = np.random.default_rng(seed)
    time = np.linspace(0, 6, length)
    phase = g.uniform(0, 6, (n, channels, 1))
    scale = 10.0 ** np.arange(channels)[:, None]
    return (np.sin(time + phase) * scale + 5 * scale).astype(np.float32)


def test_one_channel_stays_two_dimensional():
    x = waves(channels=1)[:, 0]
    dataset = load(x)
    assert dataset.schema.modality == "signal"
    assert dataset.array.shape == (40, 1, 64)
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), x, rtol=1e-5, atol=1e-5)


def test_channels_are_standardised_one_by_one():
    x = waves()
    dataset = load(x)
    assert dataset.array.shape == (40, 3, 64)
    np.testing.assert_allclose(dataset.array.mean((0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(dataset.array.std((0, 2)), 1, atol=1e-5)
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), x, rtol=1e-4)


def test_time_first_is_turned_round_and_back():
    x = waves().transpose(0, 2, 1)
    dataset = load(x)
    assert dataset.array.shape == (40, 3, 64)
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), x, rtol=1e-4)
    np.testing.assert_allclose(dataset.schema.encode(x), dataset.array, atol=1e-5)


def test_scale_and_channel_names_beside_the_array(tmp_path: Path):
    x = waves()
    stored = np.rint(x * 100).astype(np.int16)
    arrays = {"X": stored, "y": np.arange(40) % 4, "scale": np.float32(0.01), "channels": np.array(["x", "y", "z"])}
    np.savez(tmp_path / "s.npz", **arrays, activities=np.array(["sit", "stand", "walk", "run"]))  # type: ignore[arg-type]
    dataset = load(tmp_path / "s.npz")
    assert isinstance(dataset.schema, SignalSchema)
    assert dataset.schema.channel_names == ("x", "y", "z")
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), stored * 0.01, rtol=1e-4, atol=1e-3)
    assert dataset.rows["y"].to_pylist()[:4] == ["sit", "stand", "walk", "run"]
    np.testing.assert_allclose(dataset.schema.encode(tmp_path / "s.npz"), dataset.array, atol=1e-4)
    np.testing.assert_allclose(dataset.schema.encode(stored * np.float32(0.01)), dataset.array, atol=1e-4)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_with_nan_are_left_out_with_their_labels(bad: float):
    x = waves(channels=1)[:, 0]
    x[7, 20] = bad
    dataset = load((x, np.arange(40)))
    assert len(dataset) == 39
    assert 7 not in dataset.rows["label"].to_pylist()
    assert any("1 row left out" in note and "first in row 7 at (20,)" in note for note in dataset.notes)
    with pytest.raises(DataError, match="signal 7 holds NaN"):
        dataset.schema.encode(x)


def test_half_of_the_rows_broken_is_refused():
    x = waves(channels=1)[:, 0]
    x[::2, 60:] = np.nan
    with pytest.raises(DataError, match="80 NaN and 0 infinite values in 20 of 40 rows, first in row 0"):
        load(x)


def test_unrelated_columns_are_vectors_not_signals():
    x = np.random.default_rng(0).normal(size=(100, 64))
    dataset = load(x)
    assert dataset.schema.modality == "vector"
    np.testing.assert_allclose(dataset.array, (x - x.mean(0)) / x.std(0), atol=1e-5)
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), x, atol=1e-5)


def test_bunch_of_vectors_keeps_its_names():
    dataset = load(load_breast_cancer())
    assert isinstance(dataset.schema, VectorSchema)
    assert dataset.schema.names[0] == "mean radius"
    assert set(dataset.rows["target"].to_pylist()) == {"malignant", "benign"}


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 8), pa.large_list(pa.float64())])
def test_parquet_list_column(tmp_path: Path, kind: pa.DataType):
    x = np.random.default_rng(0).normal(size=(50, 8)).astype(np.float32)
    table = pa.table(
        {"text": [f"t{i % 5}" for i in range(50)], "embedding": pa.array(list(map(list, x.astype(float))), kind)}
    )
    pq.write_table(table, tmp_path / "e.parquet")
    dataset = load(tmp_path / "e.parquet")
    assert dataset.schema.modality == "vector"
    assert dataset.rows.schema.names == ["text"]
    np.testing.assert_allclose(dataset.schema.decode(dataset.array), x, atol=1e-5)
    np.testing.assert_allclose(dataset.schema.encode(tmp_path / "e.parquet"), dataset.array, atol=1e-5)


def test_lists_of_different_lengths_are_refused():
    table = pa.table({"e": [[1.0, 2.0]] * 9 + [[1.0]]})
    with pytest.raises(DataError, match="have 1 to 2 numbers"):
        load(table)


def test_constant_dimensions_encode_to_zero():
    x = np.random.default_rng(0).normal(size=(50, 4))
    x[:, 2] = 7.0
    dataset = load(x)
    np.testing.assert_array_equal(dataset.array[:, 2], 0)
    np.testing.assert_allclose(dataset.schema.decode(dataset.array)[:, 2], 7)
    with pytest.raises(DataError, match="every dimension is constant"):
        load(np.ones((50, 4)))


@pytest.mark.parametrize("x", [waves(), waves(channels=1)[:, 0], np.random.default_rng(0).normal(size=(40, 5))])
def test_json_and_stream(x: np.ndarray, tmp_path: Path):
    np.save(tmp_path / "x.npy", x)
    dataset = load(tmp_path / "x.npy")
    schema = schema_from_json(json.loads(json.dumps(dataset.schema.to_json())))
    assert schema == dataset.schema
    blocks = list(stream(tmp_path / "x.npy", schema, rows=16))
    assert [len(b) for b in blocks] == [16, 16, 8]
    np.testing.assert_allclose(np.concatenate(blocks), dataset.array, atol=1e-4)


def test_wrong_width_is_named():
    schema = load(np.random.default_rng(0).normal(size=(40, 5))).schema
    with pytest.raises(DataError, match="vectors have 6 dimensions, but this space was learned from 5"):
        schema.encode(np.zeros((2, 6)))
