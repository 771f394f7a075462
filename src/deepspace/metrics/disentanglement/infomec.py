"""InfoMEC: modularity, explicitness and compactness of latents, in information."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.disentanglement.information import BINS, Floats, Information, checked, information
from deepspace.metrics.measure import Measure
from deepspace.results import mean_interval

__all__ = ["compactness_of", "explicitness", "infomec", "infomec_of", "modularity_of"]


def infomec(latents: npt.ArrayLike, factors: npt.ArrayLike, *, seed: int = 0) -> tuple[Measure, Measure, Measure]:
    """InfoM, InfoE and InfoC (Hsu 2023, arXiv:2305.18378, section 4), with m_dk = I(z_d; f_k) / H(f_k):

    InfoM = (mean_d max_k m_dk / sum_k m_dk - 1/F) / (1 - 1/F)      each dimension speaks of one factor
    InfoC = (mean_k max_d m_dk / sum_d m_dk - 1/D) / (1 - 1/D)      each factor is told by one dimension
    InfoE = mean_k 1 - H(f_k | linear probe of z) / H(f_k)          factors can be read off linearly

    over the dimensions that say more of some factor than chance could, D of them. The paper leaves out dimensions that
    do not vary; one that varies with none of the known factors has no largest share either, only noise. With none left
    InfoM and InfoC are 0, and where D = 1 InfoC is 0: it says nothing there.

    latents: (n, D); factors: (n, F), at least two, discrete. Raises SpaceError for other input.
    """
    checked(latents, factors, fewest=2)
    m, c = infomec_of(information(latents, factors, seed=seed))
    return m, explicitness(latents, factors, seed=seed), c


def infomec_of(found: Information) -> tuple[Measure, Measure]:
    """InfoM and InfoC from what was measured already. Raises SpaceError for fewer than two factors."""
    if found.nmi.shape[1] < 2:
        raise SpaceError("InfoMEC needs at least two known factors, got 1.")

    def measure(name: str, score: Callable[[Floats], float], note: str) -> Measure:
        return Measure(
            name, score(found.nmi), n=found.n, better="higher", interval=found.interval(score), baseline=0.0, note=note,
        )  # fmt: skip

    return (
        measure(
            "infom", lambda nmi: modularity_of(nmi[found.heard]), "modularity: each dimension speaks of one factor"
        ),
        measure(
            "infoc",
            lambda nmi: compactness_of(nmi[found.heard], found.told),
            "compactness: each factor is told by one dimension",
        ),
    )


def modularity_of(nmi: Floats) -> float:
    """(D, F) -> InfoM, 0..1, of dimensions that say something; 0 for none of them."""
    count = nmi.shape[1]
    if not len(nmi):
        return 0.0
    return float((_largest_share(nmi, 1) - 1 / count) / (1 - 1 / count))


def compactness_of(nmi: Floats, told: npt.NDArray[np.bool_]) -> float:
    """(D, F) -> InfoC, 0..1; a factor that is not told counts as spread over all dimensions."""
    count = len(nmi)
    if count < 2:
        return 0.0
    return float((_largest_share(np.where(told, nmi, 0.0), 0) - 1 / count) / (1 - 1 / count))


def _largest_share(nmi: Floats, axis: int) -> float:
    """The largest entry's share of its line, on average over lines; of an empty line what each of its entries has."""
    total = nmi.sum(axis)
    equal = 1 / nmi.shape[axis]
    return float(np.where(total > 0, nmi.max(axis) / np.where(total > 0, total, 1), equal).mean())


def explicitness(latents: npt.ArrayLike, factors: npt.ArrayLike, *, seed: int = 0) -> Measure:
    """InfoE: how much of each factor's entropy a multinomial logistic regression on the latents takes away, learned on
    half of the rows, measured on the other; 0 where it takes away none. A latent of at most 20 values is told by
    indicators of them, as the paper has it for codes, the others standardised."""
    from sklearn.linear_model import LogisticRegression

    z, f = checked(latents, factors)
    z = np.concatenate([_probed(line) for line in z.T], 1)
    order = np.random.default_rng(seed).permutation(len(z))
    learn, test = order[: len(z) // 2], order[len(z) // 2 :]
    gains = np.zeros((len(test), f.shape[1]))
    for k in range(f.shape[1]):
        known, guess, size = f[learn, k], f[test, k], int(f[:, k].max()) + 1
        if len(np.unique(known)) < 2:
            continue
        # Convex, with one optimum: the same in every version of the library.
        probe = LogisticRegression(C=100.0, max_iter=300).fit(z[learn], known)
        told = np.full((len(test), size), 1e-6)
        told[:, probe.classes_.astype(int)] += probe.predict_proba(z[test])
        prior = np.bincount(known, minlength=size) + 1e-6
        nothing = -np.log(prior / prior.sum())[guess]
        something = -np.log(told / told.sum(1, keepdims=True))[np.arange(len(test)), guess]
        gains[:, k] = (nothing - something) / nothing.mean()
    return _explicit(gains)


def _probed(values: Floats) -> Floats:
    """(n,) -> (n, K) indicators of its values, or (n, 1) standardised."""
    distinct, codes = np.unique(values, return_inverse=True)
    if len(distinct) <= BINS:
        return np.asarray(np.eye(len(distinct))[codes], np.float64)
    return np.asarray((values - values.mean()) / values.std(), np.float64)[:, None]


def _explicit(gains: Floats) -> Measure:
    """gains: (rows, F), as shares of the entropy; a factor that is told worse than by nothing counts 0."""
    each = gains.mean(0)
    of_rows = np.where(each > 0, gains, 0.0).mean(1)
    value = float(np.clip(of_rows.mean(), 0, 1))
    low, high = mean_interval(value, float(of_rows.std(ddof=1)), len(of_rows))
    return Measure(
        "infoe", value, n=len(of_rows), better="higher", interval=(max(low, 0.0), min(high, 1.0)), baseline=0.0,
        note="explicitness: what a linear probe takes of the factors' entropy",
    )  # fmt: skip
