"""Several spaces of the same rows under the same measures, and twins of any family."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

import deepspace as ds
from deepspace.errors import ModelError, SpaceError
from deepspace.metrics import Measure, Measures, SideBySide, side_by_side
from tests.linear import LinearSpace


@pytest.fixture(scope="module")
def iris(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    data = load_iris(as_frame=True).frame
    training = ds.TrainConfig(epochs=3, threads=1)
    return ds.fit(data, path=tmp_path_factory.mktemp("iris") / "iris.space", training=training)


def test_a_twin_of_another_family_is_of_the_same_rows_and_kept_beside(iris: ds.Space) -> None:
    twin = iris.twin(ds.VAE(beta=4.0))
    assert twin.folder.name == "iris.vae.space"
    assert np.array_equal(twin.validation_index, iris.validation_index)
    assert twin.latent_dim == iris.latent_dim
    assert twin.manifest["model"]["config"]["beta"] == 4.0
    created = twin.manifest["run"]["created"]
    assert iris.twin(ds.VAE(beta=4.0)).manifest["run"]["created"] == created, "it was made a second time"
    # Another setting is another twin: the one that lies there is replaced, not passed off as it.
    assert iris.twin(ds.VAE(beta=2.0)).manifest["model"]["config"]["beta"] == 2.0


def test_a_twin_of_the_same_model_is_refused(iris: ds.Space) -> None:
    with pytest.raises(SpaceError, match="made of such a VAE itself"):
        iris.twin("vae")
    with pytest.raises(ModelError, match="No model family is called 'umap'"):
        iris.twin("umap")


def test_a_twin_may_be_told_a_column(iris: ds.Space) -> None:
    assert iris.schema.target is not None
    target = iris.schema.target.name
    twin = iris.twin(ds.ConditionalVAE(condition=target))
    assert len(twin.conditions) == 3
    with pytest.raises(SpaceError, match=r"'sepal length .cm.' is among the columns that it learned from"):
        iris.twin(ds.ConditionalVAE(condition="sepal length (cm)"))


def test_clusters_that_a_model_adds_are_no_other_rows(iris: ds.Space, tmp_path: Path) -> None:
    training = ds.TrainConfig(epochs=2, threads=1)
    data = load_iris(as_frame=True).frame
    mixture = ds.fit(data, model=ds.VAE(prior="mixture"), path=tmp_path / "mixture.space", training=training)
    assert mixture.cluster_column == "cluster"
    assert ds.compare(iris, mixture).n == 15
    assert mixture.compare().n == 15, "nor in its twin, which keeps them"


def test_measures_of_each_stand_in_one_table(iris: ds.Space) -> None:
    heard: list[str] = []
    found = iris.side_by_side("pca", ds.VAE(beta=4.0), on_measure=heard.append)
    count = len(heard) // 3
    assert heard[0] == f"elbo of 'iris' (1 of {count})"
    assert heard[-1].endswith(f" of 'iris.vae' ({count} of {count})")
    assert found.families == ("vae", "pca", "vae")
    own = iris.measure()
    assert found.measures[0]["reconstruction_error"].value == own["reconstruction_error"].value
    table = found.to_arrow()
    assert set(table["space"].to_pylist()) == set(found.names)
    text = str(found)
    assert "reconstruction_error" in text
    assert all(name in text for name in found.names)
    # The table's likelihood and the density of coordinates are not of one kind.
    assert found.best([m["elbo"] for m in found.measures]) is None
    assert "Nats are of different densities" in text


def spaces(**values: tuple[float, float, float]) -> SideBySide:
    measures = tuple(
        Measures((Measure("error", value, n=100, better="lower", interval=(low, high)),))
        for value, low, high in values.values()
    )
    n = len(values)
    return SideBySide(tuple(values), ("vae",) * n, (1.0,) * n, measures, ("gaussian",) * n)


def test_best_is_only_what_clears_every_other() -> None:
    clear = spaces(a=(1.0, 0.9, 1.1), b=(2.0, 1.8, 2.2), c=(1.5, 1.2, 1.9))
    assert clear.best(clear.rows()[0]) == 0
    assert clear.sentences == ("'a' is best at error.",)
    close = spaces(a=(1.0, 0.9, 1.3), b=(2.0, 1.8, 2.2), c=(1.5, 1.2, 1.9))
    assert close.best(close.rows()[0]) is None
    assert "None is best" in close.sentences[0]


def test_rows_that_one_has_seen_are_no_test_of_the_other(tmp_path: Path) -> None:
    data = load_iris(as_frame=True).frame
    training = ds.TrainConfig(epochs=1, threads=1)
    a, b = (ds.fit(data, path=tmp_path / f"{s}.space", seed=s, training=training) for s in (0, 1))
    with pytest.raises(SpaceError, match="other rows were held out of it"):
        side_by_side(a, b)
    with pytest.raises(SpaceError, match="give at least two"):
        side_by_side(LinearSpace())
    same = replace(a.side_by_side(ds.PCA()), names=("one", "two"))
    assert same.names == ("one", "two")
