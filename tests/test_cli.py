"""The command line as a person uses it: what it prints, where, and with which exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
import yaml

from deepspace.cli import main
from deepspace.cli.fitting import default_output, is_space, suffixed
from deepspace.cli.progress import describe, duration
from deepspace.training.events import Progress

Cli = Callable[..., subprocess.CompletedProcess[str]]
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "NO_COLOR": "1", "TERM": "dumb"}


def command(*arguments: object) -> list[str]:
    return [sys.executable, "-m", "deepspace.cli", *map(str, arguments)]


@pytest.fixture
def process(tmp_path: Path) -> Cli:
    """Runs one command in a process of its own, in an empty folder."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command(*arguments), cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=180
        )

    return run


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Cli:
    """Runs one command in this process, which saves importing everything again; in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as left:
            main([str(a) for a in arguments])
        out, said = capfd.readouterr()
        return subprocess.CompletedProcess(arguments, int(left.value.code or 0), out, said)

    return run


def flowers(path: Path, rows: int = 150) -> Path:
    """Iris as a CSV file."""
    from sklearn.datasets import load_iris

    iris = load_iris()
    lines = ["sepal length,sepal width,petal length,petal width,species"]
    lines += [
        ",".join([*(str(v) for v in x), str(iris.target_names[t])]) for x, t in zip(iris.data, iris.target, strict=True)
    ]
    path.write_text("\n".join(lines[: rows + 1]) + "\n")
    return path


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """iris.space, made by the command, with iris.csv beside it. Shared: copy it to change it."""
    folder = tmp_path_factory.mktemp("fitted")
    flowers(folder / "iris.csv")
    done = subprocess.run(
        command("fit", "iris.csv", "-o", "iris", "--epochs", "3", "--target", "species", "--threads", "1"),
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'iris.space'}\n"
    assert "species" in done.stderr
    assert "ELBO" in done.stderr
    assert "\x1b" not in done.stderr
    return folder / "iris.space"


def refusal(done: subprocess.CompletedProcess[str]) -> str:
    """The one sentence of a refusal, which is the last line on stderr; nothing was promised on stdout."""
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("deepspace: ")
    assert done.stderr.count("deepspace: ") == 1
    return last.removeprefix("deepspace: ")


# Starting


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys\nfrom deepspace.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "heavy = {'torch', 'numpy', 'pyarrow', 'fastapi', 'pydantic', 'sklearn', 'faiss', 'duckdb', 'uvicorn', 'PIL'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT)
    assert done.returncode == 0, done.stderr
    for name in ("explore", "fit", "schema", "measure", "compare", "report", "audit", "layers", "verify"):
        assert f"\n  {name} " in done.stdout


COMMANDS = ("explore", "fit", "schema", "measure", "compare", "report", "audit", "layers", "verify")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([name, "--help"])
    assert left.value.code == 0
    assert f"deepspace {name}" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith("deepspace ")


@pytest.mark.parametrize(
    "arguments", [["nonsense"], ["fit"], ["fit", "x.csv", "--epochs", "0"], ["fit", "x.csv", "--what"]]
)
def test_a_wrong_call_is_a_user_error(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2


# Refusals


def test_a_missing_file(process: Cli) -> None:
    assert "nothing.csv" in refusal(process("fit", "nothing.csv"))


def test_an_empty_file_leaves_nothing_behind(process: Cli, tmp_path: Path) -> None:
    (tmp_path / "empty.csv").touch()
    assert "empty.csv" in refusal(process("fit", "empty.csv"))
    assert [p.name for p in tmp_path.iterdir()] == ["empty.csv"]
    assert "empty.csv" in refusal(process("explore", "empty.csv", "--no-browser"))
    assert [p.name for p in tmp_path.iterdir()] == ["empty.csv"]


def test_a_ragged_table_names_the_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "ragged.csv").write_text("a,b\n" + "1,2\n" * 20 + "1\n" + "2,3\n" * 20)
    done = cli("schema", "ragged.csv")
    if done.returncode == 0:  # a single short row may be left out instead, with a note that says so
        assert "22" in done.stderr
    else:
        assert "ragged.csv" in refusal(done)


def test_an_unknown_target_lists_the_columns(cli: Cli, tmp_path: Path) -> None:
    flowers(tmp_path / "iris.csv")
    said = refusal(cli("schema", "iris.csv", "--target", "colour"))
    assert "colour" in said
    assert "petal width" in said


def test_a_foreign_folder_is_no_space(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "mine.space").mkdir()
    (tmp_path / "mine.space" / "diary.txt").write_text("dear diary")
    for name in ("explore", "measure", "layers", "verify", "report"):
        assert "mine.space" in refusal(cli(name, "mine.space"))
    flowers(tmp_path / "iris.csv")
    assert "mine.space" in refusal(cli("fit", "iris.csv", "-o", "mine.space"))
    assert [p.name for p in (tmp_path / "mine.space").iterdir()] == ["diary.txt"]


def test_an_existing_space_is_not_replaced_unasked(cli: Cli, fitted: Path) -> None:
    said = refusal(cli("fit", fitted.with_name("iris.csv"), "-o", fitted))
    assert "--overwrite" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--model", "vea"], "No model family is called 'vea'; there are vae, pca"),
        (["--set", "bta=4"], "has no setting 'bta'; it has activation, beta, "),
        (["--set", "beta"], "write NAME=VALUE, for example beta=4"),
        (["--set", "beta=lots"], "Cannot make a VAE of beta='lots'"),
        (["--set", "beta=-1"], "beta must be a finite number of at least 0, got -1"),
        (["--groups", "petals"], "there is no column 'petals' to group rows by"),
    ],
)
def test_a_model_that_cannot_be_is_refused(cli: Cli, tmp_path: Path, options: list[str], sentence: str) -> None:
    flowers(tmp_path / "iris.csv")
    assert sentence in refusal(cli("fit", "iris.csv", *options))
    assert [p.name for p in tmp_path.iterdir()] == ["iris.csv"]


def test_a_schema_file_that_is_not_there(cli: Cli, tmp_path: Path) -> None:
    flowers(tmp_path / "iris.csv")
    assert "none.yaml" in refusal(cli("schema", "iris.csv", "--schema", "none.yaml"))


def test_a_damaged_space_is_refused(cli: Cli, fitted: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy.space"
    shutil.copytree(fitted, copy)
    weights = copy / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert "weights.safetensors" in refusal(cli("verify", "copy.space"))
    assert "weights.safetensors" in refusal(cli("explore", "copy.space", "--no-browser"))


def test_a_port_in_use_is_named(process: Cli, fitted: Path) -> None:
    import socket

    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        said = refusal(process("explore", fitted, "--no-browser", "--port", port))
    assert str(port) in said
    assert "--port" in said


# What commands make


def test_schema_prints_the_columns_and_writes_them_for_editing(cli: Cli, tmp_path: Path) -> None:
    flowers(tmp_path / "iris.csv")
    shown = cli("schema", "iris.csv")
    assert shown.returncode == 0
    assert "petal width" in shown.stdout
    assert "setosa, versicolor, virginica" in shown.stdout
    written = cli("schema", "iris.csv", "-o", "schema.yaml")
    assert written.stdout == "schema.yaml\n"
    schema = yaml.safe_load((tmp_path / "schema.yaml").read_text())
    assert schema["columns"]["petal width"] == {"kind": "numeric", "role": "feature"}
    schema["columns"]["petal width"]["role"] = "metadata"
    (tmp_path / "schema.yaml").write_text(yaml.safe_dump(schema))
    changed = cli("schema", "iris.csv", "--schema", "schema.yaml")
    line = next(line for line in changed.stdout.splitlines() if line.startswith(" petal width"))
    assert "metadata" in line


def test_measure_layers_verify_and_report(cli: Cli, fitted: Path, tmp_path: Path) -> None:
    measured = cli("measure", fitted)
    assert measured.returncode == 0
    assert "elbo" in measured.stdout
    found = json.loads(cli("measure", fitted, "--json").stdout)
    assert {m["name"] for m in found["measures"]} >= {"elbo"}
    assert all("n" in m for m in found["measures"])
    again = cli("measure", fitted, "--beside", fitted)
    assert "dimensions come back in the other space" in again.stdout
    found = json.loads(cli("measure", fitted, "--beside", fitted, "--json").stdout)
    assert found["stability"][0]["least"] == pytest.approx(1)
    compared = json.loads(cli("compare", fitted, "--json").stdout)
    assert "PCA" in compared["sentences"][0]
    assert compared["figures"][0]["n"] == 15
    twin = fitted.with_name("iris.pca.space")
    assert "equally well" in cli("compare", twin, twin).stdout
    assert "principal components itself" in refusal(cli("compare", twin))
    families = cli("compare", fitted, "--with", "pca")
    assert "iris.pca" in families.stdout
    assert "training minutes" in families.stdout
    assert "reconstruction_error" in families.stdout
    assert "No model family is called 'umap'" in refusal(cli("compare", fitted, "--with", "umap"))
    layers = cli("layers", fitted)
    assert "encoder" in layers.stdout
    assert "decoder" in layers.stdout
    page = cli("layers", fitted, "-o", tmp_path / "atlas.html")
    assert page.stdout.strip().splitlines()[-1] == str(tmp_path / "atlas.html")
    assert "What the layers of" in (tmp_path / "atlas.html").read_text(encoding="utf-8")
    assert "has no column 'nowhere' to read off" in refusal(cli("layers", fitted, "--column", "nowhere"))
    assert cli("verify", fitted).stdout == f"{fitted}\n"
    page = cli("report", fitted, "-o", "report.html")
    assert page.stdout == "report.html\n"
    assert (tmp_path / "report.html").read_text().lstrip().lower().startswith("<!doctype html")


# Exploring


class Process:
    """An ``explore`` under way: its address, and an end by Ctrl-C."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        self.process = subprocess.Popen(
            command("explore", *arguments, "--no-browser", "--port", 0),
            cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def until(self, *phases: str, seconds: float = 240) -> dict[str, object]:
        for _ in range(int(seconds / 0.05)):
            state = httpx.get(self.address + "api/session", timeout=30).json()
            if state["phase"] in phases:
                return dict(state)
            time.sleep(0.05)
        raise AssertionError(f"never {phases}: {state}")

    def interrupt(self) -> tuple[int, str]:
        self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said


