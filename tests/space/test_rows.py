"""Rows as Parquet, against the Arrow table that they were written from."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from deepspace.errors import SpaceError
from deepspace.space import rows as rows_module
from deepspace.space.files import Sink
from deepspace.space.rows import Rows, write_rows


@pytest.fixture
def table() -> pa.Table:
    rng = np.random.default_rng(0)
    n = 1000
    return pa.table(
        {
            "age": pa.array([None if i % 97 == 0 else int(v) for i, v in enumerate(rng.integers(18, 90, n))]),
            "in come": rng.normal(50, 20, n),
            'city\'s "best"': pa.array(rng.choice(["Rome", "Oslo", "Lima"], n)).dictionary_encode(),
            "since": pa.array([date(2000, 1, 1 + i % 28) for i in range(n)]),
            "row": pa.array(np.arange(n)[::-1]),
        }
    )


@pytest.fixture
def rows(tmp_path: Path, table: pa.Table, monkeypatch: pytest.MonkeyPatch) -> Rows:
    monkeypatch.setattr(rows_module, "ROW_GROUP", 128)
    with Sink(tmp_path / "rows.parquet") as sink:
        names = write_rows(sink, table)
    score = np.linspace(-1, 1, table.num_rows, dtype=np.float32)
    return Rows(tmp_path / "rows.parquet", names, table.num_rows, {"score": score})


def test_every_column_comes_back(rows: Rows, table: pa.Table) -> None:
    assert rows.names == tuple(table.column_names)
    assert pq.ParquetFile(rows.path).num_row_groups == 8
    for name in rows.names:
        assert rows.column(name).to_pylist() == table.column(name).to_pylist()
    assert rows.table().equals(table.cast(rows.table().schema))


def test_records(rows: Rows, table: pa.Table) -> None:
    for index in (0, 127, 128, 999, -1):
        assert rows.record(index) == table.slice(index % 1000, 1).to_pylist()[0]
    with pytest.raises(SpaceError, match="cannot read row 1000: this space has 1000 rows, 0 to 999"):
        rows.record(1000)


def test_chosen_rows_in_the_order_given(rows: Rows, table: pa.Table) -> None:
    indices = np.array([999, 3, 3, 500, 130, 0])
    assert (
        rows.table(["age", "since"], indices).to_pylist()
        == table.select(["age", "since"]).take(pa.array(indices)).to_pylist()
    )
    assert rows.table(["age"], []).num_rows == 0
    with pytest.raises(SpaceError, match="row -2"):
        rows.table(["age"], [-2])


def test_conditions(rows: Rows, table: pa.Table) -> None:
    wanted = np.flatnonzero(pc.fill_null(pc.greater(table.column("age"), 60), False).to_numpy())
    np.testing.assert_array_equal(rows.select("age > 60"), wanted)
    assert rows.count("age > 60") == len(wanted)
    assert rows.count("age IS NULL") == table.column("age").null_count
    # Figures are asked like columns, and stay beside their own rows; the user's own column named row is not in the way.
    np.testing.assert_array_equal(rows.select("score >= 0"), np.arange(500, 1000))
    np.testing.assert_array_equal(rows.select("score >= 0 and row >= 400"), np.arange(500, 600))


def test_counts_and_histogram(rows: Rows, table: pa.Table) -> None:
    counts = rows.counts('city\'s "best"')
    assert dict(zip(counts["value"].to_pylist(), counts["count"].to_pylist(), strict=True)) == {
        item["values"]: item["counts"]
        for item in pc.value_counts(table.column('city\'s "best"').cast("string")).to_pylist()
    }
    found, edges = rows.histogram("in come", bins=17)
    expected, expected_edges = np.histogram(table.column("in come").to_numpy(), bins=17)
    np.testing.assert_allclose(edges, expected_edges)
    np.testing.assert_array_equal(found, expected)
    ages, _ = rows.histogram("age", bins=5)
    assert ages.sum() == 1000 - table.column("age").null_count


def test_questions_can_reach_nothing_else(rows: Rows, tmp_path: Path) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for sql in (
        f"SELECT * FROM read_csv('{secret}')",
        f"COPY (SELECT 1) TO '{tmp_path / 'out.csv'}'",
        f"ATTACH '{tmp_path / 'x.db'}'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
    ):
        with pytest.raises(SpaceError, match="cannot answer"):
            rows.query(sql)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rows.parquet", "secret.csv"]


def test_errors_name_the_column(rows: Rows) -> None:
    with pytest.raises(SpaceError, match="there is no column 'agee'; the columns are: age, in come"):
        rows.column("agee")
    with pytest.raises(SpaceError, match="cannot answer"):
        rows.select("agee > 3")


def test_no_columns_still_have_a_length(tmp_path: Path) -> None:
    empty = pa.table({"x": [1, 2, 3]}).select([])
    with Sink(tmp_path / "rows.parquet") as sink:
        names = write_rows(sink, empty)
    rows = Rows(tmp_path / "rows.parquet", names, 3, {"score": np.array([0.5, 1.5, 2.5], np.float32)})
    assert rows.names == ()
    assert rows.record(2) == {}
    assert rows.table().num_columns == 0
    np.testing.assert_array_equal(rows.select("score > 1"), [1, 2])


def test_kinds_that_parquet_lacks_are_kept_readably(tmp_path: Path) -> None:
    table = pa.table(
        {"half": pa.array(np.array([1.5, 2], np.float16)), "void": pa.nulls(2), "pair": pa.array([[1], [2, 3]])}
    )
    with Sink(tmp_path / "rows.parquet") as sink:
        names = write_rows(sink, table)
    rows = Rows(tmp_path / "rows.parquet", names, 2, {})
    assert rows.record(1) == {"half": 2.0, "void": None, "pair": [2, 3]}
