"""A nuisance column that is told and not learned: readable from a VAE's latents, no longer from a conditional one's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression

import deepspace as ds
from deepspace.errors import DataError, ModelError, SpaceError
from deepspace.models import Layout, build, choose
from deepspace.models.conditions import dependence
from deepspace.training import TrainConfig

TRAINING = TrainConfig(epochs=25, threads=1, validation_fraction=0.25)


def batches(n: int = 600) -> pd.DataFrame:
    """Two factors seen through six columns, in three batches of different offset; commonest batch 'b'."""
    rng = np.random.default_rng(0)
    batch = rng.choice(3, n, p=[0.25, 0.5, 0.25])
    x = rng.normal(size=(n, 2)) @ rng.normal(size=(2, 6)) + 3 * rng.normal(size=(3, 6))[batch]
    frame = pd.DataFrame(x + 0.1 * rng.normal(size=(n, 6)), columns=[f"x{i}" for i in range(6)])
    return frame.assign(batch=np.array(["a", "b", "c"])[batch])


def readable(space: ds.Space) -> float:
    """Held-out accuracy of a linear probe for the batch."""
    held = space.validation_index
    training = np.setdiff1d(np.arange(len(space)), held)
    z, y = np.asarray(space.latents.mean), np.array(space.rows.column("batch").to_pylist())
    return float((LogisticRegression(max_iter=500).fit(z[training], y[training]).predict(z[held]) == y[held]).mean())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    path = tmp_path_factory.mktemp("told") / "told.space"
    return ds.fit(batches(), model=ds.ConditionalVAE(condition="batch", latent_dim=3), training=TRAINING, path=path)


def test_the_batch_leaves_the_latents_and_rows_are_rebuilt_as_well(told: ds.Space) -> None:
    aside = {"columns": {"batch": {"role": "metadata"}}}
    plain = ds.fit(batches(), model=ds.VAE(latent_dim=3), training=TRAINING, schema=aside)
    assert [c.name for c in told.schema.features] == [f"x{i}" for i in range(6)]
    assert readable(plain) > 0.9
    assert readable(told) < 0.65  # the commonest is half of them
    error = [s.measure(["reconstruction"])["reconstruction_error"].value for s in (told, plain)]
    assert error[0] < 1.2 * error[1]


def test_a_place_decodes_under_each_condition(told: ds.Space) -> None:
    assert told.conditions[0] == "b"
    assert sorted(told.conditions) == ["a", "b", "c"]
    z = told.latents.mean[:200]
    under = {c: told.decode(z, condition=c)[[f"x{i}" for i in range(6)]].to_numpy() for c in told.conditions}
    np.testing.assert_array_equal(told.decode(z)[[f"x{i}" for i in range(6)]].to_numpy(), under["b"])
    frame = batches()
    for one, other in (("a", "b"), ("c", "b")):
        means = frame.groupby("batch").mean()
        moved = (under[one] - under[other]).mean(0)
        assert np.corrcoef(moved, (means.loc[one] - means.loc[other]).to_numpy(float))[0, 1] > 0.9
    with pytest.raises(SpaceError, match="there is no condition 'd'; it has b, "):
        told.decode(z, condition="d")


def test_rows_are_rebuilt_under_their_own_condition_wherever_they_are_shown(told: ds.Space) -> None:
    names = [f"x{i}" for i in range(6)]
    rows = told.validation_index[:40]
    own = told.decode(told.latents.mean[rows], condition=told.condition_codes[rows])[names].to_numpy()
    fresh = batches().iloc[rows]  # new to the space: the frame itself says what they are
    np.testing.assert_allclose(told.reconstruct(fresh)[names].to_numpy(), own, atol=1e-4)
    told_b = told.reconstruct(fresh.drop(columns="batch"))[names].to_numpy()
    assert np.abs(told_b - own).mean() > 0.5
    with pytest.raises(ModelError, match="Row 0 has 'd' for the condition 'batch'"):
        told.reconstruct(fresh.assign(batch="d"))

    # A space beside itself: if either were decoded at the commonest batch, the errors would differ from the figures.
    found = told.compare(told)
    error = float(np.mean(told.figures["reconstruction_error"][told.validation_index]))
    whole = next(g for g in found.errors if g.part == "all")
    assert whole.a == pytest.approx(error, rel=1e-3)


def test_it_opens_again_with_its_conditions(told: ds.Space, tmp_path: Path) -> None:
    saved = told.save(tmp_path / "copy.space")
    assert saved.conditions == told.conditions
    np.testing.assert_array_equal(saved.condition_codes, told.condition_codes)
    names = np.array(told.conditions)[told.condition_codes]
    assert names.tolist() == batches()["batch"].tolist()
    assert any("a place of no row decodes as b" in note for note in told.manifest["provenance"]["notes"])
    own = saved.decode_encoded(saved.latents.mean[:50], condition=saved.condition_codes[:50])
    error = np.sqrt(np.square(own - saved.samples[:50]).mean())
    strange = np.sqrt(np.square(saved.decode_encoded(saved.latents.mean[:50]) - saved.samples[:50]).mean())
    assert error < 0.7 * strange


@pytest.mark.parametrize(
    ("change", "condition", "error", "says"),
    [
        (lambda f: f, "nowhere", (ModelError, DataError), "no column 'nowhere'"),
        (lambda f: f, "x0", ModelError, "The condition 'x0' has 600 different values; it must have from 2 to 255"),
        (lambda f: f.assign(batch="a"), "batch", ModelError, "'batch' has 1 different values"),
        (lambda f: f.assign(batch=f.batch.where(f.index != 7)), "batch", ModelError, "'batch' is missing in row 7"),
        (lambda f: f, None, ModelError, "A ConditionalVAE needs the name of a column as its condition; there are x0"),
    ],
)
def test_what_cannot_be_a_condition_is_refused(change, condition, error, says) -> None:
    with pytest.raises(error, match=says):
        ds.fit(change(batches()), model=ds.ConditionalVAE(condition=condition), training=TRAINING)


def test_a_model_without_a_condition_takes_none(tmp_path: Path) -> None:
    space = ds.fit(batches(80), model=ds.PCA(latent_dim=2))
    assert space.conditions == ()
    assert space.condition_codes is None
    with pytest.raises(SpaceError, match="there is no condition 'a'; its model has none"):
        space.decode([[0.0, 0.0]], condition="a")


def test_invariance_is_paid_in_the_loss() -> None:
    x = torch.randn(200, 6, generator=torch.Generator().manual_seed(0))
    codes = (x[:, 0] > 0).long()
    losses = []
    for invariance in (0.0, 50.0):
        # Without dropout and the linear path, whose start draws random directions, both models are the same.
        config = ds.ConditionalVAE(
            condition="c", values=("a", "b"), latent_dim=2, invariance=invariance, dropout=0.0, linear=False
        )
        layout = Layout("vector", (6,))
        model = build(choose(layout, x.numpy(), config), layout, seed=0)
        model.prepare(x)
        bound = model.given(codes)
        losses.append(bound.loss(x, 1.0, torch.Generator().manual_seed(0))[0])
        told = 50 * dependence(bound.encode(x).mean, codes)
    assert told > 0.1
    torch.testing.assert_close(losses[1] - losses[0], told)
    losses[1].backward()
    assert all(p.grad is not None for p in bound.encoder.parameters())


def test_dependence_is_none_of_noise_and_grows_with_what_is_told() -> None:
    generator = torch.Generator().manual_seed(0)
    codes = torch.randint(0, 4, (1000,), generator=generator)
    z = torch.randn(1000, 5, generator=generator)
    found = [float(dependence(z + shift * codes[:, None], codes)) for shift in (0.0, 0.3, 1.0)]
    assert 0 <= found[0] < 0.01
    assert found[0] < found[1] < found[2] <= 1
    # It sees what no linear probe does: a difference in spread.
    assert float(dependence(z * (1 + codes[:, None]), codes)) > 5 * found[0]
