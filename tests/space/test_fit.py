"""The public way from raw data to a space: all modalities, resumed, repeated, refused."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn import datasets

import deepspace as ds
from deepspace.errors import DataError, DeepspaceError, SpaceError
from deepspace.space import verify
from tests.space.made import dataset

BRIEF = ds.TrainConfig(epochs=2, threads=1)


def digits() -> tuple[np.ndarray, np.ndarray]:
    images, labels = datasets.load_digits(return_X_y=True)
    return (images[:300] * 15.9).astype(np.uint8).reshape(-1, 8, 8), labels[:300]


def table() -> pd.DataFrame:
    frame = datasets.load_wine(as_frame=True).frame
    frame["kind"] = np.where(frame["alcohol"] > 13, "strong", "light")
    return frame


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> tuple[ds.Space, list[ds.Progress]]:
    """A space of digits, and what was told on the way."""
    seen: list[ds.Progress] = []
    path = tmp_path_factory.mktemp("fitted") / "digits.space"
    return ds.fit(digits(), path=path, training=BRIEF, seed=3, on_progress=seen.append), seen


def test_digits(fitted: tuple[ds.Space, list[ds.Progress]]) -> None:
    space, seen = fitted
    assert isinstance(space, ds.Space)
    assert len(space) == 300
    assert space.decode(space.latents.mean[:2]).dtype == np.uint8
    assert sorted(p.name for p in space.folder.parent.iterdir()) == ["digits.space"]
    verify(space.folder)
    phases = list(dict.fromkeys(p.phase for p in seen))
    assert phases == ["loading", "training", "encoding", "mapping", "saving", "measuring", "ready"]
    assert all(0 <= p.fraction <= 1 for p in seen)
    assert len(space.measures["kl_per_dimension"]) == space.latent_dim
    assert isinstance(space.measures["health"], list)
    assert space.measures["measures"]
    np.testing.assert_array_equal(space.map.inverse_transform(space.map.positions[:5]), space.latents.mean[:5])
    again = ds.open(space.folder)
    assert type(again) is ds.Space
    assert again.measures == space.measures


def test_a_table_in_the_users_units(tmp_path: Path) -> None:
    space = ds.fit(table(), target="target", path=tmp_path / "wine.space", training=BRIEF)
    drawn = space.sample(20)
    frame = drawn if isinstance(drawn, pd.DataFrame) else drawn.to_pandas()
    assert "target" not in frame.columns
    assert set(frame["kind"]) <= {"strong", "light"}
    assert space.rows.count("kind = 'strong' and elbo > -1e9") == int((table()["alcohol"] > 13).sum())
    np.testing.assert_allclose(space.encode(table()), space.latents.mean, atol=1e-3)


@pytest.mark.parametrize("modality", ["signal", "vector"])
def test_signals_and_vectors(modality: str) -> None:
    rows = dataset(modality)
    space = ds.fit(np.asarray(rows.schema.decode(rows.array)), modality=modality, training=BRIEF)
    assert space.schema.modality == modality
    assert np.asarray(space.sample(3)).shape == (3, *np.shape(rows.schema.decode(rows.array[:1]))[1:])


def test_without_a_path_it_is_temporary_until_saved(tmp_path: Path) -> None:
    space = ds.fit(dataset("vector").array, modality="vector", training=BRIEF)
    folder = space.folder
    kept = space.save(tmp_path / "kept.space")
    assert isinstance(kept, ds.Space)
    assert folder.exists()
    del space
    assert not folder.exists()
    verify(kept.folder)


def test_a_temporary_space_is_gone_when_python_ends() -> None:
    code = (
        "import deepspace as ds, numpy as np\n"
        "s = ds.fit(np.random.default_rng(0).normal(size=(80, 4)).astype('f4'), modality='vector',"
        " training=ds.TrainConfig(epochs=1, threads=1))\n"
        "print(s.folder)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    folder = Path(done.stdout.strip())
    assert folder.name == "space.space"
    assert not folder.exists()
    assert not folder.parent.exists()


def test_the_same_call_gives_the_same_bytes(fitted: tuple[ds.Space, list[ds.Progress]], tmp_path: Path) -> None:
    one, two = fitted[0], ds.fit(digits(), path=tmp_path / "b.space", training=BRIEF, seed=3)
    for name in one.manifest["files"]:
        assert (one.folder / name).read_bytes() == (two.folder / name).read_bytes(), name
    first, second = ({k: v for k, v in s.manifest.items() if k not in ("checksum", "run")} for s in (one, two))
    assert first == second
    other = ds.fit(digits(), training=BRIEF, seed=4)
    assert not np.array_equal(other.latents.mean, one.latents.mean)


SCRIPT = """
import sys, time
import deepspace as ds, torch
from pathlib import Path
from tests.space.test_fit import digits
torch.set_num_threads(1)
def tell(p):
    if p.message: print("MESSAGE", p.message, flush=True)
