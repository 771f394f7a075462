"""The data panel: histograms that filter each other, search, and the rows that one takes along."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import pytest

from tests.e2e.conftest import Page, until


def column(page: Page, name: str) -> Any:
    return page.page.locator(f'[data-testid="column"][data-name="{name}"]')


def opened(page: Page, name: str) -> Any:
    row = column(page, name)
    row.locator(".name").click()
    row.locator(".body").wait_for()
    return row


def between(page: Page, name: str, low: float | None, high: float | None) -> None:
    row = opened(page, name)
    for end, value in (("from", low), ("to", high)):
        if value is not None:
            field = row.get_by_role("textbox", name=f" {end}")
            field.fill(str(value))
            field.press("Enter")


def python(page: Page) -> str:
    """The lines that "copy as Python" copies."""
    return page.page.locator(".left").get_by_test_id("python").get_attribute("data-text")


def run(lines: str, space: Any) -> list[int]:
    """The rows that the lines give."""
    names: dict[str, Any] = {}
    body = "\n".join(x for x in lines.splitlines() if "ds.open" not in x and not x.startswith("print"))
    exec(body, {"space": space}, names)
    return names["rows"].tolist()


def test_filters_on_two_columns_and_a_lasso_all_hold(walk):
    space, page = walk("table")
    frame = space.rows.table().to_pandas()
    between(page, "petal_length", 1.5, 4.9)
    opened(page, "site").get_by_role("button", name="north").click()
    wanted = frame.petal_length.between(1.5, 4.9) & (frame.site == "north")
    page.wait(f"counted === {int(wanted.sum())}", "both filters to hold")
    # A column's own filter does not narrow its own bars; the others' do.
    site = column(page, "site").locator("li")
    for i in range(3):
        name, n = site.nth(i).inner_text().split()
        expected = (frame.petal_length.between(1.5, 4.9) & (frame.site == name)).sum()
        assert int(n) == expected
    legend = page.page.get_by_label("Legend")
    for species, n in frame[wanted].species.value_counts().items():
        assert f"{species}\n{n}" in legend.inner_text()

    # And a lasso around the left half of what is on the screen.
    spots = page.spots(len(frame))
    middle = float(np.median(spots[:, 0])) + 0.5
    page.page.keyboard.press("l")
    top, bottom, left = spots[:, 1].min() - 20, spots[:, 1].max() + 20, spots[:, 0].min() - 20
    corners = [(left, top), (middle, top), (middle, bottom), (left, bottom)]
    page.page.mouse.move(*corners[0])
    page.page.mouse.down()
    for corner in [*corners[1:], corners[0]]:
        page.page.mouse.move(*corner, steps=6)
    page.page.mouse.up()
    selection = page.wait("selection", "the lasso")
    counted = page.ask("counted")
    kept = np.flatnonzero(wanted)
    assert counted == len(set(kept) & set(selection))
    assert 0 < len(selection) < len(frame)
    lines = python(page)
    assert run(lines, space) == sorted(set(kept.tolist()) & set(selection))


@pytest.mark.parametrize("modality", ["image", "signal"])
def test_what_the_model_says_filters_too(walk, modality):
    space, page = walk(modality)
    page.page.get_by_test_id("columns-figure").locator(".fold").click()
    error = np.asarray(space.figures["reconstruction_error"])
    bound = float(np.float32(np.quantile(error, 0.8)).round(5))
    between(page, "reconstruction error", bound, None)
    wanted = np.flatnonzero(error >= np.float32(bound))
    page.wait(f"counted === {len(wanted)}", "the worst fifth")
    assert run(python(page), space) == wanted.tolist()
    page.page.get_by_test_id("columns-latent").locator(".fold").click()
    between(page, "dimension 1", None, 0)
    wanted = wanted[space.latents.mean[wanted, 1] <= 0]
    page.wait(f"counted === {len(wanted)}", "and below 0 in dimension 1")
    assert run(python(page), space) == wanted.tolist()
    page.page.locator(".foot").get_by_role("button", name="clear").click()
    page.wait(f"counted === {len(space)}", "all rows again")


def test_dragging_over_the_bars_lights_a_range(walk):
    space, page = walk("table")
    row = opened(page, "sepal_width")
    box = row.locator("svg[role=img]").bounding_box()
    page.page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 20)
    page.page.mouse.down()
    page.page.mouse.move(box["x"] + box["width"] + 5, box["y"] + 20, steps=5)
    page.page.mouse.up()
    low = float(row.get_by_role("textbox", name="from").input_value())
    assert row.get_by_role("textbox", name=" to").input_value() == ""
    width = np.asarray(space.rows.column("sepal_width"))
    assert page.ask("counted") == int((width >= low).sum())
    assert 0 < page.ask("counted") < len(width)
    page.page.mouse.click(box["x"] + 20, box["y"] + 20)
    page.wait(f"counted === {len(width)}", "no filter")


def test_the_rows_that_count_are_saved_as_they_came(walk):
    space, page = walk("table")
    opened(page, "species").get_by_role("button", name="virginica").click()
    page.wait("filters.length === 1", "the filter")
    with page.page.expect_download() as waiting:
        page.page.get_by_role("button", name="save as CSV").click()
    assert waiting.value.suggested_filename == "table-50-rows.csv"
    text = waiting.value.path().read_text()
    frame = space.rows.table().to_pandas()
    read = list(csv.DictReader(io.StringIO(text)))
    assert [int(r["row"]) for r in read] == np.flatnonzero(frame.species == "virginica").tolist()
    for line in read:
        assert float(line["petal_length"]) == frame.petal_length[int(line["row"])]


def test_search_finds_columns_values_and_rows(walk):
    space, page = walk("table")
    keys = page.page.keyboard
    found = page.page.get_by_test_id("found")
    keys.press("/")
    keys.type("petal w")
    until(lambda: found.count() and "petal width" in found.inner_text(), "the column")
    keys.press("Enter")
    page.wait("colour === 'petal_width'", "the colour")
    keys.press("/")
    keys.type("versic")
    until(lambda: "all 50 rows" in found.inner_text(), "the rows")
    found.get_by_text("all 50 rows").click()
    selection = page.wait("selection", "the selection")
    assert selection == space.rows.select("species = 'versicolor'").tolist()
    assert "select=search:versic" in page.page.url
    keys.press("/")
    keys.type("row 77")
    until(lambda: "row 77" in found.inner_text(), "the row")
    found.get_by_text("row 77").click()
    page.wait("pinned?.index === 77", "the pin")
    keys.press("/")
    keys.type("nowhere")
    until(lambda: "no row holds it" in found.inner_text(), "nothing")
    keys.press("Escape")
    assert found.count() == 0
