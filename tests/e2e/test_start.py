"""The start page in a real browser: from a file or an example over its schema to a map; cancelled, and taken up."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import deepspace as ds
from tests.e2e.conftest import TIMEOUT, until
from tests.e2e.test_accessibility import CHECK, ENGINE


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The desk of `deepspace explore` in an empty folder, with nothing remembered."""
    from deepspace.cli.walking import desk

    monkeypatch.setenv("DEEPSPACE_STATE", str(tmp_path / "state"))
    (tmp_path / "work").mkdir()
    made = desk(tmp_path / "work")
    yield made
    made.close(TIMEOUT)


@pytest.fixture
def start(desk: Any, serve: Callable[..., Any], browse: Callable[..., Any]) -> Callable[..., Any]:
    def visit(**options: Any) -> Any:
        page = browse(serve(desk).address, **options)
        page.page.get_by_test_id("start").wait_for()
        return page

    return visit


def see(page: Any, testid: str) -> Any:
    found = page.page.get_by_test_id(testid).first
    found.wait_for(timeout=TIMEOUT * 1000)
    return found


def learn(page: Any, epochs: int) -> None:
    page.page.get_by_text("More settings").click()
    page.page.get_by_label("Passes over the data, at most").fill(str(epochs))
    page.page.get_by_test_id("learn").click()


def table(page: Any, testid: str) -> list[list[str]]:
    rows = page.page.get_by_test_id(testid).locator("tbody tr")
    return [[c.strip() for c in rows.nth(i).locator("th, td").all_inner_texts()] for i in range(rows.count())]


def test_from_an_example_over_a_corrected_schema_to_the_map_and_back(start: Any, desk: Any) -> None:
    page = start()
    page.page.get_by_test_id("example-iris").click()
    see(page, "schema")
    assert [r[0] for r in table(page, "schema")] == [
        "sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)", "species",
    ]  # fmt: skip
    assert [r[0] for r in table(page, "first-rows")[:3]] == ["5.1", "4.9", "4.7"]
    assert page.page.get_by_label("species is the target").is_checked()
    page.page.get_by_label("What sepal width (cm) is used as").select_option("excluded")
    until(lambda: "3 columns learned from" in page.words("look-facts"), "the correction")
    page.page.get_by_test_id("output").fill("my irises")
    learn(page, 3)
    page.ready()
    space = ds.open(desk.folder / "my irises.space")
    assert [c.name for c in space.schema.features] == ["sepal length (cm)", "petal length (cm)", "petal width (cm)"]
    assert space.schema.target is not None
    assert space.schema.target.name == "species"
    spots = np.array([page.ask("positionOf(a[0])", row) for row in range(len(space))])
    np.testing.assert_allclose(spots, space.map.positions, rtol=1e-6)
    page.page.get_by_test_id("to-start").click()
    card = see(page, "recent")
    assert "my irises" in card.inner_text()
    assert "150 rows" in card.inner_text()
    assert "#" not in page.page.url
    card.get_by_role("button").first.click()
    page.ready()
    assert page.page.title() == "my irises · deepspace"


def test_a_family_can_be_chosen(start: Any, desk: Any) -> None:
    page = start()
    page.page.get_by_test_id("example-iris").click()
    see(page, "schema")
    page.page.get_by_text("More settings").click()
    page.page.get_by_test_id("model").select_option("pca")
    assert "least squared error" in page.page.locator("#model-says").inner_text()
    page.page.get_by_label("Latent dimensions").fill("2")
    page.page.get_by_test_id("learn").click()
    page.ready()
    with ds.open(desk.folder / "iris.space") as space:
        assert space.manifest["model"]["family"] == "pca"
        assert space.latent_dim == 2


def test_a_correction_that_cannot_be_followed_says_why_and_can_be_undone(start: Any) -> None:
    page = start()
    page.page.get_by_test_id("example-wine").click()
    kind = page.page.get_by_label("What magnesium is", exact=True)
    kind.select_option("boolean")
    assert "cannot be boolean" in see(page, "objection").inner_text()
    assert page.page.get_by_test_id("learn").is_disabled()
    page.page.get_by_role("button", name="Undo the corrections").click()
    page.page.get_by_test_id("objection").wait_for(state="detached")
    assert kind.input_value() == "integer"
    assert page.page.get_by_test_id("learn").is_enabled()
    page.page.get_by_test_id("schema").get_by_role("button", name="none").click()
    until(lambda: "14 columns learned from" in page.words("look-facts"), "the target to be learned from")
    page.page.get_by_label("grower is the target").check()
    until(lambda: "13 columns learned from" in page.words("look-facts"), "the target back")