def epoch(model, n):
    print("EPOCH", n, flush=True)
    if {slow} and n >= 4: [time.sleep(0.1) for _ in range(20)]
s = ds.fit(digits(), path={path!r}, training=ds.TrainConfig(epochs=8, threads=1), on_progress=tell, on_epoch=epoch)
print("DONE", len(s), flush=True)
"""


def run(path: Path, *, slow: bool) -> subprocess.Popen[str]:
    code = SCRIPT.format(path=str(path), slow=slow)
    return subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_fit_cut_short_goes_on_where_it_stopped(tmp_path: Path, how: signal.Signals) -> None:
    target = tmp_path / "cut.space"
    process = run(target, slow=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("EPOCH 4"):
            time.sleep(0.3)
            process.send_signal(how)
            break
    process.wait()
    assert process.returncode != 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.space.partial"]
    with pytest.raises(SpaceError, match="is an unfinished fit"):
        ds.open(target)
    process = run(target, slow=False)
    assert process.stdout is not None
    output = process.stdout.read()
    assert process.wait() == 0
    assert "MESSAGE going on from the fit that was cut short" in output
    epochs = [int(line.split()[1]) for line in output.splitlines() if line.startswith("EPOCH")]
    assert epochs[-1] == 8
    assert epochs[0] > 1
    whole = ds.open(target, verify=True)
    straight = ds.fit(digits(), path=tmp_path / "straight.space", training=ds.TrainConfig(epochs=8, threads=1))
    for name in ("weights.safetensors", "latents_mean.npy", "map.npy"):
        assert (whole.folder / name).read_bytes() == (straight.folder / name).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["cut.space", "straight.space"]


def test_the_checkpoint_of_other_data_is_not_gone_on_from(tmp_path: Path) -> None:
    class EnoughError(Exception):
        pass

    def stop(model: object, epoch: int) -> None:
        if epoch == 2:
            raise EnoughError

    images, labels = digits()
    with pytest.raises(EnoughError):
        ds.fit((images, labels), path=tmp_path / "a.space", training=ds.TrainConfig(epochs=4, threads=1), on_epoch=stop)
    assert (tmp_path / "a.space.partial" / "fit.json").exists()
    seen = []
    space = ds.fit(
        (255 - images, labels), path=tmp_path / "a.space", training=BRIEF, on_progress=lambda p: seen.append(p.message)
    )
    assert len(space.history["epochs"]) == 2
    assert not any("going on" in m for m in seen)
    assert "a.space.partial held another fit: starting anew" in seen


def test_should_stop_keeps_the_best_so_far(tmp_path: Path) -> None:
    epochs: list[int] = []
    space = ds.fit(
        digits(),
        path=tmp_path / "a.space",
        training=ds.TrainConfig(epochs=50, threads=1),
        on_epoch=lambda model, n: epochs.append(n),
        should_stop=lambda: len(epochs) >= 3,
    )
    assert space.history["stopped"] == "user"
    assert len(space.history["epochs"]) < 10
    assert space.map.trust


def test_refusals_come_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(SpaceError, match="is a folder but not a space"):
        ds.fit(tmp_path / "nowhere.csv", path=tmp_path / "photos")
    with pytest.raises(DataError):
        ds.fit(tmp_path / "nowhere.csv", path=tmp_path / "a.space")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]
    with pytest.raises(DeepspaceError):
        ds.fit(digits(), model=ds.VAE(likelihood="none such"), path=tmp_path / "a.space")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["photos"]


def test_the_thin_methods_answer(fitted: tuple[ds.Space, list[ds.Progress]]) -> None:
    space = fitted[0]
    assert len(space.factors()) == space.latent_dim
    assert space.traverse(space.factors()[0])
    assert space.path(0, 1)
    assert space.path(0, 1, kind="spherical", steps=5)
    assert len(space.measure())
    assert space.layers()
    assert space.precedents(row=0, k=3)
    assert json.dumps(space.manifest)
