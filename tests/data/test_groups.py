"""Rows that belong together: found by column or by values beside, the same partition whatever it is given as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet
import pytest

from deepspace.data import load
from deepspace.errors import DataError

N = 240
RNG = np.random.default_rng(0)
WHO = RNG.integers(0, 40, N)
FRAME = pd.DataFrame(
    {"patient": WHO, "age": RNG.normal(50, 9, N).round(2), "dose": RNG.normal(5, 1, N).round(2),
     "sex": RNG.choice(["f", "m"], N)}
)  # fmt: skip


def same_partition(codes: np.ndarray, truth: Any) -> bool:
    return bool((np.equal.outer(codes, codes) == np.equal.outer(np.asarray(truth), np.asarray(truth))).all())


def groups_of(*arguments: Any, **options: Any) -> np.ndarray:
    found = load(*arguments, **options).groups
    assert found is not None
    assert len(np.unique(found.codes)) == len(found) == found.codes.max() + 1
    return found.codes


@pytest.mark.parametrize("kind", ["text", "number", "category", "date", "float"])
def test_a_column_of_any_kind_groups_rows_and_is_not_learned(kind: str) -> None:
    made: dict[str, Any] = {
        "text": [f"p{w:02}" for w in WHO], "number": WHO, "category": pd.Categorical([f"p{w}" for w in WHO]),
        "date": pd.Timestamp("2020-01-01") + pd.to_timedelta(WHO, "D"), "float": WHO / 4,
    }  # fmt: skip
    dataset = load(FRAME.assign(patient=made[kind]), groups="patient")
    assert dataset.groups is not None
    assert same_partition(dataset.groups.codes, WHO)
    assert "patient" not in [c.name for c in dataset.schema.features]
    assert dataset.schema.target is None or dataset.schema.target.name != "patient"
    assert any(f"whole groups by 'patient': {len(set(WHO))} groups of" in note for note in dataset.notes)


@pytest.mark.parametrize(
    "given", [WHO, list(map(str, WHO)), pd.Series(WHO, index=RNG.permutation(N)), pl.Series(WHO), pa.array(WHO),
              pd.Series(WHO).astype("category"), WHO.astype(object)],
)  # fmt: skip
def test_values_beside_the_rows_do_as_well(given: Any) -> None:
    assert same_partition(groups_of(FRAME.drop(columns="patient"), groups=given), WHO)


def test_rows_without_a_value_are_each_a_group_of_their_own() -> None:
    values = WHO.astype(float)
    values[[3, 50, 51]] = np.nan
    for dataset in (load(FRAME.assign(patient=values), groups="patient"), load(FRAME, groups=values)):
        groups = dataset.groups
        assert groups is not None
        assert groups.missing == 3
        assert (np.bincount(groups.codes)[groups.codes[[3, 50, 51]]] == 1).all()
        rest = np.setdiff1d(np.arange(N), [3, 50, 51])
        assert same_partition(groups.codes[rest], WHO[rest])
        assert any("3 rows without a value of" in note and "are each a group" in note for note in dataset.notes)


def test_rows_that_are_left_out_on_reading_take_their_group_with_them() -> None:
    x = RNG.normal(size=(N, 30)).astype(np.float32)
    x[[0, 7]] = np.nan
    kept = np.setdiff1d(np.arange(N), [0, 7])
    assert same_partition(groups_of(x, groups=WHO, modality="vector"), WHO[kept])
    assert same_partition(groups_of(x, groups=WHO, modality="signal"), WHO[kept])
    assert same_partition(groups_of({"x": x, "subject": WHO}, groups="subject", modality="signal"), WHO[kept])
    pictures = RNG.random((N, 8, 8))
    pictures[11, 2, 2] = np.inf
    assert same_partition(groups_of(pictures, groups=WHO, modality="image"), np.delete(WHO, 11))
    counts = RNG.poisson(2, (N, 12))
    counts[5] = 0
    assert same_partition(groups_of(counts, groups=WHO, modality="counts"), np.delete(WHO, 5))


def test_pictures_that_cannot_be_read_take_their_group_with_them(tmp_path: Path) -> None:
    from PIL import Image

    for i in range(12):
        Image.fromarray(RNG.integers(0, 256, (8, 8), dtype=np.uint8)).save(tmp_path / f"{i:02}.png")
    (tmp_path / "04.png").write_bytes(b"no picture")
    who = np.arange(12) // 3
    assert same_partition(groups_of(tmp_path, groups=who), np.delete(who, 4))


def test_a_table_read_in_two_passes_is_grouped_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pa.parquet.write_table(pa.Table.from_pandas(FRAME), path, row_group_size=50)
    dataset = load(path, groups="patient", memory_budget=1, workdir=tmp_path)
    assert dataset.memory_mapped
    assert dataset.groups is not None
    assert same_partition(dataset.groups.codes, WHO)
    assert same_partition(groups_of(path, groups=WHO, memory_budget=1, workdir=tmp_path), WHO)
    with pytest.raises(DataError, match="there is no column 'patients' to group rows by; did you mean 'patient'"):
        load(path, groups="patients", memory_budget=1, workdir=tmp_path)


@pytest.mark.parametrize(
    ("groups", "why"),
    [
        ("patiend", "there is no column 'patiend' to group rows by; did you mean 'patient'?"),
        ("zzz", "the columns are patient, age, dose, sex; an array of one value a row will do as well"),
        (WHO[:-1], "groups= has 239 values for 240 rows"),
        (np.zeros(N), "groups= puts all rows into one group"),
        (np.zeros((N, 2)), r"groups= is an array of shape \(240, 2\); give one value a row"),
        (3, "give one value a row"),
    ],
)
def test_groups_that_cannot_be_are_refused_in_one_sentence(groups: Any, why: str) -> None:
    with pytest.raises(DataError, match=why.replace("?", r"\?")):
        load(FRAME, groups=groups)


def test_one_group_in_a_column_and_no_column_at_all_are_refused() -> None:
    with pytest.raises(DataError, match="'clinic' puts all rows into one group"):
        load(FRAME.assign(clinic="a"), groups="clinic")
    with pytest.raises(DataError, match="there is no column 'subject' to group rows by; there are none"):
        load(RNG.normal(size=(50, 8)).astype(np.float32), modality="vector", groups="subject")


def test_a_group_a_row_is_said_to_change_nothing() -> None:
    assert any("occurs once" in note for note in load(FRAME, groups=np.arange(N)).notes)


@pytest.mark.parametrize(
    ("name", "values", "hinted"),
    [
        ("patient", WHO, True), ("customerId", [f"c{w}" for w in WHO], True), ("visit_id", np.arange(N) // 2, True),
        ("visit_id", np.arange(N), False), ("person", np.arange(N), False), ("personal", WHO, False),
        ("age", WHO, False), ("user_rating", WHO, False), ("admission_type_id", WHO % 26, False),
        ("patient", RNG.normal(size=N), False),
    ],
)  # fmt: skip
def test_a_column_that_says_whose_a_row_is_brings_a_hint(name: str, values: Any, hinted: bool) -> None:
    frame = FRAME.drop(columns=["patient", "age"]).assign(**{name: values})
    hints = [note for note in load(frame).notes if f"groups='{name}'" in note]
    assert len(hints) == hinted
    assert not any("groups='" in note for note in load(frame, groups=np.arange(N) // 3).notes)
