"""Counts from every place they come from, the same rows each time; what is no count is refused with its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from scipy import io, sparse

from deepspace.data import load, schema_from_json, stream
from deepspace.data.counts import CountsSchema
from deepspace.errors import DataError

GENES = tuple(f"G{i}" for i in range(40))


def counts(n: int = 60, seed: int = 0) -> np.ndarray:
    """(n, 40) negative binomial counts with a long tail."""
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, rng.lognormal(0, 2, len(GENES)), (n, len(GENES)))).astype(np.int32) + np.eye(
        n, len(GENES), dtype=np.int32
    )


class FakeAnnData:
    """The parts of an AnnData that are read."""

    def __init__(self, x: Any, layers: dict[str, Any] | None = None) -> None:
        self.X, self.layers, self.raw = x, layers or {}, None
        self.var_names = list(GENES)
        self.obs_names = [f"cell{i}" for i in range(x.shape[0])]
        self.obs = pd.DataFrame({"kind": pd.Categorical([f"t{i % 3}" for i in range(x.shape[0])])}, self.obs_names)
        self.n_obs = x.shape[0]


def write_h5ad(path: Path, x: np.ndarray, layer: np.ndarray | None = None) -> None:
    """As anndata 0.8 and later lays a file out: sparse X, categorical and nullable obs."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, values in (("X", x), *([] if layer is None else [("layers/counts", layer)])):
            matrix = sparse.csr_matrix(values)
            group = file.create_group(name)
            group.attrs["encoding-type"], group.attrs["shape"] = "csr_matrix", matrix.shape
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(matrix, part)
        obs, var = file.create_group("obs"), file.create_group("var")
        obs.attrs["_index"], obs.attrs["column-order"] = "_index", ["kind", "age"]
        obs["_index"] = [f"cell{i}" for i in range(len(x))]
        kind = obs.create_group("kind")
        kind["codes"], kind["categories"] = np.arange(len(x), dtype=np.int8) % 3, ["t0", "t1", "t2"]
        age = obs.create_group("age")
        age["values"], age["mask"] = np.arange(len(x)), np.arange(len(x)) == 1
        var.attrs["_index"] = "_index"
        var["_index"] = list(GENES)


def write_tenx(folder: Path, x: np.ndarray) -> None:
    folder.mkdir()
    io.mmwrite(folder / "matrix.mtx", sparse.coo_matrix(x.T))
    (folder / "genes.tsv").write_text("".join(f"ENS{i}\t{name}\n" for i, name in enumerate(GENES)))
    (folder / "barcodes.tsv").write_text("".join(f"cell{i}\n" for i in range(len(x))))


def sources(folder: Path, x: np.ndarray) -> dict[str, Any]:
    np.savez(folder / "x.npz", X=x, genes=np.array(GENES), label=np.arange(len(x)) % 3)
    write_h5ad(folder / "x.h5ad", np.log1p(x), x)
    write_tenx(folder / "tenx", x)
    return {
        "npz": folder / "x.npz",
        "h5ad": folder / "x.h5ad",
        "tenx": folder / "tenx",
        "csr": sparse.csr_matrix(x),
        "csc array": sparse.csc_array(x.astype(np.float64)),
        "labelled": (sparse.coo_matrix(x), np.arange(len(x)) % 3),
        "anndata": FakeAnnData(sparse.csr_matrix(np.log1p(x)), {"counts": x}),
        "array": x,
    }


def test_every_source_gives_the_same_rows(tmp_path: Path):
    x = counts()
    for name, source in sources(tmp_path, x).items():
        dataset = load(source)
        schema = dataset.schema
        assert isinstance(schema, CountsSchema), name
        np.testing.assert_array_equal(dataset.array, x, name)
        assert schema.library == np.median(x.sum(1))
        if name not in ("csr", "csc array", "labelled", "array"):
            assert schema.names == GENES, name
        np.testing.assert_array_equal(np.concatenate(list(stream(source, schema, rows=7))), x)
        assert schema_from_json(schema.to_json()) == schema


def test_what_is_known_of_cells_becomes_columns(tmp_path: Path):
    write_h5ad(tmp_path / "a.h5ad", counts())
    rows = load(tmp_path / "a.h5ad").rows
    assert rows["kind"].to_pylist()[:4] == ["t0", "t1", "t2", "t0"]
    assert rows["age"].to_pylist()[:3] == [0, None, 2]
    assert rows["cell"].to_pylist()[0] == "cell0"
    target = load(FakeAnnData(counts())).schema.target
    assert target is not None
    assert (target.name, target.categories) == ("kind", ("t0", "t1", "t2"))


