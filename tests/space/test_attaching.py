"""Models trained elsewhere: what a space made around one knows, refuses, keeps and takes back."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits, load_wine
from sklearn.decomposition import NMF, PCA, FastICA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import deepspace as ds
from deepspace.errors import DeepspaceError, ModelError, SpaceError

PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS, DIGITS = PIXELS[:240], DIGITS[:240]
BYTES = np.round(PIXELS.reshape(-1, 8, 8) * 15.9).astype(np.uint8)
WINE = load_wine(as_frame=True).frame.drop(columns="target")


class Net(nn.Module):
    """A linear autoencoder of pictures in [0, 1], as somebody else might have written it."""

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        components = PCA(dim).fit(BYTES.reshape(len(BYTES), -1) / 255.0)
        self.centre = nn.Parameter(torch.tensor(components.mean_, dtype=torch.float32))
        self.axes = nn.Parameter(torch.tensor(components.components_, dtype=torch.float32))
        self.drop = nn.Dropout(0.5)

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(x.flatten(1) - self.centre) @ self.axes.T

    def decode(self, z: torch.Tensor) -> torch.Tensor:
        return (z @ self.axes + self.centre).reshape(-1, 1, 8, 8)


@pytest.mark.parametrize("known", ["model", "methods", "functions", "arrays"])
def test_a_model_can_be_given_in_any_way(known: str) -> None:
    net = Net()
    ways: dict[str, dict[str, Any]] = {
        "model": {"model": net},
        "methods": {"encode": net.encode, "decode": net.decode},
        "functions": {"encode": lambda x: net.eval().encode(x), "decode": lambda z: net.decode(z)},
        "arrays": {
            "encode": lambda x: (x.reshape(len(x), -1) - net.centre.detach().numpy()) @ net.axes.detach().numpy().T,
            "decode": lambda z: z @ net.axes.detach().numpy() + net.centre.detach().numpy(),
        },
    }
    space = ds.attach(data=BYTES, batch=7, **ways[known])
    with torch.no_grad():
        true = net.eval().encode(torch.from_numpy(BYTES / np.float32(255)))
    np.testing.assert_allclose(space.latents.mean, true, atol=1e-4)
    np.testing.assert_allclose(space.encode(BYTES[:9]), true[:9], atol=1e-4)
    rebuilt = net.decode(true).clamp(0, 1).detach().numpy() * 255
    np.testing.assert_allclose(space.decode_encoded(true.numpy()), rebuilt, atol=0.02)
    np.testing.assert_array_equal(space.map.inverse_transform(space.map.positions[3:4]), space.latents.mean[3:4])
    assert any("inputs='unit', which rebuilt 64" in note for note in space.manifest["provenance"]["notes"])


def test_what_there_is_no_likelihood_or_posterior_for_is_not_said() -> None:
    space = ds.attach(Net(), data=BYTES)
    assert set(space.figures) == {"reconstruction_error", "log_density"}
    assert space.lacks == {"likelihood", "posterior", "prior"}
    found = space.measure()
    assert {"elbo", "holes", "prior_mismatch"} <= set(found.skipped)
    assert found.get("kl") is None
    assert found["reconstruction_error"].beats_baseline
    assert all(np.isnan(f.kl) and np.isfinite(f.effect) for f in space.factors())
    assert not any("collapse" in sentence for sentence in space.measures["health"])
    with pytest.raises(SpaceError, match="gives no posterior"):
        space.uncertainty(space.latents.mean[:2])
    with pytest.raises(ModelError, match="without a prior"):
        space.sample(2)
    with pytest.raises(SpaceError, match="layers are not looked into"):
        space.layers()


@pytest.mark.parametrize("second", ["scale", "log_variance", "guessed", "distribution", "latent_dist", "pythae"])
def test_a_posterior_is_understood_however_it_comes(second: str) -> None:
    net = Net()
    spread = torch.tensor([0.1, 2.0])

    def encode(x: torch.Tensor) -> Any:
        mean = net.eval().encode(x)
        scale = spread.expand_as(mean)
        return {
            "scale": (mean, scale),
            "log_variance": [mean, 2 * scale.log()],
            "guessed": (mean, 2 * scale.log()),
            "distribution": torch.distributions.Normal(mean, scale),
            "latent_dist": SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=scale)),
            "pythae": {"embedding": mean, "log_covariance": 2 * scale.log()},
        }[second]

    told = {"second": second} if second in ("scale", "log_variance") else {}
    space = ds.attach(encode=encode, decode=net.decode, data=BYTES, inputs="unit", **told)
    np.testing.assert_allclose(space.latents.scale, spread.expand(len(BYTES), 2), rtol=1e-4)
    mean = np.asarray(space.latents.mean, np.float64)
    true = 0.5 * (mean**2 + spread.numpy() ** 2 - 1) - np.log(spread.numpy())
    kl = space.measure(["units"]).each("kl")
    np.testing.assert_allclose([m.value for m in kl], true.mean(0), rtol=1e-4)
    assert "posterior_scale" in space.figures
    assert space.sample(3).shape == (3, 8, 8)


class LatentPictures(nn.Module):
    """The interface of diffusers' AutoencoderKL: pictures in -1..1, latents (B, c, h, w)."""

    def encode(self, x: torch.Tensor) -> Any:
        mean = torch.cat([x[:, :, ::2, ::2], x[:, :, 1::2, 1::2], x[:, :, ::2, 1::2], x[:, :, 1::2, ::2]], 1)
        return SimpleNamespace(latent_dist=SimpleNamespace(mean=mean, std=torch.full_like(mean, 0.01)))

    def decode(self, z: torch.Tensor) -> Any:
        assert z.shape[1:] == (4, 4, 4)
        x = torch.zeros(len(z), 1, 8, 8)
        x[:, 0, ::2, ::2], x[:, 0, 1::2, 1::2], x[:, 0, ::2, 1::2], x[:, 0, 1::2, ::2] = z.unbind(1)
        return SimpleNamespace(sample=x)


