"""Odd predictors, targets and items: read rightly, or refused in one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.model_selection import FixedThresholdClassifier, GridSearchCV
from sklearn.pipeline import Pipeline

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.errors import ModelError
from tests.decisions import planted
from tests.decisions.predictors import tables

NUMBERS = ["income", "debt"]
STORED = ("bool", "int", "categorical", "missing")


def frame(target: str) -> pd.DataFrame:
    """Rows whose target is stored in an odd way; with a date, a categorical with an unused level, an identifier."""
    data = planted.frame(240)
    good = data.pop("approved") == "yes"
    data["since"] = pd.Timestamp("2020-01-01") + pd.to_timedelta(np.arange(len(data)) % 200, unit="D")
    data["region"] = pd.Categorical(data["region"], categories=["west", "north", "south", "east"])
    data["customer"] = [f"c{i:05d}" for i in range(len(data))]
    stored = {
        "bool": good, "int": good.astype(int), "categorical": good.astype(int).astype("category"),
        "missing": good.astype(float).where(np.arange(len(data)) % 7 > 0),
    }  # fmt: skip
    data["approved"] = stored[target]
    return data


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ds.Space]:
    folder = tmp_path_factory.mktemp("odd")
    training = ds.TrainConfig(epochs=2, threads=1, validation_fraction=0.25)
    return {
        kind: ds.fit(frame(kind), path=folder / f"{kind}.space", target="approved", seed=0, training=training)
        for kind in STORED
    }


@pytest.mark.parametrize("stored", STORED)
@pytest.mark.parametrize("learned", [bool, int, float, str])
def test_a_target_is_the_same_however_it_is_stored(spaces: dict[str, ds.Space], stored: str, learned: type) -> None:
    data = frame(stored)
    good = planted.rule(data)
    y = np.where(good, "1", "0") if learned is str else good.astype(learned)
    model = LogisticRegression(max_iter=1000).fit(data[NUMBERS], y)
    audit = Audit(spaces[stored], model, favourable=True if stored == "bool" else 1)
    assert audit.favourable == 1
    known = data["approved"].notna().to_numpy()
    np.testing.assert_array_equal(audit.truth[known] == 1, good[known])
    assert (audit.truth[~known] == -1).all()
    np.testing.assert_allclose(audit.answers.score, model.predict_proba(data[NUMBERS])[:, 1])


def test_frames_of_any_kind_may_be_asked_about(planted_audit: Audit) -> None:
    rows = planted.frame()[:20]
    own = planted_audit.answers.scores[:20]
    shuffled = rows[list(rows.columns[::-1])].set_index(np.arange(100, 120))
    records = rows.to_dict("records")
    for items in (rows, shuffled, pl.from_pandas(rows), records, rows.to_dict("list"), pl.from_pandas(rows).to_arrow()):
        np.testing.assert_allclose(planted_audit.ask(items).scores, own, rtol=1e-12)
    np.testing.assert_allclose(planted_audit.ask(records[3]).scores, own[3:4], rtol=1e-12)
    with pytest.raises(ModelError, match="wants the column 'debt', which these items lack"):
        planted_audit.ask(rows.drop(columns="debt"))


def test_searches_and_pipelines_are_called_by_what_decides_in_them(planted_space: Any) -> None:
    rows = planted.frame()
    pipe = Pipeline([("scale", "passthrough"), ("model", LogisticRegression(max_iter=1000))])  # says no names itself
    search = GridSearchCV(pipe, {"model__C": [0.1, 1]}, cv=2).fit(rows[NUMBERS], rows["approved"])
    audit = Audit(planted_space, search)
    assert audit.predictor.name == "LogisticRegression"
    assert audit.predictor.columns == tuple(NUMBERS)
    np.testing.assert_allclose(audit.answers.scores, search.predict_proba(rows[NUMBERS]))


def test_columns_come_in_the_order_that_the_predictor_was_fitted_in(planted_space: Any) -> None:
    rows = planted.frame()
    model = LogisticRegression(max_iter=1000).fit(rows[["years", "debt", "income"]], rows["approved"])
    np.testing.assert_allclose(
        Audit(planted_space, model).answers.scores, model.predict_proba(rows[["years", "debt", "income"]])
    )
    bare = LogisticRegression(max_iter=1000).fit(rows[["owner", "age"]].to_numpy(float), rows["approved"])
    audit = Audit(planted_space, bare, columns=["owner", "age"])
    np.testing.assert_allclose(audit.answers.scores, bare.predict_proba(rows[["owner", "age"]].to_numpy(float)))
    with pytest.raises(ModelError, match="wants an array of numbers, but column 'region' holds"):
        Audit(planted_space, bare)


def test_a_column_that_the_space_left_out_is_handed_over_for_real_rows(spaces: dict[str, ds.Space]) -> None:
    space, data = spaces["int"], frame("int")
    assert "customer" not in [c.name for c in space.schema.features]

    def by_number(rows: Any) -> np.ndarray:
        return np.asarray(rows["customer"].str[1:].astype(int) % 2, float)

    audit = Audit(space, by_number, columns=["customer", "income"])
    np.testing.assert_array_equal(audit.answers.score, np.arange(len(data)) % 2)
    with pytest.raises(ModelError, match="wants the column 'customer', which 'int' did not learn"):
        audit.ask_encoded(space.samples[:3])
    np.testing.assert_array_equal(audit.ask_encoded(space.samples[:3], like=[5, 6, 7]).score, [1, 0, 1])


def test_a_predictor_that_is_given_the_target_is_said_to_know_it(spaces: dict[str, ds.Space]) -> None:
    audit = Audit(spaces["int"], lambda rows: rows["approved"].astype(float), columns=["income", "approved"])
    assert any("given the target itself" in note for note in audit.notes)


def test_categoricals_and_dates_reach_the_predictor_as_they_are(spaces: dict[str, ds.Space]) -> None:
    data = frame("int")
    columns = ["income", "debt", "region"]
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", max_iter=20)
    model.fit(data[columns], data["approved"])
    audit = Audit(spaces["int"], model)
    np.testing.assert_allclose(audit.answers.scores, model.predict_proba(data[columns]))
    again = audit.ask_encoded(spaces["int"].samples[:]).scores
    np.testing.assert_allclose(again, audit.answers.scores, atol=1e-4)

    def late(rows: Any) -> np.ndarray:
        return np.asarray(rows["since"] > pd.Timestamp("2020-03-01 12:00"), float)

    for answers in (Audit(spaces["int"], late).answers, Audit(spaces["int"], late).ask_encoded(spaces["int"].samples)):
        np.testing.assert_array_equal(answers.score == 1, data["since"] > pd.Timestamp("2020-03-01"))


def test_estimators_without_probabilities_and_regressions(planted_space: Any) -> None:
    rows = planted.frame()
    ridge = RidgeClassifier().fit(rows[NUMBERS], rows["approved"])
    audit = Audit(planted_space, ridge)
    np.testing.assert_array_equal(audit.answers.outcome == 1, ridge.predict(rows[NUMBERS]) == "yes")
    line = LinearRegression().fit(rows[NUMBERS], rows["approved"] == "yes")
    audit = Audit(planted_space, line, threshold=0.4)
    assert audit.outcomes == ("below 0.4", "at least 0.4")
    strict = FixedThresholdClassifier(LogisticRegression(max_iter=1000), threshold=0.8)
    strict.fit(rows[NUMBERS], rows["approved"])
    assert any("own decisions differ" in note for note in Audit(planted_space, strict).notes)
    assert not Audit(planted_space, strict, threshold=0.8).notes


class _Boosted:
    """Speaks as xgboost does: coded classes, names that raise, float32."""

    def __init__(self, model: Any, columns: list[str]) -> None:
        self.model, self.columns = model, columns
        self.classes_ = np.array([0, 1])
        self.n_features_in_ = len(columns)

    @property
    def feature_names_in_(self) -> Any:
        raise AttributeError("`feature_names_in_` is defined only when ...")

    def predict(self, x: Any) -> Any:
        return (self.predict_proba(x)[:, 1] > 0.5).astype(int)

    def predict_proba(self, x: Any) -> Any:
        assert isinstance(x, np.ndarray)
        return self.model.predict_proba(x).astype(np.float32)


def test_an_estimator_with_coded_classes_needs_their_names(planted_space: Any) -> None:
    rows = planted.frame()
    x = rows[NUMBERS].to_numpy(float)
    model = _Boosted(LogisticRegression(max_iter=1000).fit(x, rows["approved"] == "yes"), NUMBERS)
    with pytest.raises(ModelError, match="decides between '0', '1', but column 'approved' holds"):
        Audit(planted_space, model, columns=NUMBERS)
    audit = Audit(planted_space, model, columns=NUMBERS, classes=["no", "yes"])
    np.testing.assert_allclose(audit.answers.scores, model.predict_proba(x))
    assert not audit.notes


@pytest.mark.parametrize(
    ("predictor", "options", "words"),
    [
        (LogisticRegression(), {}, "raised NotFittedError"),
        (LogisticRegression, {}, "is a class and no predictor"),
        (LogisticRegression(), {"kind": "classes"}, "kind is one of probabilities, logits, labels, values"),
        (lambda rows: np.full((len(rows), 2), 0.5), {"kind": "values", "threshold": 0}, "2 numbers an item"),
        (lambda rows: np.array(3.0), {}, "shape ()"),
        (lambda rows: [None] * len(rows), {}, "is none of 'no', 'yes'"),
    ],
)
def test_what_is_no_predictor(planted_space: Any, predictor: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ModelError) as caught:
        Audit(planted_space, predictor, **options)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_networks_of_one_output(planted_space: Any) -> None:
    """On a table: a logit, a probability, and a value where the target is an amount."""
    import torch

    class Score(torch.nn.Module):
        def forward(self, x: Any) -> Any:
            return 4 * (x[:, :1] - x[:, 1:2])

    encoded = np.asarray(planted_space.samples[:], np.float64)
    logit = 4 * (encoded[:, 0] - encoded[:, 1])
    audit = Audit(planted_space, Score())
    np.testing.assert_allclose(audit.answers.score, 1 / (1 + np.exp(-logit)), atol=1e-5)
    assert not audit.notes
    sigmoid = Audit(planted_space, torch.nn.Sequential(Score(), torch.nn.Sigmoid()))
    np.testing.assert_allclose(sigmoid.answers.score, audit.answers.score, atol=1e-6)
    assert "read as probabilities" in sigmoid.notes[0]
    value = Audit(planted_space, Score(), kind="values", threshold=0)
    np.testing.assert_allclose(value.answers.score, logit, atol=1e-4)
    amount = Audit(planted_space, Score(), target="age", threshold=0.5)
    assert amount.predictor.kind == "values"
    np.testing.assert_allclose(amount.answers.score, logit, atol=1e-4)


def test_a_wine_more_than_the_predictor_knows_counts_as_unknown(wines: Any, tmp_path: Path) -> None:
    rows = tables.frame()
    two = rows[rows["grower"] != "third"]
    model = LogisticRegression(max_iter=500).fit(two[["alcohol", "proline"]], two["grower"])
    audit = Audit(wines, model)
    assert "also holds 'third'" in audit.notes[0]
    np.testing.assert_array_equal(audit.truth == -1, rows["grower"] == "third")
