"""The rooms on the right meet every modality: measures, factors, walks, layers and precedents of spaces that were
fitted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from deepspace import Space
from deepspace.layers import activations
from deepspace.metrics import health


def test_measures_and_health(any_space: Space) -> None:
    measures = any_space.measure()
    elbo, reconstruction, kl = (measures[name] for name in ("elbo", "log_likelihood", "kl"))
    assert elbo.n == len(any_space.validation_index) > 0
    assert np.isclose(elbo.value, reconstruction.value - kl.value)
    assert len(measures.each("kl")) == any_space.latent_dim
    assert ("knn_accuracy" in {m.name for m in measures}) == (any_space.schema.target is not None)
    if any_space.schema.modality == "table":
        assert {m.about for m in measures.each("reconstruction_error")} == {c.name for c in any_space.schema.features}
    # What the page and the command line show was stored with the space, and is what is found again.
    assert any_space.measures["health"] == health(any_space, measures)


def test_the_elbo_agrees_with_the_figures_of_the_rows(any_space: Space) -> None:
    """Two draws of z, one average: they differ by noise alone."""
    measured = any_space.measure(["elbo"])["elbo"]
    figures = np.asarray(any_space.figures["elbo"])[any_space.validation_index]
    noise = figures.std() / np.sqrt(len(figures))
    assert abs(measured.value - figures.mean()) < 4 * noise + 0.05 * abs(figures.mean())


def test_factors_and_walks(any_space: Space) -> None:
    factors = any_space.factors()
    assert sorted(f.index for f in factors) == list(range(any_space.latent_dim))
    assert all(a.kl >= b.kl for a, b in zip(factors.items, factors.items[1:], strict=False))
    assert factors[0].effect > 0
    for walk in (any_space.traverse(factors[0], steps=5), any_space.path(0, 1, kind="spherical", steps=5)):
        table = walk.to_arrow()
        assert table.num_rows == 5
        own = type(walk.content) is type(any_space.decode(walk.z))
        assert own, "a walk gives what decode gives"
        assert isinstance(table, pa.Table)


def test_layers_and_activations(any_space: Space) -> None:
    layers = any_space.layers()
    assert {layer.part for layer in layers} == {"encoder", "decoder"}
    assert 0 < sum(layer.parameters for layer in layers) <= layers.parameters
    answers = activations(any_space, rows=[0, 1, 2])
    assert {name: answer.shape for name, answer in answers.items()} == {x.name: (3, *x.shape) for x in layers}
    # The encoder's last answers hold the posterior mean that the space stores.
    posterior = next(name for name in answers if name.startswith("posterior"))
    mean = answers[posterior][:, : any_space.latent_dim] + answers.get("linear.encode", 0.0)
    np.testing.assert_allclose(mean, any_space.latents.mean[:3], atol=1e-4)


def test_precedents(any_space: Space) -> None:
    found = any_space.precedents(row=0, k=4)
    assert len(found) == 4
    assert 0 not in found.index
    assert np.all(np.diff(found.distance) >= 0)
    if any_space.schema.target is not None:
        own = any_space.rows.table([found.target], found.index).column(0).to_pylist()
        assert list(found.values) == own
        assert found.n == 4