def test_files_are_sent_and_looked_at(start: Any, desk: Any, tmp_path: Path) -> None:
    page = start()
    lines = ["size,colour,kind"] + [
        f"{i * 0.5},{'red' if i % 3 else 'blue'},{'a' if i % 2 else 'b'}" for i in range(40)
    ]
    (tmp_path / "fruit & nuts.csv").write_text("\n".join(lines))
    page.page.get_by_test_id("file").set_input_files(tmp_path / "fruit & nuts.csv")
    see(page, "schema")
    assert page.words("look-facts").startswith("40 rows")
    assert table(page, "first-rows")[1] == ["0.5", "red", "a"]
    assert (desk.uploads / "fruit & nuts.csv").read_text() == "\n".join(lines)
    learn(page, 2)
    page.ready()
    assert len(ds.open(desk.folder / "fruit & nuts.space")) == 40


def test_a_file_can_be_dropped_anywhere(start: Any) -> None:
    page = start()
    page.page.evaluate(
        """() => {
          const data = new DataTransfer();
          const rows = Array.from({length: 30}, (_, i) => `${i},${i % 3}`).join("\\n");
          data.items.add(new File(["a,b\\n" + rows], "dropped.csv"));
          document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
        }"""
    )
    see(page, "schema")
    assert page.words("look-facts").startswith("30 rows")
    assert page.page.get_by_role("heading", level=1).first.inner_text() == "dropped.csv"


def test_pictures_and_signals_are_shown_before_they_are_learned(start: Any, tmp_path: Path) -> None:
    from PIL import Image

    page = start()
    pictures = np.random.default_rng(0).integers(0, 255, (12, 9, 7, 3), np.uint8)
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for i, picture in enumerate(pictures):
            written = io.BytesIO()
            Image.fromarray(picture).save(written, "PNG")
            archive.writestr(f"{'cat' if i % 2 else 'dog'}/{i:02d}.png", written.getvalue())
    page.page.get_by_test_id("file").set_input_files(tmp_path / "pets.zip")
    shown = see(page, "first-items")
    assert page.words("look-facts") == "12 pictures, 7 × 9 pixels, in colour"
    labels = shown.locator("li").all_inner_texts()
    assert sorted({label.strip() for label in labels}) == ["cat", "dog"]
    data = shown.locator("canvas").first.evaluate(
        "c => [...c.getContext('2d').getImageData(0, 0, c.width, c.height).data]"
    )
    drawn = np.array(data, np.uint8).reshape(9, 7, 4)[..., :3]
    first = 1 if labels[0].strip() == "cat" else 0
    np.testing.assert_array_equal(drawn, pictures[first])
    page.page.get_by_role("button", name="Something else").click()
    waves = np.random.default_rng(0).normal(size=(30, 2, 48)).astype(np.float32)
    np.savez(tmp_path / "waves.npz", x=waves)
    page.page.get_by_test_id("file").set_input_files(tmp_path / "waves.npz")
    see(page, "first-items")
    assert page.words("look-facts") == "30 signals, 2 channels of 48 steps"
    assert shown.locator("svg").count() == 20


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("notes.txt", b"dear diary\n", "needed to learn from"),
        ("model.pkl", b"\x80\x04K\x01.", "is a pickle, which could run any code"),
        ("empty.csv", b"", "is empty"),
        ("one.png", b"\x89PNG\r\n\x1a\n", "is one picture"),
    ],
)
def test_a_file_that_cannot_be_learned_says_why(start: Any, name: str, content: bytes, sentence: str) -> None:
    page = start()
    page.page.get_by_test_id("file").set_input_files({"name": name, "mimeType": "", "buffer": content})
    assert sentence in see(page, "start-failure").inner_text()
    page.page.get_by_test_id("example-iris").click()
    see(page, "schema")
    assert page.page.get_by_test_id("start-failure").count() == 0


def test_cancelled_and_taken_up_again(start: Any, desk: Any) -> None:
    page = start()
    page.page.get_by_test_id("example-iris").click()
    see(page, "schema")
    learn(page, 5000)
    page.wait("history.length > 2 ? 1 : 0", "three epochs")
    done = page.ask("history.length")
    see(page, "cancel").click()
    see(page, "leave-sure").click()
    partial = see(page, "partial")
    assert "iris.csv" in partial.inner_text()
    assert page.ask("phase") == "idle"
    (kept,) = desk.offers().partial
    assert kept.epochs >= done - 1
    partial.get_by_role("button", name="Go on with iris").click()
    page.wait("history.length > 0 ? 1 : 0", "the fit to go on")
    assert page.ask("history[0].epoch") > kept.epochs
    see(page, "stop").click()
    page.ready()
    assert ds.open(desk.folder / "iris.space").history["resumed"] == 1
    assert desk.offers().partial == []


