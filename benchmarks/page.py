"""What the page costs in a real browser under software rendering, beside two peers in the same run.

    python benchmarks/page.py [--rows 100000 1000000] [--moves 40] [--repeats 3] [--skip-peers]

The peers draw the same points in the same window: regl-scatterplot alone and embedding-atlas 0.23's EmbeddingView
(benchmarks/_peers.py brings and bundles them). Ours is the whole page against the real command in a process of its own.

CPU a frame       processor time of all of the browser's processes while a drag pans, over the frames that drew points;
                  the last one, at rest with all points, is among them, and is drawn when the clock is read
first frame       from the address to points on the canvas; ours shows a part of many at first, so that "all points" is
                  given beside it
lasso             from the pointer's release to the points selected, and to the new picture drawn
hover             from the pointer's move to the frame with the decoded picture, 28 x 28
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import gzip
import re
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import _peers as peers
import numpy as np
from playwright.sync_api import Page, sync_playwright
from server import pictures
from space import wide_space

import deepspace as ds

CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1280, "height": 800}
TICKS = os.sysconf("SC_CLK_TCK")

# Counts the frames that draw points, and knows when what was asked for is on the canvas.
HOOK = """(() => {
  const seen = { frames: 0, first: 0, all: 0, rows: ROWS, last: -1, gl: null, most: 0 };
  Object.assign(seen, { pointerUp: 0, selected: 0, drawn: 0 });
  window.__bench = seen;
  seen.finish = () => {
    const { gl } = seen;
    if (gl) gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, new Uint8Array(4));
  };
  const drew = (gl, points) => {
    if (points < 1000) return;
    seen.gl = gl;
    seen.most = Math.max(seen.most, points);
    const now = document.timeline.currentTime;
    if (now !== seen.last) { seen.last = now; seen.frames++; }
    if (seen.pointerUp && !seen.selected) {
      seen.selected = performance.now() - seen.pointerUp;
      queueMicrotask(() => { seen.finish(); seen.drawn = performance.now() - seen.pointerUp; });
    }
    if (!seen.first) queueMicrotask(() => { seen.finish(); seen.first = performance.now(); });
    if (!seen.all && points >= seen.rows) queueMicrotask(() => { seen.finish(); seen.all = performance.now(); });
  };
  for (const kind of [WebGLRenderingContext, WebGL2RenderingContext]) {
    for (const [name, count] of [["drawArrays", (a) => a[2]], ["drawElements", (a) => a[1]],
        ["drawArraysInstanced", (a) => a[2] * a[3]], ["drawElementsInstanced", (a) => a[1] * a[4]]]) {
      const plain = kind.prototype[name];
      if (plain) kind.prototype[name] = function (...a) { plain.apply(this, a); drew(this, count(a)); };
    }
  }
  addEventListener("pointerup", () => { if (seen.lasso) seen.pointerUp = performance.now(); }, true);
  let moved = 0;
  seen.waits = [];
  seen.arm = () => { moved = -1; };
  addEventListener("pointermove", () => { if (moved === -1) moved = performance.now(); }, true);
  const paint = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...a) {
    paint.apply(this, a);
    if (moved <= 0) return;
    const began = moved;
    moved = 0;
    requestAnimationFrame(() => setTimeout(() => seen.waits.push(performance.now() - began)));
  };
})();"""


def tree(root: int) -> list[int]:
    """A process and all below it."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    found, queue = [], [root]
    while queue:
        found.append(queue.pop())
        queue += parents.get(found[-1], [])
    return found


def browser_seconds() -> float:
    """CPU seconds so far of every process of the browser below this one."""
    total = 0
    for pid in tree(os.getpid()):
        try:
            if "chrom" in Path(f"/proc/{pid}/comm").read_text():
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
        except OSError:
            continue
    return total / TICKS


def resident(pid: int) -> tuple[float, float]:
    """GB resident, and the part of it that is not a file's pages."""
    text = Path(f"/proc/{pid}/status").read_text()
    return tuple(int(re.search(rf"{key}:\s+(\d+)", text)[1]) / 1e6 for key in ("VmRSS", "RssAnon"))  # type: ignore[index,return-value]


