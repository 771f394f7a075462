"""What a comparison of two spaces found: every difference with its interval, and in words which is better at what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from deepspace.metrics.comparing.neighbours import Kept
from deepspace.results import Tabular, figure, text_table

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Comparison", "Curve", "Gap"]

_ROUNDING = 1e-6

Part = Literal["all", "column", "channel", "class", "neighbours"]


@dataclass(frozen=True)
class Gap:
    """One figure of both spaces, each the mean over the same ``n`` rows, and their paired difference b - a.

    ``about``: the column, channel or class, empty for all; ``interval``: 95 % of the difference, by resampling rows,
    None with fewer than 8; ``better``: which way is good.
    """

    part: Part
    about: str
    a: float
    b: float
    n: int
    interval: tuple[float, float] | None
    better: Literal["higher", "lower"] = "lower"

    @property
    def difference(self) -> float:
        """b - a."""
        return self.b - self.a

    @property
    def winner(self) -> Literal["a", "b", ""]:
        """The one that is better beyond chance, if either is."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return ""
        return "b" if (self.difference > 0) == (self.better == "higher") else "a"


@dataclass(frozen=True)
class Curve:
    """Mean error of one space with only its ``dims`` strongest dimensions, the others at their mean.

    dims: (M,) ascending, the last is all; error, low, high: (M,), with 95 % interval; order: (D,) dimensions, strongest
    first by KL (for principal components: by variance); n: held-out rows.
    """

    dims: npt.NDArray[np.int64]
    error: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    order: npt.NDArray[np.int64]
    n: int

    def reaching(self, error: float) -> int | None:
        """The fewest dimensions with an error as small as this, or None."""
        good = np.flatnonzero(self.error <= error * (1 + _ROUNDING))
        return int(self.dims[good[0]]) if len(good) else None