def test_what_was_cut_short_is_discarded_only_when_confirmed(start: Any, desk: Any) -> None:
    from deepspace.space.files import Work

    work = Work(desk.folder / "half.space")
    (work.folder / "checkpoint.safetensors").write_bytes(b"x")
    work.keep = True
    work.release()
    page = start()
    partial = see(page, "partial")
    assert "begun from Python" in partial.inner_text()
    partial.get_by_role("button", name="Discard half").click()
    assert (desk.folder / "half.space.partial").exists()
    see(page, "discard-sure").click()
    partial.wait_for(state="detached")
    assert not (desk.folder / "half.space.partial").exists()


def test_a_name_that_is_taken_has_to_be_replaced_knowingly(start: Any, desk: Any) -> None:
    (desk.folder / "iris.space").mkdir()
    page = start()
    page.page.get_by_test_id("example-iris").click()
    box = see(page, "overwrite")
    button = page.page.get_by_test_id("learn")
    assert button.is_disabled()
    box.check()
    assert button.is_enabled()
    page.page.get_by_test_id("output").fill("another")
    assert page.page.get_by_test_id("overwrite").count() == 0
    assert button.is_enabled()
    (desk.folder / "another.space").mkdir()
    button.click()
    assert "'another.space' already exists" in see(page, "start-failure").inner_text()
    see(page, "overwrite")
    assert button.is_disabled()
    page.page.get_by_test_id("output").fill("inner/one")
    button.click()
    see(page, "training")
    assert (desk.folder / "inner").is_dir()


def test_every_page_follows_when_the_space_is_changed(
    start: Any, desk: Any, browse: Callable[..., Any], spaces: Callable[[str], Any]
) -> None:
    first, second = spaces("table"), spaces("signal")
    page = start()
    desk.open(str(first.folder))
    page.ready()
    page.page.evaluate("location.hash = 'pin=3'")
    page.wait("pinned")
    with page.page.expect_event("load", timeout=TIMEOUT * 1000):
        desk.open(str(second.folder))
    page.ready()
    assert page.page.title().startswith(second.name)
    assert page.ask("pinned") is None
    page.wait("ready")
    x, y = page.ask("positionOf(5)")
    np.testing.assert_allclose([x, y], second.map.positions[5], rtol=1e-6)


def test_the_whole_way_by_keyboard_on_a_phone(start: Any, desk: Any) -> None:
    page = start(size=(390, 800))
    keys = page.page.keyboard
    for _ in range(40):
        keys.press("Tab")
        if page.page.evaluate("document.activeElement.dataset.testid") == "example-iris":
            break
    keys.press("Enter")
    see(page, "schema")
    assert page.page.evaluate("document.activeElement.tagName") == "H1"
    wide = page.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390
    output = page.page.get_by_test_id("output")
    output.focus()
    keys.press("Enter")
    see(page, "training")
    assert desk.fitting


def wrong(page: Any) -> set[str]:
    """What the accessibility check is sure of, once nothing fades any more."""
    opacity = "getComputedStyle(document.querySelector('[data-testid=start] .rest') ?? document.body).opacity"
    until(lambda: page.page.evaluate(opacity) == "1", "the page to be lit")
    return set(page.page.evaluate(CHECK))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_nothing_serious_is_found_by_the_accessibility_check(start: Any, desk: Any, theme: str) -> None:
    from deepspace.space.files import Work

    work = Work(desk.folder / "half.space")
    work.keep = True
    work.release()
    page = start(bypass_csp=True, color_scheme=theme)
    page.page.add_script_tag(path=str(ENGINE))
    see(page, "partial").get_by_role("button", name="Discard half").click()
    found = wrong(page)
    page.page.get_by_test_id("example-wine").click()
    see(page, "schema")
    page.page.get_by_text("More settings").click()
    page.page.get_by_label("What magnesium is", exact=True).select_option("boolean")
    see(page, "objection")
    found |= wrong(page)
    page.page.get_by_role("button", name="Something else").click()
    page.page.get_by_test_id("example-digits").click()
    see(page, "first-items")
    found |= wrong(page)
    learn(page, 40)
    see(page, "cancel").click()
    see(page, "leave-sure")
    found |= wrong(page)
    assert not found, "\n".join(sorted(found))
