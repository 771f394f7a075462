"""Train on synthetic rows, test on real ones: whether a predictor learns from them what it learns from the real."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.errors import SpaceError
from deepspace.metrics.measure import Measure
from deepspace.metrics.synthetic.tables import Floats, drawn, need_table

if TYPE_CHECKING:
    from deepspace.metrics.heldout import HeldOut
    from deepspace.space import BaseSpace

__all__ = ["learned_target", "utility", "utility_of"]

RESAMPLES = 100
_Figure = Callable[[Floats, Floats], float]
_MOST_CODES = 255  # that the trees take as categories


def learned_target(space: BaseSpace) -> int:
    """The place of the target among the features. Raises SpaceError where it was not trained on."""
    for place, column in enumerate(space.schema.features):
        if column.reason.startswith("the target"):
            return place
    target = space.schema.target
    if target is None:
        raise SpaceError("the data has no target column")
    raise SpaceError(
        f"the target '{target.name}' was not trained on, so synthetic rows lack it; fit with include_target"
    )


def utility(space: BaseSpace, held: HeldOut) -> tuple[Measure, ...]:
    """``utility_of`` as many rows drawn from the prior as the measure has training rows."""
    need_table(space, held)
    learned_target(space)
    return utility_of(space, held, drawn(space, len(held.training)))


def utility_of(space: BaseSpace, held: HeldOut, synthetic: npt.NDArray[np.float32]) -> tuple[Measure, ...]:
    """Gradient-boosted trees (scikit-learn's) that predict the target, trained on encoded synthetic rows, tested on
    the held-out rows (TSTR: Esteban 2017, arXiv:1706.02633).

    Categories: area under the ROC curve (of each class against the others, averaged) and macro F1; numbers: R2 in
    encoded units. The baseline knows only how common each class is; the note says what the same trees reach when
    trained on real training rows. The interval is of resampled test rows.
    """
    place = learned_target(space)
    column = space.schema.features[place]
    test = held.encoded[~np.isnan(held.encoded[:, place])]
    scores = []
    for rows in (synthetic, held.encoded_training):
        rows = rows[~np.isnan(rows[:, place])]
        if len(rows) < 20 or len(np.unique(rows[:, place])) < 2:
            raise SpaceError(f"the rows to learn from hold too few values of '{column.name}'")
        scores.append(_predicted(space, rows, test, place))
    truth = test[:, place].astype(np.float64)
    classes = bool(space.schema.codecs[place].cardinality)  # type: ignore[attr-defined]
    out = []
    for name, figure, baseline in _figures(classes, truth):
        value, real = (figure(truth, predicted) for predicted in scores)
        if np.isnan(value):
            continue
        rng = np.random.default_rng(0)
        drawn_again = [
            figure(truth[pick], scores[0][pick]) for pick in rng.integers(len(truth), size=(RESAMPLES, len(truth)))
        ]
        low, high = np.nanpercentile(drawn_again, [2.5, 97.5])
        note = f"predicting '{column.name}'; trained on {len(held.training):,} real rows: {real:.3f}"
        out.append(
            Measure(
                name, value, n=len(truth), unit="train on synthetic, test on real", better="higher",
                interval=(float(low), float(high)), baseline=baseline, note=note,
            )
        )  # fmt: skip
    return tuple(out)


def _predicted(space: BaseSpace, rows: npt.NDArray[np.float32], test: npt.NDArray[np.float32], place: int) -> Floats:
    """(n, K) probabilities by class code, or (n, 1) numbers."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    sizes = [codec.cardinality for codec in space.schema.codecs]  # type: ignore[attr-defined]
    others = [j for j in range(len(sizes)) if j != place]
    named = [
        0 < sizes[j] <= _MOST_CODES and space.schema.features[j].kind != "ordinal" for j in others
    ]  # fmt: skip
    x, x_test = rows[:, others], test[:, others]
    if not sizes[place]:
        model = HistGradientBoostingRegressor(categorical_features=named, random_state=0, early_stopping=True)
        return np.asarray(model.fit(x, rows[:, place]).predict(x_test), np.float64)[:, None]
    model = HistGradientBoostingClassifier(categorical_features=named, random_state=0, early_stopping=True)
    model.fit(x, rows[:, place].astype(int))
    out = np.zeros((len(test), sizes[place]))
    out[:, model.classes_] = model.predict_proba(x_test)
    return out


def _figures(classes: bool, truth: Floats) -> list[tuple[str, _Figure, float]]:
    if not classes:
        return [("tstr_r2", _r2, 0.0)]
    commonest = np.bincount(truth.astype(int)).argmax()
    nothing = np.eye(int(truth.max()) + 1)[np.full(len(truth), commonest)]
    return [("tstr_auc", _auc, 0.5), ("tstr_f1", _f1, _f1(truth, nothing))]


def _r2(truth: Floats, predicted: Floats) -> float:
    variance = truth.var()
    return float(1 - ((truth - predicted[:, 0]) ** 2).mean() / variance) if variance > 0 else float("nan")


def _auc(truth: Floats, predicted: Floats) -> float:
    """The mean over classes of the area under the curve of that class against the others; of two, one says it all."""
    from scipy.stats import rankdata

    found = []
    for code in np.unique(truth).astype(int):
        own = truth == code
        m, n = int(own.sum()), int((~own).sum())
        if m and n and code < predicted.shape[1]:
            found.append((rankdata(predicted[:, code])[own].sum() - m * (m + 1) / 2) / (m * n))
    return float(np.mean(found)) if found else float("nan")


def _f1(truth: Floats, predicted: Floats) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(truth, predicted.argmax(1), average="macro", labels=np.unique(truth), zero_division=0))
