"""Real spaces, a real server and a real browser. Each space is fitted once a session, through the public API."""

from __future__ import annotations

import contextlib
import importlib.util
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import ROOT

playwright = pytest.importorskip("playwright.sync_api")

CHROMIUM = Path("/usr/bin/chromium")
MODALITIES = ("image", "table", "signal", "vector")
TIMEOUT = 30.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/e2e" in item.path.as_posix():
            item.add_marker(pytest.mark.e2e)


def until(check: Callable[[], Any], what: str, timeout: float = TIMEOUT) -> Any:
    """What ``check`` returns, as soon as that is true."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        if result := check():
            return result
        time.sleep(0.03)
    raise AssertionError(f"waited {timeout:g} s for {what}")


@pytest.fixture(scope="session", autouse=True)
def built() -> Path:
    """The page, built if it is not up to date."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    hook.build(ROOT)
    return ROOT / hook.STATIC


def sources(folder: Path) -> dict[str, Any]:
    """A small data set of each modality, as a user would hand it over."""
    import pandas as pd
    from sklearn.datasets import load_digits, load_iris

    random = np.random.default_rng(0)
    digits = load_digits()
    iris = load_iris(as_frame=True)
    table = iris.frame.rename(columns=lambda c: c.removesuffix(" (cm)").replace(" ", "_")).drop(columns="target")
    table["site"] = np.array(["north", "south", "west"])[random.integers(0, 3, len(table))]
    table["species"] = pd.Categorical.from_codes(iris.target, iris.target_names).astype(str)
    table.to_csv(folder / "iris.csv", index=False)
    time_axis = np.linspace(0, 2 * np.pi, 48)
    kind = np.arange(160) % 2
    phase = random.uniform(0, 1, (160, 1))
    wave = np.where(kind[:, None] == 0, np.sin(time_axis + phase), np.sign(np.sin(2 * time_axis + phase)))
    signals = np.stack([wave, np.cumsum(wave, 1) / 10], 1) + random.normal(0, 0.05, (160, 2, 48))
    np.savez(folder / "waves.npz", x=signals.astype(np.float32), y=kind)
    centres = random.normal(0, 3, (4, 12))
    of = np.arange(200) % 4
    vectors = (centres[of] + random.normal(0, 0.5, (200, 12))).astype(np.float32)
    return {
        "image": ((digits.images[:500] * 15.9375).astype(np.uint8), digits.target[:500]),
        "table": folder / "iris.csv",
        "signal": folder / "waves.npz",
        "vector": (vectors, of),
    }


@pytest.fixture(scope="session")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """``spaces("image")``: a fitted Space. Fitted at first use."""
    import deepspace as ds
    from deepspace.training import TrainConfig

    folder = tmp_path_factory.mktemp("spaces")
    data = sources(folder)
    made: dict[str, Any] = {}

    def space(modality: str) -> Any:
        if modality not in made:
            options: dict[str, Any] = {"target": "species"} if modality == "table" else {}
            made[modality] = ds.fit(
                data[modality],
                modality=modality,
                path=folder / f"{modality}.space",
                training=TrainConfig(epochs=12, threads=1),
                **options,
            )
        return made[modality]

    return space