@pytest.fixture
def explore(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def start(*arguments: object) -> Process:
        started.append(Process(tmp_path, *arguments))
        return started[-1]

    yield start
    for process in started:
        if process.process.poll() is None:
            process.process.kill()
            process.process.communicate()


def test_explore_a_space(explore: Callable[..., Process], fitted: Path) -> None:
    page = explore(fitted)
    assert page.address.startswith("http://127.0.0.1:")
    assert page.until("ready")["name"] == "iris"
    assert httpx.get(page.address + "api/space", timeout=60).json()["n"] == 150
    code, said = page.interrupt()
    assert code == 0
    assert "Traceback" not in said


def test_explore_without_an_argument_begins_with_a_choice(explore: Callable[..., Process], tmp_path: Path) -> None:
    flowers(tmp_path / "flowers.csv")
    page = explore()
    assert page.until("idle")["desk"] is True
    with httpx.Client(base_url=page.address, timeout=60) as http:
        found = http.post("/api/desk/look", json={"source": "flowers.csv"}).json()
        assert (found["rows"], found["target"], found["output"]) == (150, "species", "flowers")
        wanted = {"source": "flowers.csv", "output": "flowers", "epochs": 2, "corrections": {"target": "none"}}
        assert http.post("/api/desk/fit", json=wanted).json()["desk"] is True
        page.until("ready")
        assert http.get("/api/desk").json()["recent"][0]["path"] == str(tmp_path.resolve() / "flowers.space")
    code, said = page.interrupt()
    assert code == 0, said
    assert "Traceback" not in said
    again = explore()
    assert again.until("idle")["phase"] == "idle"
    recent = httpx.get(again.address + "api/desk", timeout=60).json()["recent"]
    assert recent[0]["path"] == str(tmp_path.resolve() / "flowers.space")
    assert recent[0]["rows"] == 150


def test_a_fit_cut_short_in_the_terminal_goes_on_from_the_start_page(
    explore: Callable[..., Process], tmp_path: Path
) -> None:
    flowers(tmp_path / "flowers.csv")
    first = explore("flowers.csv", "--epochs", "4000", "--target", "species", "--threads", "1")
    first.until("training")
    time.sleep(1)
    code, _ = first.interrupt()
    assert code == 130
    page = explore()
    page.until("idle")
    with httpx.Client(base_url=page.address, timeout=60) as http:
        (partial,) = http.get("/api/desk").json()["partial"]
        assert (partial["name"], partial["data"], partial["blocked"]) == ("flowers", "flowers.csv", None)
        assert partial["epochs"] > 0
        assert http.post("/api/desk/resume", json={"path": partial["path"]}).status_code == 200
        state = page.until("training")
        while not (progress := state.get("progress")) or progress["phase"] != "training" or not progress["epoch"]:
            state = page.until("training")
        assert progress["epoch"] >= partial["epochs"]
        assert progress["epochs"] == 4000
        assert http.post("/api/desk/leave", json={}).json()["phase"] == "idle"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [(["--host", "0.0.0.0"], "served to this machine alone"), (["--epochs", "3"], "need DATA to fit or a SPACE")],
)
def test_the_start_page_takes_no_options_of_a_fit(cli: Cli, options: list[str], sentence: str) -> None:
    assert sentence in refusal(cli("explore", "--no-browser", *options))


