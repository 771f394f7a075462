"""Every public data set beside the repository is understood without a word from the user."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepspace.data import CountsSchema, ImageSchema, SignalSchema, TableSchema, load
from deepspace.data.dataset import Dataset


def tables(shared: Path, name: str) -> Dataset:
    return load(shared / "data" / "tables" / name)


def roles(dataset: Dataset) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {}
    for column in dataset.schema.columns:
        out.setdefault(column.role, []).append(column.name)
    return out


def kinds(dataset: Dataset) -> dict[str, str]:
    return {c.name: c.kind for c in dataset.schema.features}


@pytest.mark.parametrize(
    ("name", "rows", "counts"), [("adult.data.gz", 32561, (24720, 7841)), ("adult.test.gz", 16281, (12435, 3846))]
)
def test_adult(shared: Path, name: str, rows: int, counts: tuple[int, int]):
    dataset = tables(shared, name)
    assert len(dataset) == rows
    assert dataset.schema.target is not None
    assert dataset.schema.target.categories == ("<=50K", ">50K")
    labels = dataset.rows["column_15"].to_pylist()
    assert (labels.count("<=50K"), labels.count(">50K")) == counts
    kind = kinds(dataset)
    assert [kind[f"column_{i}"] for i in (1, 3, 11, 12, 13)] == ["integer"] * 5
    assert kind["column_5"] == "ordinal"
    assert all(kind[f"column_{i}"] == "categorical" for i in (2, 4, 6, 7, 8, 9, 10, 14))
    missing = {c.name: c.missing for c in dataset.schema.columns if c.missing}
    assert set(missing) == {"column_2", "column_7", "column_14"}
    if name == "adult.data.gz":
        assert missing == {"column_2": 1836, "column_7": 1843, "column_14": 583}


def test_adult_test_encodes_with_the_training_schema(shared: Path):
    schema = tables(shared, "adult.data.gz").schema
    test = shared / "data" / "tables" / "adult.test.gz"
    encoded = schema.encode(test)
    assert encoded.shape == (16281, 14)
    assert np.array_equal(np.isnan(encoded), np.isnan(load(test).array))


def test_german_credit(shared: Path):
    dataset = tables(shared, "german.data.gz")
    assert dataset.array.shape == (1000, 20)
    assert dataset.schema.target is not None
    assert (dataset.schema.target.name, dataset.schema.target.categories) == ("column_21", ("1", "2"))
    kind = kinds(dataset)
    assert [kind[f"column_{i}"] for i in (2, 5, 13)] == ["integer"] * 3
    assert kind["column_1"] == kind["column_20"] == "categorical"
    assert not np.isnan(dataset.array).any()


def test_diabetic_data(shared: Path):
    dataset = tables(shared, "diabetic_data.csv.gz")
    role = roles(dataset)
    assert len(dataset) == 101_766
    assert role["identifier"] == ["encounter_id", "patient_nbr"]
    assert role["constant"] == ["examide", "citoglipton"]
    assert role["target"] == ["readmitted"]
    assert isinstance(dataset.schema, TableSchema)
    sizes = dict(zip((c.name for c in dataset.schema.features), dataset.schema.cardinalities, strict=True))
    assert (sizes["diag_1"], sizes["diag_2"], sizes["diag_3"]) == (716, 748, 789)
    assert sizes["admission_type_id"] == 8
    assert sizes["discharge_disposition_id"] == 26
    assert kinds(dataset)["age"] == "ordinal"
    missing = {c.name: c.missing for c in dataset.schema.columns}
    assert missing["weight"] == 98569
    assert missing["race"] == 2273
    back = dataset.schema.decode(dataset.array[:500])
    for name in ("diag_1", "admission_type_id", "num_medications", "number_emergency", "race"):
        assert back[name].to_pylist() == dataset.rows[name].slice(0, 500).to_pylist()


def test_heart_disease(shared: Path):
    dataset = tables(shared, "heart_disease_uci.csv.gz")
    assert sum(c.missing for c in dataset.schema.columns) == 1759
    assert np.isnan(dataset.array).sum() == 1759
    assert roles(dataset)["target"] == ["num"]
    kind = kinds(dataset)
    assert {kind[n] for n in ("sex", "fbs", "exang")} == {"boolean"}
    assert {kind[n] for n in ("site", "cp", "thal", "restecg")} == {"categorical"}
    assert kind["oldpeak"] == "numeric"


def test_credit_card_default(shared: Path):
    dataset = tables(shared, "credit_card_default.csv.gz")
    role = roles(dataset)
    assert role["identifier"] == ["ID"]
    assert role["target"] == ["default_payment_next_month"]
    assert len(role["feature"]) == 23
    kind = kinds(dataset)
    assert {kind[f"PAY_{i}"] for i in (0, 2, 3, 4, 5, 6)} == {"ordinal"}
    assert {kind[f"BILL_AMT{i}"] for i in range(1, 7)} == {"integer"}
    back = dataset.schema.decode(dataset.array)
    for name in ("PAY_AMT1", "BILL_AMT3", "LIMIT_BAL", "AGE"):
        np.testing.assert_allclose(back[name].to_numpy(), dataset.rows[name].to_numpy(), atol=1)


def test_compas(shared: Path):
    dataset = tables(shared, "compas_two_years_deidentified.csv.gz")
    role = roles(dataset)
    assert role["identifier"] == ["id"]
    assert role["target"] == ["two_year_recid"]
    assert set(role["constant"]) == {"violent_recid", "type_of_assessment", "v_type_of_assessment"}
    assert set(role["excluded"]) == {"decile_score.1", "screening_date", "v_screening_date", "priors_count.1"}
    assert kinds(dataset)["c_jail_in"] == "date"


def test_breast_cancer(shared: Path):
    dataset = tables(shared, "breast_cancer_wdbc.csv.gz")
    role = roles(dataset)
    assert (role["identifier"], role["target"]) == (["id"], ["diagnosis"])
    assert set(kinds(dataset).values()) == {"numeric"}


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_mnist(shared: Path, name: str):
    dataset = load(shared / "data" / name)
    assert dataset.array.shape == (60_000, 1, 28, 28)
    assert dataset.schema.target is not None
    assert len(dataset.schema.target.categories) == 10


@pytest.mark.parametrize(
    ("name", "shape", "classes", "target"),
    [
        ("cifar10_test_8000.npz", (8000, 3, 32, 32), 10, "labels"),
        ("coil20_32.npz", (1440, 1, 32, 32), 20, "object"),
        ("olivetti_faces.npz", (400, 1, 64, 64), 40, "person"),
        ("oxford_pets_3breeds_64.npz", (600, 3, 64, 64), 3, "labels"),
        ("oxford_pets_3breeds_224.zip", (600, 3, 64, 64), 3, "class"),
    ],
)
def test_images(shared: Path, name: str, shape: tuple[int, ...], classes: int, target: str):
    dataset = load(shared / "data" / "images" / name)
    assert isinstance(dataset.schema, ImageSchema)
    assert dataset.array.shape == shape
    assert dataset.schema.target is not None
    assert (dataset.schema.target.name, len(dataset.schema.target.categories)) == (target, classes)
    if "cifar" in name:
        assert "airplane" in dataset.schema.target.categories
    if "pets" in name:
        assert dataset.schema.target.categories == ("Abyssinian", "Bengal", "american_bulldog")


@pytest.mark.parametrize(
    ("name", "rows", "length", "classes"),
    [("ecg5000_train", 500, 140, 5), ("ecg200", 200, 96, 2), ("cbf", 930, 128, 3), ("gunpoint", 200, 150, 2),
     ("plane", 210, 144, 7), ("syntheticcontrol", 600, 60, 6)],
)  # fmt: skip
def test_ucr(shared: Path, name: str, rows: int, length: int, classes: int):
    dataset = load(shared / "data" / "signals" / f"ucr_{name}.npz")
    assert isinstance(dataset.schema, SignalSchema)
    assert dataset.array.shape == (rows, 1, length)
    assert dataset.schema.target is not None
    assert len(dataset.schema.target.categories) == classes
    assert [c.name for c in dataset.schema.columns] == ["y", "split"]


def test_har(shared: Path):
    path = shared / "data" / "signals" / "uci_har_total_acc.npz"
    dataset = load(path)
    assert isinstance(dataset.schema, SignalSchema)
    assert dataset.array.shape == (10299, 3, 128)
    assert dataset.schema.channel_names == ("total_acc_x", "total_acc_y", "total_acc_z")
    assert dataset.schema.target is not None
    assert "WALKING_UPSTAIRS" in dataset.schema.target.categories
    with np.load(path) as raw:
        np.testing.assert_allclose(dataset.schema.decode(dataset.array), raw["X"] * raw["scale"], atol=1e-5)
        names = raw["activities"][raw["y"]]
    assert dataset.rows["y"].to_pylist() == names.tolist()


@pytest.mark.parametrize(("name", "shape", "types"), [("pbmc68k_reduced", (700, 765), 10), ("osmfish", (4530, 33), 6)])
def test_cells(shared: Path, name: str, shape: tuple[int, int], types: int):
    path = shared / "data" / "cells" / f"{name}_counts.npz"
    dataset = load(path)
    assert isinstance(dataset.schema, CountsSchema)
    assert dataset.array.shape == shape
    assert len(dataset.schema.names) == shape[1]
    assert dataset.schema.target is not None
    assert len(dataset.schema.target.categories) == types
    with np.load(path) as raw:
        np.testing.assert_array_equal(dataset.schema.decode(dataset.array), raw["X"])
