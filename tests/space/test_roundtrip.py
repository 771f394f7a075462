"""What is built is what opens: every modality, every array, every answer."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch

from deepspace.errors import SpaceError
from deepspace.space import BaseSpace, open_space, verify
from deepspace.space.manifest import FILES, joined, plain_json, split_timings
from tests.space.made import dataset, history, model_for


def same_answers(a: BaseSpace, b: BaseSpace) -> None:
    z = a.latents.mean[:7]
    for name in ("mean", "scale"):
        np.testing.assert_array_equal(getattr(a.latents, name), getattr(b.latents, name))
    np.testing.assert_array_equal(a.samples, b.samples)
    np.testing.assert_array_equal(a.decode_encoded(z), b.decode_encoded(z))
    np.testing.assert_array_equal(a.map.positions, b.map.positions)
    np.testing.assert_array_equal(a.map.transform(z), b.map.transform(z))
    np.testing.assert_array_equal(a.density(z), b.density(z))
    assert a.rows.table().equals(b.rows.table())
    assert a.measures == b.measures
    assert a.history == b.history
    for name, figure in a.figures.items():
        np.testing.assert_array_equal(figure, b.figures[name])


def test_open_equals_build(each: BaseSpace) -> None:
    same_answers(each, open_space(each.folder, verify=True))


def test_a_saved_copy_equals(each: BaseSpace, tmp_path: Path) -> None:
    copy = each.save(tmp_path / "copy.space")
    assert copy.name == "copy"
    same_answers(each, copy)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.space"]
    assert each.save(each.folder).folder == each.folder  # onto itself: nothing to do


def test_what_is_kept_is_what_the_model_says(each: BaseSpace) -> None:
    rows = dataset(each.schema.modality)
    model = model_for(rows).eval()
    with torch.inference_mode():
        posterior = model.encode(torch.from_numpy(rows.array))
    np.testing.assert_allclose(each.latents.mean, posterior.mean.numpy(), atol=1e-5)
    np.testing.assert_allclose(each.latents.scale, posterior.scale.numpy(), atol=1e-5)
    np.testing.assert_array_equal(each.samples, rows.array)
    np.testing.assert_allclose(each.figures["posterior_scale"], np.exp(np.log(each.latents.scale).mean(1)), rtol=1e-4)
    assert each.rows.table().to_pydict() == rows.rows.to_pydict()
    assert each.schema.to_json() == rows.schema.to_json()
    np.testing.assert_array_equal(each.validation_index, history(len(rows)).validation_index)
    assert each.history == plain_json(history(len(rows)).to_json())


def test_reconstruction_error_is_in_the_stated_units(each: BaseSpace) -> None:
    x = each.samples[:20]
    decoded = each.decode_encoded(each.latents.mean[:20])
    if each.schema.modality == "table":
        expected = []
        discrete = [c.kind in ("boolean", "ordinal", "categorical") for c in each.schema.features]
        for row, back in zip(x, decoded, strict=True):
            costs = [
                float(round(float(b)) != float(a)) if d else abs(float(a) - float(b))
                for a, b, d in zip(row, back, discrete, strict=True)
                if not np.isnan(a)
            ]
            expected.append(np.mean(costs))
    elif each.schema.modality == "image":
        expected = [np.sqrt(np.mean((a.astype(float) - b) ** 2)) for a, b in zip(x, decoded, strict=True)]
    else:
        raw, back = np.asarray(each.schema.decode(x)), np.asarray(each.schema.decode(decoded))
        expected = np.sqrt(((raw - back) ** 2).reshape(20, -1).mean(1))
    np.testing.assert_allclose(each.figures["reconstruction_error"][:20], expected, rtol=1e-3)
    assert set(each.manifest["figures"]) == set(each.figures)


def test_latents_and_back_in_the_users_units(each: BaseSpace) -> None:
    rows = dataset(each.schema.modality)
    raw = each.schema.decode(rows.array[:5])
    z = each.encode(raw)
    np.testing.assert_allclose(z, each.latents.mean[:5], atol=1e-3)
    for value in (each.decode(z), each.reconstruct(raw), each.sample(5)):
        assert type(value) is type(raw)
        if isinstance(raw, pa.Table):
            assert value.schema.names == raw.schema.names
        else:
            assert np.shape(value) == np.shape(raw)
    np.testing.assert_allclose(each.decode_encoded(z[0]), each.decode_encoded(z)[:1], rtol=1e-4, atol=1e-6)


def test_samples_follow_the_seed(each: BaseSpace) -> None:
    one, again, two = (each.sample(4, seed=s, noise=True) for s in (1, 1, 2))
    if isinstance(one, pa.Table):
        assert one.equals(again)
        assert not one.equals(two)
    else:
        # By their text: a missing cell of a frame is NaN, which is not equal to itself.
        assert np.asarray(one).astype(str).tolist() == np.asarray(again).astype(str).tolist()
        assert (np.asarray(one).astype(str) != np.asarray(two).astype(str)).any()
    assert len(each.sample(0)) == 0


def test_the_posterior_mean_of_a_row_is_its_own_nearest_neighbour(each: BaseSpace) -> None:
    found = each.neighbors(z=each.latents.mean[:6], k=3)
    np.testing.assert_allclose(found.distance[:, 0], 0, atol=1e-6)
    assert found.index.shape == (6, 3)


def test_percentiles_are_ranks_among_the_rows(each: BaseSpace) -> None:
    own = each.percentile_of(each.figures["log_density"])
    ranks = np.argsort(np.argsort(each.figures["log_density"], kind="stable"))
    np.testing.assert_allclose(own, 100 * ranks / len(each), atol=100 / len(each) * 3)
    far = np.full(each.latent_dim, 50.0)
    assert each.density_percentile(far)[0] == 0


def test_equal_builds_are_equal_files(make: Callable[..., BaseSpace], tmp_path: Path) -> None:
    one, two = (make(tmp_path / f"{name}.space", "table") for name in "ab")
    for name in one.manifest["files"]:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name
    first, second = ({k: v for k, v in s.manifest.items() if k not in ("checksum", "run")} for s in (one, two))
    assert first == second


def test_the_folder_is_readable_with_public_tools(digits: BaseSpace) -> None:
    from safetensors.numpy import load_file

    manifest = json.loads((digits.folder / "manifest.json").read_text())
    assert set(os.listdir(digits.folder)) == {*FILES, "manifest.json", "validation.npy"}
    assert set(manifest["files"]) == {*FILES, "validation.npy"}
    small = manifest["files"]["weights.safetensors"]
    assert small["sha256"] == [hashlib.sha256((digits.folder / "weights.safetensors").read_bytes()).hexdigest()]
    assert load_file(digits.folder / "weights.safetensors")
    assert manifest["provenance"]["source"]["fingerprint"]
    assert manifest["provenance"]["seed"] == 0
    assert manifest["provenance"]["versions"]["torch"]
    verify(digits.folder)


def test_arrays_are_memory_mapped_and_read_only(digits: BaseSpace) -> None:
    for array in (digits.latents.mean, digits.latents.scale, digits.samples, *digits.figures.values()):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda s: s.decode(np.zeros((8, 16))),
            r"^cannot decode with 'digits': z has shape \(8, 16\), this space has 3 latent dimensions$",
        ),
        (lambda s: s.decode([[0, np.nan, 0]]), r"^cannot decode with 'digits': row 0 of z holds NaN or infinity$"),
        (lambda s: s.decode("here"), r"^cannot decode with 'digits': z is not an array of numbers$"),
        (
            lambda s: s.neighbors(z=np.zeros(3), k=161),
            r"^cannot find 161 neighbours in 'digits': it has 160 rows; k may be 1 to 160$",
        ),
        (lambda s: s.neighbors(k=3), r"^cannot find neighbours in 'digits': give either x or z$"),
        (lambda s: s.density(np.zeros((2, 4))), r"^cannot measure density with 'digits': z has shape \(2, 4\)"),
        (lambda s: s.sample(-1), r"^cannot sample from 'digits': n is -1, it must be 0 or more$"),
    ],
)  # fmt: skip
def test_questions_that_cannot_be_answered(
    digits: BaseSpace, call: Callable[[BaseSpace], object], sentence: str
) -> None:
    with pytest.raises(SpaceError, match=sentence):
        call(digits)


def test_timings_are_split_off_and_put_back() -> None:
    history = {"seconds": 3.5, "epochs": [{"elbo": 1, "seconds": 0.5}, {"elbo": 2}], "plain": [1, 2]}
    stable, timed = split_timings(history)
    assert stable == {"epochs": [{"elbo": 1}, {"elbo": 2}], "plain": [1, 2]}
    assert joined(stable, timed) == history
    assert plain_json({"a": np.float32(1.5), "b": float("nan"), "c": (np.int64(2), np.ones(2))}) == {
        "a": 1.5, "b": None, "c": [2, [1.0, 1.0]],
    }  # fmt: skip


def test_a_parquet_file_is_encoded_like_its_rows(each: BaseSpace, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    if each.schema.modality == "table":
        table = each.rows.table()
    elif each.schema.modality == "vector":
        table = pa.table({"vector": list(np.asarray(each.schema.decode(each.samples)))})
    else:
        pytest.skip("Parquet holds tables and vectors")
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=50)
    np.testing.assert_allclose(each.encode(tmp_path / "rows.parquet"), each.latents.mean, atol=1e-3)
    mean, scale = each.posterior(tmp_path / "rows.parquet")
    np.testing.assert_array_equal(mean, each.encode(tmp_path / "rows.parquet"))
    np.testing.assert_allclose(scale, each.latents.scale, atol=1e-3)
