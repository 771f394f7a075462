"""The training loop: deterministic, resumable, honest about what it skipped, and never worse than what it kept."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from sklearn.datasets import load_digits

from deepspace.errors import TrainingError
from deepspace.models import VAE, LatentModel, Layout, Terms, build, choose
from deepspace.training import History, Progress, TrainConfig, evaluate, train

VECTOR = Layout("vector", (12,))


def vectors(n: int = 400, seed: int = 0) -> np.ndarray:
    """Rows on a curved sheet with a little noise."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 2))
    w = np.random.default_rng(99).normal(size=(2, 12))
    return (np.tanh(z @ w) + 0.1 * rng.normal(size=(n, 12))).astype(np.float32)


def small(layout: Layout = VECTOR, **config: Any) -> LatentModel:
    config = {"latent_dim": 3, "hidden": (32, 16), "network": "mlp", "likelihood": "gaussian", **config}
    return build(VAE(**config), layout, seed=0)


def weights(model: LatentModel) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in model.state_dict().items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[k], b[k]) for k in a)


def run(config: TrainConfig, array: np.ndarray | None = None, **hooks: Any) -> tuple[dict[str, torch.Tensor], History]:
    model = small()
    history = train(model, vectors() if array is None else array, config, **hooks)
    return weights(model), history


QUICK = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3)


def figures(history: History) -> list[dict[str, Any]]:
    return [{k: v for k, v in e.items() if k != "seconds"} for e in history.epochs]


def test_same_seed_same_weights_bit_for_bit_and_another_seed_not() -> None:
    a, first = run(QUICK)
    torch.manual_seed(12345)  # what else is drawn in the process must not matter
    b, second = run(QUICK)
    assert same(a, b)
    assert figures(first) == figures(second)
    c, _ = run(TrainConfig(epochs=6, batch_size=32, threads=1, seed=4))
    assert not same(a, c)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_images_and_tables_are_deterministic_too(precision: Any) -> None:
    digits = load_digits().images[:200].astype(np.uint8)[:, None] * 15
    rng = np.random.default_rng(0)
    table = np.stack([rng.normal(size=200), rng.integers(0, 50, 200), rng.integers(0, 3, 200)], 1).astype(np.float32)
    table[::9] = np.nan
    for layout, array in (
        (Layout("image", (1, 8, 8)), digits),
        (Layout("table", (3,), ("numeric", "categorical", "ordinal"), (0, 50, 3)), table),
    ):
        kept = []
        for _ in range(2):
            network: Any = "conv" if layout.modality == "image" else "auto"
            model = build(choose(layout, array, VAE(latent_dim=2, network=network)), layout, seed=0)
            train(model, array, TrainConfig(epochs=2, threads=1, precision=precision))
            kept.append(weights(model))
        assert same(*kept)


def test_it_learns_and_keeps_the_best_weights() -> None:
    array = vectors()
    model = small()
    seen: list[dict[str, torch.Tensor]] = []
    history = train(model, array, TrainConfig(epochs=40, threads=1), on_epoch=lambda m, epoch: seen.append(weights(m)))
    assert history.epochs[-1]["validation_elbo"] > history.epochs[0]["validation_elbo"] + 3
    assert same(seen[history.best_epoch - 1], weights(model))
    assert history.best_epoch == max(history.epochs, key=lambda e: e["validation_elbo"])["epoch"]
    again = evaluate(model, torch.from_numpy(array[history.validation_index]), torch.device("cpu"), seed=0)
    assert history.elbo == pytest.approx(again.elbo)
    assert sum(history.kl_per_dimension) == pytest.approx(history.kl)
    assert history.elbo == pytest.approx(history.reconstruction - history.kl)
    assert not model.training


def test_validation_rows_are_never_trained_on() -> None:
    array = vectors()
    _, history = run(QUICK)
    held_out = history.validation_index
    assert len(held_out) == 40
    assert sorted([*held_out, *history.train_index]) == list(range(400))
    # Their values may set the input's scale, but no gradient: with that scale equal, training is equal.
    shuffled = array.copy()
    shuffled[held_out] = array[held_out[::-1]]
    assert [e["reconstruction"] for e in run(QUICK, shuffled)[1].epochs] == pytest.approx(
        [e["reconstruction"] for e in history.epochs], rel=1e-4
    )