@dataclass(frozen=True)
class Comparison(Tabular):
    """Two spaces, a and b, on the same rows; errors are of rows that neither was trained on (``seen``: there are none).

    ``names``: of the spaces; ``labels``: what sentences call them; ``dims``: their latent dimensions; ``unit``: of the
    errors; ``errors``: overall first, then by column or channel, then by class; ``curves``: error by number of
    dimensions; ``kept``: neighbours that both agree on; ``agreement``: share of a row's neighbours with its own class
    (None without classes); ``trust``: of the maps; ``n``: rows that the errors are taken on.
    """

    names: tuple[str, str]
    labels: tuple[str, str]
    dims: tuple[int, int]
    unit: str
    n: int
    seen: bool
    errors: tuple[Gap, ...]
    curves: tuple[Curve, Curve]
    kept: Kept
    agreement: Gap | None
    trust: tuple[dict[str, Any], dict[str, Any]]

    @property
    def overall(self) -> Gap:
        """The error over everything."""
        return self.errors[0]

    @property
    def sentence(self) -> str:
        """Which rebuilds better, said plainly."""
        gap, (a, b) = self.overall, self.labels
        rows = "rows" if self.seen else "held-out rows"
        both = f"error {figure(gap.a)} against {figure(gap.b)}"
        unit = self.unit.partition(":")[0]
        sure = f"n = {gap.n:,}; {unit}"
        if gap.interval is not None:
            low, high = sorted(abs(v) for v in gap.interval)
            sure = f"a difference of {figure(abs(gap.difference))} [{figure(low)}, {figure(high)}], {sure}"
        at = f"{self.dims[0]} dimensions" + (f" against {self.dims[1]}" if self.dims[0] != self.dims[1] else "")
        if not gap.winner:
            return _sentence(f"{a} and {b} rebuild {rows} equally well at {at}, as far as these rows can tell: {both} "
                             f"(n = {gap.n:,}; {unit}).")  # fmt: skip
        if gap.winner == "a":
            return _sentence(f"{a} rebuilds {rows} better than {b} at {at}: {both} ({sure}).")
        return _sentence(f"{a} rebuilds {rows} worse than {b} at {at}: {both} ({sure}).")

    @property
    def sentences(self) -> tuple[str, ...]:
        """Which is better at what: rebuilding, being brief, telling classes apart, the map."""
        found = [self.sentence, self._brief(), self._neighbours(), self._classes(), self._maps()]
        if self.seen:
            found.insert(1, "No row was held out of both, so these errors flatter.")
        return tuple(s for s in found if s)

    def _brief(self) -> str:
        (a, b), (first, second) = self.labels, self.curves
        for better, worse, curve, other in ((a, b, first, second), (b, a, second, first)):
            dims = curve.reaching(float(other.error[-1]))
            if dims is not None and dims < other.dims[-1]:
                return _sentence(
                    f"{better} with {dims} dimension{'s' * (dims > 1)} is as good as {worse} with {other.dims[-1]}."
                )
        return ""

    def _neighbours(self) -> str:
        kept = self.kept
        low, high = (figure(kept.k * v, 2) for v in kept.interval)
        return (
            f"Of a row's {kept.k} nearest neighbours, {figure(kept.k * kept.mean, 2)} are the same in both "
            f"[{low}, {high}] (n = {kept.n:,}; by chance {figure(kept.k * kept.chance, 1)})."
        )

    def _classes(self) -> str:
        gap, (a, b) = self.agreement, self.labels
        if gap is None:
            return ""
        shares = f"{100 * gap.a:.1f} % in {a} and {100 * gap.b:.1f} % in {b} (n = {gap.n:,})"
        if not gap.winner:
            return f"Neighbours share a row's '{gap.about}' equally often: {shares}."
        return f"Neighbours share a row's '{gap.about}' more often in {a if gap.winner == 'a' else b}: {shares}."

    def _maps(self) -> str:
        values = [float(t.get("trustworthiness", np.nan)) for t in self.trust]
        if not np.isfinite(values).all():
            return ""
        counts = sorted({int(t["n"]) for t in self.trust})
        return (
            f"The map of {self.labels[0]} keeps neighbourhoods to {figure(values[0])}, that of {self.labels[1]} to "
            f"{figure(values[1])} (trustworthiness, n = {' and '.join(f'{n:,}' for n in counts)})."
        )

    def to_arrow(self) -> pa.Table:
        import pyarrow as pa

        rows: list[dict[str, Any]] = [_row(f"error: {g.part}", g) for g in self.errors]
        if self.agreement is not None:
            rows.append(_row("neighbours of the same class", self.agreement))
        for which, curve in zip("ab", self.curves, strict=True):
            columns = (curve.dims, curve.error, curve.low, curve.high)
            rows += [
                {"figure": "error by dimensions", "about": str(d), which: e, "low": low, "high": high, "n": curve.n}
                for d, e, low, high in zip(*(c.tolist() for c in columns), strict=True)
            ]
        low, high = self.kept.interval
        rows.append({"figure": f"share of {self.kept.k} neighbours kept", "about": "", "a": self.kept.mean,
                     "b": self.kept.mean, "low": low, "high": high, "n": self.kept.n})  # fmt: skip
        for name in ("trustworthiness", "continuity"):
            a, b = (t.get(name) for t in self.trust)
            rows.append({"figure": f"map: {name}", "about": "", "a": a, "b": b, "n": self.trust[0].get("n")})
        names = ("a", "b", "difference", "low", "high")
        fields = [("figure", pa.string()), ("about", pa.string()), *((n, pa.float64()) for n in names)]
        return pa.Table.from_pylist(rows, schema=pa.schema([*fields, ("n", pa.int64())]))

    def __str__(self) -> str:
        header = ("error", *self.labels, "difference", "95 %", "n")
        rows = [
            (
                gap.about or "all",
                figure(gap.a),
                figure(gap.b),
                figure(gap.difference),
                "" if gap.interval is None else f"[{figure(gap.interval[0])}, {figure(gap.interval[1])}]",
                f"{gap.n:,}",
            )
            for gap in self.errors
        ]
        dims = sorted({int(d) for curve in self.curves for d in curve.dims})
        curve = [(str(d), *(_at(c, d) for c in self.curves)) for d in dims]
        return "\n".join(
            [
                *self.sentences,
                "",
                text_table(header, rows),
                "",
                text_table(("error with dimensions", *self.labels), curve),
            ]
        )


def _row(name: str, gap: Gap) -> dict[str, Any]:
    low, high = gap.interval or (None, None)
    return {"figure": name, "about": gap.about, "a": gap.a, "b": gap.b, "difference": gap.difference, "low": low,
            "high": high, "n": gap.n}  # fmt: skip


def _at(curve: Curve, dims: int) -> str:
    found = np.flatnonzero(curve.dims == dims)
    if not len(found):
        return ""
    i = int(found[0])
    return f"{figure(float(curve.error[i]))} [{figure(float(curve.low[i]))}, {figure(float(curve.high[i]))}]"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
