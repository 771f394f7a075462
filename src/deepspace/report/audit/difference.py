"""What changed between two reports: inputs, figures beyond their intervals, figures that came and went."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.errors import SpaceError
from deepspace.report.audit.context import Context
from deepspace.report.audit.evidence import Figure
from deepspace.report.audit.section import Items, Paragraph, Section
from deepspace.results import Z95, Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Difference", "Move", "difference", "read", "write_changes"]

RATE = 0.05
"""Of the moves that are called so, at most this share by chance."""
PASSING = ("changes.", "cases.", "prototypes.rows", "groups.differences")
"""Figures of single rows, which other rows take the place of; differences, earlier or said elsewhere."""


@dataclass(frozen=True)
class Move:
    """A figure in both reports. interval: 95 %, of ``now - before``; q: false-discovery rate at which it has moved;
    both None where a figure has no interval."""

    key: str
    before: float
    now: float
    unit: str
    interval: tuple[float, float] | None
    q: float | None
    ns: tuple[int | None, int | None] = (None, None)

    @property
    def moved(self) -> bool:
        return self.before != self.now if self.q is None else self.q <= RATE


@dataclass(frozen=True)
class Difference(Tabular):
    """inputs: sentences on data, predictor, code and settings, empty where they are the same; moves: every figure that
    both have and that is not the same; compared: figures with intervals that both have; appeared, vanished: keys."""

    inputs: tuple[str, ...]
    moves: tuple[Move, ...]
    compared: int
    appeared: tuple[str, ...]
    vanished: tuple[str, ...]

    @property
    def moved(self) -> tuple[Move, ...]:
        """Those beyond their intervals, surest first."""
        return tuple(sorted((m for m in self.moves if m.q is not None and m.moved), key=lambda m: (m.q, m.key)))

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        names = ("key", "before", "now", "unit", "q", "moved")
        columns: dict[str, Any] = {name: [getattr(m, name) for m in self.moves] for name in names}
        for place, name in enumerate(("low", "high")):
            columns[name] = [None if m.interval is None else m.interval[place] for m in self.moves]
        return pa.table(columns)

    def __str__(self) -> str:
        lines = list(self.inputs) or ["Data, predictor, code and settings are the same."]
        rows = [(m.key, _shown(m.before, m.unit), _shown(m.now, m.unit), figure(m.q)) for m in self.moved]
        lines.append(f"{len(rows)} of {self.compared} figures with an interval moved beyond it.")
        if rows:
            lines.append(text_table(("figure", "before", "now", "q"), rows))
        lines += [f"only in the earlier report: {key}" for key in self.vanished]
        lines += [f"only in the new report: {key}" for key in self.appeared]
        return "\n".join(lines)


def read(report: str | Path | Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON of a report. Raises SpaceError where it is none."""
    if not isinstance(report, Mapping):
        try:
            report = json.loads(Path(report).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not JSON"
            raise SpaceError(f"cannot compare with {report}: {reason}; name the .json beside a report.") from error
    if not isinstance(report, Mapping) or report.get("format") != "deepspace audit report":
        raise SpaceError("cannot compare with what is no audit report: name the .json that was written beside one.")
    if report.get("version") != 1:
        raise SpaceError(
            f"cannot compare with a report of version {report.get('version')}; this program knows version 1."
        )
    return report


def difference(before: str | Path | Mapping[str, Any], now: str | Path | Mapping[str, Any]) -> Difference:
    """Two audit reports, by their JSON.

    A figure has moved where the 95 % interval of the difference, put together from both intervals, leaves out nought
    (the square-and-add rule of Newcombe 1998, method 10; Zou and Donner 2008), at a false-discovery rate of 5 % over
    all figures compared (Benjamini and Hochberg 1995). The two samples are taken as independent: on the same rows the
    intervals are wider than they need be, and small moves stay unseen.
    """
    old, new = read(before), read(now)
    first, second = dict(_figures(old)), dict(_figures(new))
    both = [key for key in second if key in first]
    tested = [key for key in both if "interval" in first[key] and "interval" in second[key]]
    q = dict(zip(tested, _adjusted([_p(first[key], second[key]) for key in tested]), strict=True))
    moves = [_move(key, first[key], second[key], q.get(key)) for key in both if _differs(first[key], second[key])]
    return Difference(
        tuple(_inputs(old, new)), tuple(moves), len(tested),
        tuple(key for key in second if key not in first), tuple(key for key in first if key not in second),
    )  # fmt: skip


def write_changes(into: Section, context: Context, found: Difference) -> None:
    """The difference as a section of the newer report."""
    say, source = context.evidence.say, "deepspace.report.difference"
    inputs = [
        context.evidence.quote(sentence, key=f"input-{place}", source=source)
        for place, sentence in enumerate(found.inputs)
    ]
    into.blocks.append(
        Items.of(inputs) if inputs else Paragraph.of("Data, predictor, code and settings are the same as before.")
    )
    counted = say(
        "Of {compared} figures with an interval that both reports hold, {moved} moved beyond it; {other} others "
        "without an interval differ, {appeared} appeared and {vanished} vanished.",
        key="counted", source=source, compared=found.compared, moved=len(found.moved),
        other=sum(m.q is None for m in found.moves), appeared=len(found.appeared), vanished=len(found.vanished),
        config={"false-discovery rate": RATE},
    )  # fmt: skip
    (into.fail if found.moved else into.find)(counted)
    into.blocks.append(Paragraph.of(counted))
    if found.moved:
        rows = [
            [m.key, Figure(m.before, m.ns[0], unit=m.unit), Figure(m.now, m.ns[1], unit=m.unit),
             Figure(m.now - m.before, interval=m.interval, unit=m.unit), Figure(m.q or 0.0)]
            for m in found.moved
        ]  # fmt: skip
        header = ("figure", "before", "now", "difference (95 %)", "q")
        into.blocks.append(context.evidence.table("Figures that moved", header, rows, key="moved", source=source))
    plain = [m for m in found.moves if m.q is None][:40]
    if plain:
        rows = [[m.key, Figure(m.before, unit=m.unit), Figure(m.now, unit=m.unit)] for m in plain]
        caption = "Figures without an interval that differ" + (", the first forty" if len(plain) == 40 else "")
        into.blocks.append(
            context.evidence.table(caption, ("figure", "before", "now"), rows, key="plain", source=source)
        )
    for what, keys in (("Only in this report", found.appeared), ("Only in the earlier report", found.vanished)):
        if keys:
            more = f" and {len(keys) - 12} more" if len(keys) > 12 else ""
            sentence = f"{what}: {', '.join(keys[:12])}{more}."
            into.blocks.append(Paragraph.of(context.evidence.quote(sentence, key=what.split()[-2], source=source)))


def _figures(report: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for entry in report.get("evidence", ()):
        if str(entry["key"]).startswith(PASSING):
            continue
        for name, told in entry.get("figures", {}).items():
            yield f"{entry['key']}: {name}", told
        for row, cells in entry.get("table", {}).items():
            for name, told in cells.items():
                yield f"{entry['key']}: {row}, {name}", told


def _inputs(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted({*old.get("basis", {}), *new.get("basis", {})} | {"settings"}):
        first, second = (
            (side.get("settings") if name == "settings" else side.get("basis", {}).get(name)) or {}
            for side in (old, new)
        )
        changed = [key for key in {**first, **second} if first.get(key) != second.get(key)]
        if changed:
            said = "; ".join(f"{key}: {_brief(first.get(key))} is now {_brief(second.get(key))}" for key in changed)
            yield f"Changed in {name}: {said}."


def _brief(value: Any) -> str:
    text = (
        "none" if value in (None, "", [], {}) else json.dumps(value) if isinstance(value, (dict, list)) else str(value)
    )
    return text if len(text) <= 44 else f"{text[:16]}..."


def _differs(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return bool(old["value"] != new["value"])


def _p(old: Mapping[str, Any], new: Mapping[str, Any]) -> float:
    """Two-sided, from the distance in halves of the joined interval."""
    first, second = _number(old["value"]), _number(new["value"])
    if first == second:
        return 1.0
    half = _half(old, up=second > first), _half(new, up=second < first)
    joined = math.hypot(*half)
    if not math.isfinite(joined) or not math.isfinite(second - first):
        return 1.0
    return 0.0 if joined == 0 else math.erfc(abs(second - first) / joined * Z95 / math.sqrt(2))


def _half(told: Mapping[str, Any], *, up: bool) -> float:
    bound = _number(told["interval"][1 if up else 0])
    return abs(bound - _number(told["value"]))


def _move(key: str, old: Mapping[str, Any], new: Mapping[str, Any], q: float | None) -> Move:
    first, second = _number(old["value"]), _number(new["value"])
    interval = None
    if q is not None:
        gap = second - first
        low = gap - math.hypot(_half(new, up=False), _half(old, up=True))
        interval = (low, gap + math.hypot(_half(new, up=True), _half(old, up=False)))
    return Move(key, first, second, str(new.get("unit", "")), interval, q, (old.get("n"), new.get("n")))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)


def _adjusted(p: list[float]) -> list[float]:
    """Benjamini and Hochberg's adjusted values, in the order given."""
    order = sorted(range(len(p)), key=p.__getitem__)
    q, least = [1.0] * len(p), 1.0
    for rank in range(len(order), 0, -1):
        place = order[rank - 1]
        least = min(least, p[place] * len(p) / rank)
        q[place] = least
    return q


def _shown(value: float, unit: str) -> str:
    return f"{figure(100 * value)} %" if unit == "%" else figure(value)
