"""Columns: what they say of themselves, and the bytes behind that."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from deepspace.data.schema import Column
from deepspace.server.columns import Columns
from tests.server.fakes import FakeRows, FakeSpace


def one(column: Column, values: Any) -> tuple[Any, np.ndarray]:
    """Info and content of a space's only column."""
    table = pa.table({column.name: values})
    n = table.num_rows
    space = SimpleNamespace(
        schema=SimpleNamespace(columns=(column,)),
        rows=FakeRows(table),
        figures={"elbo": np.zeros(n, np.float32)},
        latents=SimpleNamespace(mean=np.zeros((n, 1), np.float32)),
        latent_dim=1,
    )
    columns = Columns(space)  # type: ignore[arg-type]
    assert [i.index for i in columns.infos] == list(range(len(columns)))
    return columns.infos[0], columns.read(0)


def test_categories_become_one_byte_each() -> None:
    column = Column("c", "categorical", "target", categories=("no", "yes"))
    info, codes = one(column, ["yes", None, "no", "yes"])
    assert (info.encoding, info.categories, info.counts, info.missing) == ("u8", ["no", "yes"], [1, 2], 1)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [1, 255, 0, 1]


@pytest.mark.parametrize("count", [255, 256, 65_535])
def test_many_categories_take_two_bytes(count: int) -> None:
    names = [f"name {i:05d}" for i in range(count)]
    info, codes = one(Column("c", "categorical", "metadata", categories=tuple(names)), [names[-1], None, names[0]])
    width, missing = ("u8", 255) if count == 255 else ("u16", 65_535)
    assert info.encoding == width
    assert codes.tolist() == [count - 1, missing, 0]


def test_beyond_sixty_five_thousand_the_rest_is_other() -> None:
    names = [f"{i:06d}" for i in range(70_000)]
    values = [*names, "000007", "000007", None]
    info, codes = one(Column("c", "categorical", "metadata", categories=tuple(names)), values)
    assert len(info.categories) == 65_535
    assert info.categories[-1] == "other"
    assert sum(info.counts) == 70_002
    assert info.missing == 1
    assert info.categories[codes[7]] == "000007"
    assert codes[-1] == 65_535


def test_whole_numbers_and_flags_match_categories_by_their_text() -> None:
    info, codes = one(Column("c", "ordinal", "feature", categories=("0", "1", "2")), [2, 0, None, 1])
    assert codes.tolist() == [2, 0, 255, 1]
    assert info.missing == 1
    _, codes = one(Column("c", "boolean", "feature", categories=("no", "yes")), [True, False, None])
    assert codes.tolist() == [1, 0, 255]


def test_categories_that_do_not_fit_the_values_are_read_from_the_values() -> None:
    info, codes = one(Column("c", "categorical", "metadata", categories=("a", "b")), ["x", "y", "y"])
    assert info.categories == ["y", "x"]
    assert codes.tolist() == [1, 0, 0]


def test_dictionary_arrays_are_read() -> None:
    values = pa.array(["b", "a", None, "b"]).dictionary_encode()
    info, codes = one(Column("c", "categorical", "metadata", categories=("a", "b")), values)
    assert codes.tolist() == [1, 0, 255, 1]
    assert info.counts == [1, 2]


def test_numbers_are_little_endian_floats_with_nan_where_missing() -> None:
    info, values = one(Column("n", "integer", "feature"), [3, None, -1])
    assert values.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(values, np.array([3, np.nan, -1], np.float32))
    assert (info.minimum, info.maximum, info.missing) == (-1, 3, 1)


def test_infinity_does_not_become_a_bound() -> None:
    info, values = one(Column("n", "numeric", "feature"), [1.0, float("inf"), 2.0])
    assert (info.minimum, info.maximum) == (1, 2)
    assert np.isinf(values[1])


@pytest.mark.parametrize("kind", [pa.date32(), pa.timestamp("us"), pa.timestamp("ns"), pa.date64()])
def test_dates_are_days_since_1970(kind: pa.DataType) -> None:
    days = [dt.date(1970, 1, 2), dt.date(1969, 12, 31), None]
    info, values = one(Column("d", "date", "metadata"), pa.array(days).cast(kind))
    np.testing.assert_array_equal(values, np.array([1, -1, np.nan], np.float32))
    assert (info.minimum, info.maximum, info.missing) == (-1, 1, 1)


def test_names_of_rows_and_constants_are_not_offered() -> None:
    info, _ = one(Column("file", "text", "metadata", distinct=5_000), ["a"])
    assert info.group == "figure"
    info, _ = one(Column("c", "categorical", "constant", categories=("a",)), ["a"])
    assert info.group == "figure"


def test_short_text_colours() -> None:
    info, codes = one(Column("site", "text", "metadata", distinct=2), ["north", "south", "north"])
    assert info.categories == ["north", "south"]
    assert codes.tolist() == [0, 1, 0]


def test_every_column_matches_its_values(space: FakeSpace) -> None:
    columns = Columns(space)
    assert columns.infos[columns.default].role == "target"
    figures = [i for i in columns.infos if i.group == "figure"]
    latents = [i for i in columns.infos if i.group == "latent"]
    assert len(figures) == 5
    assert len(latents) == space.latent_dim
    np.testing.assert_array_equal(columns.read(latents[1].index), space.latents.mean[:, 1])
    for info in columns.infos:
        values = columns.read(info.index)
        assert len(values) == len(space)
        if info.categories is not None and info.group == "column":
            true = space.rows.column(info.name).to_pylist()
            got = [None if v == (255 if info.encoding == "u8" else 65_535) else info.categories[v] for v in values]
            assert got == true
            assert info.counts == [true.count(c) for c in info.categories]
