"""Tables beyond memory: the same answer as in memory."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from deepspace.data import load, scan, stream
from deepspace.data.outofcore import read_ahead
from deepspace.errors import DataError

N = 4000


@pytest.fixture
def table() -> pa.Table:
    g = np.random.default_rng(0)
    days = np.datetime64("2001-01-01") + g.integers(0, 3000, N)
    return pa.table(
        {
            "id": np.arange(N),
            "x": pa.array(g.normal(3, 2, N), mask=g.random(N) < 0.1),
            "spent": np.where(g.random(N) < 0.7, 0, np.rint(g.lognormal(5, 1, N))).astype(np.int64),
            "level": g.integers(1, 6, N),
            "city": pa.array(g.choice(["Rome", "Oslo", "Bonn"], N), mask=g.random(N) < 0.05),
            "day": pa.array(days.astype("datetime64[D]")),
            "label": g.choice(["yes", "no", "maybe"], N),
        }
    )


def write(table: pa.Table, path: Path) -> Path:
    if path.suffix == ".parquet":
        pq.write_table(table, path, row_group_size=700)
    elif path.suffix == ".csv":
        pa.csv.write_csv(table, path)
    else:
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table, max_chunksize=700)
    return path


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.arrow"])
def test_a_tiny_budget_gives_the_same_dataset(table: pa.Table, tmp_path: Path, name: str):
    path = write(table, tmp_path / name)
    whole = load(path, memory_budget=1 << 40)
    parts = load(path, memory_budget=1000, workdir=tmp_path / "work")
    assert parts.memory_mapped
    assert not whole.memory_mapped
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == ["encoded.npy", "rows.arrow"]
    assert parts.schema == whole.schema
    np.testing.assert_array_equal(parts.array, whole.array)
    assert parts.rows.equals(whole.rows)
    assert parts.source.fingerprint == whole.source.fingerprint
    with pytest.raises(ValueError, match="read-only"):
        parts.array[0, 0] = 1


def test_quantiles_from_a_sample_come_close(table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole = load(table)
    monkeypatch.setattr(scan, "SAMPLE_ROWS", 1000)
    parts = load(write(table, tmp_path / "t.parquet"), memory_budget=1000, workdir=tmp_path / "w")
    assert [(c.name, c.kind, c.role) for c in parts.schema.columns] == [
        (c.name, c.kind, c.role) for c in whole.schema.columns
    ]
    assert [c.missing for c in parts.schema.columns] == [c.missing for c in whole.schema.columns]
    assert [(c.minimum, c.maximum) for c in parts.schema.columns] == [
        (c.minimum, c.maximum) for c in whole.schema.columns
    ]
    assert np.nanmean(np.abs(parts.array - whole.array)) < 0.03
    back = parts.schema.decode(parts.array)
    np.testing.assert_allclose(back["spent"].to_numpy(), table["spent"].to_numpy(), rtol=0.003)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv", "t.arrow"])
def test_stream_gives_blocks_in_order(table: pa.Table, tmp_path: Path, name: str):
    path = write(table, tmp_path / name)
    dataset = load(path)
    blocks = list(stream(path, dataset.schema, rows=300))
    assert max(map(len, blocks)) <= 300
    np.testing.assert_array_equal(np.concatenate(blocks), dataset.array)
    np.testing.assert_array_equal(np.concatenate(list(stream(table, dataset.schema))), dataset.array)


def test_stream_needs_every_feature(table: pa.Table, tmp_path: Path):
    schema = load(table).schema
    path = write(table.drop_columns(["city"]), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="lacks 1 of the feature columns, first 'city'"):
        next(iter(stream(path, schema)))


def test_a_late_cell_of_another_type_widens_the_column(tmp_path: Path):
    rows = [f"{i * 37 % 1009},{i % 5}" for i in range(200_000)]
    rows[-1] = "12.5,x"
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "\n".join(rows))
    parts = load(path, memory_budget=1000, workdir=tmp_path / "w", target="none")
    assert parts.schema == load(path, target="none").schema
    assert parts.rows["b"][-1].as_py() == "x"
    assert parts.rows["a"][-1].as_py() == 12.5


def test_nothing_is_left_behind_when_it_fails(tmp_path: Path):
    path = write(pa.table({"id": np.arange(100), "only": ["a"] * 100}), tmp_path / "t.parquet")
    with pytest.raises(DataError, match="no column to learn from"):
        load(path, memory_budget=10, workdir=tmp_path / "w")
    assert not list(tmp_path.glob("w/*"))


def test_dates_and_categories_decode_from_streamed_parquet(table: pa.Table, tmp_path: Path):
    coded = table.set_column(4, "city", table["city"].dictionary_encode())
    parts = load(write(coded, tmp_path / "t.parquet"), memory_budget=10, workdir=tmp_path / "w")
    back = parts.schema.decode(parts.array)
    assert back["day"].to_pylist() == table["day"].to_pylist()
    assert isinstance(back["day"][0].as_py(), dt.date)
    assert back["city"].to_pylist() == table["city"].to_pylist()


def test_read_ahead_keeps_order_passes_errors_on_and_stops():
    assert list(read_ahead(iter(range(100)))) == list(range(100))

    def failing() -> Iterator[int]:
        yield 1
        raise DataError("broken.")

    reader = read_ahead(failing())
    assert next(reader) == 1
    with pytest.raises(DataError, match="broken"):
        next(reader)
    endless = read_ahead(iter(int, 1))
    next(endless)
    endless.close()
    assert not any(thread.name == "read-ahead" and thread.is_alive() for thread in threading.enumerate())


def test_memory_does_not_grow_with_rows(tmp_path: Path):
    """Peak memory of streaming 40 row groups is that of 10, within the noise of an allocator."""
    code = """
        import resource, sys
        from deepspace.data import load
        load(sys.argv[1], memory_budget=1000, workdir=sys.argv[2])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
    """
    peaks = []
    for groups in (10, 40):
        g = np.random.default_rng(0)
        path = tmp_path / f"{groups}.parquet"
        with pq.ParquetWriter(path, pa.schema([(f"x{i}", pa.float64()) for i in range(8)])) as writer:
            for _ in range(groups):
                writer.write_table(pa.table({f"x{i}": g.normal(size=50_000) for i in range(8)}))
        run = [sys.executable, "-c", textwrap.dedent(code), str(path), str(tmp_path / str(groups))]
        peaks.append(int(subprocess.run(run, capture_output=True, text=True, check=True).stdout) / 1024)
    rows_more = 30 * 50_000 * 8 * (8 + 4) / 2**20  # what holding the extra rows and their codes would take
    assert peaks[1] - peaks[0] < 0.35 * rows_more, peaks


@pytest.mark.parametrize("shape", [(300, 6), (300, 3, 40), (300, 16, 16), (300, 12, 12, 3)])
def test_arrays_beyond_the_budget_lie_in_a_file(tmp_path: Path, shape: tuple[int, ...]):
    g = np.random.default_rng(0)
    picture = len(shape) == 4 or shape[-1] == 16
    array = g.integers(0, 256, shape).astype(np.uint8) if picture else np.cumsum(g.normal(size=shape), axis=-1)
    np.save(tmp_path / "x.npy", array)
    whole = load(tmp_path / "x.npy", memory_budget=1 << 30)
    parts = load(tmp_path / "x.npy", memory_budget=10, workdir=tmp_path / "w")
    assert parts.memory_mapped
    assert not parts.array.flags.writeable
    assert parts.schema == whole.schema
    np.testing.assert_array_equal(parts.array, whole.array)
