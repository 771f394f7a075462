"""Places as the page names them, against the space."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import deepspace as ds
from deepspace.errors import SpaceError
from deepspace.server.places import latent, python
from tests.spaces import fit


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> ds.Space:
    folder: Path = tmp_path_factory.mktemp("places")
    return fit("table", folder, epochs=2)


def test_every_kind_of_place_and_its_python(space: ds.Space) -> None:
    d = space.latent_dim
    numbers = np.linspace(-1, 1, d).astype(np.float32)
    expected = {
        "row:7": space.latents.mean[7],
        "at:0.5,-1": space.map.inverse_transform(np.float32([[0.5, -1]]))[0],
        "z:" + ",".join(map(str, numbers)): numbers,
        "mean": space.latents.mean.mean(0),
    }
    for place, z in expected.items():
        np.testing.assert_allclose(latent(space, place), z, rtol=1e-6, atol=1e-6)
        said = eval(python(space, place), {"space": space})
        np.testing.assert_allclose(space.latents.mean[said] if isinstance(said, int) else said, z, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "place", ["", "row", "row:", "row:150", "row:-1", "row:1.5", "at:1", "at:1,nan", "at:a,b", "z:1", "mean:1", "here"]
)
def test_what_is_no_place_is_refused(space: ds.Space, place: str) -> None:
    with pytest.raises(SpaceError, match=r"is no place of 'table': use row:0 to row:149, at:x,y"):
        latent(space, place)
