"""Two-sample tests that share one set of permutations, so that they can be combined without losing their level.

``labels``: (N, B) float32, 1 where a row counts as current. The first column is the truth, the others are random orders
of it; whatever does not look at the labels may be learned from all rows. A statistic (B,) is larger for what differs
more, and its p is the share of the B that are at least as large as the first: exact at every size (Phipson 2010).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "Labels",
    "classifier",
    "combined",
    "discrepancy",
    "p_of",
    "permuted_labels",
    "stepped",
    "tail_of_category",
    "tail_of_number",
]

Floats = npt.NDArray[np.float64]
Labels = npt.NDArray[np.float32]

BANDWIDTHS = (0.25, 1.0, 4.0)
"""Of the Gaussian kernels, in medians of the squared distance."""
FOLDS, RIDGE = 4, 1.0
_TIE, _TIE_BREAK = 1e-9, 1e-3


def permuted_labels(reference: int, current: int, permutations: int, rng: np.random.Generator) -> Labels:
    """(N, 1 + permutations): reference rows first."""
    truth = np.zeros(reference + current, np.float32)
    truth[reference:] = 1
    drawn = rng.permuted(np.repeat(truth[None], permutations, 0), axis=1)
    return np.ascontiguousarray(np.concatenate([truth[None], drawn]).T)


def p_of(statistic: Floats) -> float:
    return float((statistic >= statistic[0] - _TIE * max(1.0, abs(statistic[0]))).mean())


def discrepancy(points: npt.NDArray[np.float32], labels: Labels) -> tuple[Floats, float]:
    """Maximum mean discrepancy of (N, W) points: the largest over three Gaussian kernels of the squared one, each in
    deviations of its own permutations. And the squared discrepancy itself under the median kernel, without bias.
    Gretton 2012 (JMLR 13); several kernels as in Schrab 2023, arXiv:2110.15073."""
    squares = _squares(points)
    middle = _median(squares)
    m = float(labels[:, 0].sum())
    n = len(labels) - m
    weights = labels / np.float32(m) - (1 - labels) / np.float32(n)
    best = np.full(labels.shape[1], -np.inf)
    shown = 0.0
    for width in BANDWIDTHS:
        kernel = np.exp(squares * np.float32(-0.5 / (width * middle)))
        statistic = np.einsum("nb,nb->b", weights, kernel @ weights, dtype=np.float64)
        if width == 1.0:
            within, among = (float(_without_diagonal(kernel, labels[:, 0] == side)) for side in (0, 1))
            between = float(kernel[labels[:, 0] == 0][:, labels[:, 0] == 1].mean())
            shown = within + among - 2 * between
        spread = statistic.std()
        best = np.maximum(best, (statistic - statistic.mean()) / spread if spread > 0 else 0.0)
    return best, shown


def _without_diagonal(kernel: npt.NDArray[np.float32], side: npt.NDArray[np.bool_]) -> float:
    block = kernel[side][:, side]
    n = len(block)
    return float((block.sum(dtype=np.float64) - np.trace(block)) / max(1, n * (n - 1)))


def classifier(points: npt.NDArray[np.float32], labels: Labels, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """(B,): how well a classifier tells current from reference rows that it was not fitted on, as the area under the
    ROC curve: kernel ridge regression of the label, a linear and a Gaussian kernel together, cross-fitted in four
    parts. A fit is linear in the labels, so that every permutation is fitted anew and all rows are used. Lopez-Paz
    2017, arXiv:1610.06545. And (N,) the scores under the true labels, as ranks within their part, 0 to 1."""
    from scipy.linalg import cho_factor, cho_solve

    squares = _squares(points)
    kernel = np.exp(squares * np.float32(-0.5 / _median(squares)))
    centred = points - points.mean(0)
    linear = centred @ centred.T
    size = float(np.trace(linear)) / len(points)
    kernel += linear / np.float32(size) if size > 0 else 0.0
    targets = labels - labels[:, :1].mean()
    parts = np.array_split(rng.permutation(len(points)), FOLDS)
    total, pairs = np.zeros(labels.shape[1]), np.zeros(labels.shape[1])
    shown = np.empty(len(points))
    for part in parts:
        rest = np.setdiff1d(np.arange(len(points)), part)
        inner = kernel[np.ix_(rest, rest)] + np.float32(RIDGE) * np.eye(len(rest), dtype=np.float32)
        fitted = cho_solve(cho_factor(inner, lower=True, check_finite=False), targets[rest], check_finite=False)
        scores = kernel[np.ix_(part, rest)] @ fitted
        wins, count = _wins(scores, labels[part])
        # Each part has its own fit, whose scores compare with each other alone.
        shown[part] = np.argsort(np.argsort(scores[:, 0], kind="stable")) / len(part)
        total += wins
        pairs += count
    return np.asarray(total / np.maximum(pairs, 1)), shown


def _wins(scores: npt.NDArray[np.float32], labels: Labels) -> tuple[Floats, Floats]:
    """Of each column, the pairs of a current and a reference row whose scores stand in the right order; all pairs."""
    order = np.argsort(scores, axis=0, kind="stable")
    ordered = np.take_along_axis(labels, order, 0).astype(np.float64)
    m = ordered.sum(0)
    n = len(ordered) - m
    ranks = (ordered * np.arange(1, len(ordered) + 1)[:, None]).sum(0)
    return ranks - m * (m + 1) / 2, m * n


def _squares(points: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    x = points - points.mean(0)
    lengths = (x**2).sum(1)
    return np.asarray(np.maximum(lengths[:, None] + lengths[None] - 2 * (x @ x.T), 0), np.float32)


def _median(squares: npt.NDArray[np.float32]) -> float:
    some = squares[:: max(1, len(squares) // 500)]
    middle = float(np.median(some[some > 0])) if (some > 0).any() else 1.0
    return middle or 1.0


def tail_of_number(values: Floats, labels: Labels) -> Floats:
    """(B,): minus the log of what Kolmogorov and Smirnov's test would say of numbers (N,), Wilcoxon's, or that of their
    being missing (NaN), whichever is smallest. The first sees any change, the second a shift with fewer rows. A
    statistic in every column's own currency: its p is that of the permutations."""
    from scipy.stats import rankdata

    known = np.isfinite(values)
    found = np.zeros(labels.shape[1])
    if known.any() and np.unique(values[known]).size > 1:
        order = np.flatnonzero(known)[np.argsort(values[known], kind="stable")]
        ordered = labels[order]
        ends = np.append(np.flatnonzero(np.diff(values[order])), len(order) - 1)
        m = ordered.sum(0, dtype=np.float64)
        n = len(order) - m
        below = np.cumsum(ordered, 0, dtype=np.float32)[ends]
        others = (ends + 1)[:, None] - below
        gap = np.abs(below / np.maximum(m, 1) - others / np.maximum(n, 1)).max(0)
        ranks = rankdata(values[order])
        apart = np.abs(ranks @ ordered / np.maximum(m, 1) - ranks.mean())
        # The spread of a mean of m ranks drawn without replacement holds whatever the ties.
        spread = ranks.var(ddof=1) * n / np.maximum(m * len(order), 1)
        z = np.where(spread > 0, apart / np.sqrt(np.maximum(spread, 1e-12)), 0.0)
        found = np.maximum(-_log_kolmogorov(np.sqrt(m * n / np.maximum(m + n, 1)) * gap), -_log_two_sided(z))
        # The largest gap takes few values where rows are few; the mean rank parts what would tie.
        found = found + _TIE_BREAK * apart / len(order)
    if known.all() or not known.any():
        return found
    return np.maximum(found, tail_of_category(np.where(known, 0, 1), labels))


