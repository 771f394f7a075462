"""A predictor of the user's on the map: its boundary, how far it is true, cases, and what would change them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from deepspace.decisions import Audit, case_precedents
from deepspace.decisions.boundary import boundary, doubt, map_trust, proxy, static_boundary
from deepspace.server import Session
from tests.e2e.conftest import until
from tests.e2e.test_accessibility import CHECK, ENGINE


@pytest.fixture(scope="session")
def audits(spaces: Any) -> Any:
    """``audits("image")``: linear classifiers, two of them for the table, fitted on rows that the space trained on."""
    from pandas.api.types import is_numeric_dtype
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    made: dict[str, list[Audit]] = {}

    def of(modality: str) -> list[Audit]:
        if modality in made:
            return made[modality]
        space = spaces(modality)
        held = space.validation_index
        fit = np.setdiff1d(np.arange(len(space)), held)
        if modality == "image":
            given = np.asarray(space.schema.decode(space.samples[:])).reshape(len(space), -1)
            labels = np.array(space.rows.column(space.schema.target.name).to_pylist())
            model = LogisticRegression(C=1e-4, max_iter=500).fit(given[fit], labels[fit])
            made[modality] = [Audit(space, model, held_out=held)]
            return made[modality]
        names = [c.name for c in space.schema.features]
        frame = space.rows.table([*names, "species"]).to_pandas()
        frame["species"] = np.where(frame["species"] == "virginica", "virginica", "other")
        words = [n for n in names if not is_numeric_dtype(frame[n])]
        numbers = [n for n in names if n not in words]

        def virginica(rows: Any) -> np.ndarray:
            return np.asarray(full.predict_proba(rows)[:, 1])

        def petals(rows: Any) -> np.ndarray:
            return np.asarray(1 / (1 + np.exp(-4 * (rows["petal_length"] - 5))), float)

        columns = make_column_transformer((OneHotEncoder(), words), (StandardScaler(), numbers))
        full = make_pipeline(columns, LogisticRegression()).fit(frame[names].iloc[fit], frame["species"].iloc[fit])
        options = {"classes": ("other", "virginica"), "favourable": "virginica", "held_out": held}
        made[modality] = [Audit(space, model, columns=names, **options) for model in (virginica, petals)]
        return made[modality]

    return of


@pytest.fixture
def decide(audits: Any, serve: Any, browse: Any) -> Any:
    """``decide("image")``: the audits, and a page in which everything has been looked at."""

    def start(modality: str, suffix: str = "", **options: Any) -> Any:
        found = audits(modality)
        space = found[0].space
        server = serve(Session(space.name, space=space, audits=found))
        page = browse(server.address + suffix, **options).ready()
        page.wait("decisions.state === 'ready'", "the look at the predictor", timeout=120)
        return found, page

    return start


@pytest.mark.parametrize("modality", ["image", "table"])
def test_a_page_with_a_predictor_begins_with_how_it_decides(decide, modality):
    found, page = decide(modality)
    audit = found[0]
    assert page.ask("colour") == f"decision of {audit.predictor.name}"
    counts = np.bincount(audit.answers.outcome, minlength=len(audit.outcomes)).tolist()
    assert [entry["count"] for entry in page.ask("legend")] == counts
    until(lambda: page.ask("decisions.doubtful"), "the hatching")
    seen = proxy(audit)
    expected = boundary(audit, proxy=seen)
    assert page.ask("decisions.drawn") == "generative"
    outcome = np.array(page.ask("decisions.outcome"))
    np.testing.assert_array_equal(np.where(outcome == 255, -1, outcome), expected.outcome.ravel())
    assert len(page.ask("decisions.lines")) == len(expected.lines)
    np.testing.assert_array_equal(np.array(page.ask("decisions.doubtful")), doubt(audit, proxy=seen).doubtful.ravel())
    trust = map_trust(audit, proxy=seen)
    assert page.words("trust-sentence") == trust.sentence
    figures = page.words("decision-figures")
    assert f"shown as decided {trust.agreement.value:.2f}" in figures
    assert f"n = {trust.agreement.n})" in figures
    assert "generated" in page.words("drawer")


def test_one_key_turns_to_the_rows_around_and_one_hides_the_line(decide):
    found, page = decide("image")
    until(lambda: page.ask("decisions.doubtful"), "the hatching")
    before = page.shot()
    page.page.keyboard.press("v")
    until(lambda: page.ask("decisions.drawn") == "static", "the static view")
    assert "decided=static" in page.page.url
    assert page.ask("decisions.doubtful") is None
    assert "nothing is generated" in page.words("drawer")
    assert len(page.ask("decisions.lines")) == len(static_boundary(found[0]).lines)
    page.page.wait_for_timeout(300)
    assert (before != page.shot()).any()
    page.page.keyboard.press("v")
    until(lambda: page.ask("decisions.drawn") == "generative", "what places decode to")
    page.page.wait_for_timeout(300)
    drawn = page.shot()
    page.page.keyboard.press("o")
    page.page.wait_for_timeout(300)
    assert "show=-boundary" in page.page.url
    assert (drawn != page.shot()).any()


def test_the_address_brings_back_predictor_view_and_panel(decide):
    _, page = decide("table", "#drawer=decisions&predictor=1&decided=static&decisions=beside")
    assert page.ask("decisions.at") == 1
    assert page.ask("decisions.view") == "static"
    assert page.page.get_by_test_id("pairs").count() == 1
    assert page.ask("colour") == "species", "an address that says so is not coloured anew"


def test_a_case_worth_a_look_is_pinned_and_told(decide, built):
    found, page = decide("table", bypass_csp=True)
    audit = found[0]
    page.page.add_script_tag(path=str(ENGINE))
    assert page.page.evaluate(CHECK) == []
    first = page.page.get_by_test_id("worth-closest").get_by_role("button").first
    row = int(first.get_attribute("data-row"))
    assert row == int(audit.rows[np.argmin(audit.answers.margin)])
    first.click()
    until(lambda: page.page.get_by_test_id("case").count(), "the case")
    assert page.page.get_by_test_id("case").get_attribute("data-row") == str(row)
    assert "decisions=case" in page.page.url
    own = audit.ask_rows([row])
    assert page.words("case-decision") == audit.outcomes[own.outcome[0]]
    near = case_precedents(audit, row=row, k=5)
    for side, expected in (("same", near.same), ("opposite", near.opposite)):
        rows = page.page.get_by_test_id(f"precedents-{side}").get_by_test_id("precedent")
        assert [int(r.get_attribute("data-row")) for r in rows.all()] == expected.index.tolist()
    until(lambda: "p = " in page.words("case-likeness"), "the likeness", timeout=90)
    like = audit.space.ood(audit.space.rows.table([c.name for c in audit.space.schema.columns], [row]).to_pandas())
    assert page.ask("decided.likeness.p") == pytest.approx(like.combined_p[0], abs=0.05)
    until(lambda: page.ask("decided.recourse"), "what would change it")
    ways = page.page.get_by_test_id("way")
    assert ways.count() == len(page.ask("decided.recourse.found")) > 0
    ways.first.click()
    until(lambda: page.ask("decided.way"), "the way on the map")
    assert "generated" in page.words("recourse")
    end = page.ask("decided.way")[-1]
    place = page.ask("place")
    assert (place["x"], place["y"]) == pytest.approx(tuple(end), abs=1e-4)
    until(lambda: page.page.evaluate(CHECK) == [], "the cards to have come to rest")


def test_a_margin_asks_for_more_and_is_kept_in_the_address(decide):
    found, page = decide("table", "#drawer=decisions&decisions=case&pin=5")
    audit = found[0]

    def ways(margin: float) -> list[tuple[list[str], float]]:
        page.wait(f"decided.recourse?.margin === {margin}", "what would change it")
        told = page.ask("decided.recourse")
        case = audit.counterfactuals(rows=[5], margin=margin)[0]
        assert [way["scoreAfter"] for way in told["found"]] == pytest.approx([each.score_after for each in case])
        assert told["threshold"] == 0.5
        return [([c["column"] for c in way["changes"]], way["scoreAfter"]) for way in told["found"]]

    plain = ways(0)
    assert "At the threshold many do not survive a refit" in page.words("recourse")
    field = page.page.get_by_test_id("margin")
    field.fill("0.3")
    field.press("Enter")
    wide = ways(0.3)
    assert min(score for _, score in wide) >= 0.8 > min(score for _, score in plain)
    assert "margin=0.3" in page.page.url
    first = page.words("recourse")
    assert f"decided '{page.ask('decided.recourse.desired')}' with 0.8" in first
    assert "threshold 0.5, margin 0.3" in first
    page.page.reload()
    page.ready()
    assert ways(0.3) == wide
    assert page.page.get_by_test_id("margin").input_value() == "0.3"
    field = page.page.get_by_test_id("margin")
    field.fill("0.5")
    field.press("Enter")
    until(lambda: "margin is how far beyond the threshold" in page.words("recourse"), "the refusal")
    field.fill("-1")
    field.press("Enter")
    assert field.input_value() == "0.5"
    assert "margin=0.5" in page.page.url


def test_a_picture_is_changed_step_by_step(decide):
    found, page = decide("image", "#drawer=decisions&decisions=case&pin=5")
    until(lambda: page.page.get_by_test_id("case").count(), "the case")
    until(lambda: page.ask("decided.recourse"), "what would change it", timeout=60)
    found_ways = page.ask("decided.recourse.found")
    if found_ways:
        canvases = page.page.get_by_test_id("way").first.locator("canvas")
        assert canvases.count() == len(found_ways[0]["contents"]) > 1
        assert found_ways[0]["outcome"] != found[0].outcomes[found[0].answers.outcome[5]]
    else:
        assert page.ask("decided.recourse.refused")


def test_two_predictors_are_told_apart(decide):
    found, page = decide("table")
    chooser = page.page.get_by_test_id("predictor")
    assert chooser.locator("option").count() == 2
    page.page.get_by_role("button", name="predictors", exact=True).click()
    differ = np.flatnonzero(found[0].answers.outcome != found[1].answers.outcome)
    assert f"{len(differ)} rows" in page.words("pairs")
    page.page.get_by_test_id("pairs").get_by_role("button").click()
    assert page.ask("selection") == differ.tolist()
    chooser.select_option("1")
    page.wait("decisions.at === 1 && window.__deepspace.decisions.state === 'ready'", "the other one", timeout=120)
    page.wait("decisions.lines !== null", "its boundary")
    assert len(page.ask("decisions.lines")) == len(boundary(found[1], proxy=proxy(found[1])).lines)


def test_the_plane_through_three_rows(decide):
    _, page = decide("image", "#drawer=decisions&decisions=triangle&pin=5")
    until(lambda: page.page.get_by_test_id("triangle").count(), "the plane")
    rows = page.page.get_by_test_id("triangle").get_attribute("data-rows").split()
    assert rows[0] == "5"
    assert len(set(rows)) == 3
    assert "generated" in page.words("triangle")


def test_without_a_predictor_the_tab_says_how_to_begin(walk):
    space, page = walk("table", "#drawer=decisions")
    until(lambda: page.page.get_by_test_id("no-predictor").count(), "the sentence")
    command = page.page.get_by_test_id("copy-command").get_attribute("data-text")
    assert command == f"deepspace explore {space.folder.name} --predictor model.onnx --target species"
