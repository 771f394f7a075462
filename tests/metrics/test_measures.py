"""Measures against formulas and independent implementations, on a space known in closed form."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import multivariate_normal
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier

from deepspace.data.schema import Column
from deepspace.errors import SpaceError
from deepspace.metrics import Measure, Measures, Registry, held_out, measure, registry
from deepspace.metrics.reconstruction import reconstruction
from tests.linear import NOISE, LinearSpace, PlainSchema


@pytest.fixture(scope="module")
def space() -> LinearSpace:
    return LinearSpace(3000)


@pytest.fixture(scope="module")
def measures(space: LinearSpace) -> Measures:
    return measure(space)


def test_the_elbo_of_an_exact_posterior_is_the_likelihood(space: LinearSpace, measures: Measures) -> None:
    covariance = space.weights @ space.weights.T + NOISE**2 * np.eye(len(space.mean))
    held = space.samples[space.validation_index]
    exact = multivariate_normal(space.mean, covariance).logpdf(held).mean()
    found = measures["elbo"]
    assert found.n == 300
    # One draw of z a row: the ELBO's own noise is sqrt(features / 2) nats a row at most.
    assert found.value == pytest.approx(exact, abs=4 * math.sqrt(len(space.mean) / 300))
    assert measures["log_likelihood"].value - measures["kl"].value == pytest.approx(found.value)


def test_the_kl_of_the_elbo_is_that_of_the_latents(space: LinearSpace, measures: Measures) -> None:
    rows = space.validation_index
    mean, scale = space.latents.mean[rows].astype(float), space.latents.scale[rows].astype(float)
    expected = 0.5 * (mean**2 + scale**2 - 1 - 2 * np.log(scale)).sum(1).mean()
    assert measures["kl"].value == pytest.approx(expected, rel=1e-5)


def test_measures_are_the_same_every_time(space: LinearSpace, measures: Measures) -> None:
    assert measure(space) == measures


def test_reconstruction_and_its_baseline(space: LinearSpace, measures: Measures) -> None:
    rows = space.validation_index
    rebuilt = space.decode_encoded(space.latents.mean[rows])
    found = measures["reconstruction_error"]
    assert found.value == pytest.approx(float(((rebuilt - space.samples[rows]) ** 2).mean()), rel=1e-5)
    rest = np.setdiff1d(np.arange(len(space)), rows)
    guess = ((space.samples[rows] - space.samples[rest].mean(0)) ** 2).mean()
    assert found.baseline == pytest.approx(float(guess), rel=1e-5)
    assert found.beats_baseline
    low, high = found.interval or (0, 0)
    assert low < found.value < high


def test_active_units_and_kl_of_each_dimension(measures: Measures) -> None:
    assert measures["active_units"].value == 3
    each = measures.each("kl")
    assert [m.about for m in each] == [f"dimension {d}" for d in range(4)]
    assert each[3].value == pytest.approx(0.0, abs=1e-6)


def test_knn_accuracy_is_scikit_learns(space: LinearSpace, measures: Measures) -> None:
    rows, side = space.validation_index, np.array(space.table.column("side").to_pylist())
    rest = np.setdiff1d(np.arange(len(space)), rows)
    z = space.latents.mean
    found = measures["knn_accuracy"]
    assert found.value == KNeighborsClassifier(5).fit(z[rest], side[rest]).score(z[rows], side[rows])
    assert found.baseline == DummyClassifier().fit(z[rest], side[rest]).score(z[rows], side[rows])
    low, high = found.interval or (0, 0)
    assert 0.5 < low < found.value < high <= 1


def test_a_numeric_target_is_measured_by_its_error(space: LinearSpace) -> None:
    numeric = LinearSpace(600)
    numeric.table = pa.table({"size": pa.array([None, *numeric.z[1:, 0].tolist()])})
    numeric.schema = PlainSchema((6,), (Column("size", "numeric", "target"),))
    found = measure(numeric, ["knn"])["knn_error"]
    assert found.n == 59  # row 0 is held out and has no value
    assert found.value < 0.5 * (found.baseline or 0)


def test_trust_is_the_maps_own(space: LinearSpace, measures: Measures) -> None:
    assert measures["trustworthiness"].value == space.map.trust["trustworthiness"]
    assert measures["continuity"].n == 500


def test_without_target_or_held_out_rows_it_says_so() -> None:
    bare = LinearSpace(200)
    bare.schema = PlainSchema((6,))
    assert measure(bare, ["knn"]).skipped == {"knn": "the data has no target column"}
    bare = LinearSpace(200)
    bare.validation_index = np.empty(0, np.int64)
    assert measure(bare, ["knn"]).skipped == {"knn": "the space has no record of held-out rows"}
    found = measure(bare, ["elbo"])["elbo"]
    assert found.n == 200
    assert found.note == "rows the model was trained on"


def test_held_out_rows_are_spread_and_never_trained_on(space: LinearSpace) -> None:
    held = held_out(space, most=50)
    assert len(held.rows) == 50
    assert set(held.rows) <= set(space.validation_index)
    assert not set(held.training) & set(space.validation_index)
    assert held.rows[0] == space.validation_index[0]
    assert held.rows[-1] == space.validation_index[-1]


def table_space(rows: np.ndarray, rebuilt: np.ndarray, columns: tuple[Column, ...], held: int) -> SimpleNamespace:
    """The last ``held`` rows are held out; ``rebuilt`` are their reconstructions."""
    return SimpleNamespace(
        schema=PlainSchema((len(columns),), columns, "table"),
        samples=rows.astype(np.float32),
        validation_index=np.arange(len(rows) - held, len(rows)),
        latents=SimpleNamespace(mean=np.zeros((len(rows), 1), np.float32)),
        decode_encoded=lambda z: rebuilt.astype(np.float32),
        __len__=lambda: len(rows),
    )


class Table(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.samples)


def test_tables_count_only_observed_cells_each_by_its_kind() -> None:
    columns = (Column("height", "numeric", "feature"), Column("town", "categorical", "feature"))
    rows = np.array([[0, 0], [2, 1], [np.nan, 1], [1, np.nan], [3, 2], [np.nan, 1]], float)
    rebuilt = np.array([[1.5, 0.0], [2.0, 2.2], [9.0, 0.9]])
    space = Table(**vars(table_space(rows, rebuilt, columns, held=3)))
    overall, height, town = reconstruction(space, held_out(space))
    # height: 1 -> 1.5, 3 -> 2.0; the training mean is 1: errors 0, 4. town: 2 -> 2 right, 1 -> 1 right; the commonest
    # is 1.
    assert height.value == pytest.approx((0.25 + 1.0) / 2)
    assert height.baseline == pytest.approx((0 + 4) / 2)
    assert (height.n, town.n) == (2, 2)
    assert town.value == 0
    assert town.baseline == pytest.approx(0.5)
    assert overall.value == pytest.approx((0.25 + 1.0) / 4)
    assert "4 observed cells" in overall.note


def test_images_are_measured_with_pixels_from_0_to_1() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 4, 4)).astype(np.uint8)
    space = Table(
        schema=PlainSchema((1, 4, 4), (), "image"),
        samples=images,
        validation_index=np.arange(10),
        latents=SimpleNamespace(mean=np.zeros((30, 1), np.float32)),
        decode_encoded=lambda z: np.full((len(z), 1, 4, 4), 127.5, np.float32),
    )
    (overall,) = reconstruction(space, held_out(space))
    assert overall.value == pytest.approx(float(((images[:10] / 255 - 0.5) ** 2).mean()))
    assert overall.n == 10


def test_signals_are_measured_channel_by_channel() -> None:
    signals = np.zeros((20, 2, 8), np.float32)
    signals[:, 1] = 1.0
    space = Table(
        schema=PlainSchema((2, 8), (), "signal"),
        samples=signals,
        validation_index=np.arange(5),
        latents=SimpleNamespace(mean=np.zeros((20, 1), np.float32)),
        decode_encoded=lambda z: np.zeros((len(z), 2, 8), np.float32),
    )
    overall, first, second = reconstruction(space, held_out(space))
    assert (overall.value, first.value, second.value) == (0.5, 0.0, 1.0)


def test_a_new_metric_is_one_line(space: LinearSpace) -> None:
    own = Registry()
    own.register("rows", lambda space, held: [Measure("rows", float(len(held.rows)), n=len(held.rows))])
    (found,) = own.metrics["rows"](space, held_out(space))
    assert found.value == 300
    with pytest.raises(ValueError, match="'rows' is registered already"):
        own.register("rows", lambda space, held: [])
    assert [name for name in registry.metrics if name not in registry.slow][:8] == [
        "elbo", "reconstruction", "units", "holes", "prior_mismatch", "rows_not_rebuilt", "trust", "knn",
    ]  # fmt: skip


def test_unknown_names(space: LinearSpace, measures: Measures) -> None:
    with pytest.raises(SpaceError, match="cannot measure 'beauty': the metrics are elbo, reconstruction"):
        measure(space, ["beauty"])
    with pytest.raises(KeyError, match="no measure is called 'beauty'"):
        measures["beauty"]
    assert measures.get("beauty") is None


def test_it_prints_and_converts(measures: Measures) -> None:
    text = str(measures)
    assert text.splitlines()[0].split() == ["measure", "value", "95", "%", "learning", "nothing", "unit", "n"]
    assert "kl of dimension 2" in text
    frame = measures.to_pandas()
    assert len(frame) == len(measures)
    assert measures.to_json()[0]["name"] == "elbo"
    assert str(measures["knn_accuracy"]).startswith("knn_accuracy 0.")
    assert "n = 300, learning nothing: 0." in str(measures["knn_accuracy"])