def test_explore_data_fits_and_then_opens_what_was_fitted(
    explore: Callable[..., Process], cli: Cli, tmp_path: Path
) -> None:
    flowers(tmp_path / "iris.csv")
    page = explore("iris.csv", "--epochs", "2", "--threads", "1")
    state = page.until("ready")
    assert state["modality"] == "table"
    assert page.interrupt()[0] == 0
    assert (tmp_path / "iris.space" / "manifest.json").is_file()
    again = explore("iris.csv")
    assert again.until("ready")["name"] == "iris"
    code, said = again.interrupt()
    assert code == 0
    assert "same data" in said
    flowers(tmp_path / "iris.csv", rows=120)
    assert "other data" in refusal(cli("explore", "iris.csv", "--no-browser"))


def test_interrupted_training_goes_on_with_the_same_command(explore: Callable[..., Process], tmp_path: Path) -> None:
    flowers(tmp_path / "iris.csv")
    long = ("iris.csv", "--epochs", "20000", "--threads", "1")
    page = explore(*long)
    page.until("training")
    time.sleep(1)
    code, said = page.interrupt()
    assert code == 130
    assert "same command" in said
    assert "Traceback" not in said
    assert not (tmp_path / "iris.space").exists()
    again = explore(*long)
    again.until("training")
    code, said = again.interrupt()
    assert code == 130
    assert "going on from the fit that was cut short" in said


