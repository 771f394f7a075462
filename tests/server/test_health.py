"""The figures behind the health panel, against the space's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from deepspace.server import Session
from tests.spaces import fit


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    return fit("table", tmp_path_factory.mktemp("health"), epochs=4)


def test_curves_moments_and_worst_rows(space: ds.Space, running: Callable[..., Any], tmp_path: Path) -> None:
    shown = running(Session(space.name, space=space)).http.get("/api/health").json()
    history = space.history
    assert [e["epoch"] for e in shown["epochs"]] == [1, 2, 3, 4]
    for name, series in (("elbo", "elbo"), ("validation_elbo", "validationElbo"), ("kl", "kl")):
        np.testing.assert_allclose([e[series] for e in shown["epochs"]], [e[name] for e in history["epochs"]])
    assert shown["bestEpoch"] == history["best_epoch"]
    deviation = np.sqrt(space.latents.mean.var(0) + np.square(space.latents.scale).mean(0))
    np.testing.assert_allclose([d["deviation"] for d in shown["dimensions"]], deviation, rtol=1e-4)
    np.testing.assert_allclose([d["mean"] for d in shown["dimensions"]], space.latents.mean.mean(0), atol=1e-5)
    errors = np.asarray(space.figures["reconstruction_error"])
    assert [w["row"] for w in shown["worst"]] == np.lexsort((np.arange(len(errors)), -errors))[:12].tolist()
    np.testing.assert_allclose([w["error"] for w in shown["worst"]], np.sort(errors)[::-1][:12], rtol=1e-6)
    assert [w["seen"] for w in shown["worst"]] == [w["row"] not in space.validation_index for w in shown["worst"]]
    assert shown["n"] == len(space)
    assert shown["far"] == int((errors > shown["limit"]).sum())
