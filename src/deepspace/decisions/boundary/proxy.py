"""What the picture says of real rows, beside what the predictor says: the rows asked, and asked again as they decode.

A row's own place decodes to the row's own reconstruction, since the map keeps beside it what two dimensions cannot
hold. Places between rows have no such help. So each row is also decoded from its place as if it had never been there
(``FittedMap.without``, in five parts), as a new item at that place would be; that is what trust is measured on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.decisions.boundary.traced import check_decodes
from deepspace.decisions.predictors import Answers
from deepspace.metrics.heldout import spread

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["Proxy", "decoded_without", "parts_of", "proxy"]

Ints = npt.NDArray[np.int64]

_PARTS = 5


@dataclass(frozen=True, eq=False)
class Proxy:
    """``rows``: (n,) row numbers, ascending; ``tested``: (n,) bool, those that the predictor was not fitted on, as far
    as is known. ``own``: what the predictor says of them; ``rebuilt``: of their reconstructions; ``shown``: of what
    their places on the map decode to without them."""

    rows: Ints
    tested: npt.NDArray[np.bool_]
    own: Answers
    rebuilt: Answers
    shown: Answers

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def differs(self) -> npt.NDArray[np.bool_]:
        """(n,): is the place decided otherwise than the row?"""
        return np.asarray(self.own.outcome != self.shown.outcome)


def proxy(audit: Audit, *, most: int = 4000, seed: int = 0) -> Proxy:
    """Of at most ``most`` of the audit's rows, half of them tested ones where there are as many.

    Asks the predictor about 3 * most items. Raises SpaceError without a decoder.
    """
    check_decodes(audit)
    tested = spread(audit.tested, most // 2)
    others = spread(np.setdiff1d(audit.rows, tested), most - len(tested))
    rows = np.union1d(tested, others)
    z = np.asarray(audit.space.latents.mean[rows])
    shown = decoded_without(audit, rows, parts_of(len(rows), seed), audit.space.map.positions[rows])
    return Proxy(
        rows, np.isin(rows, audit.tested), audit.ask_rows(rows), audit.ask_latents(z, like=rows),
        audit.ask_encoded(shown, like=rows),
    )  # fmt: skip


def parts_of(n: int, seed: int) -> Ints:
    """(n,): the part that each row is in."""
    return np.random.default_rng(seed).permutation(np.arange(n) % _PARTS)


def decoded_without(audit: Audit, rows: Ints, part: Ints, places: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Encoded (n, *shape): what places (n, 2) decode to without the rows of their part. rows, part: (n,)."""
    made: npt.NDArray[np.float32] | None = None
    for one in np.unique(part):
        here = part == one
        decoded = audit.decoded(audit.space.map.without(rows[here])(places[here]))
        made = np.empty((len(rows), *decoded.shape[1:]), np.float32) if made is None else made
        made[here] = decoded
    assert made is not None
    return made