def _log_two_sided(z: Floats) -> Floats:
    from scipy.special import log_ndtr

    return np.asarray(np.minimum(np.log(2) + log_ndtr(-z), 0.0))


def _log_kolmogorov(x: Floats) -> Floats:
    from scipy.special import kolmogorov

    # Beyond 1 the first term of the series is all of it, and its logarithm never underflows.
    near = np.log(np.maximum(kolmogorov(np.minimum(x, 1.0)), 1e-12))
    return np.asarray(np.where(x > 1, np.log(2) - 2 * x**2, near))


def tail_of_category(codes: npt.NDArray[np.int64], labels: Labels) -> Floats:
    """(B,): as above, of codes (N,): the smaller of Pearson's chi-squared test of all and Bonferroni's of each against
    the rest, which sees one category that became commoner among many."""
    kinds, codes = np.unique(codes, return_inverse=True)
    if len(kinds) < 2:
        return np.zeros(labels.shape[1])
    member = np.zeros((len(codes), len(kinds)), np.float32)
    member[np.arange(len(codes)), codes] = 1
    counts = (member.T @ labels).astype(np.float64)  # (K, B) current rows of each kind
    total = member.sum(0, dtype=np.float64)[:, None]
    share = labels.mean(0, dtype=np.float64)
    squared = (counts - total * share) ** 2 / np.maximum(total * share * (1 - share), 1e-12)
    every = -_log_upper_gamma(0.5 * (len(kinds) - 1), 0.5 * squared.sum(0))
    if len(kinds) == 2:
        return np.asarray(every)
    one = np.sqrt((squared / (1 - total / len(codes))).max(0))
    return np.asarray(np.maximum(every, -np.minimum(_log_two_sided(one) + np.log(len(kinds)), 0.0)))


def _log_upper_gamma(a: float, x: Floats) -> Floats:
    """log Q(a, x), also where Q underflows: there by its series in 1 / x (DLMF 8.11.2)."""
    from scipy.special import gammaincc, gammaln

    q = gammaincc(a, x)
    far = np.maximum(x, 1.0)
    series = (a - 1) * np.log(far) - far - gammaln(a) + np.log1p(np.clip((a - 1) / far, -0.5, 1.0))
    return np.asarray(np.where(q > 1e-290, np.log(np.maximum(q, 1e-300)), series))


def stepped(tails: Floats) -> tuple[Floats, Floats]:
    """tails (C, B) -> p of each and adjusted p, which hold together: the step-down maximum of Westfall and Young 1993,
    sharper than Holm's where columns go together."""
    p = np.array([p_of(line) for line in tails])
    order = np.argsort(-tails[:, 0], kind="stable")
    running = np.full(tails.shape[1], -np.inf)
    raised = np.empty(len(tails))
    for place in order[::-1]:
        running = np.maximum(running, tails[place])
        raised[place] = (running >= tails[place, 0] - _TIE).mean()
    raised[order] = np.maximum.accumulate(raised[order])
    return p, raised


def combined(statistics: list[Floats]) -> Floats:
    """(B,): one statistic for several, larger where the smallest of their p is smaller; ``p_of`` it is that smallest p
    against the smallest p of each permutation (Westfall and Young 1993). Exact, where Bonferroni would give away what
    tests have in common."""
    ranks = np.stack([_upper(line) for line in statistics])
    # A smallest p is one of few numbers, at which many permutations tie: the mean of all parts them, by less than the
    # step from one p to the next.
    return np.asarray(-(ranks.min(0) + ranks.mean(0) / (2 * ranks.shape[1])))


def _upper(line: Floats) -> Floats:
    ascending = np.sort(line)
    return 1 - np.searchsorted(ascending, line - _TIE, "left") / len(line)