def test_warm_up_rises_and_early_stopping_waits_for_it() -> None:
    class Worse(type(small())):  # type: ignore[misc]
        """Its ELBO falls with every call to evaluate."""

        calls = 0

        def loss(self, x: torch.Tensor, weight: float = 1.0, generator: Any = None) -> tuple[torch.Tensor, Terms]:
            loss, terms = super().loss(x, weight, generator)
            if self.training:
                return loss, terms
            Worse.calls += 1
            off = 1000.0 * Worse.calls
            return loss + off, Terms(terms.reconstruction - off, terms.kl)

    model = small()
    model.__class__ = Worse
    history = train(model, vectors(), TrainConfig(epochs=40, warmup=0.5, patience=3, threads=1, batch_size=64))
    assert history.stopped == "early"
    assert history.best_epoch == 1
    assert len(history.epochs) == 20 + 4 * 3
    rise = [e["warmup"] for e in history.epochs]
    assert rise == sorted(rise)
    assert rise[0] < 0.1
    assert rise[19:] == [1.0] * 13
    steps = [e["learning_rate"] for e in history.epochs]
    for cut in (23, 26, 29):
        assert steps[cut] / steps[cut - 1] < 0.3 < steps[cut - 1] / steps[cut - 2]


def test_the_kl_may_start_above_its_weight() -> None:
    model = small()
    history = train(model, vectors(), TrainConfig(epochs=10, warmup=0.5, warmup_from=4.0, threads=1, batch_size=64))
    weights = [e["warmup"] for e in history.epochs]
    assert weights[:5] == pytest.approx([3.4, 2.8, 2.2, 1.6, 1.0])
    assert weights[5:] == [1.0] * 5
    assert TrainConfig().warmup_from == 0.0


def test_it_goes_on_from_the_best_weights_where_it_stalls() -> None:
    class Worse(type(small())):  # type: ignore[misc]
        calls = 0

        def loss(self, x: torch.Tensor, weight: float = 1.0, generator: Any = None) -> tuple[torch.Tensor, Terms]:
            if self.training:
                return super().loss(x, weight, generator)
            Worse.calls += 1
            worse = Terms(torch.full((len(x),), -float(Worse.calls)), torch.zeros(len(x), 3))
            return torch.tensor(float(Worse.calls)), worse

    model, seen = small(), []
    model.__class__ = Worse
    config = TrainConfig(epochs=30, warmup=0, patience=1, threads=1, batch_size=64)
    train(model, vectors(), config, on_epoch=lambda model, epoch: seen.append(weights(model)))
    assert [same(w, seen[0]) for w in seen] == [True, True, True, True, False]
    assert same(weights(model), seen[0])


class _Killed(Exception):
    pass


def _interrupt_at(epoch: int) -> Callable[[LatentModel, int], None]:
    def hook(model: LatentModel, done: int) -> None:
        if done == epoch:
            raise _Killed

    return hook


def test_resumed_after_a_cut_equals_uninterrupted(tmp_path: Path) -> None:
    settings: dict[str, Any] = {
        "epochs": 60, "batch_size": 16, "learning_rate": 0.02, "threads": 1, "seed": 3, "patience": 1, "warmup": 0
    }  # fmt: skip
    whole, history = run(TrainConfig(**settings), vectors(60))
    assert history.stopped == "early"
    config = TrainConfig(**settings, checkpoint=tmp_path / "c.safetensors")
    with pytest.raises(_Killed):
        run(config, vectors(60), on_epoch=_interrupt_at(len(history.epochs) - 2))
    parts, again = run(config, vectors(60))
    assert same(whole, parts)
    assert figures(history) == figures(again)


@pytest.mark.parametrize("epoch", [1, 3, 5])
def test_resumed_equals_uninterrupted(tmp_path: Path, epoch: int) -> None:
    whole, history = run(QUICK)
    config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=tmp_path / "c.safetensors")
    with pytest.raises(_Killed):
        run(config, on_epoch=_interrupt_at(epoch))
    parts, again = run(config)
    assert same(whole, parts)
    assert figures(history) == figures(again)