def test_interrupted_fit_says_how_to_go_on(tmp_path: Path) -> None:
    flowers(tmp_path / "iris.csv")
    process = subprocess.Popen(
        command("fit", "iris.csv", "--epochs", "20000", "--threads", "1"),
        cwd=tmp_path, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("training"):
            break
    process.send_signal(signal.SIGINT)
    out, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same command" in said
    assert "Traceback" not in said
    assert out == ""
    assert not (tmp_path / "iris.space").exists()


def test_numbers_that_cannot_be_used_end_explore_with_a_sentence(tmp_path: Path) -> None:
    np.save(tmp_path / "nothing.npy", np.full((50, 4), np.nan, np.float32))
    done = subprocess.run(
        command("explore", "nothing.npy", "--no-browser", "--port", 0),
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert "nothing.npy" in refusal(done)


# Small parts


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("x/customers.csv", "customers.space"),
        ("adult.data.gz", "adult.space"),
        ("german.data", "german.space"),
        ("photos/", "photos.space"),
        ("v1.2 final.csv", "v1.2 final.space"),
    ],
)
def test_a_space_is_named_after_its_data(data: str, name: str) -> None:
    assert default_output(data).name == name


def test_spaces_end_in_space(tmp_path: Path) -> None:
    assert suffixed(Path("a/b")) == Path("a/b.space")
    assert suffixed(Path("b.space")) == Path("b.space")
    assert is_space("b.space")
    assert not is_space(tmp_path)


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, ""), (3.4, "3 s"), (59.6, "1:00 min"), (125, "2:05 min"), (4200, "1:10 h"), (-1, "")]
)
def test_durations_read_well(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_progress_names_the_parts_of_the_elbo() -> None:
    progress = Progress("training", 0.5, 3, 10, -101.25, -80.0, 21.25, -103.5, 12, 41_000.0, 65.0)
    assert describe(progress) == (
        "epoch 3/10, ELBO -101.25 = -80.00 - KL 21.25, held out -103.50, 12 active, 41,000 rows/s, 1:05 min left"
    )
