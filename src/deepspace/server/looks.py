"""All that the map shows of one predictor, worked out in the background: parts are told of as they come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from deepspace.decisions.boundary import (
    Boundary,
    Doubt,
    MapTrust,
    Proxy,
    Share,
    boundary,
    doubt,
    map_trust,
    proxy,
    static_boundary,
)
from deepspace.decisions.boundary.trust import auc_of
from deepspace.server import wire
from deepspace.server.jobs import Job, running

if TYPE_CHECKING:
    from deepspace.decisions import Audit

__all__ = ["Look", "share_info"]

WORTH = 12
"""Rows that each suggestion names."""
_ASKED, _STILL, _SHOWN, _TRACED, _DOUBTED = 0.1, 0.15, 0.3, 0.75, 0.8


class Look(Job[wire.Looking]):
    """Answers, the static view, the boundary as it is refined, where it is doubtful, and its trust, in this order."""

    def __init__(self, audit: Audit) -> None:
        super().__init__(wire.Looking, "Looking at the predictor")
        self.audit = audit
        self.drawings: dict[str, Boundary] = {}
        self.doubt: Doubt | None = None
        self.proxy: Proxy | None = None
        self._now: wire.LookInfo | None = None

    def work(self) -> wire.LookInfo:
        audit, name = self.audit, self.audit.predictor.name
        self._now = None
        self._tell(f"asking {name} about {len(audit.rows):,} rows", 0.0)
        self._now = self._asked()
        self._tell("looking at the rows around each place", _ASKED)
        still = static_boundary(audit)
        self.drawings["static"] = still
        right = Share(round((still.accuracy or 0.0) * still.n), still.n)
        self._have(still=share_info(right))
        if "decoder" in audit.space.lacks:
            self._have(worth=self._worth())
            return self._now
        self._tell("decoding the rows and asking again", _STILL)
        self.proxy = proxy(audit)
        self._have(worth=self._worth())
        self._tell("decoding the map", _SHOWN)
        boundary(audit, proxy=self.proxy, tell=self._drawn)
        self._have(traced=True)
        self._tell("comparing what is shown with what is decided", _TRACED)
        self.doubt = doubt(audit, proxy=self.proxy)
        self._have(doubt=True)
        self._tell("measuring how far the picture can be trusted", _DOUBTED)
        self._have(trust=_trust(map_trust(audit, proxy=self.proxy)))
        return self._now

    def _have(self, **parts: Any) -> None:
        assert self._now is not None
        self._now = self._now.model_copy(update=parts)

    def _drawn(self, found: Boundary, last: bool) -> None:
        self.drawings["generative"] = found
        assert self._now is not None
        self._have(drawn=self._now.drawn + 1, calls=found.calls, full=found.full)
        done = found.calls / max(found.full, 1)
        self._tell("following where the decision changes", _SHOWN + (_TRACED - _SHOWN) * min(1.0, 2 * done))

    def _tell(self, doing: str, fraction: float) -> None:
        running().check()
        self.show(self._kind(state="making", doing=doing, fraction=fraction, found=self._now))

    def _asked(self) -> wire.LookInfo:
        audit = self.audit
        counts = np.bincount(audit.answers.outcome, minlength=len(audit.outcomes)).tolist()
        info = wire.LookInfo(counts=counts, n=len(audit.rows))
        if audit.target is None:
            return info
        at = np.searchsorted(audit.rows, audit.tested)
        truth = audit.truth[at]
        answers, known = audit.answers[at], truth >= 0
        area = auc_of(answers.score[known], truth[known]) if len(audit.outcomes) == 2 else None
        return info.model_copy(update={
            "accuracy": share_info(Share.of((answers.outcome == truth)[known])),
            "auc": area and area[0], "auc_low": area and area[1][0], "auc_high": area and area[1][1],
        })  # fmt: skip

    def _worth(self) -> wire.WorthInfo:
        audit, seen = self.audit, self.proxy
        answers = audit.answers
        closest = np.argsort(answers.margin, kind="stable")[:WORTH]
        wrong = np.empty(0, np.int64)
        if audit.target is not None:
            wrong = np.flatnonzero((audit.truth >= 0) & (audit.truth != answers.outcome))
        surest = wrong[np.argsort(-answers.margin[wrong], kind="stable")]
        apart = np.empty(0, np.int64)
        if seen is not None:
            apart = np.flatnonzero(seen.differs)
            apart = apart[np.argsort(-seen.own.margin[apart], kind="stable")]
        return wire.WorthInfo(
            closest=[wire.WorthRow(row=int(audit.rows[i]), value=float(answers.margin[i])) for i in closest],
            wrong=[wire.WorthRow(row=int(audit.rows[i]), value=float(answers.margin[i])) for i in surest[:WORTH]],
            differs=[] if seen is None else [
                wire.WorthRow(row=int(seen.rows[i]), value=float(seen.own.margin[i])) for i in apart[:WORTH]
            ],
            wrong_of=len(wrong), differs_of=len(apart),
        )  # fmt: skip


def share_info(share: Share) -> wire.ShareInfo:
    low, high = share.interval
    return wire.ShareInfo(value=share.value, low=low, high=high, n=share.n)


def _trust(found: MapTrust) -> wire.TrustInfo:
    low, high = found.auc_interval or (None, None)
    return wire.TrustInfo(
        accuracy=None if found.accuracy is None else share_info(found.accuracy),
        shown_accuracy=None if found.shown_accuracy is None else share_info(found.shown_accuracy),
        auc=found.auc,
        auc_low=low,
        auc_high=high,
        agreement=share_info(found.agreement),
        rebuilt=share_info(found.rebuilt),
        chance=found.chance,
        consistency=share_info(found.consistency),
        rounds=found.rounds,
        by_outcome=[share_info(s) for s in found.by_outcome],
        better=found.sound,
        sentence=found.sentence,
    )
