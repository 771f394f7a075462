"""ROC figures against scikit-learn, and the interval against how often it should hold."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import roc_auc_score, roc_curve

from deepspace.errors import SpaceError
from deepspace.metrics import auroc, false_positive_rate


@pytest.mark.parametrize("seed", range(8))
def test_area_and_false_positives_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inside, outside = rng.normal(size=100 + seed), rng.normal(rng.uniform(-1, 2), 1.5, size=60)
    if seed % 2:  # ties
        inside, outside = inside.round(), outside.round()
    truth = np.repeat([0, 1], [len(inside), len(outside)])
    scores = np.concatenate([inside, outside])
    assert auroc(inside, outside)[0] == pytest.approx(roc_auc_score(truth, scores), abs=1e-12)
    # Inside items are the positives of FPR95: accepted are those with a low score.
    rates, recalls, _ = roc_curve(1 - truth, -scores, drop_intermediate=False)
    assert false_positive_rate(inside, outside) == pytest.approx(rates[recalls >= 0.95 - 1e-12].min(), abs=1e-12)


def test_the_interval_holds_the_true_area_19_times_in_20() -> None:
    rng, hits, runs = np.random.default_rng(0), 0, 400
    true = norm.cdf(1 / np.sqrt(2))
    for _ in range(runs):
        _, (low, high) = auroc(rng.normal(size=60), rng.normal(1.0, size=40))
        hits += low <= true <= high
    assert 0.92 <= hits / runs <= 0.98


def test_groups_that_cannot_be_compared_are_refused() -> None:
    assert auroc([0, 1], [2, 3]) == (1.0, (1.0, 1.0))
    for inside, outside in (([], [1]), ([1], [np.nan])):
        with pytest.raises(SpaceError, match="scores of both groups are needed"):
            auroc(inside, outside)
