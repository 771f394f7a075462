"""A small forest of classification trees, so that importances do not change with a library's next version."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from deepspace.metrics.disentanglement.information import Codes, Floats

__all__ = ["Tree", "grow"]

_SURE = 1e-3


@dataclass(frozen=True)
class _Level:
    """Of each node of one depth: the feature and the last bin that goes left, the number of the left child among the
    nodes of the next depth (-1: a leaf), and the commonest class."""

    feature: Codes
    cut: Codes
    child: Codes
    guess: Codes


@dataclass(frozen=True)
class Tree:
    """importance: (D,), the decrease of Gini's impurity that each feature brought, as a share of all rows."""

    levels: tuple[_Level, ...]
    importance: Floats

    def predict(self, codes: Codes) -> Codes:
        """(n, D) bins -> (n,) classes."""
        node = np.zeros(len(codes), np.int64)
        out = np.zeros(len(codes), np.int64)
        live = np.arange(len(codes))
        for level in self.levels:
            out[live] = level.guess[node]
            going = level.child[node] >= 0
            live, node = live[going], node[going]
            right = codes[live, level.feature[node]] > level.cut[node]
            node = level.child[node] + right
        return out


def grow(codes: Codes, classes: Codes, *, depth: int = 10, leaf: int = 4) -> Tree:
    """A tree (Breiman 1984) that parts the rows where Gini's impurity falls most, all nodes of a depth at once.

    It stops where chance would part the rows as well: a split is kept if its likelihood ratio has p < .001 after
    Bonferroni's correction for all the cuts that were tried (Hothorn 2006). Trees that grow on would give every
    dimension a share in what is only noise.
    codes: (n, D), bins 0..B-1; classes: (n,), 0..K-1; leaf: fewest rows in a node.
    """
    n, width = codes.shape
    bins, count = int(codes.max()) + 1, int(classes.max()) + 1
    importance = np.zeros(width)
    levels: list[_Level] = []
    live, node, nodes = np.arange(n), np.zeros(n, np.int64), 1
    for at in range(depth + 1):
        totals = np.bincount(node * count + classes[live], minlength=nodes * count).reshape(nodes, count)
        gain, feature, cut = _best(codes[live], node, classes[live], totals, bins, leaf)
        left = codes[live, feature[node]] <= cut[node]
        parts = np.bincount(node[left] * count + classes[live[left]], minlength=nodes * count).reshape(nodes, count)
        splits = (gain > 0) & (at < depth) & (_chance(parts, totals - parts) < _SURE / (width * bins))
        child = np.where(splits, 2 * np.cumsum(splits) - 2, -1)
        levels.append(_Level(feature, cut, child, totals.argmax(1)))
        if not splits.any():
            break
        np.add.at(importance, feature[splits], gain[splits] / n)
        going = splits[node]
        live, node = live[going], node[going]
        node = child[node] + (codes[live, feature[node]] > cut[node])
        nodes = 2 * int(splits.sum())
    return Tree(tuple(levels), importance)


def _chance(left: npt.NDArray[np.int64], right: npt.NDArray[np.int64]) -> Floats:
    """(nodes, K) counts on both sides -> (nodes,) p of the likelihood ratio test that both have the same shares."""
    from scipy.stats import chi2

    def total(counts: npt.NDArray[np.int64]) -> Floats:
        rows = counts.sum(1, keepdims=True)
        return np.asarray((counts * np.log(np.where(counts > 0, counts, 1) / np.maximum(rows, 1))).sum(1))

    ratio = 2 * (total(left) + total(right) - total(left + right))
    classes = ((left + right) > 0).sum(1)
    return np.where(classes > 1, chi2.sf(ratio, np.maximum(classes - 1, 1)), 1.0)


def _best(
    codes: Codes, node: Codes, classes: Codes, totals: npt.NDArray[np.int64], bins: int, leaf: int
) -> tuple[Floats, Codes, Codes]:
    """Of each node: the largest fall of impurity times rows, the feature and the cut that bring it."""
    nodes, count = totals.shape
    rows = totals.sum(1)
    before = np.square(totals).sum(1) / np.maximum(rows, 1)
    gain, feature, cut = np.zeros(nodes), np.zeros(nodes, np.int64), np.zeros(nodes, np.int64)
    for d in range(codes.shape[1]):
        if codes[0, d] == codes[-1, d] and (codes[:, d] == codes[0, d]).all():
            continue
        cells = (node * bins + codes[:, d]) * count + classes
        left = np.bincount(cells, minlength=nodes * bins * count).reshape(nodes, bins, count)
        left = left.astype(np.float32).cumsum(1)
        right = totals[:, None, :].astype(np.float32) - left
        on_left, on_right = left.sum(2), right.sum(2)
        score = np.einsum("nbk,nbk->nb", left, left) / np.maximum(on_left, 1)
        score += np.einsum("nbk,nbk->nb", right, right) / np.maximum(on_right, 1)
        score = np.where((on_left >= leaf) & (on_right >= leaf), score, 0)
        best = score.argmax(1)
        found = score[np.arange(nodes), best] - before
        better = found > gain + 1e-3
        gain[better], feature[better], cut[better] = found[better], d, best[better]
    return gain, feature, cut
