"""Inside the networks, as the page gets them, against what the Python functions give."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

import deepspace as ds
from deepspace.layers import LayerConcept, Layers, concept, dream, layer_maps, layers, record, saliency
from deepspace.layers.depth import Reading, depth
from deepspace.layers.strip import strip
from deepspace.layers.units import drivers, units
from deepspace.server import Session, concepts
from deepspace.server.depths import sentence
from deepspace.server.items import Items
from deepspace.server.jobs import share_of
from deepspace.server.network import Inside, shrunk
from tests.server.conftest import Running
from tests.spaces import MODALITIES, fit, raw

Served = Callable[[str], tuple[ds.Space, Running]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made: dict[str, tuple[ds.Space, Running]] = {}
    with ExitStack() as stack:

        def of(modality: str) -> tuple[ds.Space, Running]:
            if modality not in made:
                space = fit(modality, tmp_path_factory.mktemp(modality), epochs=3)
                running = Running(Session(space.name, space=space))
                stack.callback(running.close)
                made[modality] = space, running
            return made[modality]

        yield of


def ended(http: httpx.Client, what: str = "depth") -> dict[str, Any]:
    """The work once nothing is under way."""
    for _ in range(1200):
        state: dict[str, Any] = http.get(f"/api/network/{what}").json()
        if state["state"] != "making":
            return state
        time.sleep(0.1)
    raise AssertionError(f"still {state['doing']}")


def alone(space: ds.Space) -> ds.Space:
    """The same space with a model of its own: the server decodes through the other meanwhile, past the same hooks."""
    return ds.open(space.folder)


def wide(listed: Layers) -> str:
    """A layer of the encoder with several units."""
    return next(layer.name for layer in listed if layer.part == "encoder" and layer.units > 2)


@pytest.mark.parametrize("modality", MODALITIES)
def test_the_layers_are_the_spaces_own(served: Served, modality: str) -> None:
    space, running = served(modality)
    info = running.http.get("/api/network").json()
    own = layers(alone(space))
    assert [(x["name"], x["part"], x["kind"], tuple(x["shape"]), x["units"]) for x in info["layers"]] == [
        (x.name, x.part, x.kind, x.shape, x.units) for x in own
    ]
    assert info["parameters"] == own.parameters
    assert info["reason"] is None


@pytest.mark.parametrize("modality", MODALITIES)
@pytest.mark.parametrize("place", ["row:7", "at:0.25,-0.5", "mean"])
def test_a_strip_is_what_python_gives(served: Served, modality: str, place: str) -> None:
    space, running = served(modality)
    said = running.http.get("/api/network/strip", params={"place": place}).json()
    z = {
        "row:7": np.asarray(space.latents.mean[7]),
        "at:0.25,-0.5": space.map.inverse_transform(np.array([[0.25, -0.5]], np.float32))[0],
        "mean": np.asarray(space.latents.mean).mean(0),
    }[place]
    listed = layers(alone(space))
    own = strip(listed, 7, most=8) if place == "row:7" else strip(listed, z=z, most=8)
    assert said["place"] == place
    assert said["generated"] is (place != "row:7")
    np.testing.assert_allclose(said["latent"], own.concluded, atol=1e-4)
    assert [x["name"] for x in said["layers"]] == [x.name for x in own.layers]
    for got, theirs in zip(said["layers"], own.layers, strict=True):
        np.testing.assert_allclose(got["shares"], theirs.shares, atol=1e-3)
        assert got["count"] == theirs.count
        values = np.frombuffer(base64.b64decode(got["data"]), np.uint8).astype(float)
        values = got["low"] + values / 255 * (got["high"] - got["low"])
        # Equal to half a step of the scale, unit by unit: near ties may change places between two runs.
        step = (got["high"] - got["low"]) / 255 + 1e-4
        found = dict(zip(got["units"], values.reshape(len(got["units"]), -1), strict=True))
        theirs_by = dict(zip(theirs.units.tolist(), theirs.maps.reshape(len(theirs.units), -1), strict=True))
        shared = found.keys() & theirs_by.keys()
        assert len(shared) >= len(found) - 1
        for unit in shared:
            np.testing.assert_allclose(found[unit], theirs_by[unit], atol=step)


def test_what_goes_in_and_comes_out_are_the_items(served: Served) -> None:
    space, running = served("image")
    said = running.http.get("/api/network/strip?place=row:3").json()
    pixels = [np.frombuffer(base64.b64decode(said[end]["data"]), np.uint8).astype(int) for end in ("input", "output")]
    np.testing.assert_array_equal(pixels[0], np.moveaxis(space.samples[3], 0, 2).ravel())
    rebuilt = np.asarray(space.decode_encoded(space.latents.mean[3:4]))[0]
    np.testing.assert_allclose(pixels[1], np.moveaxis(rebuilt, 0, 2).ravel(), atol=1.5)
    fields = served("table")[1].http.get("/api/network/strip?place=row:3").json()
    assert 0 < len(fields["input"]["fields"]) <= 7
    assert [f["name"] for f in fields["input"]["fields"]] == [f["name"] for f in fields["output"]["fields"]]


def test_large_maps_are_averaged_down() -> None:
    maps = np.arange(2 * 200 * 100, dtype=np.float32).reshape(2, 200, 100)
    small = shrunk(maps)
    assert small.shape == (2, 64, 32)
    np.testing.assert_allclose(small.mean((1, 2)), maps.mean((1, 2)), rtol=0.01)
    lines = np.tile(np.repeat(np.float32([0, 1]), 512), (3, 1))
    assert shrunk(lines).shape == (3, 1, 128)
    np.testing.assert_array_equal(shrunk(lines)[0, 0], np.repeat([0, 1], 64))
    np.testing.assert_array_equal(shrunk(np.float32([5, 6])), [[[5]], [[6]]])
    assert shrunk(np.zeros((2, 3, 4, 5), np.float32)).shape == (2, 12, 5)


@pytest.mark.parametrize("modality", MODALITIES)
def test_a_units_page_is_what_python_gives(served: Served, modality: str) -> None:
    space, running = served(modality)
    listed = layers(alone(space))
    name = wide(listed)
    recording = record(listed)
    own = units(listed, name, recording=recording)
    for index in (0, 2):
        said = running.http.get("/api/network/unit", params={"layer": name, "unit": index}).json()
        assert [(k["phrase"], k["strength"], k["q"]) for k in said["links"]] == [
            (k.phrase, pytest.approx(k.strength, abs=1e-3), pytest.approx(k.q, abs=1e-3)) for k in own[index].links
        ]
        assert (said["n"], said["tested"], said["count"]) == (own.n, own.tested, listed[name].units)
        for few, which in ((False, "most"), (True, "least")):
            theirs = drivers(listed, name, index, recording, count=8, least=few)
            np.testing.assert_allclose([d["answer"] for d in said[which]], [d.answer for d in theirs], atol=1e-2)
            boxes = {d.row: d.box for d in theirs}
            for d in said[which]:
                if d["row"] in boxes:
                    box = boxes[d["row"]]
                    assert d["box"] == (None if box is None else [list(span) for span in box])
    assert {u["index"] for u in said["named"]} == {u.index for u in own.named}
    assert running.http.get("/api/network/work").json() == {"doing": "", "fraction": 0}


def test_depth_is_read_in_the_background_and_kept(served: Served) -> None:
    space, running = served("image")
    http = running.http
    assert http.get("/api/network/depth").json()["state"] == "none"
    assert http.post("/api/network/depth").json()["state"] == "making"
    # Neither the cursor's decode nor strips wait for it, and hooks on a copy disturb neither.
    assert http.get("/api/network/strip?place=row:1").status_code == 200
    state = ended(http)
    assert state["state"] == "ready"
    found, own = state["found"], depth(layers(alone(space)))
    assert found["layers"] == list(own.layers)
    assert [c["name"] for c in found["columns"]] == list(own.columns)
    for column in found["columns"]:
        theirs = own.of(column["name"])
        assert column["descriptor"] == theirs[0].descriptor
        assert column["categories"] == theirs[0].categories
        for key in ("value", "control", "untrained", "baseline", "knn"):
            got, want = [r[key] for r in column["readings"]], [getattr(r, key) for r in theirs]
            np.testing.assert_allclose(got, want, atol=0.03)
        assert column["sentence"]
    np.testing.assert_allclose(
        [d["value"] or 0 for d in found["dimensions"]], np.nan_to_num([d.value for d in own.dimensions]), rtol=0.02
    )
    assert http.post("/api/network/depth").json()["state"] == "ready"


def test_reading_can_be_stopped_and_begun_again(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    inside = Inside(Items(served("signal")[0]))
    depths = inside.depths
    read = depths._read

    def hear(said: str) -> None:
        depths._stop.set()
        read(said)

    monkeypatch.setattr(depths, "_read", hear)
    depths.start()
    assert depths._thread is not None
    depths._thread.join(60)
    assert depths.state().state == "none"
    monkeypatch.undo()
    depths.start()
    depths._thread.join(60)
    assert depths.state().state == "ready"
    assert depths.stop().state == "ready", "what is there stays"


def test_refusals_are_one_sentence(served: Served) -> None:
    http = served("image")[1].http
    for address, status, words in (
        ("strip?place=nowhere", 400, "is no place of"),
        ("strip?place=row:99999", 400, "is no place of"),
        ("strip", 404, "place"),
        ("unit?layer=absent&unit=0", 400, "has no layer 'absent'"),
        ("unit?layer=posterior&unit=9999", 400, "unit 9,999 was asked for"),
        ("unit?layer=posterior&unit=-1", 404, "unit"),
    ):
        answer = http.get(f"/api/network/{address}")
        assert answer.status_code == status, address
        assert words in answer.json()["error"]
        assert "\n" not in answer.json()["error"]


def test_where_there_is_nothing_to_look_into_a_sentence_says_why(
    tmp_path: Path, running: Callable[..., Running]
) -> None:
    rows = np.random.default_rng(0).normal(size=(90, 2)) + 6 * np.eye(2)[np.arange(90) % 2]
    bare = ds.attach(latents=rows, data=np.float32(rows), path=tmp_path / "bare.space")
    data, reading = raw("vector")
    linear = ds.fit(data, path=tmp_path / "linear.space", model=ds.PCA(latent_dim=2), **reading)
    for space in (bare, linear):
        http = running(Session(space.name, space=space)).http
        info = http.get("/api/network").json()
        if info["layers"]:
            continue  # whose model has modules after all
        assert info["reason"].endswith(".")
        answer = http.get("/api/network/strip?place=row:1")
        assert (answer.status_code, answer.json()["error"]) == (400, info["reason"])
        http.post("/api/network/depth")
        state = ended(http)
        assert state["state"] == "failed"
        assert state["error"]
    assert running(Session(bare.name, space=bare)).http.get("/api/network").json()["reason"]


def reading(layer: str, value: float, *, half: float = 0.02, untrained: float = 0.5, control: float = 0.3) -> Reading:
    gain = value - untrained
    around = (gain - half, gain + half)
    return Reading(
        layer, "big_cat", value, (value - half, value + half), value, control, untrained, gain, around, 0.5, 100, 2
    )  # fmt: skip


def test_the_sentence_says_no_more_than_the_intervals() -> None:
    said = sentence([reading("input", 0.51), reading("a", 0.9), reading("latent", 0.7)])
    assert said.startswith("big cat becomes readable at a: accuracy 0.90 (0.88 to 0.92, n = 100), up from 0.51")
    assert "training added 0.40" in said
    assert "no longer read off the latent: 0.70" in said
    assert "becomes easier to read at a" in sentence([reading("input", 0.7), reading("a", 0.9)])
    said = sentence([reading("input", 0.9), reading("a", 0.905), reading("latent", 0.9)])
    assert "read off the input itself" in said
    assert "weights" not in said
    said = sentence([reading("input", 0.51), reading("latent", 0.51)])
    assert said.startswith("No layer tells big cat reliably better than always saying the commonest")
    assert "no reliable difference" in sentence([reading("input", 0.6), reading("a", 0.9, untrained=0.89)])
    assert "gives more, 0.97" in sentence([reading("input", 0.6), reading("a", 0.9, untrained=0.97)])
    assert "Random labels" in sentence([reading("input", 0.6), reading("a", 0.9, control=0.89)])
    assert "hardly less" in sentence([reading("input", 0.88), reading("a", 0.91, half=0.021)])


def test_how_far_it_is_is_read_off_what_is_told() -> None:
    assert share_of("layers of 'x': 1,000 of 4,000 rows") == 0.25
    assert share_of("reading layer 2 of 'a 3 of 4' (3 of 6)") == 0.5
    assert share_of("beginning") == 0


def test_maps_of_layers_become_axes_of_the_main_map(served: Served) -> None:
    space, running = served("image")
    http = running.http
    early = http.get("/api/axes?axes=layer:latent")
    if early.status_code == 400:  # unless another test had them made
        assert "has no map of the layer 'latent'" in early.json()["error"]
    assert http.post("/api/network/maps").json()["state"] in ("making", "ready")
    found = ended(http, "maps")["found"]
    own = layer_maps(layers(alone(space)))
    assert [m["layer"] for m in found["maps"]] == [m.layer for m in own]
    assert (found["maps"][0]["layer"], found["maps"][-1]["layer"], found["placed"]) == (
        "input",
        "latent",
        len(own.rows),
    )
    raw = http.get("/api/network/maps.f32").content
    np.testing.assert_array_equal(np.frombuffer(raw, "<u4", len(own.rows)), own.rows)
    sheets = np.frombuffer(raw, "<f4", offset=4 * len(own.rows)).reshape(len(own), -1, 2)
    for said, theirs, sheet in zip(found["maps"], own, sheets, strict=True):
        assert said["trustworthiness"] == pytest.approx(theirs.trustworthiness, abs=0.03)
        assert {s["column"] for s in said["separation"]} == set(theirs.separation)
        info = http.get("/api/axes", params={"axes": said["axes"]}).json()
        assert (info["kind"], info["exact"], info["placed"]) == ("layer", False, len(own.rows))
        assert info["trustworthiness"] == said["trustworthiness"]
        places = np.frombuffer(http.get("/api/axes.f32", params={"axes": said["axes"]}).content, "<f4").reshape(-1, 2)
        np.testing.assert_array_equal(places[own.rows], sheet)
        assert np.isnan(np.delete(places, own.rows, 0)).all()
    at = f"at:{places[own.rows[0]][0]},{places[own.rows[0]][1]}@layer:latent"
    assert http.get("/api/network/strip", params={"place": at}).status_code == 200
    way = http.get("/api/paths", params={"through": f"row:1;{at}", "steps": 3, "axes": "layer:latent"}).json()
    assert "layer:" not in str(way["python"]), "Python knows no axes of that name"


def test_a_concept_is_of_the_latest_selection(served: Served) -> None:
    space, running = served("image")
    http = running.http
    rows = np.arange(0, len(space), 3)

    def bits(chosen: np.ndarray) -> bytes:
        return np.packbits(np.isin(np.arange(len(space)), chosen), bitorder="little").tobytes()

    few = http.post("/api/network/concept", content=bits(rows[:9]))
    assert (few.status_code, few.json()["error"]) == (400, "A concept needs at least 10 rows that show it; 9 came.")
    first = http.post("/api/network/concept", content=bits(rows)).json()
    later = http.post("/api/network/concept", content=bits(rows[:20])).json()
    assert first["key"] != later["key"]
    state = ended(http, "concept")
    assert (state["state"], state["key"], state["found"]["selected"]) == ("ready", later["key"], 20)
    own = concept(layers(alone(space)), rows[:20], runs=10)
    assert [x["layer"] for x in state["found"]["layers"]] == [x.layer for x in own]
    for got, theirs in zip(state["found"]["layers"], own, strict=True):
        assert got["accuracy"] == pytest.approx(theirs.accuracy, abs=0.03)
        np.testing.assert_allclose([got["chanceLow"], got["chanceHigh"]], theirs.chance_range, atol=0.03)
    assert state["found"]["sentence"]
    assert http.post("/api/network/concept", content=bits(rows[:20])).json()["state"] == "ready", "kept"
    http.post("/api/network/concept", content=bits(np.arange(len(space))))
    assert "other rows" in ended(http, "concept")["error"]


@pytest.mark.parametrize(("modality", "through"), [("image", "pixels"), ("table", "decoder"), ("table", "pixels")])
def test_a_dream_is_what_python_gives(served: Served, modality: str, through: Any) -> None:
    space, running = served(modality)
    listed = layers(alone(space))
    asked = {"layer": "posterior", "unit": 0, "through": through}
    answer = running.http.get("/api/network/dream", params=asked)
    if (modality, through) == ("table", "pixels"):
        assert (answer.status_code, "through='decoder'" in answer.json()["error"]) == (400, True)
        return
    said, own = answer.json(), dream(listed, "posterior", 0, through=through)
    assert said["answer"] == pytest.approx(own.activation, rel=0.02)
    assert said["strongest"] == pytest.approx(float(own.reference[-1]), rel=1e-3)
    assert said["densityPercentile"] == pytest.approx(own.density_percentile)
    assert said["content"]["kind"] == modality
    assert running.http.get("/api/network/dream", params=asked).json() == said


@pytest.mark.parametrize("modality", MODALITIES)
def test_what_a_latent_rests_on_is_what_python_gives(served: Served, modality: str) -> None:
    space, running = served(modality)
    address, asked = "/api/network/saliency", {"row": 7, "latent": 1}
    said = running.http.get(address, params=asked).json()
    own = saliency(layers(alone(space)), [7], target=1)
    values, scale = own.values[0], float(np.abs(own.values).max())
    if values.ndim == 1:
        by_name = dict(zip(own.names or [f"number {i}" for i in range(len(values))], values, strict=True))
        assert said["form"] == "columns"
        assert len(said["columns"]) == min(12, np.count_nonzero(values))
        for column in said["columns"]:
            assert column["value"] == pytest.approx(float(by_name[column["name"]]), abs=1e-3 * scale)
        sizes = [abs(column["value"]) for column in said["columns"]]
        assert sizes == sorted(sizes, reverse=True)
    else:
        drawn = values.sum(0) if values.ndim == 3 else values
        got = np.frombuffer(base64.b64decode(said["data"]), "<f4").reshape(said["height"], said["width"])
        np.testing.assert_allclose(got, drawn, atol=1e-3 * scale)
    assert said["answer"] == pytest.approx(float(own.outputs[0]), abs=1e-3)
    assert said["baseline"] == pytest.approx(float(own.baseline_outputs[0]), abs=1e-3)
    assert (said["passed"], said["verdict"]) == (own.check.passed, own.check.verdict)
    assert (said["completeness"] is None) == (own.completeness is None)
    assert running.http.get(address, params=asked).json() == said, "kept"
    for wrong, words in (({"row": 99_999}, "row 99,999 was asked for"), ({"latent": 99}, "latent 0 to")):
        answer = running.http.get(address, params=asked | wrong)
        assert (answer.status_code, words in answer.json()["error"]) == (400, True)
        assert "\n" not in answer.json()["error"]


def test_the_concepts_sentence_says_no_more_than_the_intervals() -> None:
    def at(layer: str, accuracy: float) -> LayerConcept:
        around = (accuracy - 0.05, accuracy + 0.05)
        return LayerConcept(layer, "encoder", 4, False, accuracy, around, 0.5, (0.4, 0.6), np.zeros(4, np.float32))

    text = concepts.said([at("a", 0.64), at("b", 0.8), at("latent", 0.7)], 50)
    assert text.startswith(
        "The selection becomes readable at b, and is not reliably before: accuracy 0.80 (0.75 to 0.8"
    )
    assert "n = 100" in text
    assert "0.40 to 0.60" in text
    assert "from the first layer on" in concepts.said([at("a", 0.9), at("latent", 0.9)], 50)
    assert "latent best" in concepts.said([at("a", 0.7), at("latent", 0.9)], 50)
    assert concepts.said([at("a", 0.62), at("latent", 0.6)], 50).startswith("No layer tells the selection")
    assert "less well again" in concepts.said([at("a", 0.9), at("latent", 0.7)], 50)
