"""The atlas of layers stands alone for every modality, is the same each time, and claims no more than was measured."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import deepspace as ds
from deepspace import Space
from deepspace.errors import SpaceError
from deepspace.layers import Depth, Dimension, Reading
from deepspace.report import atlas
from deepspace.report.atlas import said
from deepspace.report.charts import Line, heat, line_chart


class Whole(HTMLParser):
    """Fails on a tag that is never closed, and keeps every address."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v for k, v in attrs if k in ("src", "href") and v]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_an_atlas_of_every_modality(any_space: Space, tmp_path: Path) -> None:
    listed = any_space.layers()
    file = atlas(listed, tmp_path / "a.html")
    text = file.read_text(encoding="utf-8")
    page = Whole(text)
    assert all(address.startswith("data:") for address in page.addresses)
    assert "<script" not in text
    assert "Nothing on this page is generated" in text
    for layer in listed:
        assert layer.name in text
    if listed.network.columns(np.arange(len(any_space))):
        assert "What can be read off each layer" in text
    assert "A map of each layer" in text
    assert len(text) < 4_000_000
    if any_space.schema.modality in ("signal", "counts"):  # the quickest two, since all is asked anew
        assert file.read_bytes() == atlas(listed, tmp_path / "b.html").read_bytes()
    assert [p.name for p in tmp_path.iterdir() if p.suffix != ".html"] == []


def test_a_network_without_columns_with_dreams_and_without_overwriting(tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(256, 3))
    rng = np.random.default_rng(0)
    x = (rng.random((80, 3, 16, 16)) * rng.integers(20, 256, (80, 1, 1, 1))).astype(np.uint8)
    file = atlas(ds.layers(net, x, name="a <net>"), tmp_path / "net.html", dreams=1)
    text = file.read_text(encoding="utf-8")
    Whole(text)
    assert "a &lt;net&gt;" in text
    assert "a <net>" not in text
    # There is no column of the user's, but what can be measured of pictures.
    assert "What can be read off each layer" not in text
    assert "edge energy" in text
    assert text.count('<span class="made">generated</span>: any picture') >= 1
    with pytest.raises(SpaceError, match=r"cannot write the atlas: .*net\.html exists"):
        atlas(ds.layers(net, x), file, overwrite=False)
    blocked = tmp_path / "folder.html"
    blocked.mkdir()
    with pytest.raises(SpaceError, match="cannot write the atlas to"):
        atlas(ds.layers(net, x), blocked)
    assert not list(tmp_path.glob("*.partial"))


def _reading(layer: str, value: float, untrained: float, gain: tuple[float, float]) -> Reading:
    middle = value - untrained
    return Reading(layer, "kind", value, (value - 0.02, value + 0.02), value, 0.5, untrained, middle, gain, 0.4, 200, 3)


def test_the_sentence_claims_no_more_than_the_numbers() -> None:
    layers, dims = ("input", "a", "b"), (Dimension(2.0, (1.5, 2.5), 200),) * 3
    sure = (
        _reading("input", 0.5, 0.5, (0, 0)),
        _reading("a", 0.9, 0.6, (0.2, 0.4)),
        _reading("b", 0.91, 0.8, (0, 0.2)),
    )
    text = said(Depth(layers, sure, dims, 200, ""), "kind")
    assert "0.50 from the input, most at b (0.91, 0.89 to 0.93, n = 200), and nearly that from a on" in text
    assert "Training added most at a: +0.30 (+0.20 to +0.40)" in text
    unsure = tuple(_reading(name, 0.8, 0.79, (-0.05, 0.07)) for name in layers)
    assert "No layer tells it surely better" in said(Depth(layers, unsure, dims, 200, ""), "kind")


def test_charts_say_their_numbers_and_survive_what_is_missing() -> None:
    drawn = line_chart(
        [Line("a", "#000", [0.1, None, float("nan"), 0.4], [(0, 0.2)] * 4)], ["w", "x<", "y", "z"], level=0.2
    )
    assert "x&lt;" in drawn
    assert drawn.count("<circle") == 2
    assert line_chart([Line("a", "#000", [None])], ["w"]) == ""
    matrix = heat(np.array([[1.0, np.nan], [0.25, 1.0]]), ["a", "b"], ["a", "b"])
    assert re.findall(r">(\d\.\d\d)<", matrix) == ["1.00", "0.25", "1.00"]
