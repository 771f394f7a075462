"""Take the pictures of the page that the documentation shows: `make screenshots`.

Data that ships with scikit-learn is fitted once into demo/; each picture is an address of the page, which holds the
whole state, and at most a few gestures.
"""

from __future__ import annotations

import argparse
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
THEMES = ("light", "dark")


@dataclass(frozen=True)
class Shot:
    """``name`` of the file; which ``space``; the ``address`` behind #; what to do before the picture is taken; whether
    a linear classifier of the space's rows is looked at."""

    name: str
    space: str
    address: str = ""
    act: Callable[[Any], None] | None = None
    size: tuple[tuple[str, int], ...] = tuple(SIZE.items())
    predictor: bool = False


def hover(share_x: float, share_y: float) -> Callable[[Any], None]:
    """Puts the pointer there, as shares of the window."""

    def act(page: Any) -> None:
        size = page.viewport_size
        page.mouse.move(size["width"] * share_x, size["height"] * share_y)
        page.wait_for_timeout(900)

    return act


def beside(row: int, dx: float = 10, dy: float = 6) -> Callable[[Any], None]:
    """Puts the pointer some pixels beside a row."""

    def act(page: Any) -> None:
        x, y = page.evaluate("r => __deepspace.toScreen(...__deepspace.positionOf(r))", row)
        page.mouse.move(x + dx, y + dy)
        page.wait_for_timeout(900)

    return act


def suggested(page: Any) -> None:
    """The first label that the directions panel suggests, against the rest."""
    page.get_by_test_id("suggested").first.click()
    page.wait_for_timeout(6000)


def compared(page: Any) -> None:
    """Principal components beside the model; they are made at the first ask."""
    button = page.get_by_role("button", name="Compare with PCA")
    if button.count():
        button.click()
    page.get_by_text("neighbours", exact=False).first.wait_for(timeout=240_000)
    page.wait_for_timeout(3000)
    hover(0.3, 0.35)(page)


def read_off(page: Any) -> None:
    """What can be read off each layer; it is measured at the first ask."""
    page.get_by_role("slider", name="Layer in the chart").wait_for(timeout=240_000)
    page.wait_for_timeout(800)


def mapped(page: Any) -> None:
    """A map a layer; they are made at the first ask."""
    cards = page.get_by_test_id("maps").get_by_role("button")
    cards.first.wait_for(timeout=240_000)
    cards.nth(3).click()
    page.wait_for_timeout(2500)
    hover(0.5, 0.3)(page)


def decided(page: Any) -> None:
    """Everything that the map shows of the predictor."""
    end = time.monotonic() + 240
    while page.evaluate("window.__deepspace.decisions.state") != "ready" and time.monotonic() < end:
        page.wait_for_timeout(200)
    page.wait_for_timeout(1500)


def doubted(page: Any) -> None:
    """The row whose decision is the closest, and the way to the other one."""
    decided(page)
    page.get_by_test_id("worth-closest").get_by_role("button").first.click()
    page.get_by_test_id("way").first.wait_for(timeout=60_000)
    page.wait_for_timeout(3000)


SHOTS = [
    Shot("explorer", "digits", "pin=12&show=contours", beside(40)),
    Shot("data", "wine", "filter.alcohol=13..&colour=class", hover(0.5, 0.5)),
    Shot("factors", "digits", "pin=12&drawer=factors", hover(0.5, 0.3)),
    Shot("factors-table", "wine", "pin=12&drawer=factors&show=contours", hover(0.45, 0.35)),
    Shot("generated", "digits", "show=grid"),
    Shot("paths", "digits", "path=row:0;row:1&drawer=paths"),
    Shot("directions", "wine", "drawer=directions", suggested),
    Shot("compare", "digits", "pin=12&drawer=compare", compared),
    Shot("axes", "wine", "axes=columns:alcohol,color_intensity"),
    Shot("layers", "digits", "pin=12&drawer=network"),
    Shot("layers-depth", "digits", "pin=12&drawer=network&inside=depth", read_off),
    Shot("layers-maps", "digits", "drawer=network&inside=maps", mapped),
    Shot("decisions", "digits", "drawer=decisions&colour=decision of LogisticRegression", decided, predictor=True),
    Shot("decisions-case", "wine", "drawer=decisions", doubted, predictor=True),
    Shot("health", "digits", "drawer=health"),
    Shot("phone", "digits", "pin=12", size=tuple(PHONE.items())),
]


