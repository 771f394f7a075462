"""Two spaces beside each other: against scikit-learn, against brute force, and a space against itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import decomposition

import deepspace as ds
from deepspace import Space
from deepspace.errors import SpaceError
from deepspace.metrics import sides
from deepspace.metrics.comparing.rebuilt import gap
from tests import spaces

SHORT = ds.TrainConfig(threads=1, validation_fraction=0.2)


def test_a_space_and_its_twin_on_the_rows_neither_saw(any_space: Space) -> None:
    twin = any_space.twin()
    found = any_space.compare()
    held = any_space.validation_index
    assert np.array_equal(twin.validation_index, held)
    assert twin.latent_dim == any_space.latent_dim
    for space, value in ((any_space, found.overall.a), (twin, found.overall.b)):
        assert value == pytest.approx(space.figures["reconstruction_error"][held].mean(dtype=np.float64), rel=1e-4)
    assert found.overall.n == found.n == len(held)
    assert not found.seen
    for curve, error in zip(found.curves, (found.overall.a, found.overall.b), strict=True):
        assert list(curve.dims) == list(range(1, any_space.latent_dim + 1))
        assert curve.error[-1] == pytest.approx(error, rel=1e-4)
        assert ((curve.low <= curve.error) & (curve.error <= curve.high)).all()
    # Principal components are in order of their variance, and PCA is told in words.
    assert list(found.curves[1].order) == list(range(any_space.latent_dim))
    assert "PCA" in found.sentence
    assert found.to_arrow().num_rows == len(found.errors) + 2 * any_space.latent_dim + 3 + (found.agreement is not None)


def _own(space: Space, flat: np.ndarray) -> np.ndarray:
    """Encoded rows in the units of the error: grey levels, or the user's own."""
    if space.schema.form == "image":
        return flat
    return np.asarray(space.schema.decode(flat.reshape(-1, *space.schema.shape)), np.float64).reshape(len(flat), -1)


def test_the_twins_errors_are_those_of_scikit_learn_at_every_number_of_dimensions(any_space: Space) -> None:
    if any_space.schema.form == "table":
        pytest.skip("tables are checked against a matrix made by hand, in tests/models/test_pca.py")
    if any_space.schema.form == "counts":
        pytest.skip("counts come back through an exponential and a total, which no linear reference has")
    curve = any_space.compare().curves[1]
    x = np.asarray(any_space.samples).reshape(len(any_space), -1).astype(np.float64)
    held = any_space.validation_index
    training = np.delete(x, held, axis=0)
    for dims, error in zip(curve.dims, curve.error, strict=True):
        reference = decomposition.PCA(int(dims), svd_solver="full").fit(training)
        rebuilt = reference.inverse_transform(reference.transform(x[held]))
        if any_space.schema.form == "image":
            rebuilt = rebuilt.clip(0, 255)
        own = [_own(any_space, v) for v in (x[held], rebuilt)]
        assert error == pytest.approx(np.sqrt(((own[0] - own[1]) ** 2).mean(1)).mean(), rel=2e-3, abs=2e-4)


def test_a_column_is_judged_in_its_own_way(any_space: Space) -> None:
    if any_space.schema.form != "table":
        pytest.skip("only a table has columns")
    errors = {e.about: e for e in any_space.compare().errors if e.part == "column"}
    assert set(errors) == {c.name for c in any_space.schema.features}
    held = any_space.validation_index
    x, rebuilt = any_space.samples[held], any_space.decode_encoded(any_space.latents.mean[held])
    for i, column in enumerate(any_space.schema.features):
        known = ~np.isnan(x[:, i])
        wrong = x[known, i] != rebuilt[known, i] if column.categories else np.abs(x[known, i] - rebuilt[known, i])
        assert errors[column.name].a == pytest.approx(wrong.mean(), rel=1e-5)
        assert errors[column.name].n == known.sum()


def test_a_space_is_like_itself(any_space: Space) -> None:
    found = ds.compare(any_space, any_space)
    for each in found.errors:
        assert each.difference == 0
        assert each.interval in (None, (0, 0))
        assert each.winner == ""
    assert found.kept.mean == 1
    assert found.kept.interval == (1, 1)
    assert (found.kept.share == 1).all()
    np.testing.assert_array_equal(found.curves[0].error, found.curves[1].error)
    assert found.agreement is None or found.agreement.difference == 0
    assert "equally well" in found.sentence


def _brute(space: Space, row: int, k: int, weights: Any = 1.0) -> set[int]:
    z = np.asarray(space.latents.mean, np.float64)
    distance = ((z - z[row]) ** 2 * weights).sum(1)
    distance[row] = np.inf
    return set(np.argsort(distance, kind="stable")[:k].tolist())


def test_neighbours_kept_and_lost_are_those_of_brute_force(any_space: Space) -> None:
    twin = any_space.twin()
    weights = np.asarray(twin.model.distance_weights(), np.float64)
    kept = ds.compare(any_space, twin, k=7).kept
    assert kept.n == len(any_space)
    assert kept.recall == 1
    assert kept.chance == pytest.approx(7 / (len(any_space) - 1))
    assert kept.mean == pytest.approx(kept.share.mean())
    for row in (0, 5, len(any_space) - 1):
        in_a, in_b = _brute(any_space, row, 7), _brute(twin, row, 7, weights)
        assert kept.share[row] == pytest.approx(len(in_a & in_b) / 7)
        found = sides(any_space, twin, row, k=7)
        assert set(found.both) == in_a & in_b
        assert set(found.only_a) == in_a - in_b
        assert set(found.only_b) == in_b - in_a


