"""Quality against time: every run of the quality benchmarks that has been kept, one panel a figure, as one SVG.

A run is a dot at its CPU minutes; runs that noted figures while they trained (a list of [minutes, value] pairs under
``curves``) are lines. Needs matplotlib. Writes docs/images/quality.svg unless -o says otherwise.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
IMAGE = Path(__file__).resolve().parents[2] / "docs" / "images" / "quality.svg"
COLOURS = ("#2563eb", "#d97706", "#059669", "#9333ea", "#dc2626", "#0891b2", "#65a30d", "#64748b")


def panels() -> dict[tuple[str, str], dict[str, list[dict[str, Any]]]]:
    """{(table, figure): {row: runs}}, of the leading figure of each table and of every figure with a curve."""
    found: dict[tuple[str, str], dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for file in sorted(RESULTS.glob("*.jsonl")):
        if ".quick" in file.name or ".left_out" in file.name:
            continue
        for line in file.read_text().splitlines():
            run = json.loads(line)
            figures = [name for name in run["figures"] if name not in ("CPU min", "n")]
            names = ["combined"] if "combined" in figures else figures[:1]
            for name in dict.fromkeys([*names, *run.get("curves", {})]):
                found[file.stem, name][run["row"]].append(run)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-o", type=Path, default=IMAGE)
    given = parser.parse_args()
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot as plt
    from matplotlib.ticker import LogLocator, NullFormatter

    shown = panels()
    if not shown:
        raise SystemExit(f"no runs in {RESULTS}: run the other scripts of this folder first.")
    columns = min(3, len(shown))
    lines = -(-len(shown) // columns)
    figure, axes = plt.subplots(lines, columns, figsize=(4.2 * columns, 3.2 * lines), squeeze=False)
    for axis in axes.flat[len(shown) :]:
        axis.remove()
    for axis, ((table, name), rows) in zip(axes.flat, shown.items(), strict=False):
        for (row, runs), colour in zip(rows.items(), COLOURS * 4, strict=False):
            for i, run in enumerate(runs):
                label = row if i == 0 else None
                curve = run.get("curves", {}).get(name)
                if curve:
                    axis.plot(*zip(*curve, strict=True), color=colour, alpha=0.6, lw=1.2, label=label)
                elif name in run["figures"]:
                    axis.plot(run["figures"]["CPU min"], run["figures"][name], "o", ms=4, color=colour, label=label)
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.xaxis.set_major_formatter("{x:g}")
        axis.xaxis.set_minor_formatter(NullFormatter())
        axis.set_title(f"{table}: {name}", fontsize=9, loc="left")
        axis.set_xlabel("CPU minutes", fontsize=8)
        axis.tick_params(labelsize=7)
        axis.legend(fontsize=6, frameon=False)
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    given.o.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(given.o, metadata={"Date": None})
    print(given.o)


if __name__ == "__main__":
    main()
