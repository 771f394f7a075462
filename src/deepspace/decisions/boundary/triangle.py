"""A decision on the plane through three rows in latent space: no flattening stands between picture and model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.lines import Pair, trace
from deepspace.decisions.boundary.traced import check_decodes, leads
from deepspace.errors import SpaceError
from deepspace.results import Tabular, figure

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.decisions.audit import Audit

__all__ = ["Triangle", "triangle"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Triangle(Tabular):
    """The decision on what latents a z_1 + b z_2 + c z_3 decode to.

    ``rows``: the three corners; ``corners``: (3, 2) where they lie in the plane, at their latent distances from each
    other; ``weights``: (M, 3) barycentric, ``places``: (M, 2) in the plane; ``outcome`` and ``score``: (M,);
    ``cells``: (C, 3) small triangles; ``lines``, ``between``: where the decision changes; ``density_percentile``: (M,)
    how crowded latent space is there. ``own``, ``shown``: (3,) how the predictor decides the corners themselves and
    their reconstructions.
    """

    rows: tuple[int, int, int]
    corners: Floats
    weights: Floats
    places: Floats
    outcome: Ints
    score: Floats
    cells: Ints
    lines: tuple[Floats, ...]
    between: tuple[Pair, ...]
    density_percentile: npt.NDArray[np.float32]
    own: Ints
    shown: Ints
    outcomes: tuple[str, ...]

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        columns = {f"row {row}": self.weights[:, i] for i, row in enumerate(self.rows)}
        return pa.table(columns | {
            "outcome": [self.outcomes[i] for i in self.outcome], "score": self.score,
            "density_percentile": self.density_percentile,
        })  # fmt: skip

    def __str__(self) -> str:
        counts = np.bincount(self.outcome, minlength=len(self.outcomes)) / len(self.outcome)
        shares = ", ".join(f"{o} {100 * c:.3g} %" for o, c in zip(self.outcomes, counts, strict=True) if c)
        odd = [str(r) for r, a, b in zip(self.rows, self.own, self.shown, strict=True) if a != b]
        said = f"; row {', '.join(odd)} is decided otherwise than it decodes" if odd else ""
        return (
            f"between rows {', '.join(map(str, self.rows))} ({len(self.outcome):,} places): {shares}; least crowded at "
            f"the {figure(float(self.density_percentile.min()), 2)}. percentile{said}"
        )


def triangle(audit: Audit, a: int, b: int, c: int, *, resolution: int = 48) -> Triangle:
    """Between rows a, b and c. resolution: steps along each side, (resolution + 1)(resolution + 2) / 2 places in all.

    Raises SpaceError without a decoder, for rows that are none or the same, and for a resolution outside 1 to 512.
    """
    check_decodes(audit)
    rows = (int(a), int(b), int(c))
    bad = [row for row in rows if not 0 <= row < len(audit.space)]
    if bad or len(set(rows)) < 3:
        what = f"row {bad[0]} is none of them" if bad else f"got {', '.join(map(str, rows))}"
        raise SpaceError(
            f"a triangle needs three different rows of '{audit.space.name}', 0 to {len(audit.space) - 1}: {what}."
        )
    if not 1 <= resolution <= 512:
        raise SpaceError(f"a triangle has 1 to 512 steps a side, got {resolution}.")
    weights, cells = _mesh(resolution)
    z = np.asarray(audit.space.latents.mean[list(rows)], np.float64)
    latents = (weights @ z).astype(np.float32)
    answers = audit.ask_latents(latents, like=np.asarray(rows)[weights.argmax(1)])
    corners = _laid(z)
    places = weights @ corners
    lines, between = trace(places, answers.outcome, leads(answers), cells)
    return Triangle(
        rows, corners, weights, places, answers.outcome, answers.score, cells, lines, between,
        audit.space.density_percentile(latents), audit.ask_rows(list(rows)).outcome,
        audit.ask_latents(z, like=list(rows)).outcome, audit.outcomes,
    )  # fmt: skip


def _mesh(n: int) -> tuple[Floats, Ints]:
    """Barycentric places (M, 3), and the small triangles (n**2, 3) between them."""
    number: dict[tuple[int, int], int] = {}
    for i in range(n + 1):
        for j in range(n + 1 - i):
            number[i, j] = len(number)
    at = np.array(list(number), np.float64) / n
    cells = [(number[i, j], number[i + 1, j], number[i, j + 1]) for i in range(n) for j in range(n - i)]
    cells += [(number[i + 1, j], number[i + 1, j + 1], number[i, j + 1]) for i in range(n) for j in range(n - 1 - i)]
    return np.column_stack([1 - at.sum(1), at]), np.array(cells, np.int64)


def _laid(z: Floats) -> Floats:
    """(3, D) -> (3, 2) at the same distances from each other, the first two on a level line."""
    side = float(np.linalg.norm(z[1] - z[0]))
    along = (z[1] - z[0]) / max(side, 1e-12)
    x = float((z[2] - z[0]) @ along)
    y = float(np.linalg.norm(z[2] - z[0] - x * along))
    return np.array([[0.0, 0.0], [side, 0.0], [x, y]])
