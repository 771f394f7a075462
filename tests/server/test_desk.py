"""The start page's server: from a choice to a session, and from one session to the next."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
from sklearn import datasets

from deepspace.data import load
from deepspace.errors import DataError, SpaceError
from deepspace.server import Session
from deepspace.server.desk.desk import Desk
from deepspace.server.desk.examples import EXAMPLES, write_example
from deepspace.server.desk.orders import Order, keep_order, partials
from deepspace.server.desk.recent import Recent
from deepspace.server.wire import LookRequest
from deepspace.space.files import Work
from tests.server.conftest import Running
from tests.server.fakes import FakeFit, FakeSpace

Start = Callable[..., Running]
OWN = {"X-Deepspace": "1"}


class Bench:
    """A desk whose fits pretend, and what it asked for."""

    def __init__(self, folder: Path, space: FakeSpace) -> None:
        self.orders: list[Order] = []
        self.fits: list[FakeFit] = []
        self.seconds = 0.05
        self.error = ""
        self.space = space
        self.desk = Desk(
            folder,
            open_space=self._open,
            fit=self._fit,
            output_of=lambda data: Path(f"{Path(data).stem}.space"),
            recent=Recent(folder / "state" / "recent.json"),
        )

    def _open(self, path: Path) -> Session:
        if not path.is_dir():
            raise SpaceError(f"cannot open '{path.name}': there is no such folder")
        return Session(self.space.name, space=self.space)

    def _fit(self, order: Order) -> Session:
        self.orders.append(order)
        session = Session(order.output.stem)
        self.fits.append(FakeFit(session, self.space, self.seconds, error=self.error, epochs=20))
        session._fit = self.fits[-1]
        return session


@pytest.fixture
def bench(tmp_path: Path, spaces: Callable[[str], FakeSpace]) -> Bench:
    return Bench(tmp_path, spaces("table"))


def post(server: Running, what: str, **content: Any) -> Any:
    return server.http.post(f"/api/desk/{what}", json=content)


@pytest.mark.parametrize("name", EXAMPLES)
def test_every_example_is_what_it_says(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    path = write_example(name, tmp_path)
    dataset = load(path)
    assert (len(dataset), dataset.schema.modality) == (example.rows, example.modality)
    stamp = path.stat().st_mtime_ns
    assert write_example(name, tmp_path) == path
    assert path.stat().st_mtime_ns == stamp


def test_an_examples_values_are_scikit_learns(tmp_path: Path) -> None:
    iris = datasets.load_iris()
    table = pyarrow.csv.read_csv(write_example("iris", tmp_path))
    values = np.stack([table[n].to_numpy() for n in iris.feature_names], 1)
    np.testing.assert_array_equal(values, iris.data)
    assert table["species"].to_pylist() == [iris.target_names[t] for t in iris.target]
    with np.load(write_example("digits", tmp_path)) as digits:
        np.testing.assert_allclose(digits["images"] * (16 / 255), datasets.load_digits().images, atol=0.5 * 16 / 255)
    with np.load(write_example("photographs", tmp_path)) as squares:
        temple = datasets.load_sample_images().images[0][:64, :64].reshape(32, 2, 32, 2, 3).mean((1, 3))
        assert np.abs(squares["image"][0] - temple).max() <= 0.5
    with pytest.raises(DataError, match="there is no example 'nothing'"):
        write_example("nothing", tmp_path)


def test_a_look_says_what_a_fit_would_see(bench: Bench) -> None:
    found = bench.desk.look(LookRequest(source="example:wine"))
    wine = load(bench.desk.source("example:wine"))
    assert (found.rows, found.modality, found.target) == (178, "table", "grower")
    assert (found.output, found.taken) == ("wine", False)
    assert [(c.name, c.kind, c.role) for c in found.columns] == [(c.name, c.kind, c.role) for c in wine.schema.columns]
    assert found.notes == list(wine.notes)
    assert found.families[0].name == "vae"
    assert "conditional_vae" not in [f.name for f in found.families], (
        "it needs a setting that the page does not ask for"
    )
    assert all(f.says.endswith(".") and "arXiv" not in f.says for f in found.families)
    assert found.head.names == wine.rows.column_names
    assert len(found.head.cells) == 20
    for k, name in enumerate(found.head.names[:-1]):
        shown = [float(row[k]) for row in found.head.cells]
        np.testing.assert_allclose(shown, wine.rows[name].to_pylist()[:20], rtol=1e-5)


def test_a_look_heeds_corrections_and_refuses_wrong_ones(bench: Bench) -> None:
    wanted = {"target": "none", "columns": {"alcohol": {"role": "excluded"}, "grower": {"role": "metadata"}}}
    found = bench.desk.look(LookRequest(source="example:wine", corrections=wanted))
    roles = {c.name: c.role for c in found.columns}
    assert (found.target, roles["alcohol"], roles["grower"]) == (None, "excluded", "metadata")
    assert found.shape == [12]
    wrong = {"columns": {"alcohol": {"kind": "boolean"}}}
    with pytest.raises(DataError, match="cannot be boolean"):
        bench.desk.look(LookRequest(source="example:wine", corrections=wrong))


def test_pictures_and_signals_are_shown(bench: Bench, tmp_path: Path) -> None:
    found = bench.desk.look(LookRequest(source="example:digits"))
    assert found.items is not None
    assert (len(found.items), found.items[0].kind) == (20, "image")
    np.savez(tmp_path / "waves.npz", x=np.random.default_rng(0).normal(size=(30, 2, 48)).astype(np.float32))
    signals = bench.desk.look(LookRequest(source=str(tmp_path / "waves.npz")))
    assert signals.items is not None
    assert (signals.items[0].kind, len(signals.items)) == ("signal", 20)
    np.save(tmp_path / "vectors.npy", np.random.default_rng(0).normal(size=(30, 40)))
    vectors = bench.desk.look(LookRequest(source=str(tmp_path / "vectors.npy"), corrections={"modality": "vector"}))
    assert vectors.items is None
    assert (len(vectors.head.names), len(vectors.head.cells)) == (12, 20)


def test_from_idle_over_a_fit_to_a_space_and_back(bench: Bench, running: Start) -> None:
    server = running(bench.desk)
    idle = server.http.get("/api/session").json()
    assert (idle["phase"], idle["desk"]) == ("idle", True)
    assert server.http.get("/api/space").status_code == 409
    with server.live() as live:
        seen = []

        def until(phase: str) -> None:
            while not seen or seen[-1]["phase"] != phase:
                message = live.recv(timeout=20)
                if isinstance(message, str):
                    seen.append(json.loads(message))

        until("idle")
        began = post(server, "fit", source="example:iris", output="my irises", corrections={"target": "species"})
        assert began.status_code == 200
        until("ready")
        assert server.http.get("/api/space").json()["n"] == len(bench.space)
        assert post(server, "leave").json()["phase"] == "idle"
        until("idle")
    serials = [m["serial"] for m in seen]
    assert serials == sorted(serials)
    assert len(set(serials)) == 3
    assert all(m["desk"] for m in seen)
    order = bench.orders[0]
    assert order.output == bench.desk.folder / "my irises.space"
    assert order.options == {"schema": {"target": "species"}, "overwrite": False}
    assert [r["name"] for r in server.http.get("/api/desk").json()["recent"]] == [bench.space.name]


def test_previews_of_the_next_fit_reach_a_page_that_saw_many_of_the_last(bench: Bench, running: Start) -> None:
    server = running(bench.desk)
    numbers = []
    for k in range(2):
        assert post(server, "fit", source="example:iris", output=f"fit {k}").status_code == 200
        session = bench.desk.session
        assert session is not None
        bench.fits[-1].hold.clear()
        session.show(1, *_preview())
        assert bench.desk.preview is not None
        numbers.append(bench.desk.preview[0])
        bench.fits[-1].hold.set()
        assert session.join(20)
    assert numbers[1] > numbers[0]


def _preview() -> Any:
    from deepspace.server.wire import Preview

    return Preview(epoch=0, n=1), np.zeros((1, 2), "<f4").tobytes()


def test_one_fit_at_a_time_and_cancelling_it(bench: Bench, running: Start) -> None:
    bench.seconds = 60.0
    server = running(bench.desk)
    assert post(server, "fit", source="example:iris", output="a").status_code == 200
    refusal = post(server, "fit", source="example:iris", output="b")
    assert (refusal.status_code, refusal.json()["error"]) == (
        400, "'a' is being learned; cancel that first, or wait until it is done.",
    )  # fmt: skip
    assert post(server, "open", path="a.space").status_code == 400
    assert post(server, "leave").json()["phase"] == "idle"
    assert not bench.desk.fitting
    assert threading.active_count() < 30


def test_a_failed_fit_leaves_the_desk_usable(bench: Bench, running: Start) -> None:
    bench.error = "the loss was not finite; lower the learning rate."
    server = running(bench.desk)
    post(server, "fit", source="example:iris", output="a")
    session = bench.desk.session
    assert session is not None
    assert session.join(20)
    assert server.http.get("/api/session").json()["error"] == bench.error
    bench.error = ""
    assert post(server, "fit", source="example:iris", output="a").status_code == 200


def test_a_page_that_knows_another_session_is_told(bench: Bench, running: Start, tmp_path: Path) -> None:
    (tmp_path / "x.space").mkdir()
    server = running(bench.desk)
    serial = post(server, "open", path="x.space").json()["serial"]
    knows = {"X-Deepspace-Session": str(serial)}
    assert server.http.get("/api/map.f32", headers=knows).status_code == 200
    assert server.http.get("/api/map.f32").status_code == 200
    assert post(server, "open", path=str(tmp_path / "x.space")).json()["serial"] == serial + 1
    stale = server.http.get("/api/map.f32", headers=knows)
    assert (stale.status_code, stale.json()["error"].split(";")[0]) == (409, "Another space has been opened here since")


def test_an_upload_is_looked_at_under_its_name(bench: Bench, running: Start) -> None:
    server = running(bench.desk)
    text = "a,b\n" + "\n".join(f"{i},{i % 7}" for i in range(9000))
    answer = server.http.put("/api/desk/uploads", params={"name": "../my data.csv"}, content=text.encode(), headers=OWN)
    assert answer.json() == {"source": "upload:my data.csv"}
    assert (bench.desk.uploads / "my data.csv").read_text() == text
    found = post(server, "look", source="upload:my data.csv").json()
    assert (found["rows"], found["output"]) == (9000, "my data")
    assert post(server, "look", source="upload:../state/recent.json").status_code == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 403),
        ({"Content-Type": "text/plain"}, 403),
        ({**OWN, "Origin": "https://evil.example"}, 403),
        ({**OWN, "Host": "evil.example"}, 403),
        (OWN, 200),
    ],
)
def test_only_the_page_itself_may_upload(bench: Bench, running: Start, headers: dict[str, str], status: int) -> None:
    server = running(bench.desk)
    answer = server.http.put("/api/desk/uploads?name=a.csv", content=b"x" * 100_000, headers=headers)
    assert answer.status_code == status
    assert (bench.desk.uploads / "a.csv").exists() is (status == 200)
    for what in ("fit", "open", "leave", "discard", "look"):
        assert (
            server.http.post(f"/api/desk/{what}", content=b"path=x", headers={"Origin": "http://x"}).status_code == 403
        )
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        assert server.http.post(f"/api/desk/{what}", content=b"path=x", headers=form).status_code == 403


def test_an_upload_must_say_how_long_it_is(bench: Bench, running: Start) -> None:
    server = running(bench.desk)
    answer = server.http.put("/api/desk/uploads?name=a.csv", content=iter([b"x"] * 3), headers=OWN)
    assert answer.status_code == 411


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ("nowhere.csv", "there is no file or folder"),
        ("example:nothing", "there is no example 'nothing'"),
        ("upload:nothing.csv", "there is no file or folder"),
        ("\0", "check the spelling"),
    ],
)
def test_sources_that_are_not_there(bench: Bench, running: Start, source: str, sentence: str) -> None:
    server = running(bench.desk)
    for what in ("look", "fit"):
        answer = post(server, what, source=source, **({"output": "x"} if what == "fit" else {}))
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]


def test_an_output_that_is_taken_is_refused_and_can_be_replaced(bench: Bench, running: Start) -> None:
    (bench.desk.folder / "iris.space").mkdir()
    server = running(bench.desk)
    assert post(server, "look", source="example:iris").json()["taken"] is True
    refusal = post(server, "fit", source="example:iris", output="iris")
    assert refusal.status_code == 400
    assert "'iris.space' already exists" in refusal.json()["error"]
    assert post(server, "fit", source="example:iris", output="iris", overwrite=True).status_code == 200
    assert bench.orders[0].options["overwrite"] is True
    assert post(server, "fit", source="example:iris", output=" ").status_code == 400


def half_done(bench: Bench, name: str, *, order: bool = True) -> Path:
    """A work folder as a fit that was cut short leaves it."""
    output = bench.desk.folder / f"{name}.space"
    work = Work(output)
    work.keep = True
    if order:
        data = bench.desk.source("example:iris")
        keep_order(Order(str(data), output, {"schema": {"target": "species"}, "epochs": 7}))
    work.release()
    return output


def test_a_fit_that_was_cut_short_goes_on_as_it_began(bench: Bench, running: Start) -> None:
    output = half_done(bench, "half")
    server = running(bench.desk)
    (partial,) = server.http.get("/api/desk").json()["partial"]
    assert (partial["name"], partial["data"], partial["blocked"]) == ("half", "iris.csv", None)
    assert post(server, "resume", path=partial["path"]).status_code == 200
    assert bench.orders == [
        Order(str(bench.desk.source("example:iris")), output, {"schema": {"target": "species"}, "epochs": 7})
    ]


def test_what_cannot_go_on_says_why(bench: Bench, running: Start) -> None:
    half_done(bench, "foreign", order=False)
    server = running(bench.desk)
    (partial,) = server.http.get("/api/desk").json()["partial"]
    assert partial["blocked"] == "it was begun from Python; the same call goes on with it"
    answer = post(server, "resume", path=partial["path"])
    assert (answer.status_code, "begun from Python" in answer.json()["error"]) == (400, True)


def test_only_what_is_listed_can_be_discarded(bench: Bench, running: Start) -> None:
    output = half_done(bench, "half")
    precious = bench.desk.folder / "precious.space.partial"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years")
    server = running(bench.desk)
    for path in (str(bench.desk.folder / "precious.space"), str(bench.desk.folder), "/"):
        assert post(server, "discard", path=path).status_code == 400
    assert (precious / "thesis.txt").exists()
    assert post(server, "discard", path=str(output)).json()["partial"] == []
    assert not output.with_name("half.space.partial").exists()


def test_a_fit_that_is_being_written_is_left_alone(bench: Bench) -> None:
    output = bench.desk.folder / "busy.space"
    with Work(output):
        (partial,) = partials(bench.desk.folder, [])
        assert partial.running
        with pytest.raises(SpaceError, match="another process is writing it"):
            bench.desk.discard(str(output))
    assert partials(bench.desk.folder, [output]) == []