def test_latents_that_are_pictures_are_flattened_and_come_back() -> None:
    space = ds.attach(LatentPictures(), data=BYTES[:40], inputs="signed")
    assert space.latent_dim == 64
    assert space.manifest["model"]["config"]["latent_shape"] == [4, 4, 4]
    np.testing.assert_array_equal(space.reconstruct(BYTES[:20]), BYTES[:20])
    assert np.asarray(space.figures["reconstruction_error"]).max() < 1e-3


@pytest.mark.parametrize(
    "transformer",
    [PCA(2), FastICA(2, random_state=0), NMF(2, init="nndsvda", max_iter=500), make_pipeline(StandardScaler(), PCA(2))],
    ids=["pca", "ica", "nmf", "pipeline"],
)  # fmt: skip
def test_transformers_of_scikit_learn(transformer: Any) -> None:
    rows = BYTES.reshape(len(BYTES), -1).astype(np.float64)
    fitted = transformer.fit(rows)
    space = ds.attach(fitted, data=BYTES)
    np.testing.assert_allclose(space.latents.mean, fitted.transform(rows), rtol=1e-3, atol=1e-2)
    true = fitted.inverse_transform(fitted.transform(rows[:30])).clip(0, 255)
    np.testing.assert_allclose(space.decode_encoded(space.latents.mean[:30]).reshape(30, -1), true, atol=0.1)


def test_colours_are_flattened_as_the_data_had_them() -> None:
    rng = np.random.default_rng(0)
    colour = (
        rng.uniform(size=(60, 1, 1, 1)) * np.linspace(50, 255, 64).reshape(8, 8, 1) * np.array([1, 0.5, 0.1])
    ).astype(np.uint8)
    flat = colour.reshape(60, -1).astype(np.float64)
    fitted = PCA(2).fit(flat)
    space = ds.attach(fitted, data=colour)
    np.testing.assert_allclose(space.latents.mean, fitted.transform(flat), atol=0.05)
    rebuilt = fitted.inverse_transform(fitted.transform(flat)).clip(0, 255).reshape(colour.shape)
    np.testing.assert_allclose(space.reconstruct(colour), rebuilt, atol=1.01)


@pytest.mark.parametrize("as_frame", [True, False])
def test_tables_and_vectors_in_the_units_of_the_user(as_frame: bool, recwarn: pytest.WarningsRecorder) -> None:
    fitted = make_pipeline(StandardScaler(), PCA(2)).fit(WINE if as_frame else WINE.to_numpy())
    data: Any = WINE if as_frame else WINE.to_numpy().astype(np.float32)
    space = ds.attach(fitted, data=data, modality="table" if as_frame else "vector")
    truth = fitted.transform(data)
    np.testing.assert_allclose(space.latents.mean, truth, atol=2e-3)
    back = np.asarray(space.decode(space.latents.mean[:20]))
    true = fitted.inverse_transform(truth[:20])
    low, high = WINE.to_numpy().min(0), WINE.to_numpy().max(0)
    np.testing.assert_allclose(back, true, atol=np.maximum(0.51, 0.01 * (high - low)).max())
    assert not [w for w in recwarn if "feature names" in str(w.message)]


