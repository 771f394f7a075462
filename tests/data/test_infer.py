"""What a column is taken for."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

from deepspace.data import load
from deepspace.data.schema import Column

N = 400
generator = np.random.default_rng(0)


def typed(**columns: object) -> dict[str, Column]:
    """Columns as inferred, beside one plain number so that there is always something to learn."""
    table = {**columns, "filler": generator.normal(size=N)}
    return {c.name: c for c in load(pa.table(table), target="none").schema.columns}


@pytest.mark.parametrize(
    ("name", "values", "kind", "role"),
    [
        ("height", generator.normal(170, 9, N), "numeric", "feature"),
        ("age", generator.integers(18, 90, N), "integer", "feature"),
        ("rooms", generator.integers(1, 7, N), "ordinal", "feature"),
        ("rating", generator.choice([0.5, 1.0, 1.5, 2.0], N), "ordinal", "feature"),
        ("smokes", generator.integers(0, 2, N), "boolean", "feature"),
        ("smokes", generator.random(N) < 0.3, "boolean", "feature"),
        ("smokes", generator.choice(["No", "Yes"], N), "boolean", "feature"),
        ("sex", generator.integers(1, 3, N), "categorical", "feature"),
        ("grade", generator.choice(["low", "medium", "high"], N), "ordinal", "feature"),
        ("band", generator.choice(["[0-10)", "[10-20)", "[100-200)"], N), "ordinal", "feature"),
        ("colour", generator.choice(["red", "green"], N), "categorical", "feature"),
        ("shop_id", generator.integers(100, 112, N), "categorical", "feature"),
        ("zip", generator.choice([10115, 80331, 99084], N), "categorical", "feature"),
        ("code", generator.choice([3, 6, 7], N), "categorical", "feature"),
        ("children", generator.choice([0, 25, 50, 75], N), "ordinal", "feature"),
        ("day", [dt.date(2020, 1, 1) + dt.timedelta(int(d)) for d in generator.integers(0, 900, N)], "date", "feature"),
        ("customer_id", generator.permutation(10**6)[:N], "integer", "identifier"),
        ("PassengerId", generator.permutation(10**6)[:N], "integer", "identifier"),
        ("patient_nbr", generator.integers(0, 2 * N, N), "integer", "identifier"),
        ("row", np.arange(N) + 1, "integer", "identifier"),
        ("reference", [f"A{i:05d}" for i in range(N)], "text", "identifier"),
        ("remark", [f"the customer said that number {i} was fine" for i in range(N)], "text", "excluded"),
        ("nickname", [f"n{i % 300}" for i in range(N)], "text", "excluded"),
        ("country_name", ["France"] * N, "categorical", "constant"),
        ("empty", pa.nulls(N), "text", "constant"),
        ("amount", generator.integers(250, 9000, N), "integer", "feature"),
        ("weights", generator.permutation(10**6)[:N], "integer", "feature"),
    ],
)
def test_kind_and_role(name: str, values: object, kind: str, role: str):
    column = typed(**{name: values})[name]
    assert (column.kind, column.role) == (kind, role)
    assert bool(column.reason) == (role != "feature")


def test_ordered_words_and_ranges_come_in_order():
    columns = typed(
        a=generator.choice(["high", "low", "medium"], N), b=generator.choice(["[10-20)", "[0-10)", "[100-200)"], N)
    )
    assert columns["a"].categories == ("low", "medium", "high")
    assert columns["b"].categories == ("[0-10)", "[10-20)", "[100-200)")


def test_repeated_columns_are_left_out_by_name():
    x = generator.normal(size=N)
    dataset = load(pa.table({"x": x, "copy": x, "z": generator.normal(size=N)}))
    assert [c.role for c in dataset.schema.columns] == ["feature", "excluded", "feature"]
    assert "the same as 'x'" in dataset.schema.columns[1].reason


def test_a_copy_of_the_target_is_not_a_feature():
    y = generator.integers(0, 2, N)
    dataset = load(pa.table({"leak": y, "x": generator.normal(size=N), "target": y}))
    assert [c.role for c in dataset.schema.columns] == ["excluded", "feature", "target"]


def test_target_by_name_by_place_and_by_request():
    x, y = generator.normal(size=N), generator.integers(0, 3, N)
    by_name = load(pa.table({"label": y, "x": x, "k": y[::-1]})).schema
    assert by_name.target is not None
    assert by_name.target.name == "label"
    by_place = load(pa.table({"x": x, "w": x**2, "k": y})).schema
    assert by_place.target is not None
    assert by_place.target.name == "k"
    assert load(pa.table({"x": x, "w": x**2, "k": y}), target="none").schema.target is None
    chosen = load(pa.table({"x": x, "w": x**2, "k": y}), target="x").schema
    assert chosen.target is not None
    assert chosen.target.name == "x"
    assert [c.name for c in chosen.features] == ["w", "k"]


def test_target_is_never_a_feature_unless_asked_for():
    table = pa.table({"x": generator.normal(size=N), "target": generator.integers(0, 2, N)})
    assert [c.name for c in load(table).schema.features] == ["x"]
    asked = load(table, include_target=True).schema
    assert [c.name for c in asked.features] == ["x", "target"]
    assert asked.target is None


def test_describe_has_one_plain_row_a_column():
    rows = load(pa.table({"x": generator.normal(size=N), "id": np.arange(N), "day": [dt.date(2020, 1, 1)] * N})).schema
    described = rows.describe()
    assert [row["name"] for row in described] == ["x", "id", "day"]
    assert {type(value) for row in described for value in row.values()} <= {str, int}
    assert described[1]["reason"]