def test_agreement_is_the_share_of_neighbours_of_a_rows_class(any_space: Space) -> None:
    target = any_space.schema.target
    found = any_space.compare()
    if target is None:
        assert found.agreement is None
        return
    labels = np.array([str(v) for v in any_space.rows.column(target.name).to_pylist()])
    shares = [(labels[list(_brute(any_space, r, 10))] == labels[r]).mean() for r in range(len(any_space))]
    assert found.agreement is not None
    assert found.agreement.a == pytest.approx(np.mean(shares))


def test_an_interval_is_as_wide_as_theory_says_and_decides() -> None:
    rng = np.random.default_rng(0)
    a = rng.normal(5, 1, 800)
    for shift, winner in ((0.0, ""), (0.4, "a"), (-0.4, "b")):
        b = a + shift + rng.normal(0, 2, 800)
        found = gap("all", "", a, b)
        assert found is not None
        assert found.interval is not None
        low, high = found.interval
        half = 1.96 * (b - a).std(ddof=1) / np.sqrt(800)
        assert high - low == pytest.approx(2 * half, rel=0.12)
        assert found.difference == pytest.approx((b - a).mean())
        if shift:
            assert found.winner == winner
            assert gap("all", "", a, b, higher=True).winner == ("b" if winner == "a" else "a")  # type: ignore[union-attr]
    few = gap("class", "x", a[:7], a[:7] + 9)
    assert few is not None
    assert few.interval is None
    assert few.winner == ""
    assert gap("column", "x", np.full(9, np.nan), a[:9]) is None


# The twin on disk


def test_a_twin_is_kept_and_found_again(tmp_path: Path) -> None:
    space = spaces.fit("vector", tmp_path, epochs=1)
    told: list[str] = []
    first = space.twin(on_progress=lambda p: told.append(p.phase))
    assert first.folder == tmp_path / "vector.pca.space"
    assert {"training", "mapping"} <= set(told)
    made = (first.folder / "manifest.json").stat().st_mtime_ns
    assert (space.twin().folder / "manifest.json").stat().st_mtime_ns == made
    # Another model of the same rows at another number of dimensions has another twin.
    data, reading = spaces.raw("vector")
    training = ds.TrainConfig(epochs=1, threads=1, validation_fraction=0.2)
    wider = ds.fit(data, path=space.folder, model=ds.VAE(latent_dim=3), training=training, **reading)
    assert wider.twin().latent_dim == 3


def test_a_damaged_twin_is_made_anew_and_a_strange_folder_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = spaces.fit("vector", tmp_path, epochs=1)
    beside = tmp_path / "vector.pca.space"
    beside.mkdir()
    (beside / "mine.txt").write_text("mine")
    elsewhere = space.twin()
    assert elsewhere.folder.parent != tmp_path
    assert (beside / "mine.txt").read_text() == "mine"
    folder = elsewhere.folder
    del elsewhere
    import gc

    gc.collect()
    assert not folder.exists()
    (beside / "mine.txt").unlink()
    beside.rmdir()
    assert space.twin().folder == beside
    with open(beside / "latents_mean.npy", "r+b") as file:
        file.seek(-1, 2)
        file.write(b"\x7f")
    again = space.twin()
    assert np.isfinite(again.latents.mean).all()


def test_a_twin_cut_short_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    space = spaces.fit("vector", tmp_path, epochs=1)

    def stop(progress: ds.Progress) -> None:
        if progress.phase == "mapping":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        space.twin(on_progress=stop)
    assert {p.name for p in tmp_path.iterdir()} == {"vector.space"}


# Spaces of the user's own


def test_two_models_of_a_users_own(tmp_path: Path) -> None:
    data, reading = spaces.raw("vector")
    narrow, wide = (
        ds.fit(data, path=tmp_path / f"{d}.space", model=ds.PCA(latent_dim=d), training=SHORT, **reading)
        for d in (2, 4)
    )
    opened = ds.open(tmp_path / "4.space")
    assert opened.model.config_json()["family"] == "pca"
    np.testing.assert_allclose(opened.encode(data), wide.latents.mean, atol=1e-5)
    found = ds.compare(narrow, opened)
    assert found.labels == ("'2'", "'4'")
    assert found.overall.winner == "b"
    assert found.sentence.startswith("'2' rebuilds held-out rows worse than '4' at 2 dimensions against 4")
    assert found.curves[1].reaching(float(found.curves[0].error[-1])) == 2
    with pytest.raises(SpaceError, match="principal components itself"):
        narrow.twin()


def test_other_rows_are_refused_in_one_sentence(tmp_path: Path) -> None:
    data, reading = spaces.raw("vector")
    shorter, first, moved = (
        ds.fit(x, path=tmp_path / f"{i}.space", model=ds.PCA(latent_dim=2), training=SHORT, **reading)
        for i, x in enumerate((data[:-1], data, np.roll(data, 1, axis=0)))
    )
    with pytest.raises(SpaceError, match="they have 200 and 199 rows"):
        ds.compare(first, shorter)
    with pytest.raises(SpaceError, match="rows are not the same"):
        ds.compare(first, moved)
    with pytest.raises(SpaceError, match="1 or more, got 0"):
        ds.compare(first, first, k=0)


def test_errors_of_rows_that_training_saw_are_said_to_flatter(tmp_path: Path) -> None:
    data, reading = spaces.raw("vector")
    training = ds.TrainConfig(threads=1, validation_fraction=0)
    space = ds.fit(data, path=tmp_path / "a.space", model=ds.PCA(latent_dim=2), training=training, **reading)
    found = ds.compare(space, space)
    assert found.seen
    assert found.n == len(data)
    assert "flatter" in found.sentences[1]
