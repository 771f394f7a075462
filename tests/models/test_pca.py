"""Principal components against scikit-learn's, at every number of them; tables against a matrix made by hand."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn import decomposition

from deepspace.errors import ModelError
from deepspace.models import PCA, Layout, build, choose, from_json
from deepspace.models.coordinates import MOST_CATEGORIES
from deepspace.models.families.pca import PCAModel
from deepspace.training import TrainConfig, train
from tests.space import made

NAN = float("nan")


def solved(x: np.ndarray, layout: Layout, dims: int, step: int = 37) -> PCAModel:
    """The model of all rows, read in uneven blocks."""

    def blocks() -> Iterator[torch.Tensor]:
        yield from torch.split(torch.from_numpy(x), step)

    model = build(PCA(latent_dim=dims), layout)
    assert isinstance(model, PCAModel)
    model.solve(blocks)
    return model.eval()


def rebuilt(model: PCAModel, x: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return model.decode(model.encode(torch.from_numpy(x)).mean).numpy()


@pytest.mark.parametrize("modality", ["image", "signal", "vector"])
@pytest.mark.parametrize("rows", [30, 160])
def test_it_is_scikit_learns_at_every_number_of_components(modality: str, rows: int) -> None:
    """Both ways: 30 rows have fewer rows than values, 160 have more (of all but the images)."""
    dataset = made.dataset(modality)
    x = dataset.array[:rows]
    flat = x.reshape(len(x), -1).astype(np.float64)
    for dims in range(1, min(12, *flat.shape) + 1):
        reference = decomposition.PCA(dims, svd_solver="full").fit(flat)
        expected = reference.inverse_transform(reference.transform(flat))
        if modality == "image":
            expected = expected.clip(0, 255)
        found = rebuilt(solved(x, Layout.of(dataset.schema), dims), x)
        np.testing.assert_allclose(found.reshape(len(x), -1), expected, atol=2e-4 * np.abs(flat).max())


def test_latents_are_white_and_neighbours_weigh_them_back() -> None:
    x = made.dataset("signal").array
    model = solved(x, Layout.of(made.dataset("signal").schema), 4)
    with torch.no_grad():
        z = model.encode(torch.from_numpy(x)).mean
    np.testing.assert_allclose(np.cov(z.numpy().T, bias=True), np.eye(4), atol=1e-4)
    assert (model.deviation.diff() <= 0).all()
    # The weighted distance of two latents is the distance of what they decode to.
    weighted = ((z[0] - z[1]).square() * model.distance_weights()).sum().sqrt()
    with torch.no_grad():
        there = torch.linalg.vector_norm(model.decode(z[:1]) - model.decode(z[1:2]))
    assert float(weighted) == pytest.approx(float(there), rel=1e-4)


def test_its_elbo_is_below_the_likelihood_of_probabilistic_pca_and_near_it() -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(500, 2)) @ rng.normal(size=(2, 7)) * 3 + 0.3 * rng.normal(size=(500, 7))).astype(np.float32)
    model = solved(x, Layout("vector", (7,)), 2)
    values = np.linalg.eigvalsh(np.cov(x.T.astype(np.float64), bias=True))[::-1]
    noise = values[2:].mean()
    likelihood = -0.5 * (7 * np.log(2 * np.pi) + np.log(values[:2]).sum() + 5 * np.log(noise) + 7)
    draws = [model.terms(torch.from_numpy(x), torch.Generator().manual_seed(s)).elbo.mean() for s in range(40)]
    assert likelihood - 0.1 < float(torch.stack(draws).mean()) < likelihood + 0.02
    assert float(model.noise) == pytest.approx(np.sqrt(noise), rel=1e-3)


TABLE = Layout("table", (4,), ("numeric", "categorical", "ordinal", "boolean"), (0, 3, 4, 2))


def table(rows: int = 200) -> np.ndarray:
    """Four columns that hang together, with cells missing."""
    rng = np.random.default_rng(1)
    level = rng.normal(size=rows)
    x = np.stack([level, np.digitize(level, [-0.5, 0.7]), np.digitize(level + 0.2 * rng.normal(size=rows), [-1, 0, 1]),
                  level > 0.3], 1).astype(np.float32)  # fmt: skip
    x[rng.random(x.shape) < 0.05] = NAN
    return x


def by_hand(x: np.ndarray) -> np.ndarray:
    """Pages's coordinates of the table above: centred, weighed, 0 where missing."""
    parts = [x[:, 0] - np.nanmean(x[:, 0])]
    for column, size in ((1, 3), (3, 2)):
        for k in range(size):
            known = ~np.isnan(x[:, column])
            share = (x[known, column] == k).mean()
            parts.append(np.where(known, ((x[:, column] == k) - share) / np.sqrt(share), 0))
    parts.append((x[:, 2] - np.nanmean(x[:, 2])) / np.nanstd(x[:, 2]))
    return np.nan_to_num(np.stack(parts, 1).astype(np.float64))


@pytest.mark.parametrize("dims", [1, 3, 6])
def test_a_table_is_rebuilt_from_the_components_of_its_coordinates(dims: int) -> None:
    x = table()
    model = solved(x, TABLE, dims)
    coordinates = by_hand(x)
    reference = decomposition.PCA(dims, svd_solver="full").fit(coordinates)
    projected = reference.inverse_transform(reference.transform(coordinates))
    found = rebuilt(model, x)
    np.testing.assert_allclose(found[:, 0], projected[:, 0] + np.nanmean(x[:, 0]), atol=1e-3)
    share = np.array([(x[~np.isnan(x[:, 1]), 1] == k).mean() for k in range(3)])
    indicators = projected[:, 1:4] * np.sqrt(share) + share
    sure = np.diff(np.sort(indicators, 1)[:, -2:], axis=1)[:, 0] > 1e-3
    assert (found[sure, 1] == indicators.argmax(1)[sure]).all()
    ordered = (projected[:, 6] * np.nanstd(x[:, 2]) + np.nanmean(x[:, 2])).clip(0, 3)
    between = np.abs(ordered % 1 - 0.5) > 1e-3
    assert (found[between, 2] == np.rint(ordered)[between]).all()
    assert not np.isnan(found).any()