def test_stopped_within_an_epoch_then_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    whole, _ = run(QUICK)
    config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=tmp_path / "c.safetensors")
    count = 0

    def press() -> bool:
        nonlocal count
        count += 1
        if count == 17:  # in the second epoch of twelve steps
            os.kill(os.getpid(), signal.SIGINT)
        return False

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        run(config, should_stop=press)
    assert signal.getsignal(signal.SIGINT) is before
    parts, history = run(config)
    assert history.resumed == 1
    assert same(whole, parts)


@pytest.mark.parametrize(
    ("callback", "at"), [("should_stop", 1), ("should_stop", 17), ("on_progress", 3), ("on_epoch", 4)]
)
def test_interrupted_out_of_a_callback_then_resumed_equals_uninterrupted(
    tmp_path: Path, callback: str, at: int
) -> None:
    """As a page's button does it, in a thread that no signal reaches: what was done so far is kept, to the step."""
    whole, _ = run(QUICK)
    config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=tmp_path / "c.safetensors")
    calls = 0

    def press(*_: object) -> bool:
        nonlocal calls
        calls += 1
        if calls == at:
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        run(config, **{callback: press})
    with safe_open(config.checkpoint, framework="np") as file:
        state = json.loads(file.metadata()["facts"])["state"]
    assert state["stopped"] == ""
    assert state["step"] == {"should_stop": at, "on_epoch": 12 * at}.get(callback, state["step"])
    parts, history = run(config)
    assert history.resumed == 1
    assert same(whole, parts)


def test_sigterm_writes_the_checkpoint_and_exits(tmp_path: Path) -> None:
    config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=tmp_path / "c.safetensors")

    def stop(model: LatentModel, epoch: int) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(SystemExit) as exit_:
        run(config, on_epoch=stop)
    assert exit_.value.code == 143
    assert same(run(config)[0], run(QUICK)[0])


