"""Spaces of the four modalities without a model: principal components stand in for the encoder and the decoder.

Real arrays, small and quick to make, behind the interface of ``BaseSpace``. To work on the page without fitting:

    python -m tests.server.fakes --modality image --port 8766
    python -m tests.server.fakes --modality table --fit 30      # a fit of 30 s with previews, then the space
"""

from __future__ import annotations

import argparse
import datetime as dt
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from deepspace.data.schema import Column
from deepspace.errors import TrainingError
from deepspace.server.session import Session
from deepspace.training.events import Progress

MODALITIES = ("image", "colour", "table", "signal", "vector")


class Neighbours(NamedTuple):
    index: np.ndarray
    distance: np.ndarray


@dataclass(frozen=True)
class FakeSchema:
    """Encoded rows are standardised; ``modality`` decides how they are decoded."""

    modality: str
    shape: tuple[int, ...]
    columns: tuple[Column, ...]
    mean: np.ndarray = field(default_factory=lambda: np.zeros(1), compare=False)
    scale: np.ndarray = field(default_factory=lambda: np.ones(1), compare=False)
    channel_names: tuple[str, ...] = ()

    @property
    def form(self) -> str:
        return self.modality

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.uint8 if self.modality == "image" else np.float32)

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role == "feature")

    @property
    def target(self) -> Column | None:
        return next((c for c in self.columns if c.role == "target"), None)

    def decode(self, encoded: np.ndarray) -> Any:
        if self.modality == "image":
            out = np.clip(np.rint(encoded), 0, 255).astype(np.uint8)
            return out[:, 0] if self.shape[0] == 1 else np.moveaxis(out, 1, 3)
        raw = encoded * self.scale + self.mean
        return pa.table(self._cells(raw)) if self.modality == "table" else raw

    def _cells(self, raw: np.ndarray) -> dict[str, list]:
        cells: dict[str, list] = {}
        for f, column in enumerate(self.features):
            values = raw[:, f]
            if column.kind in {"categorical", "boolean", "ordinal"}:
                codes = np.clip(np.rint(values), 0, len(column.categories) - 1).astype(int)
                cells[column.name] = [column.categories[c] for c in codes]
            elif column.kind == "integer":
                cells[column.name] = [round(float(v)) for v in values]
            elif column.kind == "date":
                cells[column.name] = [dt.date(1970, 1, 1) + dt.timedelta(days=round(float(v))) for v in values]
            else:
                cells[column.name] = [float(v) for v in values]
        return cells


class FakeRows:
    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.names = table.column_names

    def column(self, name: str) -> pa.ChunkedArray:
        return self._table[name]

    def record(self, index: int) -> dict[str, Any]:
        return self._table.slice(index, 1).to_pylist()[0]


@dataclass
class FakeLatents:
    mean: np.ndarray
    scale: np.ndarray


