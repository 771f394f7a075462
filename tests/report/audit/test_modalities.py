"""A report of whatever can be asked about whatever a space can hold: every section is there or says why not."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

import deepspace as ds
from deepspace.decisions import Audit
from deepspace.report.audit import render_audit
from tests.report.audit.reading import Page


def first_number(x: Any) -> np.ndarray:
    """(M,): the first column of numbers of a frame, or the mean of the first half of an array's values."""
    if hasattr(x, "select_dtypes"):
        return np.nan_to_num(np.asarray(x.select_dtypes("number").iloc[:, 0], float))
    flat = np.asarray(x, float).reshape(len(x), -1)
    return np.asarray(flat[:, : max(1, flat.shape[1] // 2)].mean(1))


def test_what_can_be_asked_is_there_and_the_rest_says_why(any_space: ds.Space) -> None:
    whole = (
        any_space.rows.table() if any_space.schema.form == "table" else any_space.schema.decode(any_space.samples[:])
    )
    values = first_number(whole.to_pandas() if hasattr(whole, "to_pandas") else whole)
    low, middle, high = np.quantile(values, [0.33, 0.5, 0.66])
    scale = float(values.std()) or 1.0

    def three(x: Any) -> Any:
        return np.eye(3)[np.digitize(first_number(x), [low, high])]

    def two(x: Any) -> Any:
        return 1 / (1 + np.exp(-(first_number(x) - middle) / scale))

    classes: tuple[Any, dict[str, Any]] = (three, {"classes": ("low", "middle", "high"), "kind": "probabilities"})
    pair = (two, {"classes": ("no", "yes"), "favourable": "yes", "kind": "probabilities"})
    value = (first_number, {"kind": "values"})
    asked = {"image": classes, "table": value, "signal": pair, "vector": classes, "counts": pair}
    predictor, options = asked[any_space.schema.modality]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        page, told = render_audit(Audit(any_space, predictor, target="none", **options))
    assert Page(page).open == []
    for gap in told["summary"]["gaps"]:
        assert "a fault of deepspace" not in gap["sentence"]
        assert len(gap["sentence"]) < 400
    keys = {entry["key"] for entry in told["evidence"]}
    assert "predictor.decisions" in keys
    assert {"boundary.trust", "boundary.shares"} <= keys