def pan(page: Page, moves: int) -> tuple[float, float]:
    """CPU seconds a frame while panning, and how many points the fullest frame drew."""
    frame = "new Promise((r) => requestAnimationFrame(() => setTimeout(r)))"
    page.mouse.move(640, 400)
    page.mouse.down()
    page.mouse.move(650, 402)
    page.evaluate("__bench.finish()")
    page.evaluate("__bench.frames = __bench.most = 0")
    before = browser_seconds()
    for i in range(moves):
        page.mouse.move(650 + 3 * (i % 20), 402 + 2 * (i % 13))
        page.evaluate(frame)
    page.mouse.up()
    page.wait_for_timeout(600)
    page.evaluate("__bench.finish()")
    spent = browser_seconds() - before
    return spent / page.evaluate("__bench.frames"), page.evaluate("__bench.most")


def visit(launch: Callable[[], Any], address: str, rows: int, moves: int) -> dict[str, float]:
    """One page in a browser of its own: first frame, then a drag."""
    browser = launch()
    page = browser.new_page(viewport=SIZE, bypass_csp=True)
    page.add_init_script(HOOK.replace("ROWS", str(rows)))
    before = browser_seconds()
    page.goto(address)
    page.wait_for_function("__bench.all > 0", timeout=120_000)
    loading = browser_seconds() - before
    page.wait_for_timeout(1500)
    seconds, points = pan(page, moves)
    first, whole = page.evaluate("[__bench.first, __bench.all]")
    found = {"first": first / 1e3, "all": whole / 1e3, "loading": loading, "frame": seconds, "points": points}
    browser.close()
    return found


def lasso(launch: Callable[[], Any], address: str) -> tuple[float, float, int]:
    """Milliseconds from release to selected, to drawn; and how many rows were caught."""
    browser = launch()
    page = browser.new_page(viewport=SIZE, bypass_csp=True)
    page.add_init_script(HOOK.replace("ROWS", "Infinity"))
    page.goto(address)
    page.wait_for_function("window.__deepspace?.ready && __bench.first > 0", timeout=120_000)
    page.wait_for_timeout(1500)
    page.keyboard.press("l")
    turn = np.linspace(0, 2 * np.pi, 120)
    page.mouse.move(640 + 330, 400)
    page.mouse.down()
    for a in turn[1:]:
        page.mouse.move(620 + 330 * np.cos(a), 400 + 250 * np.sin(a) * (1 + 0.2 * np.sin(5 * a)))
    page.wait_for_timeout(500)
    page.evaluate("__bench.finish(); __bench.lasso = true")
    page.mouse.up()
    page.wait_for_function("__bench.drawn > 0", timeout=60_000)
    found = page.evaluate("[__bench.selected, __bench.drawn, __deepspace.counted]")
    browser.close()
    return found[0], found[1], found[2]


def hover(launch: Callable[[], Any], address: str, places: int) -> np.ndarray:
    """(N,) milliseconds from a move of the pointer to the frame with the decoded picture."""
    browser = launch()
    page = browser.new_page(viewport=SIZE, bypass_csp=True)
    page.add_init_script(HOOK.replace("ROWS", "Infinity"))
    page.goto(address)
    page.wait_for_function("window.__deepspace?.ready && __bench.first > 0", timeout=120_000)
    page.wait_for_timeout(1500)
    rng = np.random.default_rng(0)
    for _ in range(places + 10):
        known = page.evaluate("__bench.waits.length")
        page.evaluate("__bench.arm()")
        page.mouse.move(rng.uniform(320, 880), rng.uniform(200, 680))
        page.wait_for_function("(n) => __bench.waits.length > n", arg=known, polling=5, timeout=10_000)
        page.wait_for_timeout(200)
    waits = np.array(page.evaluate("__bench.waits"))[10:]
    browser.close()
    return waits