def test_latents_alone_answer_all_that_needs_no_decoder(tmp_path: Path) -> None:
    z = PCA(6).fit_transform(PIXELS)
    space = ds.attach(latents=z, data=(BYTES, DIGITS), held_out=range(200, 240), path=tmp_path / "z.space")
    np.testing.assert_array_equal(space.twin().validation_index, space.validation_index)
    pairs = np.arange(len(PIXELS)) // 2
    grouped = ds.attach(latents=z, data=(BYTES, DIGITS), held_out=range(200, 240), groups=pairs)
    assert grouped.groups is not None
    assert grouped.groups.told(grouped.validation_index) == "40 rows of 20 groups"
    with pytest.raises(SpaceError, match="held_out cuts 1 of the 120 groups in two"):
        ds.attach(latents=z, data=(BYTES, DIGITS), held_out=range(201, 240), groups=pairs)
    np.testing.assert_allclose(space.latents.mean, z, atol=1e-4)
    assert set(space.figures) == {"log_density"}
    assert space.lacks == {"encoder", "decoder", "posterior", "prior", "likelihood"}
    np.testing.assert_array_equal(space.validation_index, np.arange(200, 240))
    assert space.neighbors(z=z[:3], k=1).index[:, 0].tolist() == [0, 1, 2]
    assert len(space.regions()) > 1
    assert len(space.precedents(row=0).index) == 10
    found = space.direction({"label": "0"}, {"label": "1"})
    assert found.auc is not None
    assert found.auc > 0.9
    assert np.isnan(found.change).all()
    assert space.arithmetic([0], []).content is None
    assert space.measure(["knn"])["knn_accuracy"].n == 40
    assert "no decoder" in space.report(tmp_path / "z.html").read_text()
    opened = ds.open(tmp_path / "z.space")
    for ask in (
        lambda s: s.decode(z[:1]),
        lambda s: s.traverse(0),
        lambda s: s.path(0, 1),
        lambda s: s.local_factors(0),
    ):
        for one in (space, opened):
            with pytest.raises(ModelError, match="attached without a decoder"):
                ask(one)
    with pytest.raises(ModelError, match="without an encoder"):
        space.encode(BYTES[:1])


def test_a_space_opens_without_its_model_and_takes_it_back(tmp_path: Path) -> None:
    net = Net()
    ds.attach(net, data=BYTES, path=tmp_path / "net.space")
    space = ds.open(tmp_path / "net.space")
    assert (tmp_path / "net.space" / "weights.safetensors").stat().st_size < 100
    assert len(space.regions()) >= 1
    with pytest.raises(ModelError, match=r"attach it again with space\.attach"):
        space.decode(space.latents.mean[:1])
    with pytest.raises(ModelError, match=r"attach it again with space\.attach"):
        space.encode(BYTES[:1])
    assert space.attach(net) is space
    np.testing.assert_allclose(space.encode(BYTES), space.latents.mean, atol=1e-5)
    assert space.decode(space.latents.mean[:2]).shape == (2, 8, 8)
    again = space.save(tmp_path / "copy.space")
    other = Net()
    with torch.no_grad():
        other.axes[0] *= -1
    with pytest.raises(SpaceError, match="not the model of 'copy': it encodes 64 of 64 rows elsewhere"):
        again.attach(other)
    with pytest.raises(SpaceError, match="it encodes to 4 latent dimensions, the space has 2"):
        again.attach(Net(4))
    own = ds.fit(PIXELS[:60], modality="vector", model=ds.PCA(latent_dim=2))
    with pytest.raises(SpaceError, match="keeps its own model"):
        own.attach(net)


def test_an_embedding_of_length_one_is_not_called_collapsed() -> None:
    z = np.random.default_rng(0).normal(size=(40, 300)).astype(np.float32)
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    space = ds.attach(latents=z, data=BYTES[:40])
    assert space.measures["active_units"] == 300
    assert not any("collapse" in s or "dead" in s for s in space.measures["health"])