def spaces(folder: Path) -> dict[str, Path]:
    """The spaces that the pictures show; fitted where they are not there yet."""
    sys.path.insert(0, str(ROOT))
    import deepspace as ds
    from examples.digits import write

    made = {name: folder / f"{name}.space" for name in ("digits", "wine")}
    if not (made["digits"] / "manifest.json").exists():
        ds.fit(write(folder / "digits.npz"), path=made["digits"])
    if not (made["wine"] / "manifest.json").exists():
        from sklearn.datasets import load_wine

        wine = load_wine(as_frame=True)
        frame = wine.frame.assign(**{"class": [f"cultivar {t + 1}" for t in wine.target]}).drop(columns="target")
        ds.fit(frame, path=made["wine"], target="class")
    return made


def classifier(space: Any) -> Any:
    """Linear, of the target, fitted on the rows that the space learned from and audited on the others."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    learn = np.setdiff1d(np.arange(len(space)), space.validation_index)
    labels = np.array([str(v) for v in space.rows.column(space.schema.target.name).to_pylist()])
    if space.schema.form == "table":
        given = space.rows.table([c.name for c in space.schema.features]).to_pandas()
        model = make_pipeline(StandardScaler(), LogisticRegression()).fit(given.iloc[learn], labels[learn])
    else:
        given = np.asarray(space.schema.decode(space.samples[:])).reshape(len(space), -1)
        model = LogisticRegression(C=1e-4, max_iter=1000).fit(given[learn], labels[learn])
    return space.audit(model, held_out=space.validation_index)


@contextmanager
def served(path: Path, predictor: bool) -> Iterator[str]:
    """The address of a server that shows a space, with a predictor of its rows if wanted."""
    import deepspace as ds
    from deepspace.server import Session, bind, serve

    space = ds.open(path)
    listener = bind("127.0.0.1", 0)
    left, up, where = threading.Event(), threading.Event(), [""]

    def ready(address: str) -> None:
        where[0] = address
        up.set()

    session = Session(space.name, space=space, audits=[classifier(space)] if predictor else [])
    options = {"listener": listener, "on_ready": ready, "leave": lambda _: left.is_set()}
    thread = threading.Thread(target=serve, args=(session,), kwargs=options, daemon=True)
    thread.start()
    if not up.wait(30):
        raise SystemExit("the server did not start within 30 seconds")
    yield where[0]
    left.set()
    thread.join(10)


def take(browser: Any, shot: Shot, address: str, theme: str, folder: Path) -> Path:
    """One picture, in one theme."""
    context = browser.new_context(viewport=dict(shot.size), color_scheme=theme, device_scale_factor=1)
    page = context.new_page()
    page.goto(f"{address}#{shot.address}")
    end = time.monotonic() + 60
    while not page.evaluate("!!window.__deepspace?.ready"):
        if time.monotonic() > end:
            raise SystemExit(f"the page of '{shot.name}' is not ready after a minute")
        page.wait_for_timeout(100)
    page.wait_for_timeout(2500)
    if shot.act is not None:
        shot.act(page)
    file = folder / f"{shot.name}{'-dark' if theme == 'dark' else ''}.png"
    page.screenshot(path=file)
    context.close()
    return file


def main(arguments: list[str]) -> int:
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="pictures to take; all of them, if none is named")
    parser.add_argument("--to", type=Path, default=IMAGES, help="folder for the pictures")
    chosen = parser.parse_args(arguments)
    wanted = [s for s in SHOTS if not chosen.names or s.name in chosen.names]
    chosen.to.mkdir(parents=True, exist_ok=True)
    made = spaces(ROOT / "demo")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for name, predictor in dict.fromkeys((s.space, s.predictor) for s in wanted):
            with served(made[name], predictor) as address:
                for shot in (s for s in wanted if (s.space, s.predictor) == (name, predictor)):
                    for theme in THEMES:
                        print(take(browser, shot, address, theme, chosen.to))
        browser.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
