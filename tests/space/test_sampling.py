"""New rows: under conditions, with missing cells, written to a file whole or not at all; and cells filled in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch

import deepspace as ds
from deepspace.cli import main
from deepspace.errors import SpaceError
from deepspace.space.imputing import impute_encoded
from deepspace.space.sampling import draw_encoded, latents
from deepspace.space.writing import write_rows


def visits(n: int = 900) -> pd.DataFrame:
    """Numbers, categories, whole numbers, dates; the return is missing where nobody came back, and zeros abound."""
    rng = np.random.default_rng(0)
    kind = rng.choice(["short", "long", "odd"], n, p=[0.6, 0.39, 0.01])
    days = np.where(kind == "long", rng.integers(10, 30, n), rng.integers(1, 8, n))
    first = pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 700, n), unit="D")
    back = (first + pd.to_timedelta(days, unit="D")).to_series(index=range(n))
    back[kind != "long"] = pd.NaT
    fee = np.where(kind == "short", 0.0, (days * 20 + rng.normal(0, 5, n)).round(1))
    return pd.DataFrame({"kind": kind, "days": days, "first": first, "back": back, "fee": fee, "paid": fee > 300})


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ds.Space]:
    path = tmp_path_factory.mktemp("visits") / "visits.space"
    with ds.fit(visits(), target="paid", path=path, training=ds.TrainConfig(epochs=40, threads=1)) as fitted:
        yield fitted


def test_rows_are_in_the_user_s_columns_and_types_with_their_spikes_and_gaps(space: ds.Space) -> None:
    rows, real = space.sample(2000), visits()
    assert list(rows.columns) == ["kind", "days", "first", "back", "fee"]
    assert rows["days"].dtype.kind == "i"
    assert rows["days"].between(real["days"].min(), real["days"].max()).all()
    assert str(rows["first"].dtype).startswith("datetime64")
    assert (rows["fee"] == 0).mean() == pytest.approx((real["fee"] == 0).mean(), abs=0.08)
    assert rows["back"].isna().mean() == pytest.approx(real["back"].isna().mean(), abs=0.08)
    # Who stays short has no return, in the rows drawn as in the data.
    assert rows["back"].isna()[rows["kind"] == "short"].mean() > 0.9
    assert rows["back"].notna()[rows["kind"] == "long"].mean() > 0.8


def test_a_decoded_row_does_not_invent_what_is_structurally_missing(space: ds.Space) -> None:
    real = visits()
    short, long = (np.flatnonzero(real["kind"] == kind)[:40] for kind in ("short", "long"))
    assert space.decode(space.latents.mean[short])["back"].isna().mean() > 0.9
    assert space.decode(space.latents.mean[long])["back"].notna().mean() > 0.9
    assert np.isfinite(space.decode_encoded(space.latents.mean[short])).all()


def test_conditions_on_learned_columns_hold_exactly_and_weigh_as_rejection_would(space: ds.Space) -> None:
    drawn = draw_encoded(space, 1500, seed=1, given={"kind": "long"})
    rows = space.schema.decode(drawn.encoded)
    assert (rows["kind"] == "long").all()
    assert drawn.draws >= 1500
    assert 20 < drawn.effective <= drawn.draws
    many = space.sample(6000, seed=2)
    kept = many[many["kind"] == "long"]
    assert rows["days"].mean() == pytest.approx(kept["days"].mean(), abs=1.5)
    assert rows["fee"].mean() == pytest.approx(kept["fee"].mean(), rel=0.12)
    both = space.sample(50, given={"kind": "long", "days": 20})
    assert (both["days"] == 20).all()


def test_a_condition_on_a_column_that_was_not_trained_on_draws_around_the_rows_that_have_it(space: ds.Space) -> None:
    paid = space.sample(300, given={"paid": True})
    assert (paid["fee"] > 250).mean() > 0.8
    assert latents(space, 5, given={"paid": "True"}).shape == (5, space.latent_dim)


def test_a_model_without_a_likelihood_keeps_the_draws_that_fit(tmp_path: Path) -> None:
    with ds.fit(visits(400), target="paid", model=ds.PCA(latent_dim=3), path=tmp_path / "pca.space") as space:
        drawn = draw_encoded(space, 40, given={"kind": "short"})
        assert (space.schema.decode(drawn.encoded)["kind"] == "short").all()
        assert drawn.draws > 40
        filled = space.impute(visits(400).iloc[:50])
        assert not filled.isna().any().any()


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"kind": "medium"}, "it is one of long, odd, short"),
        ({"days": 500}, "the data go from 1 to 29"),
        ({"days": "many"}, "it is no integer"),
        ({"colour": "red"}, "there is no column 'colour' in 'visits'"),
        ({"paid": "perhaps"}, "no training row of 'visits' has that"),
    ],
)
def test_conditions_that_cannot_be_met_are_refused_in_a_sentence(
    space: ds.Space, given: dict[str, object], sentence: str
) -> None:
    with pytest.raises(SpaceError, match=sentence) as refused:
        space.sample(5, given=given)
    assert "\n" not in str(refused.value)


def test_conditions_that_are_too_rare_are_refused(space: ds.Space, monkeypatch: pytest.MonkeyPatch) -> None:
    def almost_never(x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
        return 400.0 * z[:, 0]

    monkeypatch.setattr("deepspace.space.sampling.MOST_DRAWS", 4096)
    monkeypatch.setattr(space.model, "log_likelihood", almost_never)
    with pytest.raises(SpaceError, match=r"of [\d,]+ draws only about \d+ carry that"):
        space.sample(5, given={"kind": "odd"})


def test_missing_cells_are_filled_from_the_others_and_observed_ones_stay(space: ds.Space) -> None:
    asked = visits().iloc[:200].copy()
    truth = asked["days"].copy()
    hidden = np.arange(200) % 2 == 0
    asked["days"] = asked["days"].astype(float)
    asked.loc[hidden, "days"] = np.nan
    filled = space.impute(asked)
    assert not filled.isna().any().any()
    assert (filled["days"][~hidden] == truth[~hidden]).all()
    assert (filled["kind"] == asked["kind"]).all()
    error = (filled["days"] - truth)[hidden]
    assert (error**2).mean() < 0.75 * truth.var()
    with pytest.raises(SpaceError, match="samples is 0"):
        space.impute(asked, samples=0)


def test_an_imputed_number_is_the_posterior_mean_of_a_linear_gaussian_model() -> None:
    from types import SimpleNamespace

    from tests.linear import LinearModel

    rng = np.random.default_rng(0)
    weights, _ = np.linalg.qr(rng.normal(size=(4, 2)))
    weights = (weights * [2.0, 1.0]).astype(np.float32)
    model = LinearModel(weights, np.zeros(4, np.float32), 0.5)

    class Seen(LinearModel):
        def encode(self, x: torch.Tensor):  # type: ignore[no-untyped-def]
            return super().encode(torch.nan_to_num(x))

        def log_likelihood(self, x: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
            cell = torch.where(x.isfinite(), x - self.decode(z), 0)
            return -0.5 * (cell / self.noise).square().sum(1)

    model.__class__ = Seen
    codec = SimpleNamespace(
        cardinality=0, low=-1e9, high=1e9, scale=SimpleNamespace(forward=lambda x: x, inverse=lambda x: x)
    )
    schema = SimpleNamespace(shape=(4,), codecs=[codec] * 4)
    fake = SimpleNamespace(model=model, schema=schema, latent_dim=2, name="linear")
    x = rng.normal(size=(30, 4)).astype(np.float32)
    x[:, 0] = np.nan
    covariance = weights @ weights.T + 0.25 * np.eye(4)
    exact = x[:, 1:] @ np.linalg.solve(covariance[1:, 1:], covariance[1:, 0])
    got = impute_encoded(fake, x, samples=600)  # type: ignore[arg-type]
    assert got[:, 0] == pytest.approx(exact, abs=0.2)
    assert np.abs(got[:, 0] - exact).mean() < 0.05


def test_the_command_writes_rows_and_their_figures(
    space: ds.Space, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new.parquet"

    def run(*more: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(["sample", str(space.folder), "-n", "200", "-o", str(file), *more])
        return int(left.value.code or 0), *capfd.readouterr()

    code, out, said = run()
    assert code == 0
    assert out.strip() == str(file)
    assert "The target 'paid' is not part of the rows" in said
    assert "column_shapes" in said
    table = pq.read_table(file)
    assert table.num_rows == 200
    assert table.schema.field("days").type == "int64"
    assert table.column("back").null_count > 0
    beside = json.loads(file.with_name("new.parquet.json").read_text())
    assert {"column_shapes", "column_pairs", "copies"} <= {m["name"] for m in beside["measures"]}
    code, _, said = run()
    assert code != 0
    assert "is already there; pass --overwrite" in said
    code, _, said = run("--overwrite", "--given", "kind=short")
    assert code == 0
    assert set(pq.read_table(file).column("kind").to_pylist()) == {"short"}
    assert "200 rows with kind=short: out of" in said
    assert run("--overwrite", "--given", "kind")[0] != 0
    assert sorted(f.name for f in tmp_path.iterdir()) == ["new.parquet", "new.parquet.json"]
    file.unlink()
    code, _, said = run()
    assert code != 0, "what is known of rows that are gone is not replaced unasked"
    assert "new.parquet.json' is already there" in said


def test_files_are_refused_before_anything_is_drawn_and_csv_has_the_same_cells(space: ds.Space, tmp_path: Path) -> None:
    encoded = draw_encoded(space, 30).encoded
    with pytest.raises(SpaceError, match=r"must end in \.csv or \.parquet"):
        write_rows(space, encoded, tmp_path / "rows.npz")
    with pytest.raises(SpaceError, match="there is no folder"):
        write_rows(space, encoded, tmp_path / "nowhere" / "rows.csv")
    written = write_rows(space, encoded, tmp_path / "rows.csv")
    back = pd.read_csv(written, parse_dates=["first", "back"])
    expected = space.schema.decode(encoded)
    assert (back["days"] == expected["days"]).all()
    assert (back["back"].isna() == expected["back"].isna()).all()


def test_pictures_are_written_as_files_or_as_one(tmp_path: Path) -> None:
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = load_digits()
    source = ((digits.images[:120] * 15).astype(np.uint8), digits.target[:120])
    with ds.fit(source, path=tmp_path / "d.space", training=ds.TrainConfig(epochs=1, threads=1)) as space:
        encoded = draw_encoded(space, 12).encoded
        folder = write_rows(space, encoded, tmp_path / "pictures")
        files = sorted(folder.iterdir())
        assert [f.name for f in files][:2] == ["00.png", "01.png"]
        rows = np.load(write_rows(space, encoded, tmp_path / "p.npz"))["rows"]
        assert (np.asarray(Image.open(files[3])) == rows[3].squeeze()).all()
        write_rows(space, encoded[:2], folder, overwrite=True)
        assert len(list(folder.iterdir())) == 2
        (folder / "notes.txt").write_text("mine")
        with pytest.raises(SpaceError, match="holds more than PNG files"):
            write_rows(space, encoded, folder, overwrite=True)