WRONG: list[tuple[dict[str, Any], str]] = [
    ({}, "There is nothing to attach"),
    ({"model": object()}, "Cannot attach a object: it has neither encode and decode"),
    ({"model": PCA(2), "decode": abs}, "either a whole model or its encode and decode, not both"),
    ({"encode": 3}, "encode must be something that can be called, got int"),
    ({"encode": lambda x: x.reshape(len(x), -1), "inputs": "zero"}, "inputs must be one of raw, unit, signed"),
    ({"encode": lambda x: x.reshape(len(x), -1), "second": "std"}, "second must be 'scale' or 'log_variance'"),
    ({"encode": lambda x: x.reshape(len(x), -1), "prior": "flat"}, "prior must be 'normal' or 'none'"),
    ({"encode": lambda x: x.reshape(len(x), -1), "batch": 0}, "batch must be at least 1"),
    ({"encode": lambda x: x.sum()}, "the encoder made an array of shape"),
    ({"encode": lambda x: x.reshape(len(x), 7)}, r"cannot encode rows of shape \(64, 1, 8, 8\)"),
    ({"encode": lambda x: x.reshape(len(x), -1), "decode": lambda z: z[:, :3]}, "it must give rows of shape"),
    ({"encode": lambda x: np.full((len(x), 3), np.nan)}, "encodes rows as NaN or infinity"),
    ({"encode": lambda x: "abc"}, "gave a str, which is no array of numbers"),
    ({"latents": np.zeros((3, 2))}, "there are 3 latents and 240 rows of data"),
    ({"latents": np.zeros(240)}, "give one row of latents a row of data"),
    ({"latents": "abc"}, "latents must be an array of numbers, got str"),
    ({"latents": np.full((240, 2), np.inf)}, "row 0 of latents holds NaN or infinity"),
    ({"latents": PIXELS[:, 20:24], "held_out": [240]}, "held_out must name rows from 0 to 239"),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONG, ids=[sentence[:28] for _, sentence in WRONG])
def test_what_cannot_be_attached_is_refused_in_a_sentence(wrong: dict[str, Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(DeepspaceError, match="(?i)" + sentence):
        ds.attach(data=BYTES, path=tmp_path / "no.space", **wrong)
    assert not (tmp_path / "no.space").exists()


def test_a_model_handed_the_wrong_units_is_told_so() -> None:
    space = ds.attach(Net(), data=BYTES, inputs="raw")
    assert any("no better than their mean" in note for note in space.manifest["provenance"]["notes"])


class CellModule(nn.Module):
    """The interface of scvi-tools' VAE module: ``inference`` gives "qz", ``generative`` "px" and needs a library."""

    def __init__(self, genes: int, dim: int) -> None:
        super().__init__()
        self.down, self.up = nn.Linear(genes, dim), nn.Linear(dim, genes)

    def inference(self, x: torch.Tensor, batch_index: torch.Tensor, cont_covs: Any = None) -> dict[str, Any]:
        assert batch_index.shape == (len(x), 1)
        mean = self.down(torch.log1p(x))
        qz = torch.distributions.Normal(mean, torch.full_like(mean, 0.2))
        return {"z": qz.rsample(), "qz": qz, "ql": None, "library": torch.log(x.sum(1)).unsqueeze(1)}

    def generative(self, z: torch.Tensor, library: torch.Tensor, batch_index: torch.Tensor) -> dict[str, Any]:
        rate = torch.exp(library) * torch.softmax(self.up(z), -1)
        return {"px": torch.distributions.Poisson(rate), "pl": None, "pz": None}


def test_a_model_of_cells() -> None:
    counts = np.random.default_rng(0).poisson(3.0, size=(120, 12))
    torch.manual_seed(0)
    model = SimpleNamespace(module=CellModule(12, 2), get_latent_representation=lambda: None)
    space = ds.attach(model, data=counts, modality="vector")
    with torch.no_grad():
        true = model.module.down(torch.log1p(torch.tensor(counts, dtype=torch.float32)))
    np.testing.assert_allclose(space.latents.mean, true, atol=1e-4)
    np.testing.assert_allclose(space.latents.scale, 0.2, rtol=1e-5)
    made = np.asarray(space.decode(space.latents.mean[:40]))
    np.testing.assert_allclose(made.sum(1), np.median(counts.sum(1)), rtol=1e-3)


def test_a_model_of_pythae() -> None:
    pytest.importorskip("pythae", reason="pythae is not installed")
    from pythae.models import VAE, VAEConfig

    torch.manual_seed(0)
    model = VAE(VAEConfig(input_dim=(1, 8, 8), latent_dim=2)).eval()
    space = ds.attach(model, data=BYTES, inputs="unit")
    with torch.no_grad():
        q = model.encoder(torch.from_numpy(BYTES[:, None] / np.float32(255)))
    np.testing.assert_allclose(space.latents.mean, q.embedding, atol=1e-5)
    np.testing.assert_allclose(space.latents.scale, torch.exp(0.5 * q.log_covariance), rtol=1e-4)
    assert space.reconstruct(BYTES[:3]).shape == (3, 8, 8)
