"""What a case is compared with: real accepted rows near it, and what is typical of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from deepspace.decisions.reasons.shapley import Rows, row_keys
from deepspace.errors import SpaceError
from deepspace.metrics.heldout import spread

if TYPE_CHECKING:
    from deepspace.decisions.audit import Audit

__all__ = ["FEWEST", "NEAR", "Accepted", "typical"]

Index = npt.NDArray[np.int64]

NEAR = 128
"""Accepted rows that a case is first compared with; doubled until what is typical of them is accepted itself."""
FEWEST = 10
_DENIED = 64
_TYPICAL_OF = 256
"""Rows, spread over the near ones, whose typical values are taken."""


class Accepted:
    """The rows of an audit that the predictor decides favourably, other than those held out for testing; and
    ``refused``, the others."""

    def __init__(self, audit: Audit) -> None:
        self.audit = audit
        favoured = audit.rows[audit.answers.outcome == audit.favourable]
        known = np.setdiff1d(favoured, audit.tested)
        refused = audit.rows[audit.answers.outcome != audit.favourable]
        self.rows: Index = known if len(known) >= NEAR else favoured
        self.refused: Index = np.setdiff1d(refused, audit.tested) if self.rows is known else refused
        if len(self.rows) < FEWEST:
            name = audit.outcomes[audit.favourable or 0]
            raise SpaceError(
                f"only {len(self.rows)} of the {len(audit.rows):,} rows of '{audit.space.name}' are decided {name!r}; "
                f"reasons need at least {FEWEST} of them to compare with."
            )

    @cached_property
    def latents(self) -> npt.NDArray[np.float32]:
        return np.asarray(self.audit.space.latents.mean[self.rows], np.float32)

    @cached_property
    def encoded(self) -> Rows:
        return np.asarray(self.audit.space.samples[self.rows], np.float32)

    @cached_property
    def keys(self) -> npt.NDArray[np.void]:
        """(n,): sorted ``row_keys`` of all rows of the audit."""
        return np.sort(row_keys(np.asarray(self.audit.space.samples[self.audit.rows], np.float32)))

    def nearest(self, z: npt.NDArray[np.float32]) -> Index:
        """Places among ``rows``, nearest to the latents z (D,) first."""
        return np.argsort(((self.latents - z) ** 2).sum(1), kind="stable")

    def denied(self, z: npt.NDArray[np.float32]) -> Rows:
        """(M, F): the denied rows nearest to the latents z."""
        space = self.audit.space
        near = np.argsort(((self._refused_latents - z) ** 2).sum(1), kind="stable")[:_DENIED]
        return np.asarray(space.samples[self.refused[near]], np.float32)

    @cached_property
    def _refused_latents(self) -> npt.NDArray[np.float32]:
        return np.asarray(self.audit.space.latents.mean[self.refused], np.float32)

    def pools(self, order: Index) -> list[Index]:
        """The near ones, twice as near ones, and so on to all: a spread of each."""
        sizes, size = [], NEAR
        while size < len(order):
            sizes.append(size)
            size *= 2
        return [spread(order[:size], _TYPICAL_OF) for size in (*sizes, len(order))]


def typical(rows: Rows, cardinalities: tuple[int, ...]) -> Rows:
    """(M, F) -> (F,): the middle value of a number that is really there, the commonest category; missing where most
    cells are."""
    out = np.empty(rows.shape[1], np.float32)
    for j, size in enumerate(cardinalities):
        column = rows[:, j]
        known = column[~np.isnan(column)]
        if len(known) * 2 <= len(column):
            out[j] = np.nan
        elif size:
            out[j] = np.bincount(known.astype(np.int64), minlength=size).argmax()
        else:
            out[j] = np.sort(known)[(len(known) - 1) // 2]
    return out