def test_what_it_expects_is_linear_and_a_sure_category_is_one_away_from_another() -> None:
    x = table()
    x = x[~np.isnan(x).any(1)]
    model = solved(x, TABLE, 7)
    with torch.no_grad():
        z = model.encode(torch.from_numpy(x)).mean
        found = model.expected(z)
        middle = model.expected((z[:1] + z[1:2]) / 2)
    torch.testing.assert_close(middle, (found[:1] + found[1:2]) / 2, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(found[:, 0], torch.from_numpy(x[:, 0]), atol=1e-3, rtol=0)
    one, other = (int(np.flatnonzero(x[:, 1] == k)[0]) for k in (0, 2))
    assert float(torch.linalg.vector_norm(found[one, 1:4] - found[other, 1:4])) == pytest.approx(1, abs=1e-3)
    torch.testing.assert_close(found[:, 4] * 3, torch.from_numpy(x[:, 2]), atol=1e-3, rtol=0)


def test_all_components_of_a_whole_table_give_it_back() -> None:
    x = table()
    x = x[~np.isnan(x).any(1)]
    found = rebuilt(solved(x, TABLE, 7), x)
    np.testing.assert_allclose(found, x, atol=1e-3)


def test_a_column_of_many_categories_is_told_by_its_commonest() -> None:
    rng = np.random.default_rng(0)
    codes = rng.permutation(np.repeat(np.arange(100), np.arange(1, 101)))
    x = np.stack([codes, codes % 2], 1).astype(np.float32)
    model = solved(x, Layout("table", (2,), ("categorical", "boolean"), (100, 2)), 66)
    found = rebuilt(model, x)
    common = codes >= 100 - MOST_CATEGORIES
    assert (found[common, 0] == codes[common]).all()
    assert set(found[:, 0]) <= set(range(100 - MOST_CATEGORIES, 100))


def test_dimensions_beyond_the_rank_are_empty() -> None:
    x = np.repeat(np.eye(3, 5, dtype=np.float32), 4, axis=0)
    model = solved(x, Layout("vector", (5,)), 5)
    np.testing.assert_allclose(rebuilt(model, x), x, atol=1e-5)
    assert (model.deviation > 0).sum() == 2
    mean, scale = model.encode(torch.from_numpy(x))
    assert (mean[:, 2:] == 0).all()
    assert (scale[:, 2:] == 1).all()
    assert torch.isfinite(model.terms(torch.from_numpy(x)).elbo).all()


@pytest.mark.parametrize("modality", made.MODALITIES)
def test_training_ignores_the_rows_held_out(modality: str) -> None:
    """Whatever stands in the held-out rows, the weights are the same, bit for bit."""
    dataset = made.dataset(modality)
    config = TrainConfig(seed=3, validation_fraction=0.2)
    first, second = (build(PCA(latent_dim=3), dataset.schema) for _ in range(2))
    x = np.array(dataset.array)
    held = train(first, x, config).validation_index
    assert len(held) == 32
    x[held] = x[0] if dataset.schema.form == "table" else 100 - x[held]
    train(second, x, config)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name
    x[np.setdiff1d(np.arange(len(x)), held)[-1]] = x[held[0]]
    train(second, x, config)
    assert not torch.equal(first.state_dict()["decoder.weight"], second.state_dict()["decoder.weight"])


def test_a_model_is_read_back_and_what_does_not_fit_is_refused() -> None:
    dataset = made.dataset("vector")
    model = solved(dataset.array, Layout.of(dataset.schema), 3)
    again = from_json(model.config_json())
    again.load_state_dict(model.state_dict())
    assert np.array_equal(rebuilt(again, dataset.array), rebuilt(model, dataset.array))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="latent_dim must be from 1"):
        PCA(latent_dim=0)
    with pytest.raises(ModelError, match="takes vector rows"):
        model.encode(torch.zeros(2, 5))
    with pytest.raises(ModelError, match="3 latent dimensions"):
        model.decode(torch.zeros(2, 4))
    with pytest.raises(ModelError, match="choose"):
        build(PCA(), dataset.schema)


def test_the_number_of_components_is_chosen_as_for_other_models() -> None:
    dataset = made.dataset("vector")
    chosen = choose(dataset.schema, dataset.array, PCA())
    assert chosen.latent_dim == choose(dataset.schema, dataset.array).latent_dim
    assert chosen.reason == "6 latent dimensions suit 160 vectors."
    assert choose(dataset.schema, dataset.array, PCA(latent_dim=2)).latent_dim == 2


def test_wide_rows_are_not_all_looked_at() -> None:
    assert build(PCA(latent_dim=2), Layout("vector", (8,))).wanted(1_000_000) == 1_000_000  # type: ignore[attr-defined]
    photo = build(PCA(latent_dim=2), Layout("image", (3, 64, 64)))
    assert photo.wanted(1_000_000) == 3072  # type: ignore[attr-defined]
    assert photo.wanted(500) == 500  # type: ignore[attr-defined]
