"""The one training loop, for every model family and modality."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from deepspace.errors import TrainingError
from deepspace.models import ClosedForm, LatentModel
from deepspace.training import feed, machine
from deepspace.training import plan as planning
from deepspace.training.checkpoint import Checkpoint, fingerprint, restore_optimizer, store_optimizer
from deepspace.training.config import TrainConfig
from deepspace.training.evaluate import Evaluation, evaluate, multiplies
from deepspace.training.events import Progress
from deepspace.training.history import History, Stop, split
from deepspace.training.solved import solve

__all__ = ["train"]

_PROBE, _PROBE_CELLS = 4_000, 2**26  # rows looked at before training, and how many values in them
_UNHELD = 1000  # training rows that stand in where none are held out
_FINISH = 20_000  # training rows that a model sees again once its weights are final
_SAY_EVERY = 0.1  # seconds between progress events
_SAVE_EVERY = 30.0  # seconds between checkpoints within an epoch
_MULTIPLIES = 1e8  # a step of fewer multiplications is over before 16-bit products can gain back their conversions


@dataclass
class _State:
    """Everything that a resumed training must know beside tensors; all of it goes through JSON."""

    step: int = 0
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # reconstruction, kl, rows of this epoch
    norm: float = 0.0
    skipped: int = 0
    skipped_in_a_row: int = 0
    best: float = -math.inf
    best_epoch: int = 0
    waited: int = 0
    cuts: int = 0
    seconds: float = 0.0
    resumed: int = 0
    stopped: str = ""
    epochs: list[dict[str, Any]] = field(default_factory=list)


def train(
    model: LatentModel,
    array: npt.NDArray[Any],
    config: TrainConfig = TrainConfig(),
    *,
    on_progress: Callable[[Progress], None] | None = None,
    on_epoch: Callable[[LatentModel, int], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
    codes: npt.NDArray[np.int64] | None = None,
    held_out: npt.NDArray[np.int64] | None = None,
) -> History:
    """Train ``model`` in place on encoded rows (N, *shape), and leave it with its best weights, in eval mode.

    Goes on from ``config.checkpoint`` if that file is of the same model, rows and settings; the result is then the
    same, bit for bit, as without the interruption (same device and threads). ``on_epoch`` gets the model, in eval mode,
    and the number of epochs done. ``should_stop`` is asked after every step; a stop keeps the best so far.
    Ctrl-C, a KeyboardInterrupt out of a callback and SIGTERM write the checkpoint first. Raises TrainingError, with
    advice, where training cannot go on.
    A model in closed form is solved instead, on the same rows. ``codes`` (N,): the condition of each row, for a model
    that has one (``LatentModel.given``). ``held_out``: the rows (m,), ascending, kept from training; by default
    ``config`` says how many are drawn.
    """
    _check(model, array, held_out)
    if isinstance(model, ClosedForm):
        return solve(model, array, config, held_out=held_out, on_progress=on_progress, on_epoch=on_epoch)
    run = _Run(model, array, config, on_progress, on_epoch, should_stop, codes, held_out)
    with run.surroundings():
        run.start()
        return run.finish(run.epochs())


def _check(model: LatentModel, array: npt.NDArray[Any], held_out: npt.NDArray[np.int64] | None) -> None:
    rows = len(array) - (0 if held_out is None else len(held_out))
    if rows < 2:
        raise TrainingError(f"Cannot train on {rows} row{'' if rows == 1 else 's'}; at least 2 are needed.")
    if array.dtype not in (np.uint8, np.float32):
        raise TrainingError(f"Cannot train on numbers of type {array.dtype}; encoded rows are uint8 or float32.")
    if not isinstance(array, np.memmap) and array.dtype == np.float32:
        table = getattr(getattr(model, "layout", None), "modality", "") == "table"
        for start in range(0, len(array), 65536):
            part = array[start : start + 65536]
            bad = np.isinf(part) if table else ~np.isfinite(part)
            if bad.any():
                row = start + int(bad.reshape(len(part), -1).any(1).argmax())
                raise TrainingError(f"Cannot train: row {row} holds NaN or infinity; remove it or fill it in.")


def _noise_seed(seed: int, epoch: int, stream: int) -> int:
    """A seed for the noise of one epoch, so that what is drawn does not hang on what was drawn before."""
    return int(np.random.SeedSequence([seed % 2**64, epoch, stream]).generate_state(1, np.uint64)[0] >> 1)


class _Run:
    """One training under way."""

    def __init__(
        self,
        model: LatentModel,
        array: npt.NDArray[Any],
        config: TrainConfig,
        on_progress: Callable[[Progress], None] | None,
        on_epoch: Callable[[LatentModel, int], None] | None,
        should_stop: Callable[[], bool] | None,
        codes: npt.NDArray[np.int64] | None,
        held_out: npt.NDArray[np.int64] | None,
    ) -> None:
        self.model, self.array, self.config = model, array, config
        self.on_progress, self.on_epoch, self.should_stop = on_progress, on_epoch, should_stop
        self.device = machine.pick_device(config.device)
        self.codes = None if codes is None else torch.from_numpy(codes).to(self.device)
        self.named = held_out
        self.multiplies = multiplies(model, array[:1])
        self.plan = planning.make(
            config, len(array), self.multiplies, accelerated=self.device.type != "cpu",
            pace=model.recipe.pace, length=model.recipe.length, held_out=None if held_out is None else len(held_out),
        )  # fmt: skip
        self.state = _State()
        self.signal = 0
        self.began = time.monotonic()
        self.before = 0.0  # seconds of earlier runs
        self.said = 0.0
        self.steps_here = 0
        self.trained_here = 0.0

    # -- setting up ---------------------------------------------------------------------------------------------

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Random state, threads, device and signal handlers, all put back afterwards."""
        threads = torch.get_num_threads()
        home = next((p.device for p in self.model.parameters()), self.device)
        handlers: dict[int, Any] = {}
        if self.config.checkpoint is not None and threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                handlers[number] = signal.signal(number, self._interrupted)
        cuda = [self.device] if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices=cuda), machine.keep_freed_memory():
                yield
        finally:
            for caught, handler in handlers.items():
                signal.signal(caught, handler)
            torch.set_num_threads(threads)
            self.model.to(home).eval()

    def _interrupted(self, number: int, frame: object) -> None:
        self.signal = number

    def start(self) -> None:
        """Data, optimizer and state: fresh, or from the checkpoint."""
        config, plan = self.config, self.plan
        held_out = split(plan.rows, plan.validation_rows, config.seed) if self.named is None else self.named
        memory = config.memory if config.memory is not None else machine.available_memory() // 4
        self.feed = feed.make(self.array, held_out, plan.batch_size, config.seed, self.device, memory)
        # Everything is drawn per epoch from the seed; what is looked at stays the same for the whole training.
        count = min(_PROBE, max(_UNHELD, _PROBE_CELLS // max(1, math.prod(self.array.shape[1:]))))
        order = np.random.Generator(np.random.Philox(key=[config.seed % 2**64, 0])).permutation(plan.rows)
        first = order[~np.isin(order, held_out)][:count]  # a model that starts from its rows must not know those
        look = torch.from_numpy(feed.gather(self.array, np.sort(first)))
        judged = held_out if len(held_out) else np.sort(first)[:_UNHELD]
        self.judged = torch.from_numpy(feed.gather(self.array, judged))
        self.judged_codes = None if self.codes is None else self.codes[torch.from_numpy(judged).to(self.device)]
        torch.manual_seed(config.seed)
        self.model.to(self.device).train()
        self.model.training_rows = self.feed.count
        self.model.prepare(look.to(self.device))
        self.precision = self._precision()
        self.generator = torch.Generator(self.device)
        self.parameters = list(self.model.parameters())
        self.optimizer = self._optimizer()
        self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        self.checkpoint = None
        saved = None
        if config.checkpoint is not None:
            self.checkpoint = Checkpoint(config.checkpoint, self._key())
            saved = self.checkpoint.load()
        self.threads = config.threads or (int(saved[1]["threads"]) if saved else self._try_threads(look))
        torch.set_num_threads(self.threads)
        if saved:
            self._restore(*saved)

    def _optimizer(self) -> torch.optim.Optimizer:
        """AdamW; only the weights of layers decay, not biases or what likelihood and prior learn."""
        names = {id(p): name for name, p in self.model.named_parameters()}
        decays = [p.ndim > 1 and not names[id(p)].startswith(("likelihood.", "prior.")) for p in self.parameters]
        groups = [
            {
                "params": [p for p, d in zip(self.parameters, decays, strict=True) if d],
                "weight_decay": self.plan.decay * self.model.recipe.decay,
            },
            {"params": [p for p, d in zip(self.parameters, decays, strict=True) if not d], "weight_decay": 0.0},
        ]
        self.names = [names[id(p)] for group in groups for p in group["params"]]  # type: ignore[attr-defined]
        fused = self.device.type in ("cpu", "cuda")
        return torch.optim.AdamW(groups, lr=self.plan.learning_rate, betas=self.model.recipe.adam, fused=fused)

    def _precision(self) -> str:
        if self.config.precision != "auto":
            return self.config.precision
        gains = self.multiplies * self.plan.batch_size >= _MULTIPLIES
        return "bfloat16" if gains and machine.has_bfloat16(self.device) else "float32"

    def _key(self) -> str:
        own = asdict(self.config)
        for name in ("checkpoint", "max_seconds", "threads", "memory", "device"):
            own.pop(name)
        described = {"train": own, "plan": self.plan.to_json(), "model": self.model.config_json()}
        return fingerprint(described, self.array, self.named)

    def _try_threads(self, look: Tensor) -> int:
        if self.device.type != "cpu":
            return torch.get_num_threads()
        x = look[: self.plan.batch_size]

        def work() -> None:
            with self._autocast():
                loss, _ = self.model.loss(x, 1.0)
            loss.backward()  # type: ignore[no-untyped-call]

        before = {name: value.clone() for name, value in self.model.named_buffers()}
        chosen = machine.pick_threads(work)
        self.model.zero_grad(set_to_none=True)
        for name, value in self.model.named_buffers():
            value.copy_(before[name])
        return chosen

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bfloat16")

    # -- the checkpoint -----------------------------------------------------------------------------------------

    def _carried(self) -> dict[str, Tensor]:
        """What the model carries from step to step and does not keep among its weights."""
        kept = self.model.state_dict()
        return {name: value for name, value in self.model.named_buffers() if name not in kept}

    def _save(self) -> None:
        if self.checkpoint is None:
            return
        self.state.seconds = self._seconds()
        tensors = {f"model.{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"best.{k}": v for k, v in self.best.items()}
        tensors |= {f"carried.{k}": v for k, v in self._carried().items()}
        tensors |= store_optimizer(self.optimizer, self.names)
        tensors["random.generator"] = self.generator.get_state()
        tensors["random.torch"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        self.checkpoint.save(tensors, {"state": asdict(self.state), "threads": self.threads})

    def _restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.state = _State(**facts["state"])
        self.before = self.state.seconds
        self.state.resumed += 1
        self.model.load_state_dict({k[6:]: v for k, v in tensors.items() if k.startswith("model.")})
        self.best = {k[5:]: v.to(self.device) for k, v in tensors.items() if k.startswith("best.")}
        for name, value in self._carried().items():
            value.copy_(tensors[f"carried.{name}"])
        restore_optimizer(self.optimizer, self.names, tensors)
        self.generator.set_state(tensors["random.generator"])
        torch.set_rng_state(tensors["random.torch"])
        if "random.cuda" in tensors and self.device.type == "cuda":
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)

    # -- training -----------------------------------------------------------------------------------------------

    def epochs(self) -> Stop:
        """Train to the end; says what ended it."""
        plan, state = self.plan, self.state
        while not state.stopped:
            epoch, within = divmod(state.step, plan.steps)
            if epoch >= plan.epochs:
                state.stopped = "epochs"
                break
            if within == 0:
                state.sums = [0.0, 0.0, 0.0]
                self.generator.manual_seed(_noise_seed(self.config.seed, epoch, 0))
                torch.manual_seed(_noise_seed(self.config.seed, epoch, 1))
                if plan.warm(state.step) and not plan.warm(state.step - plan.steps):
                    self.model.settle()
            try:
                self._epoch(epoch, within)
            except KeyboardInterrupt:  # between two steps, by a signal or out of a callback
                self._save()
                raise
        if self.checkpoint is not None:
            self._save()
        return state.stopped  # type: ignore[return-value]

    def _epoch(self, epoch: int, within: int) -> None:
        plan, state = self.plan, self.state
        saved = time.monotonic()
        for x, rows in self.feed.batches(epoch, within):
            self._step(x, None if self.codes is None else self.codes[rows])
            state.step += 1
            self._heed_signal()
            if self._ends():
                break
            if self.on_progress is not None and time.monotonic() - self.said >= _SAY_EVERY:
                self._say(epoch)
            if self.checkpoint is not None and time.monotonic() - saved >= _SAVE_EVERY and state.step % plan.steps:
                self._save()
                saved = time.monotonic()
        self._close(epoch)

    def _step(self, x: Tensor, codes: Tensor | None) -> None:
        plan, state = self.plan, self.state
        start = time.monotonic()
        for group in self.optimizer.param_groups:
            group["lr"] = plan.rate(state.step, state.cuts)
        self.optimizer.zero_grad(set_to_none=True)
        with self._autocast():
            loss, terms = self.model.given(codes).loss(x, plan.weight(state.step), self.generator)
        loss.backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm_tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
        means = terms.reconstruction.detach().mean(), terms.kl.detach().sum(1).mean()
        # One wait for the device.
        value, norm, reconstruction, kl = torch.stack([loss.detach(), norm_tensor, *means]).tolist()
        if not math.isfinite(value) or not math.isfinite(norm):
            self._skip()
            return
        state.skipped_in_a_row = 0
        # Losses in nats have gradients of any size, so a step is clipped against the usual size of its own training.
        limit = 4 * state.norm
        if 0 < limit < norm:
            torch._foreach_mul_(gradients, limit / norm)
            norm = limit
        state.norm = norm if state.norm == 0 else 0.98 * state.norm + 0.02 * norm
        self.optimizer.step()
        self.model.after_step()
        for i, part in enumerate((reconstruction * len(x), kl * len(x), len(x))):
            state.sums[i] += part
        self.steps_here += 1
        self.trained_here += time.monotonic() - start

    def _skip(self) -> None:
        state = self.state
        state.skipped += 1
        state.skipped_in_a_row += 1
        if state.skipped_in_a_row >= 3:
            raise TrainingError(
                f"Training stopped at step {state.step + 1}: the loss was not finite three times in a row; "
                f"try a smaller learning_rate than {self.plan.learning_rate:.2g}, precision 'float32', "
                "or look for extreme values."
            )
        self._say(state.step // self.plan.steps, message=f"Step {state.step + 1} was not finite and was skipped.")

    def _heed_signal(self) -> None:
        if self.signal == signal.SIGTERM:
            self._save()
            raise SystemExit(128 + signal.SIGTERM)
        if self.signal:
            raise KeyboardInterrupt

    def _ends(self) -> bool:
        if self.should_stop is not None and self.should_stop():
            self.state.stopped = "user"
        elif self.config.max_seconds is not None and self._seconds() >= self.config.max_seconds:
            self.state.stopped = "time"
        return bool(self.state.stopped)

    def _close(self, epoch: int) -> None:
        """The end of an epoch: judge, remember the best, decide whether to go on, tell, save."""
        plan, state = self.plan, self.state
        with self._autocast():
            judged = evaluate(self.model, self.judged, self.device, seed=self.config.seed, codes=self.judged_codes)
        rows = max(state.sums[2], 1)
        reconstruction, kl = state.sums[0] / rows, state.sums[1] / rows
        state.epochs.append(
            {
                "epoch": epoch + 1,
                "elbo": reconstruction - kl,
                "reconstruction": reconstruction,
                "kl": kl,
                "validation_elbo": judged.elbo,
                "validation_reconstruction": judged.reconstruction,
                "validation_kl": judged.kl,
                "active_units": judged.active_units,
                "warmup": plan.weight(state.step - 1),
                "learning_rate": plan.rate(state.step - 1, state.cuts),
                "seconds": self._seconds(),
            }
        )
        score = judged.score
        if score > state.best or state.best_epoch == 0 or not self.model.recipe.best_by_loss:
            state.best, state.best_epoch, state.waited = max(score, -math.inf), epoch + 1, 0
            self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        elif plan.validation_rows and plan.warm(state.step - 1):
            state.waited += 1
            if state.waited >= plan.patience and not state.stopped:
                self._calm()
        self._say(epoch, judged, force=True)
        if self.on_epoch is not None:
            self.model.eval()
            self.on_epoch(self.model, epoch + 1)
            self.model.train()
        if self.checkpoint is not None and self.checkpoint.due and not state.stopped:
            self._save()

    def _calm(self) -> None:
        """No better for a while: go on from the best weights in smaller steps, and stop when that was done thrice."""
        state = self.state
        if state.cuts == planning.CUTS:
            state.stopped = "early"
            return
        state.cuts, state.waited = state.cuts + 1, 0
        self.model.load_state_dict(self.best)

    # -- telling ------------------------------------------------------------------------------------------------

    def _seconds(self) -> float:
        return self.before + time.monotonic() - self.began

    def _say(self, epoch: int, judged: Evaluation | None = None, *, force: bool = False, message: str = "") -> None:
        if self.on_progress is None:
            return
        plan, state = self.plan, self.state
        self.said = time.monotonic()
        rows = state.sums[2]
        last = state.epochs[-1] if state.epochs else {}
        each = (plan.rows - plan.validation_rows) / plan.steps
        rate = self.steps_here * each / self.trained_here if self.trained_here else None
        # Judging and callbacks take time too: count the whole of it, not the steps alone.
        left = (self.said - self.began) / self.steps_here * (plan.total - state.step) if self.steps_here else None
        if left is not None and self.config.max_seconds is not None:
            left = min(left, max(0.0, self.config.max_seconds - self._seconds()))
        self.on_progress(
            Progress(
                phase="training",
                fraction=state.step / plan.total,
                epoch=epoch + 1,
                epochs=plan.epochs,
                elbo=(state.sums[0] - state.sums[1]) / rows if rows else None,
                reconstruction=state.sums[0] / rows if rows else None,
                kl=state.sums[1] / rows if rows else None,
                validation_elbo=last.get("validation_elbo"),
                active_units=last.get("active_units"),
                rows_per_second=rate,
                seconds_left=left,
                message=message,
            )
        )

    def _training_rows(self) -> Iterator[Tensor]:
        """Rows that were not held out, an even spread of at most so many, block by block."""
        kept = np.ones(len(self.array), bool)
        kept[self.feed.held_out] = False
        rows = np.flatnonzero(kept)
        rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), _FINISH)).round().astype(np.int64)]
        for part in np.array_split(rows, -(-len(rows) // 1024)):
            yield torch.from_numpy(feed.gather(self.array, part)).to(self.device)

    def finish(self, stopped: Stop) -> History:
        """Best weights back, and the record."""
        plan, state = self.plan, self.state
        self.model.load_state_dict(self.best)
        self.model.eval()
        self.model.finish(self._training_rows)
        final = evaluate(self.model, self.judged, self.device, seed=self.config.seed, codes=self.judged_codes)
        if not math.isfinite(final.elbo):
            raise TrainingError(
                "Training ended with an ELBO that is not finite; "
                "try a smaller learning_rate or look for extreme values."
            )
        return History(
            epochs=state.epochs, best_epoch=state.best_epoch, stopped=stopped, threads=self.threads,
            precision=self.precision, device=str(self.device), seconds=self._seconds(), seed=self.config.seed,
            rows=plan.rows, validation_rows=plan.validation_rows, batch_size=plan.batch_size,
            learning_rate=plan.learning_rate, elbo=final.elbo, reconstruction=final.reconstruction, kl=final.kl,
            kl_per_dimension=final.kl_per_dimension, active_units=final.active_units, skipped=state.skipped,
            resumed=state.resumed, named=self.named is not None, held_out=self.named,
        )  # fmt: skip
