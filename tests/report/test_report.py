"""The report stands alone, says what is wrong first, marks what was made up, and comes out the same every time."""

from __future__ import annotations

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape
from PIL import Image

from deepspace import Space
from deepspace.errors import SpaceError
from deepspace.metrics import Measure, Measures, measure
from deepspace.report import render, report
from deepspace.report.pictures import MISSING, colours, curve, data_uri, image_sheet, map_picture


class Page(HTMLParser):
    """Tags in order with their attributes, and the text without style."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.text += data


@pytest.fixture(scope="module")
def rendered(any_space: Space) -> str:
    return render(any_space)


def test_it_stands_alone(any_space: Space, tmp_path: Path) -> None:
    file = report(any_space, tmp_path / "deep" / "report.html")
    text = file.read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == []
    assert not re.search(r"(?i)https?://|@import|url\(|javascript:", text)
    assert not [tag for tag, _ in page.tags if tag in ("script", "link", "iframe", "object", "base", "form")]
    sources = [attributes.get("src") or "" for tag, attributes in page.tags if tag == "img"]
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert list(tmp_path.rglob("*.partial")) == []


def test_the_same_space_gives_the_same_bytes(any_space: Space, rendered: str) -> None:
    assert render(any_space) == rendered


def test_what_is_wrong_comes_before_anything_else(any_space: Space) -> None:
    bad = Measures((Measure("reconstruction_error", 1.0, n=9, better="lower", baseline=1.0),))
    text = Page(render(any_space, bad)).text
    assert "Poor fit: held-out rows are rebuilt no better than by the mean" in text
    assert text.index("Poor fit") < text.index("The data") < text.index("Measures") < text.index("Provenance")


def test_every_measure_stands_there_with_its_n(any_space: Space) -> None:
    taken = measure(any_space)
    text = Page(render(any_space, taken)).text
    for found in taken:
        if not found.about:
            assert found.name.replace("_", " ") in text
            assert f"{found.n:,}" in text
    for name in taken.skipped:
        assert f"Not measured: {name}" in text


def test_what_was_made_up_is_marked(rendered: str) -> None:
    assert "Generated: decoded from random latents" in rendered
    sections = rendered.split("<h2>")
    for title in ("Reconstructions", "Drawn from the prior"):
        section = next(s for s in sections if s.startswith(title))
        assert 'class="made"' in section


def test_the_rows_that_nobody_generates_stand_there(any_space: Space, rendered: str) -> None:
    page, found = rendered, any_space.uncovered()
    assert "<h2>Rows that nobody generates</h2>" in page
    assert f"{len(found):,} of {found.n:,} real rows have none of {found.made:,} generated ones" in page
    for group in found.groups:
        assert f"<td>{escape(group.column)}</td><td>{escape(group.value)}</td>" in page


def test_the_schema_and_the_source_stand_there(any_space: Space, rendered: str) -> None:
    text = Page(rendered).text
    for column in any_space.schema.columns:
        assert column.name in text
    assert any_space.manifest["provenance"]["source"]["fingerprint"] in text


def test_names_from_the_data_cannot_become_markup(any_space: Space) -> None:
    bad = "<script>alert(1)</script>"
    measures = Measures((Measure("reconstruction_error", 2.0, n=9, better="lower", baseline=1.0, about=bad),))
    text = render(any_space, measures)
    assert bad not in text
    assert "&lt;script&gt;" in text


def test_a_file_that_cannot_be_written(any_space: Space, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpaceError, match="cannot write the report to"):
        report(any_space, tmp_path / "file" / "report.html")
    there = tmp_path / "there.html"
    there.write_text("mine")
    with pytest.raises(SpaceError, match="exists; choose another name"):
        report(any_space, there, overwrite=False)
    assert there.read_text() == "mine"


def pixels(uri: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",", 1)[1]))).convert("RGB"))


def test_a_picture_survives_its_address() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3)).astype(np.uint8)
    np.testing.assert_array_equal(pixels(data_uri(picture)), picture)


def test_rows_stand_on_the_map_where_they_are() -> None:
    red, blue = (255, 0, 0), (0, 0, 255)
    drawn = pixels(map_picture(np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([red, blue], np.uint8), size=100))
    lower_left, upper_right = drawn[60:, :40].reshape(-1, 3), drawn[:40, 60:].reshape(-1, 3)
    assert (lower_left[:, 0] > lower_left[:, 2]).any()
    assert not (lower_left[:, 2] > lower_left[:, 0]).any()
    assert (upper_right[:, 2] > upper_right[:, 0]).any()
    assert (drawn[45:55, 45:55] == 255).all()


def test_a_sheet_holds_every_image_enlarged_by_whole_steps() -> None:
    images = np.arange(3 * 4 * 4, dtype=np.uint8).reshape(3, 4, 4)
    sheet = pixels(image_sheet(images, columns=2, least=8))
    assert sheet.shape == (2 * 8 + 2, 2 * 8 + 2, 3)
    np.testing.assert_array_equal(sheet[:8:2, :8:2, 0], images[0])
    np.testing.assert_array_equal(sheet[10::2, :8:2, 1], images[2])


def test_colours_of_categories_and_numbers() -> None:
    paint, key = colours("kind", ["b", None, "a", "b"], numeric=False)
    assert [label for label, _ in key.entries] == ["a", "b", "other or missing"]
    assert tuple(paint[1]) == MISSING
    assert tuple(paint[0]) == tuple(paint[3]) != tuple(paint[2])
    many, key = colours("kind", [str(i % 30) for i in range(300)], numeric=False)
    assert len(key.entries) == 21
    assert len(np.unique(many, axis=0)) == 21
    paint, key = colours("size", [0.0, 10.0, None, 5.0], numeric=True)
    assert key.ramp == ("0", "10")
    lightness = paint.astype(float).sum(1)
    assert lightness[0] < lightness[3] < lightness[1]
    assert tuple(paint[2]) == MISSING


def test_a_curve_is_drawn_only_where_there_is_one() -> None:
    assert curve([("training", "#000", [1.0])]) == ""
    assert curve([("training", "#000", [None, None])]) == ""
    drawn = curve([("training", "#000", [1.0, float("nan"), 3.0]), ("held out", "#111", [0.5, 2.0, 2.5])])
    lines = re.findall(r'points="([^"]*)"', drawn)
    assert [len(line.split()) for line in lines] == [2, 3]
    assert float(lines[0].split()[1].split(",")[1]) == pytest.approx(12)  # the highest value touches the top