class Server:
    """A session on a free port, in a thread of this process."""

    def __init__(self, session: Any, static: Path, port: int = 0) -> None:
        import uvicorn

        from deepspace.server import make_server
        from deepspace.server.run import bind

        self.session = session
        self._listener = bind("127.0.0.1", port)
        self.port: int = self._listener.getsockname()[1]
        config = uvicorn.Config(make_server(session, static=static), log_level="critical", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        until(lambda: self._server.started, "the server to start")

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def close(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        self._thread.join(TIMEOUT)
        self._listener.close()


@pytest.fixture
def serve(built: Path) -> Iterator[Callable[..., Server]]:
    with contextlib.ExitStack() as stack:

        def start(session: Any, port: int = 0) -> Server:
            server = Server(session, built, port)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture(scope="session")
def chromium() -> Iterator[Callable[..., Any]]:
    """``chromium(*flags)``: a browser with these flags."""
    if not CHROMIUM.exists():
        pytest.skip(f"no browser at {CHROMIUM}; `make chromium` brings it")
    with playwright.sync_playwright() as driver:
        running: dict[tuple[str, ...], Any] = {}

        def launch(*flags: str) -> Any:
            if flags not in running:
                arguments = ["--no-sandbox", *flags]
                running[flags] = driver.chromium.launch(executable_path=str(CHROMIUM), args=arguments)
            return running[flags]

        yield launch
        for browser in running.values():
            browser.close()


class Page:
    """A browser page and the questions that tests ask of it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def ask(self, expression: str, *arguments: Any) -> Any:
        """A property or call of the page's read-only test window."""
        return self.page.evaluate(f"a => window.__deepspace?.{expression}", list(arguments))

    def wait(self, expression: str, what: str = "", timeout: float = TIMEOUT) -> Any:
        def check() -> Any:
            self.page.wait_for_timeout(20)
            return self.ask(expression)

        return until(check, what or expression, timeout)

    def ready(self) -> Page:
        self.wait("ready", "the map")
        self.page.wait_for_timeout(600)
        return self

    def spot(self, row: int) -> tuple[float, float]:
        """Where a row is on the screen."""
        x, y = self.ask("toScreen(...window.__deepspace.positionOf(a[0]))", row)
        return x, y

    def spots(self, n: int) -> np.ndarray:
        """(n, 2): where all rows are on the screen."""
        found = self.page.evaluate(
            "n => Array.from({length: n}, (_, i) => __deepspace.toScreen(...__deepspace.positionOf(i)))", n
        )
        return np.asarray(found)

    def shot(self) -> np.ndarray:
        """(H, W, 3) uint8 of what is on the screen."""
        import io

        from PIL import Image

        return np.asarray(Image.open(io.BytesIO(self.page.screenshot())).convert("RGB"))

    def visible(self, text: str) -> bool:
        return bool(self.page.get_by_text(text).first.is_visible())

    def words(self, testid: str) -> str:
        """The text of a panel, with single spaces."""
        return " ".join(self.page.get_by_test_id(testid).inner_text().split())

    def park(self) -> None:
        """Leave nothing of a test behind: no mouse over the page, no intercepted request, no document."""
        self.page.unroute_all()
        self.page.mouse.move(-1, -1)
        self.page.goto("about:blank")
        self.errors.clear()


@pytest.fixture(scope="session")
def parked(chromium: Callable[..., Any]) -> list[Page]:
    """Pages without a document, to be taken again: a new browser context costs more than the page in it. Each server
    has a port, so an origin, of its own, and the page stores nothing there."""
    return []


@pytest.fixture
def browse(chromium: Callable[..., Any], parked: list[Page]) -> Iterator[Callable[..., Page]]:
    """``browse(address)``: a page there, in a browser context of its own where ``flags`` or ``more`` ask for something.
    Fails the test when the page threw an error."""
    opened: list[tuple[bool, Page]] = []

    def visit(address: str, *, flags: tuple[str, ...] = (), size: tuple[int, int] = (1280, 800), **more: Any) -> Page:
        viewport = {"width": size[0], "height": size[1]}
        plain = not flags and not more
        if plain and parked:
            page = parked.pop()
            page.page.set_viewport_size(viewport)
        else:
            page = Page(chromium(*flags).new_context(viewport=viewport, **more).new_page())
        opened.append((plain, page))
        page.page.goto(address)
        return page

    yield visit
    errors = [error for _, page in opened for error in page.errors]
    for plain, page in opened:
        try:
            if plain and not page.errors:
                page.park()
                parked.append(page)
                continue
        except playwright.Error:  # a page that cannot even be left is not used again
            pass
        page.page.context.close()
    assert errors == []


@pytest.fixture
def walk(
    spaces: Callable[[str], Any], serve: Callable[..., Server], browse: Callable[..., Page]
) -> Callable[..., tuple[Any, Page]]:
    """``walk("image")``: the space, and a page that shows its map."""
    from deepspace.server import Session

    def start(modality: str, suffix: str = "", **options: Any) -> tuple[Any, Page]:
        space = spaces(modality)
        server = serve(Session(space.name, space=space))
        return space, browse(server.address + suffix, **options).ready()

    return start