def test_rows_and_draws_come_back_whole_and_means_as_they_are():
    schema = load(counts()).schema
    assert schema.decode(counts().astype(np.float32)).dtype == np.int64
    half = schema.decode(np.full((2, 40), 0.5, np.float32))
    assert half.dtype == np.float32
    assert half.max() == 0.5


def test_genes_are_matched_by_name():
    x = counts()
    schema = load(FakeAnnData(x)).schema
    other = FakeAnnData(x[:, ::-1])
    other.var_names = list(GENES[::-1])
    np.testing.assert_array_equal(schema.encode(other), x)
    other.var_names = ["new", *GENES[::-1][1:]]
    with pytest.raises(DataError, match="1 of the 40 genes of this space are not in the data, the first of them 'G39'"):
        schema.encode(other)
    with pytest.raises(DataError, match="rows have 3 counts, but this space was learned from 40"):
        schema.encode(x[:, :3])


def test_a_frame_of_whole_numbers_when_asked_for():
    x = counts()
    frame = pd.DataFrame(x, columns=list(GENES)).assign(site=[f"s{i % 2}" for i in range(len(x))])
    dataset = load(frame, modality="counts")
    assert dataset.schema.names == GENES
    assert dataset.rows.column_names == ["site"]
    gap = pa.Table.from_pandas(frame).set_column(0, "G0", pa.array([None, *range(len(x) - 1)]))
    with pytest.raises(DataError, match="column 'G0' of 'table' has missing cells; counts must all be there"):
        load(gap, modality="counts")


@pytest.mark.parametrize(("wrong", "shown"), [(1.5, "1.5"), (-1.0, "-1"), (np.nan, "nan"), (np.inf, "inf")])
def test_what_is_no_count_is_refused_with_its_place(wrong: float, shown: str):
    x = counts().astype(np.float64)
    x[2, 3] = wrong
    with pytest.raises(DataError, match=rf"row 2, column 3 holds {shown}, which is no count"):
        load(sparse.csr_matrix(x))
    with pytest.raises(DataError, match=rf"row 2, 'G3' of X holds {shown}, which is no count; .*layers\['counts'\]"):
        load(FakeAnnData(x))
    with pytest.raises(DataError, match="is no count"):
        load(counts()).schema.encode(x)


def test_normalised_cells_can_be_learned_as_vectors():
    dataset = load(FakeAnnData(np.log1p(counts())), modality="vector")
    assert dataset.schema.modality == "vector"
    assert dataset.schema.names == GENES
    assert dataset.rows.column_names == ["kind", "cell"]


def test_empty_rows_are_left_out_and_twins_numbered():
    x = counts()
    x[4] = 0
    data = FakeAnnData(x)
    data.var_names = ["G0", "G0", *GENES[2:]]
    dataset = load(data)
    assert len(dataset) == 59
    assert any("1 rows without a single count are left out, first row 4" in note for note in dataset.notes)
    assert dataset.schema.names[:2] == ("G0", "G0-1")
    with pytest.raises(DataError, match="every count is 0"):
        load(sparse.csr_matrix((10, 4)))


def test_normalise_makes_rows_of_any_depth_alike():
    schema = load(counts()).schema
    x = counts().astype(np.float32)
    np.testing.assert_allclose(schema.normalise(7 * x), schema.normalise(x), atol=1e-5)
    np.testing.assert_allclose(np.expm1(schema.normalise(x)).sum(1), schema.library, rtol=1e-4)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda f: (f / "x.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n" + b"0" * 50), "is not a readable AnnData file"),
        (lambda f: (f / "x.h5ad").write_bytes(b"not at all"), "is not a readable AnnData file"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, make: Any, says: str):
    pytest.importorskip("h5py")
    make(tmp_path)
    with pytest.raises(DataError, match=says):
        load(tmp_path / "x.h5ad")


def test_files_of_different_sets_are_refused(tmp_path: Path):
    write_tenx(tmp_path / "t", counts())
    (tmp_path / "t" / "barcodes.tsv").write_text("only one\n")
    with pytest.raises(DataError, match=r"'barcodes.tsv' names 1 cells, but 'matrix.mtx' has 60"):
        load(tmp_path / "t")


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "x.h5ad").write_bytes(b"\x89HDF\r\n\x1a\n")
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(DataError, match=r"needs h5py to be read; install it with: pip install 'deepspace\[cells\]'"):
        load(tmp_path / "x.h5ad")
