"""Whoever watches sees the map take shape, and watching changes nothing."""

from __future__ import annotations

import numpy as np

from deepspace.space.map import fit_map


def test_places_are_shown_with_their_rows_and_do_not_change_the_map() -> None:
    rng = np.random.default_rng(0)
    latents = np.concatenate([rng.normal(c, 0.3, (60, 5)) for c in (-2, 0, 2)]).astype(np.float32)
    latents[7] = latents[3]  # twins are laid out once
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    watched = fit_map(latents, on_places=lambda rows, places: seen.append((rows, places.copy())))
    alone = fit_map(latents)
    np.testing.assert_array_equal(watched.positions, alone.positions)
    assert len(seen) > 10
    rows, last = seen[-1]
    assert (np.diff(rows) > 0).all()
    assert len(rows) == len(latents) - 1
    # Late in the layout things lie as they will: the same shape, up to scale.
    final = watched.positions[rows]
    assert np.corrcoef(last[:, 0], final[:, 0])[0, 1] > 0.99