def test_kill_9_in_a_process_of_its_own_then_resumed_equals_uninterrupted(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    script = textwrap.dedent(
        f"""
        import os, signal, sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import torch
        torch.set_num_threads(1)
        from test_loop import *
        config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=Path({str(file)!r}))
        steps = 0
        def die():
            global steps
            steps += 1
            if steps == 55:
                os.kill(os.getpid(), signal.SIGKILL)
            return False
        run(config, should_stop=die)
        """
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert file.exists()
    config = TrainConfig(epochs=6, batch_size=32, threads=1, seed=3, checkpoint=file)
    parts, history = run(config)
    assert history.resumed == 1
    assert same(parts, run(QUICK)[0])


def test_a_finished_checkpoint_gives_its_result_again_at_once(tmp_path: Path) -> None:
    config = TrainConfig(epochs=4, threads=1, checkpoint=tmp_path / "c.safetensors")
    first, history = run(config)
    events: list[Progress] = []
    second, again = run(config, on_progress=events.append)
    assert same(first, second)
    assert figures(history) == figures(again)
    assert not events


def test_a_checkpoint_of_other_data_settings_or_damage_is_not_used(tmp_path: Path) -> None:
    file = tmp_path / "c.safetensors"
    run(TrainConfig(epochs=3, threads=1, checkpoint=file))
    assert run(TrainConfig(epochs=4, threads=1, checkpoint=file))[1].resumed == 0
    assert run(TrainConfig(epochs=4, threads=1, checkpoint=file), vectors(seed=1))[1].resumed == 0
    assert run(TrainConfig(epochs=4, threads=1, checkpoint=file), vectors(seed=1))[1].resumed == 1
    file.write_bytes(file.read_bytes()[:1000])
    assert run(TrainConfig(epochs=4, threads=1, checkpoint=file), vectors(seed=1))[1].resumed == 0
    assert not list(tmp_path.glob("*.partial"))


def test_a_checkpoint_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match="Cannot write the checkpoint"):
        run(TrainConfig(epochs=1, threads=1, checkpoint=tmp_path / "file" / "c"))


class _Bad:
    """Makes the loss NaN at chosen steps."""

    def __init__(self, model: LatentModel, steps: set[int]) -> None:
        self.inner, self.steps, self.count = model.loss, steps, 0

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        loss, terms = self.inner(*args, **kwargs)
        self.count += 1
        return (loss * float("nan") if self.count in self.steps else loss), terms


def test_non_finite_steps_are_skipped_and_said(tmp_path: Path) -> None:
    model = small()
    model.loss = _Bad(model, {4, 5, 9})  # type: ignore[method-assign]
    events: list[Progress] = []
    history = train(model, vectors(), QUICK, on_progress=events.append)
    assert history.skipped == 3
    assert next(e.message for e in events if "not finite" in e.message) == "Step 4 was not finite and was skipped."
    assert all(torch.isfinite(v).all() for v in model.state_dict().values())


def test_three_non_finite_steps_in_a_row_stop_with_advice() -> None:
    model = small()
    model.loss = _Bad(model, {7, 8, 9})  # type: ignore[method-assign]
    with pytest.raises(TrainingError, match="step 9: the loss was not finite three times in a row; try a smaller"):
        train(model, vectors(), QUICK)


def test_stopping_by_request_and_by_time_keeps_the_best_so_far() -> None:
    _, asked = run(QUICK, should_stop=lambda: True)
    assert asked.stopped == "user"
    assert len(asked.epochs) == 1
    _, timed = run(TrainConfig(epochs=100000, threads=1, max_seconds=0.2))
    assert timed.stopped == "time"
    assert np.isfinite(timed.elbo)


def test_progress_events_go_forward_and_end_complete() -> None:
    events: list[Progress] = []
    _, history = run(QUICK, on_progress=events.append)
    fractions = [e.fraction for e in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    last = events[-1]
    assert last.epoch == last.epochs == 6
    assert last.elbo == pytest.approx(history.epochs[-1]["elbo"])
    assert last.elbo == pytest.approx((last.reconstruction or 0) - (last.kl or 0))
    assert last.rows_per_second is not None
    assert last.rows_per_second > 0


def test_history_survives_json() -> None:
    _, history = run(QUICK)
    again = History.from_json(json.loads(json.dumps(history.to_json())))
    assert again == history
    assert (again.validation_index == history.validation_index).all()


def test_settings_and_surroundings_are_left_as_they_were() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    handler = signal.getsignal(signal.SIGTERM)
    run(TrainConfig(epochs=1, threads=2))
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert signal.getsignal(signal.SIGTERM) is handler


def test_thread_count_is_tried_and_recorded() -> None:
    _, history = run(TrainConfig(epochs=1))
    assert 1 <= history.threads <= (os.cpu_count() or 1)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((1, 12), np.float32), "Cannot train on 1 row; at least 2 are needed"),
        (np.zeros((0, 12), np.float32), "Cannot train on 0 rows"),
        (np.zeros((9, 12)), "numbers of type float64"),
        (np.where(np.arange(60).reshape(5, 12) == 40, np.nan, 1).astype(np.float32), "row 3 holds NaN or infinity"),
    ],
)
def test_wrong_rows_are_refused_in_a_sentence(array: np.ndarray, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        train(small(), array)


@pytest.mark.parametrize(
    ("field", "value"),
    [("epochs", 0), ("batch_size", -1), ("learning_rate", 0.0), ("warmup", 1.5), ("warmup_from", -1.0),
     ("validation_fraction", 1.0), ("precision", "float16"), ("max_seconds", -1.0)],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(TrainingError, match=field):
        TrainConfig(**{field: value})


def test_an_unknown_device_is_refused() -> None:
    with pytest.raises(TrainingError, match="Device 'tpu9' cannot be used here"):
        run(TrainConfig(device="tpu9"))


@pytest.mark.parametrize("rows", [2, 3, 19, 20, 21, 33, 65])
def test_any_number_of_rows_trains(rows: int) -> None:
    _, history = run(TrainConfig(epochs=2, threads=1), vectors(rows))
    assert np.isfinite(history.elbo)
    assert history.validation_rows == (0 if rows < 20 else 2 if rows < 25 else round(rows / 10))


def test_a_model_is_prepared_without_the_rows_held_out() -> None:
    """A start at principal components would know them, and the held-out ELBO would flatter."""
    array, model, seen = vectors(60), small(), []
    prepare = model.prepare
    model.prepare = lambda x: (seen.append(x.numpy().copy()), prepare(x))  # type: ignore[method-assign]
    history = train(model, array, TrainConfig(epochs=1, threads=1, validation_fraction=0.3))
    assert {row.tobytes() for row in seen[0]} == {row.tobytes() for row in array[history.train_index]}
