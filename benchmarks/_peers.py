"""The page's peers, brought from npm into a folder of their own and bundled: each a page that draws one scatter plot.

regl-scatterplot 1.16      alone, from its own documentation's example; points opaque as it advises for speed
embedding-atlas 0.23       its EmbeddingView, the component that draws in its page, over arrays. PyPI skips 0.23, and
                           one package below Mosaic is not in every registry, so its database side is left out: only
                           another component, EmbeddingViewMosaic, needs it. Without WebGPU it falls back to WebGL2
"""

from __future__ import annotations

import functools
import http.server
import importlib.util
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = {"regl-scatterplot": "1.16.0", "embedding-atlas": "0.23.0"}
STUB = "module.exports = new Proxy({}, { get: (_, name) => (name === '__esModule' ? false : () => ({})) });"

COLOURS = ["#1580e0", "#a35a10", "#02746c", "#7d072a", "#769805", "#723fc2", "#0b3e8a", "#a479b1", "#8b93a0", "#171b21"]

LOAD = """
const [xy, codes] = await Promise.all([
  fetch("positions.f32").then((r) => r.arrayBuffer()).then((b) => new Float32Array(b)),
  fetch("codes.u8").then((r) => r.arrayBuffer()).then((b) => new Uint8Array(b)),
]);
const n = xy.length / 2;
const x = new Float32Array(n), y = new Float32Array(n);
for (let i = 0; i < n; i++) { x[i] = xy[2 * i]; y[i] = xy[2 * i + 1]; }
const [width, height] = [innerWidth, innerHeight];
"""

ENTRIES = {
    "regl-scatterplot": """
import createScatterplot from "regl-scatterplot";
%(load)s
const canvas = document.body.appendChild(document.createElement("canvas"));
const most = Math.max(...[x, y].map((c) => c.reduce((m, v) => Math.max(m, Math.abs(v)), 0)));
for (let i = 0; i < n; i++) { x[i] /= most; y[i] /= most; }
const look = { pointSize: 2, opacity: 1, colorBy: "category", pointColor: %(colours)s };
const plot = createScatterplot({ canvas, width, height, ...look });
await plot.draw({ x, y, z: codes }, { zDataType: "categorical" });
window.drawn = true;
""",
    "embedding-atlas": """
import { EmbeddingView } from "./node_modules/embedding-atlas/dist/component.js";
%(load)s
const target = document.body.appendChild(document.createElement("div"));
const middle = (c) => { const s = c.slice().sort(); return [(s[0] + s[n - 1]) / 2, s[n - 1] - s[0]]; };
const [[mx, wx], [my, wy]] = [middle(x), middle(y)];
const viewportState = { x: mx, y: my, scale: (1.8 * height) / width / Math.max(wx, wy) };
new EmbeddingView(target, {
  data: { x, y, category: codes }, categoryColors: %(colours)s, width, height, pixelRatio: 1, viewportState,
  config: { mode: "points", autoLabelEnabled: false },
});
window.drawn = true;
""",
}

PAGE = (
    "<!doctype html><meta charset=utf-8><style>html,body{margin:0;height:100%;overflow:hidden}</style>"
    "<body><script type=module src=NAME.js></script>"
)


def building() -> ModuleType:
    """hatch_build.py, which knows where Node is."""
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(folder: Path, *command: str | Path) -> None:
    node, _ = building().node()
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", "")])
    done = subprocess.run(
        [str(node), *map(str, command)], cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{Path(str(command[0])).name} failed in {folder}: {(done.stdout + done.stderr)[-2000:]}")


def install(folder: Path) -> None:
    """The packages with what they need, and stubs for the database side of embedding-atlas."""
    _, npm = building().node()
    wanted = {name: version for name, version in PACKAGES.items() if name != "embedding-atlas"}
    (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": wanted}))
    run(folder, npm, "install", "--ignore-scripts", "--no-audit", "--no-fund")
    version = PACKAGES["embedding-atlas"]
    run(folder, npm, "pack", f"embedding-atlas@{version}")
    target = folder / "node_modules" / "embedding-atlas"
    target.mkdir(exist_ok=True)
    archive = folder / f"embedding-atlas-{version}.tgz"
    subprocess.run(["tar", "xzf", archive, "-C", target, "--strip-components=1"], check=True)
    for name in ("mosaic-core", "mosaic-sql"):
        stub = folder / "node_modules" / "@uwdata" / name
        stub.mkdir(parents=True, exist_ok=True)
        (stub / "index.js").write_text(STUB)
        (stub / "package.json").write_text(json.dumps({"name": f"@uwdata/{name}", "main": "index.js"}))


def bundle(folder: Path) -> None:
    """One script and one page a peer, with the bundler of the explorer."""
    building().install(ROOT / "explorer")
    rolldown = ROOT / "explorer" / "node_modules" / "rolldown" / "bin" / "cli.mjs"
    for name, source in ENTRIES.items():
        entry = folder / f"{name}-entry.js"
        entry.write_text(source % {"load": LOAD, "colours": json.dumps(COLOURS)})
        run(folder, rolldown, entry, "-f", "esm", "-o", folder / f"{name}.js", "--platform", "browser", "--minify")
        (folder / f"{name}.html").write_text(PAGE.replace("NAME", name))


def share(folder: Path, positions: np.ndarray, codes: np.ndarray) -> None:
    """The same points for both."""
    (folder / "positions.f32").write_bytes(np.ascontiguousarray(positions, "<f4").tobytes())
    (folder / "codes.u8").write_bytes(np.ascontiguousarray(codes, np.uint8).tobytes())


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of the folder."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/"
        finally:
            server.shutdown()
