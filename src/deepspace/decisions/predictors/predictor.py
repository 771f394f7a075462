"""A model under audit: what it is called with, and its answers, checked before anything is built on them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.errors import DeepspaceError, ModelError
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

    from deepspace.models.foreign import Inputs

__all__ = ["Answers", "Kind", "Predictor", "outcome_name"]

Floats = npt.NDArray[np.float64]
Kind = Literal["probabilities", "logits", "labels", "values"]

FIRST, MOST = 256, 65_536
"""Rows in the first batch and in the largest one."""
_PER_BATCH = 0.5
"""Seconds that a batch should take, so that progress shows and a limit is kept."""
_SUM = 1e-3
"""How far probabilities of a row may be from adding up to 1."""


@dataclass(frozen=True, eq=False)
class Answers(Tabular):
    """What a predictor says of M items.

    ``scores``: (M, K) probabilities of the K outcomes, or (M, 1) values of a regression; ``outcome``: (M,), the place
    of each item's decision among ``outcomes``; ``threshold``: what the probability of the second of two outcomes, or
    the value, must reach for the second outcome, None where the likeliest of three or more is taken.
    """

    scores: Floats
    outcome: npt.NDArray[np.int64]
    outcomes: tuple[str, ...]
    threshold: float | None

    def __len__(self) -> int:
        return len(self.outcome)

    def __getitem__(self, index: Any) -> Answers:
        where = np.atleast_1d(np.arange(len(self))[index])
        return replace(self, scores=self.scores[where], outcome=self.outcome[where])

    @property
    def score(self) -> Floats:
        """(M,): the one number a decision hangs on: the probability of the second of two outcomes, the value, or, of
        three or more, the largest probability."""
        if self.scores.shape[1] == 1:
            return np.asarray(self.scores[:, 0], np.float64)
        return np.asarray(self.scores[:, 1] if len(self.outcomes) == 2 else self.scores.max(1), np.float64)

    @property
    def margin(self) -> Floats:
        """(M,), not negative: how far the score is from the next other decision."""
        if self.threshold is not None:
            return np.abs(self.score - self.threshold)
        ordered = np.sort(self.scores, 1)
        return np.asarray(ordered[:, -1] - ordered[:, -2])

    def toward(self, outcome: int) -> Floats:
        """(M,): larger is nearer to ``outcome``; not negative exactly where that is the decision."""
        if self.threshold is not None:
            gain = np.asarray(self.score - self.threshold, np.float64)
            # The threshold itself belongs to the second outcome.
            other = np.where(gain < 0, -gain, np.minimum(-gain, -np.finfo(np.float64).tiny))
            return gain if outcome == 1 else np.asarray(other, np.float64)
        others = np.delete(self.scores, outcome, 1).max(1)
        lead = self.scores[:, outcome] - others
        own = self.outcome == outcome
        return np.asarray(np.where(own, np.maximum(lead, 0), np.minimum(lead, -np.finfo(np.float64).tiny)), np.float64)

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ("value",) if self.scores.shape[1] == 1 else self.outcomes
        columns: dict[str, Any] = {"outcome": [self.outcomes[i] for i in self.outcome]}
        return pa.table(columns | {f"score {name}": self.scores[:, i] for i, name in enumerate(names)})

    def __str__(self) -> str:
        counts = np.bincount(self.outcome, minlength=len(self.outcomes))
        total = max(len(self), 1)
        rows = [
            (name, f"{n:,}", f"{100 * n / total:.3g} %") for name, n in zip(self.outcomes, counts, strict=True)
        ]  # fmt: skip
        return text_table((f"decision on {len(self):,} items", "n", "share"), rows)


@dataclass(frozen=True, eq=False)
class Predictor:
    """A model of the user's, as it is asked.

    call: items -> (M,) labels, probabilities or values, or (M, K) probabilities; also {class: probability} an item, or
    a frame with one column a class. name: as the report calls it.
    kind: what it answers, None where the answers themselves show it; undecided: it answers with probabilities, logits
    or values, and ``settled`` finds out which, once and for all rows. classes: the names of its K classes in the order
    of its columns, None for values and where they come from the target.
    columns: the columns that it wants, None for all that the space learned. inputs, flat: how items are handed over, as
    in ``deepspace.attach``. frames: tables as pandas frames, else arrays of numbers. tensors: whether it wants torch
    tensors. source: where it came from, for the report's manifest.
    places: items -> (M,) the decisions as the model itself takes them, as places among its classes, where it says them
    apart from its scores.
    notes: sentences that whoever reads the results must know.
    """

    call: Callable[[Any], Any]
    name: str
    kind: Kind | None = None
    classes: tuple[str, ...] | None = None
    columns: tuple[str, ...] | None = None
    inputs: Inputs = "raw"
    flat: bool = False
    frames: bool = True
    tensors: bool = False
    source: str = ""
    undecided: bool = False
    places: Callable[[Any], Any] | None = None
    notes: tuple[str, ...] = ()

    def scores(
        self,
        count: int,
        hand: Callable[[slice], Any],
        *,
        classes: tuple[str, ...] | None,
        time_limit: float | None = None,
        tell: Callable[[int, int], None] | None = None,
    ) -> Floats:
        """(count, K): probabilities by class, or values (count, 1), of the items that ``hand`` gives piece by piece.

        Raises ModelError, naming items, where the predictor raises, answers in a wrong shape, with NaN or with what
        are no probabilities, or takes longer than ``time_limit`` seconds in all.
        """
        parts, began = [], time.monotonic()
        for piece, done in _pieces(count):
            rest = None if time_limit is None else time_limit - (time.monotonic() - began)
            raw = self._asked(hand(piece), piece, rest, (done, count, time_limit))
            parts.append(self._read(raw, piece, classes))
            if tell is not None:
                tell(piece.stop, count)
        return np.concatenate(parts) if parts else np.empty((0, len(classes or ("value",))))

    def answered(self, count: int, hand: Callable[[slice], Any], *, time_limit: float | None = None) -> list[Any]:
        """What it says of ``count`` items as it says it, piece by piece and unchecked. Errors as ``scores``."""
        parts, began = [], time.monotonic()
        for piece, done in _pieces(count):
            rest = None if time_limit is None else time_limit - (time.monotonic() - began)
            parts.append(self._asked(hand(piece), piece, rest, (done, count, time_limit)))
        return parts

    def _asked(self, items: Any, piece: slice, rest: float | None, state: tuple[int, int, float | None]) -> Any:
        where = f"items {piece.start} to {piece.stop - 1}"
        outcome: list[Any] = []

        def ask() -> None:
            try:
                outcome.append((True, self.call(items)))
            except Exception as error:  # whatever the user's code raises
                outcome.append((False, error))

        if rest is None:
            ask()
        else:
            # A call cannot be broken off, but it can be left behind.
            thread = threading.Thread(target=ask, daemon=True)
            thread.start()
            thread.join(max(rest, 0.0))
        if not outcome:
            done, count, limit = state
            raise ModelError(
                f"The predictor {self.name} answered {done:,} of {count:,} items in {figure(limit)} s, its time limit; "
                "raise time_limit, or let fewer rows be looked at with most."
            )
        good, answer = outcome[0]
        if not good:
            if isinstance(answer, DeepspaceError):
                raise answer
            first = (str(answer).strip().splitlines() or [""])[0]
            raise ModelError(
                f"The predictor {self.name} raised {type(answer).__name__} on {where}: {first[:300]}"
            ) from answer
        return answer

    def _read(self, raw: Any, piece: slice, classes: tuple[str, ...] | None) -> Floats:
        count = piece.stop - piece.start
        values = self._array(raw, classes)
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.ndim not in (1, 2) or len(values) != count:
            raise ModelError(
                f"The predictor {self.name} answered {count:,} items with an array of shape {values.shape}; it must "
                f"give one answer an item: ({count},) or ({count}, classes)."
            )
        if values.ndim == 1 and (self.kind == "labels" or (self.kind is None and values.dtype.kind not in "fc")):
            return self._labels(values, piece, classes)
        try:
            numbers = np.asarray(values, np.float64)
        except (TypeError, ValueError):
            raise ModelError(
                f"The predictor {self.name} answered with {values.dtype} where numbers were expected; say "
                "kind='labels' if these are classes."
            ) from None
        bad = np.flatnonzero(~np.isfinite(numbers).reshape(count, -1).all(1))
        if len(bad):
            raise ModelError(
                f"The predictor {self.name} answered {len(bad):,} of {count:,} items with NaN or infinity, first item "
                f"{piece.start + int(bad[0])}; let it handle missing cells, or leave such rows out."
            )
        if self.kind == "values" or (self.kind is None and classes is None and numbers.ndim == 1):
            if numbers.ndim != 1:
                raise ModelError(
                    f"The predictor {self.name} answered with {numbers.shape[1]} numbers an item, but is said to give "
                    "one value; leave kind out, or let it give one."
                )
            return numbers.reshape(count, 1)
        return self._probabilities(_softened(numbers) if self.kind == "logits" else numbers, piece, classes)

    def _array(self, raw: Any, classes: tuple[str, ...] | None) -> npt.NDArray[Any]:
        """An answer as an array; one with names of classes in it, by those names."""
        if hasattr(raw, "detach"):
            return np.asarray(raw.detach().cpu().numpy())
        table = _named(raw)
        known = classes or self.classes
        if table is None:
            return np.asarray(raw)
        if known is None:
            return np.stack(list(table.values()), 1)
        if set(table) == set(known):
            return np.stack([table[name] for name in known], 1)
        if len(table) == 1 and len(known) != 1:
            return next(iter(table.values()))
        raise ModelError(
            f"The predictor {self.name} answered with probabilities of {', '.join(map(repr, list(table)[:6]))}, but "
            f"the classes are {', '.join(map(repr, known[:6]))}; name them with classes."
        )

    def _labels(self, values: npt.NDArray[Any], piece: slice, classes: tuple[str, ...] | None) -> Floats:
        known = {name: i for i, name in enumerate(classes or self.classes or ())}
        out = np.zeros((len(values), max(len(known), 1)))
        # Classes that were said are in the order of the predictor's own codes; those of the target are in any.
        coded = self.classes is not None
        for i, value in enumerate(values.tolist()):
            place = known.get(outcome_name(value))
            if place is None and coded and isinstance(value, int) and value in range(len(known)):
                place = int(value)
            if place is None:
                raise ModelError(
                    f"The predictor {self.name} answered item {piece.start + i} with {outcome_name(value)!r}, which "
                    f"is none of {', '.join(map(repr, known)) or 'its classes'}; name them with classes, "
                    "in the order of its codes."
                )
            out[i, place] = 1.0
        return out

    def _probabilities(self, numbers: Floats, piece: slice, classes: tuple[str, ...] | None) -> Floats:
        low, high = float(numbers.min(initial=0)), float(numbers.max(initial=0))
        if low < -1e-6 or high > 1 + 1e-6:
            rows = numbers.reshape(len(numbers), -1)
            item = int(np.flatnonzero(((rows < -1e-6) | (rows > 1 + 1e-6)).any(1))[0])
            raise ModelError(
                f"The predictor {self.name} answered with probabilities from {figure(low)} to {figure(high)}, first "
                f"outside 0 to 1 at item {piece.start + item}; say kind='values' if it is a regression."
            )
        table = np.stack([1 - numbers, numbers], 1) if numbers.ndim == 1 else numbers
        wanted = len(classes or self.classes or ()) or table.shape[1]
        if table.shape[1] != wanted:
            raise ModelError(
                f"The predictor {self.name} answered with {table.shape[1]} probabilities an item, but there are "
                f"{wanted} classes ({', '.join((classes or self.classes or ())[:6])})."
            )
        sums = table.sum(1)
        worst = int(np.argmax(np.abs(sums - 1))) if len(sums) else 0
        if len(sums) and abs(sums[worst] - 1) > _SUM:
            raise ModelError(
                f"The predictor {self.name} answered item {piece.start + worst} with probabilities that add up to "
                f"{figure(float(sums[worst]))}; they must add up to 1."
            )
        return np.clip(table, 0.0, 1.0)


def _named(raw: Any) -> dict[str, npt.NDArray[Any]] | None:
    """{class: (M,) probabilities} of a list of {class: probability} or of a frame; None for anything else."""
    if isinstance(raw, list) and raw and all(isinstance(row, dict) for row in raw):
        names = list(dict.fromkeys(key for row in raw for key in row))
        missing = float("nan")
        return {outcome_name(n): np.array([row.get(n, missing) for row in raw], np.float64) for n in names}
    if isinstance(raw, dict) and raw and all(np.ndim(values) == 1 for values in raw.values()):
        return {outcome_name(name): np.asarray(values) for name, values in raw.items()}
    if hasattr(raw, "columns") and hasattr(raw, "__getitem__") and not hasattr(raw, "dtype"):
        names = list(getattr(raw, "column_names", raw.columns))
        return {outcome_name(name): np.asarray(raw[name]) for name in names}
    return None


def _softened(numbers: Floats) -> Floats:
    """Logits as probabilities: the softmax of (M, K), the logistic function of (M,)."""
    if numbers.ndim == 1:
        return np.exp(-np.logaddexp(0.0, -numbers))
    out = np.exp(numbers - numbers.max(1, keepdims=True))
    return np.asarray(out / out.sum(1, keepdims=True))


def outcome_name(value: Any) -> str:
    """A class as it is written everywhere: whole numbers without a point, whatever type they have.

    >>> outcome_name(1.0), outcome_name(np.int64(1)), outcome_name(True), outcome_name("yes")
    ('1', '1', 'True', 'yes')
    """
    value = value.item() if isinstance(value, np.generic) else value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _pieces(count: int) -> Iterator[tuple[slice, int]]:
    """Slices of the items, longer while they are quick, and how many were done before each."""
    start, size = 0, FIRST
    while start < count:
        stop, began = min(start + size, count), time.monotonic()
        yield slice(start, stop), start
        took = time.monotonic() - began
        size = int(np.clip(size * min(8.0, _PER_BATCH / max(took, 1e-4)), 1, MOST))
        start = stop
