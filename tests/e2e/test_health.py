"""The health panel: curves, worst rows, dimensions and holes, against the space's own figures."""

from __future__ import annotations

import re

import numpy as np
import pytest

from tests.e2e.conftest import MODALITIES, until


@pytest.mark.parametrize("modality", MODALITIES)
def test_worst_rows_come_first_and_can_be_pinned(walk, modality):
    space, page = walk(modality, "#drawer=health")
    worst = page.page.get_by_test_id("worst").get_by_role("button")
    own = space.worst_rows(12)
    until(lambda: worst.count() == 12, "the worst rows")
    said = [w.get_attribute("aria-label") or w.get_attribute("title") for w in worst.all()]
    shown = [int(re.search(r"row ([\d,]+)", text)[1].replace(",", "")) for text in said]
    assert shown == own.rows.tolist()
    worst.nth(2).click()
    assert page.wait("pinned", "the pinned row")["index"] == own.rows[2]
    errors = page.page.get_by_test_id("worst").locator(".one > .quiet").all_inner_texts()
    np.testing.assert_allclose([float(e.split()[0]) for e in errors], own.errors, rtol=0.006)


def test_the_curves_are_the_history_and_say_which_epoch_was_kept(walk):
    space, page = walk("table", "#drawer=health")
    epochs = space.history["epochs"]
    page.page.get_by_text("as a table").click()
    rows = page.page.get_by_test_id("epochs").locator("tbody tr")
    until(lambda: rows.count() == len(epochs), "an epoch a row")
    for row, epoch in zip(rows.all(), epochs, strict=True):
        cells = row.locator("td").all_inner_texts()
        names = ("elbo", "validation_elbo", "reconstruction", "validation_reconstruction", "kl", "validation_kl")
        for cell, name in zip(cells, names, strict=True):
            assert float(cell.replace(",", "")) == pytest.approx(epoch[name], rel=0.006)
    kept = page.page.get_by_test_id("epochs").locator("tr.kept th").inner_text()
    assert kept == f"{space.history['best_epoch']} (kept)"
    figure = page.page.get_by_test_id("curves").locator("svg").first
    assert (
        figure.get_attribute("aria-label")
        == f"ELBO by epoch, {len(epochs)} epochs, best at epoch {space.history['best_epoch']}"
    )
    # What is drawn: held-out points across the width, from left to right, the higher ELBO higher up.
    path = page.page.get_by_test_id("curves").locator("path.held").first.get_attribute("d")
    points = np.array([[float(v) for v in p.split()] for p in re.split("[ML]", path)[1:]])
    assert len(points) == len(epochs)
    assert np.all(np.diff(points[:, 0]) > 0)
    values = np.array([e["validation_elbo"] for e in epochs])[2:]
    assert np.corrcoef(points[2:, 1], values)[0, 1] < -0.99


def test_holes_and_dimensions_are_those_measured(walk):
    space, page = walk("image", "#drawer=health")
    found = {m["about"]: m for m in space.measures["measures"] if m["name"] == "holes"}
    lines = page.page.get_by_test_id("hole")
    until(lambda: lines.count() == len(found) == 2, "the holes")
    for line in lines.all_inner_texts():
        share, about = re.search(r"([\d.e-]+) % of (samples of the prior|held-out rows)", line).groups()
        about = "" if about.startswith("samples") else about
        assert float(share) == pytest.approx(100 * found[about]["value"], rel=0.006, abs=1e-6)
        assert f"n = {found[about]['n']:,}" in line
    rows = page.page.get_by_test_id("dimensions").locator("li").all_inner_texts()
    deviation = {f.index: f.deviation for f in space.factors()}
    for row in rows:
        index, _, _, spread = re.search(r"dimension (\d+)\s+((-?)[\d.e-]+) ± ([\d.e-]+)", row).groups()
        assert float(spread) == pytest.approx(deviation[int(index)], rel=0.006)


def test_it_can_colour_the_map_by_what_is_wrong(walk):
    _, page = walk("signal", "#drawer=health")
    page.page.get_by_role("button", name="colour the map by it").click()
    until(lambda: page.ask("colour") == "reconstruction error", "the colour")


def test_the_rows_that_nobody_generates_are_looked_for_named_and_selected(walk):
    space, page = walk("table", "#drawer=health")
    page.page.get_by_role("button", name="look for them").click()
    own = space.uncovered()
    said = page.page.get_by_test_id("left-out-said")
    until(lambda: said.count() == 1, "the rows left out")
    assert said.inner_text().startswith(f"{len(own):,} of {own.n:,} rows have none of {own.made:,} generated ones")
    assert page.page.get_by_test_id("left-out").locator(".one").count() == min(12, len(own))
    assert page.page.get_by_test_id("left-out-groups").locator("tbody tr").count() == len(own.groups)
    if len(own):
        said.get_by_role("button").click()
        until(lambda: page.page.url.count("rows:") == 1, "the selection")
