"""Lines between the outcomes on a mesh: marching squares, or triangles, for two outcomes or more.

Where two ends of an edge are decided differently, the line crosses where what decides between these two outcomes, taken
as linear along the edge, is even. A cell with two crossings has one piece of line, one with a meeting of three outcomes
a star (Lorensen & Cline 1987, in two dimensions and for labels).
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import numpy.typing as npt

__all__ = ["trace"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Pair = tuple[int, int]


def trace(places: Floats, outcome: Ints, lead: Floats, cells: Ints) -> tuple[tuple[Floats, ...], tuple[Pair, ...]]:
    """places: (M, 2); outcome: (M,); lead: (M, K), the outcome's being the largest; cells: (C, m) corners, going round.

    Returns polylines (n, 2), and the two outcomes that each lies between.
    """
    ahead = np.roll(cells, -1, 1)
    crossed = outcome[cells] != outcome[ahead]
    held = crossed.any(1)
    cells, ahead, crossed = cells[held], ahead[held], crossed[held]
    if not len(cells):
        return (), ()
    low, high = np.minimum(cells, ahead)[crossed], np.maximum(cells, ahead)[crossed]
    names, edge = np.unique(low * len(places) + high, return_inverse=True)
    points, between = _crossings(places, outcome, lead, *np.divmod(names, len(places)))
    of = np.full(crossed.shape, -1, np.int64)
    of[crossed] = edge
    pieces, centres = _pieces(cells, crossed, of, outcome, lead, points)
    pairs = between[pieces[:, 0]]
    return _chained(np.concatenate([points, centres]), pieces, pairs, len(points))


def _crossings(places: Floats, outcome: Ints, lead: Floats, low: Ints, high: Ints) -> tuple[Floats, Ints]:
    here, there = outcome[low], outcome[high]
    gain = lead[low, here] - lead[low, there]
    loss = lead[high, there] - lead[high, here]
    total = gain + loss
    share = np.clip(np.divide(gain, total, out=np.full(len(low), 0.5), where=total > 0), 0.0, 1.0)[:, None]
    return (1 - share) * places[low] + share * places[high], np.sort(np.stack([here, there], 1), 1)


def _pieces(
    cells: Ints, crossed: npt.NDArray[np.bool_], of: Ints, outcome: Ints, lead: Floats, points: Floats
) -> tuple[Ints, Floats]:
    """Pieces as pairs of points, crossings first and then centres; and the centres."""
    count = crossed.sum(1)
    two = count == 2
    pieces = [of[two][crossed[two]].reshape(-1, 2)]
    rest = ~two
    if cells.shape[1] == 4:
        seen = outcome[cells]
        saddle = (count == 4) & (seen[:, 0] == seen[:, 2]) & (seen[:, 1] == seen[:, 3])
        corner, edges = cells[saddle], of[saddle]
        one, other = seen[saddle, 0][:, None], seen[saddle, 1][:, None]
        # Which of the two goes through is what the middle of the cell says.
        through = (np.take_along_axis(lead[corner], one[..., None], 2) - np.take_along_axis(
            lead[corner], other[..., None], 2
        )).sum((1, 2)) >= 0  # fmt: skip
        ways = np.where(through[:, None], edges[:, [0, 1, 2, 3]], edges[:, [3, 0, 1, 2]])
        pieces.append(ways.reshape(-1, 2))
        rest &= ~saddle
    stars, edges = np.nonzero(rest)[0], of[rest]
    there = edges >= 0
    number = np.broadcast_to(np.arange(len(stars))[:, None], edges.shape)
    centres = np.zeros((len(stars), 2))
    np.add.at(centres, number[there], points[edges[there]])
    centres /= np.maximum(there.sum(1), 1)[:, None]
    pieces.append(np.stack([edges[there], len(points) + number[there]], 1))
    return np.concatenate(pieces), centres


def _chained(points: Floats, pieces: Ints, pairs: Ints, crossings: int) -> tuple[tuple[Floats, ...], tuple[Pair, ...]]:
    """Pieces that meet in a crossing become one line; at a centre lines end."""
    beside: dict[int, list[int]] = defaultdict(list)
    for number, (a, b) in enumerate(pieces.tolist()):
        beside[a].append(number)
        beside[b].append(number)
    ends, used = pieces.tolist(), np.zeros(len(pieces), bool)
    lines, between = [], []
    # Open lines first, from one of their ends; what is left then closes upon itself.
    starts = [n for n, (a, b) in enumerate(ends) if any(v >= crossings or len(beside[v]) == 1 for v in (a, b))]
    for first in [*starts, *range(len(ends))]:
        if used[first]:
            continue
        a, b = ends[first]
        if b >= crossings or len(beside[b]) == 1:
            a, b = b, a
        used[first], walk = True, [a, b]
        while walk[-1] < crossings:
            onward = next((n for n in beside[walk[-1]] if not used[n]), None)
            if onward is None:
                break
            used[onward] = True
            c, d = ends[onward]
            walk.append(d if c == walk[-1] else c)
        lines.append(points[walk])
        between.append((int(pairs[first, 0]), int(pairs[first, 1])))
    return tuple(lines), tuple(between)