class FakeMap:
    """Positions from supervised components; a place's latents are those of the nearest items, by distance."""

    def __init__(self, positions: np.ndarray, z: np.ndarray) -> None:
        self.positions = positions.astype(np.float32)
        self._z = z
        pad = 0.05 * np.ptp(self.positions, axis=0)
        low, high = self.positions.min(0) - pad, self.positions.max(0) + pad
        self.bounds = (*low.tolist(), *high.tolist())
        self.trust = {"trustworthiness": 0.912, "continuity": 0.934, "n": len(z), "k": 5}
        self._reach = float(np.linalg.norm(high - low)) * 0.03

    def prepare(self) -> None:
        pass

    def _near(self, p: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        p = np.asarray(p, np.float32)
        squared = ((p[:, None] - self.positions[None]) ** 2).sum(2)
        index = np.argpartition(squared, k - 1, axis=1)[:, :k]
        return index, np.sqrt(np.take_along_axis(squared, index, 1))

    def inverse_transform(self, p: np.ndarray) -> np.ndarray:
        index, distance = self._near(p, min(6, len(self._z)))
        weight = 1 / (distance**2 + 1e-6)
        weight /= weight.sum(1, keepdims=True)
        return (self._z[index] * weight[..., None]).sum(1).astype(np.float32)

    def has_data(self, p: np.ndarray) -> np.ndarray:
        return self._near(p, 1)[1][:, 0] < self._reach


class FakeSpace:
    """Duck-typed ``BaseSpace``. ``decodes`` counts batches, ``delay`` slows them down, for tests."""

    version: ClassVar[int] = 1

    def __init__(self, name: str, schema: FakeSchema, samples: np.ndarray, rows: pa.Table, *, dims: int = 8) -> None:
        self.name, self.schema, self.samples = name, schema, samples
        self.folder = Path(f"/nowhere/{name}.space")
        self.rows = FakeRows(rows)
        flat = np.nan_to_num(samples.reshape(len(samples), -1).astype(np.float32))
        self._centre = flat.mean(0)
        part = flat[:: max(1, len(flat) // 2000)] - self._centre
        _, values, vectors = np.linalg.svd(part, full_matrices=False)
        dims = min(dims, vectors.shape[0])
        self._spread = values[:dims] / np.sqrt(len(part)) + 1e-6
        self._basis = vectors[:dims]
        z = (((flat - self._centre) @ self._basis.T) / self._spread).astype(np.float32)
        self.latents = FakeLatents(z, np.full_like(z, 0.1))
        self.latent_dim = dims
        self.map = FakeMap(self._positions(z), z)
        error = ((flat - self._flat(z)) ** 2).mean(1)
        norm = (z**2).sum(1)
        self.figures = {
            "reconstruction_error": error.astype(np.float32),
            "log_density": (-0.5 * norm).astype(np.float32),
            "elbo": (-error - 0.5 * norm).astype(np.float32),
            "posterior_scale": np.full(len(z), 0.1, np.float32),
        }
        self._norms = np.sort(norm)[::-1]
        self.measures = {"elbo": -101.2, "active_units": dims, "kl": [1.0] * dims, "health": ["This is a fake space."]}
        self.history: dict[str, Any] = {"epochs": []}
        self.manifest = {"format": 1, "source": name, "notes": ["Made up for a test."], "fingerprint": name}
        self.model, self.lacks = None, frozenset()
        self.decodes: list[int] = []
        self.delay = 0.0

    def __len__(self) -> int:
        return len(self.samples)

    def _positions(self, z: np.ndarray) -> np.ndarray:
        target = self.schema.target
        if target is None or not target.categories:
            return z[:, :2]
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        codes = np.array(self.rows.column(target.name).to_pylist())
        if len(set(codes)) < 3:
            return z[:, :2]
        step = max(1, len(z) // 2000)
        return LinearDiscriminantAnalysis(n_components=2).fit(z[::step], codes[::step]).transform(z)

    def _flat(self, z: np.ndarray) -> np.ndarray:
        return (np.asarray(z) * self._spread) @ self._basis + self._centre

    def decode_encoded(self, z: np.ndarray) -> np.ndarray:
        self.decodes.append(len(z))
        if self.delay:
            time.sleep(self.delay)
        out = self._flat(z).reshape(-1, *self.schema.shape).astype(np.float32)
        return np.clip(out, 0, 255) if self.schema.modality == "image" else out

    def decode(self, z: np.ndarray) -> Any:
        return self.schema.decode(self.decode_encoded(z))

    def neighbors(self, x: Any = None, *, z: np.ndarray, k: int = 10) -> Neighbours:
        mean = self.latents.mean
        squared = (mean**2).sum(1)[None] - 2 * z @ mean.T + (z**2).sum(1)[:, None]
        index = np.argsort(squared, axis=1, kind="stable")[:, :k]
        distance = np.sqrt(np.clip(np.take_along_axis(squared, index, 1), 0, None))
        return Neighbours(index.astype(np.int64), distance.astype(np.float32))

    def density_percentile(self, z: np.ndarray) -> np.ndarray:
        denser = np.searchsorted(-self._norms, -(np.asarray(z) ** 2).sum(1))
        return 100.0 * denser / len(self._norms)

    def distortion(self) -> Any:
        from deepspace.space.map.distortion import measure_distortion

        return measure_distortion(self.latents.mean, self.map.positions, rows=500)

    def uncertainty(self, z: np.ndarray) -> np.ndarray:
        return 0.1 + 0.01 * np.linalg.norm(np.asarray(z), axis=1)

    def uncertainty_percentile_of(self, values: np.ndarray) -> np.ndarray:
        return 100.0 * np.searchsorted(np.sort(self.uncertainty(self.latents.mean)), values) / len(self.latents.mean)

    def close(self) -> None:
        pass


def _target(name: str, categories: list[str]) -> Column:
    return Column(name, "categorical", "target", categories=tuple(categories), distinct=len(categories))


def image_space(n: int | None = None) -> FakeSpace:
    """Handwritten digits, 16 x 16 grey (scikit-learn's 8 x 8, doubled), with the class and a row number."""
    from sklearn.datasets import load_digits

    data = load_digits()
    index = np.arange(n or len(data.target)) % len(data.target)
    pictures = np.clip(data.images * 16, 0, 255).astype(np.uint8)[index].repeat(2, 1).repeat(2, 2)[:, None]
    names = [f"digit {c}" for c in range(10)]
    columns = (_target("class", names), Column("number", "integer", "metadata", distinct=len(index)))
    rows = pa.table({"class": [names[c] for c in data.target[index]], "number": np.arange(len(index))})
    return FakeSpace("digits", FakeSchema("image", (1, 16, 16), columns), pictures, rows, dims=16)


def colour_space(n: int | None = None) -> FakeSpace:
    """Digits tinted by class, 12 x 10, so that channels and the two sides cannot be confused."""
    from sklearn.datasets import load_digits

    data = load_digits()
    index = np.arange(n or 600) % len(data.target)
    grey = np.pad(data.images[index] * 16, ((0, 0), (2, 2), (1, 1)))
    tint = np.random.default_rng(0).uniform(0.2, 1.0, (10, 3))[data.target[index]]
    pictures = np.clip(grey[:, None] * tint[:, :, None, None], 0, 255).astype(np.uint8)
    names = [str(c) for c in range(10)]
    rows = pa.table(
        {"class": [names[c] for c in data.target[index]], "file": [f"{i:05d}.png" for i in range(len(index))]}
    )
    columns = (_target("class", names), Column("file", "text", "metadata", distinct=len(index)))
    return FakeSpace("tinted", FakeSchema("image", (3, 12, 10), columns), pictures, rows)


def table_space(n: int | None = None) -> FakeSpace:
    """Diabetes patients: numbers, whole numbers, a category, a flag, a date, missing cells, and a target."""
    from sklearn.datasets import load_diabetes

    data = load_diabetes(scaled=False)
    index = np.arange(n or len(data.target)) % len(data.target)
    x, y = data.data[index], data.target[index]
    rng = np.random.default_rng(0)
    days = np.rint(17_000 + 40 * (x[:, 0] - 50) + rng.normal(0, 30, len(x)))
    raw = np.column_stack([x[:, 0], x[:, 1] - 1, x[:, 2], x[:, 3], x[:, 4], x[:, 9] > 90, days]).astype(np.float32)
    absent = rng.random(len(raw)) < 0.05
    features = (
        Column("age", "integer", "feature"),
        Column("sex", "categorical", "feature", categories=("female", "male")),
        Column("bmi", "numeric", "feature", missing=int(absent.sum())),
        Column("blood pressure", "numeric", "feature"),
        Column("cholesterol", "integer", "feature"),
        Column("high glucose", "boolean", "feature", categories=("no", "yes")),
        Column("visit", "date", "feature"),
    )
    grades = np.array(["mild", "moderate", "severe"])[np.searchsorted([100, 200], y)]
    columns = (
        *features,
        _target("progression", ["mild", "moderate", "severe"]),
        Column("score", "numeric", "metadata"),
    )
    schema = FakeSchema("table", (7,), columns, mean=raw.mean(0), scale=raw.std(0))
    cells = schema._cells(raw)
    cells["bmi"] = [None if a else v for a, v in zip(absent, cells["bmi"], strict=True)]
    samples = ((raw - schema.mean) / schema.scale).astype(np.float32)
    samples[absent, 2] = np.nan
    return FakeSpace("diabetes", schema, samples, pa.table({**cells, "progression": grades, "score": y}), dims=5)


def signal_space(n: int | None = None) -> FakeSpace:
    """Two channels of 64 steps: cylinders, bells and funnels (Saito 1994) and their running sum."""
    rng = np.random.default_rng(0)
    n = n or 600
    kind = np.arange(n) % 3
    t = np.arange(64)
    start, stop = rng.integers(8, 20, (n, 1)), rng.integers(36, 60, (n, 1))
    inside = (t >= start) & (t < stop)
    rise = (t - start) / (stop - start)
    shape = np.select([kind[:, None] == 0, kind[:, None] == 1], [np.ones((n, 64)), rise], 1 - rise)
    line = inside * shape * (6 + rng.normal(size=(n, 1))) + rng.normal(0, 0.4, (n, 64))
    raw = np.stack([line, np.cumsum(line, 1) / 10], 1).astype(np.float32)
    mean, scale = raw.mean((0, 2), keepdims=True)[0], raw.std((0, 2), keepdims=True)[0]
    names = ["cylinder", "bell", "funnel"]
    schema = FakeSchema("signal", (2, 64), (_target("shape", names),), mean, scale, ("level", "sum"))
    rows = pa.table({"shape": [names[k] for k in kind]})
    return FakeSpace("cbf", schema, (raw - mean) / scale, rows)


def vector_space(n: int | None = None) -> FakeSpace:
    """Digits as plain vectors of 64 numbers, with the class as metadata."""
    from sklearn.datasets import load_digits

    data = load_digits()
    index = np.arange(n or len(data.target)) % len(data.target)
    raw = data.data[index].astype(np.float32)
    names = [str(c) for c in range(10)]
    rows = pa.table({"class": [names[c] for c in data.target[index]]})
    schema = FakeSchema("vector", (64,), (_target("class", names),), raw.mean(0), raw.std(0) + 1e-3)
    return FakeSpace("embeddings", schema, (raw - schema.mean) / schema.scale, rows)


def make(modality: str, n: int | None = None) -> FakeSpace:
    makers = {
        "image": image_space,
        "colour": colour_space,
        "table": table_space,
        "signal": signal_space,
        "vector": vector_space,
    }
    return makers[modality](n)


class FakeFit:
    """A fit that takes ``seconds``, with a preview an epoch, and ends in ``space`` (or in ``error``)."""

    def __init__(
        self, session: Session, space: FakeSpace, seconds: float, *, epochs: int = 40, error: str = ""
    ) -> None:
        self.session, self.space, self.seconds, self.epochs, self.error = session, space, seconds, epochs, error
        self.stopped_at: int | None = None
        self.hold = threading.Event()
        self.hold.set()

    def __call__(self, on_progress: Any, on_epoch: Any, should_stop: Any) -> FakeSpace:
        from deepspace.server.preview import Previews

        space = self.space
        dataset = type("Dataset", (), {"array": space.samples, "schema": space.schema, "rows": space.rows._table})
        dataset.__len__ = lambda _: len(space)
        previews = Previews(dataset())
        self.session.preview_with(previews, space.schema.modality)
        final = space.map.positions[previews.index].astype(np.float64)
        final = (final - final.mean(0)) / final.std()
        noise = np.random.default_rng(0).normal(size=final.shape)
        for epoch in range(1, self.epochs + 1):
            self.hold.wait()
            if should_stop():
                self.stopped_at = epoch
                break
            done = epoch / self.epochs
            if self.error and done > 0.3:
                raise TrainingError(self.error)
            time.sleep(self.seconds * 0.8 / self.epochs)
            elbo = -100 - 200 * (1 - done) ** 2
            left = self.seconds * (1 - 0.8 * done)
            on_progress(
                Progress(
                    "training",
                    done,
                    epoch,
                    self.epochs,
                    elbo,
                    elbo + 20 * done,
                    20 * done,
                    elbo - 2,
                    12,
                    41_000.0,
                    left,
                )
            )
            self.session.show(epoch, *previews.place(final * done + noise * (1 - done)))
        for phase in ("encoding", "mapping", "measuring", "saving"):
            for step in range(1, 6):
                time.sleep(self.seconds * 0.2 / 20)
                on_progress(Progress(phase, step / 5))  # type: ignore[arg-type]
        return space


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--modality", choices=MODALITIES, default="image")
    parser.add_argument("--rows", type=int, help="repeat or cut the data to this many rows")
    parser.add_argument("--port", type=int)
    parser.add_argument("--fit", type=float, default=0.0, help="pretend to fit for this many seconds first")
    parser.add_argument("--fail", action="store_true", help="let the pretended fit fail")
    parser.add_argument("--origin", action="append", default=[], help="another origin that may connect (vite dev)")
    options = parser.parse_args()
    from deepspace.server.run import serve

    space: Any = make(options.modality, options.rows)
    if options.fit:
        session = Session(space.name, notes=["column 'id' left out: it names rows", "3 of 442 rows were repaired"])
        error = (
            "the loss was not finite three times in a row at epoch 13; lower the learning rate." if options.fail else ""
        )
        session._fit = FakeFit(session, space, options.fit, error=error)
        session.start()
    else:
        session = Session(space.name, space=space)
    serve(session, port=options.port, origins=options.origin, on_ready=lambda a: print(a, flush=True))


if __name__ == "__main__":
    main()