def line(name: str, values: list[float], unit: str, best: float | None = None) -> None:
    middle, low, high = np.median(values), min(values), max(values)
    ratio = "" if best is None else f"   {middle / best:5.2f} x the faster peer"
    print(f"  {name:34s} {middle:9.3f} {unit} [{low:.3f}, {high:.3f}]{ratio}", flush=True)


def compare(
    launch: Callable[[], Any], ours: str, others: dict[str, str], rows: int, options: argparse.Namespace
) -> None:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in ["deepspace", *others]}
    for _ in range(options.repeats):  # in turn, so that a busy moment meets all of them
        for name, address in {"deepspace": ours, **others}.items():
            found[name].append(visit(launch, address, rows, options.moves))
    for what, title, unit in [
        ("frame", "CPU a frame while panning", "s"),
        ("first", "first frame", "s"),
        ("all", "all points", "s"),
        ("loading", "CPU until all points", "s"),
    ]:
        print(title)
        peer = [float(np.median([f[what] for f in found[name]])) for name in others]
        for name, runs in found.items():
            best = min(peer) if peer and name == "deepspace" else None
            line(name, [run[what] for run in runs], unit, best)
    print("points in the fullest frame:", {name: int(runs[0]["points"]) for name, runs in found.items()}, flush=True)


def scripts() -> int:
    """Bytes of the page's scripts, gzipped."""
    static = Path(ds.__file__).parent / "server" / "static"
    return sum(len(gzip.compress(file.read_bytes(), 9)) for file in static.rglob("*.js"))


def served(stack: ExitStack, path: Path) -> tuple[str, int]:
    """The address of a server of this space, and its process."""
    import subprocess
    import sys

    command = [sys.executable, "-m", "deepspace.cli", "explore", str(path), "--no-browser", "--port", "0"]
    server = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    stack.callback(server.terminate)
    assert server.stdout is not None
    return server.stdout.readline().strip(), server.pid


def many_points(launch: Callable[[], Any], rows: int, folder: Path, options: argparse.Namespace) -> None:
    space = wide_space(folder, rows)
    print(f"== {rows:,} points")
    with ExitStack() as stack:
        address, server = served(stack, space.folder)
        others: dict[str, str] = {}
        if not options.skip_peers:
            labels = np.unique(np.asarray(space.rows.column(space.rows.names[0])), return_inverse=True)[1]
            peers.share(options.peers, space.map.positions, labels)
            base = stack.enter_context(peers.served(options.peers))
            others = {name: f"{base}{name}.html" for name in peers.ENTRIES}
        compare(launch, address, others, rows, options)
        caught = [lasso(launch, address) for _ in range(options.repeats)]
        print(f"lasso around {caught[0][2]:,} of {rows:,} rows (goal 100 ms)")
        line("to selected and sent to be drawn", [c[0] for c in caught], "ms")
        line("to drawn, in software", [c[1] for c in caught], "ms")
        whole, own = resident(server)
        print(f"server's memory after all that: {whole:.2f} GB resident (goal 1.5), {own:.2f} GB of it not files")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--moves", type=int, default=40)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--places", type=int, default=100)
    parser.add_argument("--skip-peers", action="store_true")
    options = parser.parse_args()
    building = peers.building()
    building.build(peers.ROOT)
    print(f"scripts of the page: {scripts() / 1e3:.1f} KB gzipped (goal 150)")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as driver:
        folder = Path(name)
        options.peers = folder / "peers"
        options.peers.mkdir()
        if not options.skip_peers:
            peers.install(options.peers)
            peers.bundle(options.peers)

        def launch() -> Any:
            return driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])

        path = folder / "pictures.space"
        ds.fit(pictures(5_000), path=path, training=ds.TrainConfig(epochs=3, threads=1))
        with ExitStack() as stack:
            waits = hover(launch, served(stack, path)[0], options.places)
        middle, late = np.quantile(waits, [0.5, 0.95])
        print(f"hover to decoded picture, {len(waits)} places: median {middle:.0f} ms, p95 {late:.0f} ms (goal 50)")
        for rows in options.rows:
            (folder / str(rows)).mkdir()
            many_points(launch, rows, folder / str(rows), options)


if __name__ == "__main__":
    main()
