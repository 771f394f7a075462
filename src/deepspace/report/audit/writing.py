"""The audit report: sections asked one by one, put together as a page and as JSON, and written whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepspace.decisions import Audit
from deepspace.errors import DeepspaceError, SpaceError
from deepspace.report.audit.basis import code_basis, data_basis, file_hash, predictor_basis
from deepspace.report.audit.chapters import CHAPTERS
from deepspace.report.audit.context import Context, Options
from deepspace.report.audit.difference import difference, read, write_changes
from deepspace.report.audit.evidence import Evidence, Said, plain
from deepspace.report.audit.page import page, worst_first
from deepspace.report.audit.section import Section
from deepspace.report.audit.standards import check_statements
from deepspace.report.writing import write

if TYPE_CHECKING:
    from deepspace.space import BaseSpace

__all__ = ["Unaudited", "audit_report", "audited", "render_audit"]

FORMAT, VERSION = "deepspace audit report", 1


@dataclass(frozen=True)
class Unaudited:
    """A predictor that could not be asked, and the sentence that says why: the report of it holds what is known
    without it."""

    space: BaseSpace
    why: str
    predictor: str = ""


def audited(space: BaseSpace, predictor: Any, *, target: str | None = None, **options: Any) -> Audit | Unaudited:
    """An audit for the report, which stands whatever is wrong with the predictor: as ``Audit``, but where the target is
    no column it goes on without one and says so in ``notes``, and where nothing can be asked it says why."""
    missing = ""
    if target not in (None, "none") and target not in {c.name for c in space.schema.columns}:
        have = ", ".join(repr(c.name) for c in space.schema.columns[:12])
        missing = (
            f"'{space.name}' has no column '{target}' to be the target (it has {have}), so that nothing here compares "
            "decisions with what really happened"
        )
        target = "none"
    try:
        audit = Audit(space, predictor, target=target, **options)
    except DeepspaceError as error:
        reasons = [missing] * bool(missing) + [" ".join(str(error).split())]
        name = Path(str(predictor)).name if isinstance(predictor, (str, Path)) else type(predictor).__name__
        return Unaudited(space, "; ".join(reasons), name)
    if missing:
        audit.notes.insert(0, f"{missing}.")
    return audit


def audit_report(
    audit: Audit | Unaudited,
    file: str | Path,
    *,
    given: Any = None,
    options: Options | None = None,
    against: str | Path | Mapping[str, Any] | None = None,
    tell: Callable[[str], None] | None = None,
    overwrite: bool = True,
) -> Path:
    """Write the report of an audit to ``file``, one HTML page without script, and what it holds to the same name with
    .json. Returns the page's path.

    given: the predictor as it was named, for the hash of its file. against: the JSON of an earlier report, to say what
    changed since. tell: hears what is being looked at. The same inputs give the same bytes. Raises SpaceError when the
    files cannot be written, or ``against`` is no such report.
    """
    target = Path(file)
    if target.suffix.lower() == ".json":
        raise SpaceError(f"cannot write the report to {target}: that is the name of its JSON; end the name in .html.")
    beside = target.with_suffix(".json")
    for path in (target, beside):
        if path.exists() and not overwrite:  # before the work, not after
            raise SpaceError(f"cannot write the report: {path} exists; choose another name or allow overwriting.")
    text, told = render_audit(audit, given=given, options=options, against=against, tell=tell)
    write(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n", beside, "report", overwrite=overwrite)
    return write(text, target, "report", overwrite=overwrite)


def render_audit(
    audit: Audit | Unaudited,
    *,
    given: Any = None,
    options: Options | None = None,
    against: str | Path | Mapping[str, Any] | None = None,
    tell: Callable[[str], None] | None = None,
) -> tuple[str, dict[str, Any]]:
    """The page as text, and the same as plain values; see ``audit_report``."""
    earlier = None if against is None else read(against)  # before the work, not after
    check_statements(set((options or Options()).statements))
    chosen, say = options or Options(), tell or (lambda _: None)
    context = Context(audit.space, None, chosen, Evidence(chosen.seed), say, given=given)
    if isinstance(audit, Audit):
        context.audit = audit
        say("what the predictor says of every row")
        try:
            _ = audit.answers
        except DeepspaceError as error:
            context.broken = context.without_folders(" ".join(str(error).split()))
    else:
        context.broken = context.without_folders(audit.why)
    context.done["summary"] = Section("summary", "Summary")
    if earlier is not None:
        context.done["changes"] = Section("changes", "What changed since the earlier report")
    sections = _sections(context)
    told = _told(audit, given, context, sections)
    if earlier is not None:
        changes = context.done["changes"]
        context.guarded(changes, lambda: write_changes(changes, context, difference(earlier, told)))
        sections.insert(0, changes)
        told |= _heard(context, sections)
    return page(told, sections), told


def _sections(context: Context) -> list[Section]:
    sections, kept_back = [], []
    for chapter in CHAPTERS:
        section = Section(chapter.key, chapter.title)
        if chapter.asks and context.broken:
            kept_back.append(chapter.title.lower())
            continue
        if not chapter.wanted(context):
            continue
        context.tell(chapter.title.lower())
        context.guarded(section, partial(chapter.write, section, context))
        context.done[chapter.key] = section
        sections.append(section)
    if kept_back:
        context.evidence.section = "summary"
        sentence = f"Since the predictor could not be asked, these are not here: {', '.join(kept_back)}."
        gap = context.evidence.say(sentence, key="kept-back", source="report")
        sections[-1].gaps.append(gap)
    return sections


def _told(audit: Audit | Unaudited, given: Any, context: Context, sections: list[Section]) -> dict[str, Any]:
    """The report as plain values, the same each time: no clock and no folder."""
    space, options = audit.space, context.options
    basis: dict[str, Any] = {"data": data_basis(space), "code": code_basis()}
    if isinstance(audit, Audit):
        basis["predictor"] = predictor_basis(audit, given)
    else:
        basis["predictor"] = {"name": audit.predictor, "source": "", "file SHA-256": "", "classes": []}
    if options.current is not None:
        told = _file_told(options.current)
        basis["current data"] = told if isinstance(told, dict) else {"rows": told}
    settings: dict[str, Any] = {
        "seed": options.seed, "groups": list(options.groups), "cases": [int(row) for row in options.cases],
        "constraints": _file_told(options.constraints), "wording": _file_told(options.wording),
        "margin": options.margin, "statements": dict(options.statements),
    }  # fmt: skip
    if isinstance(audit, Audit):
        favourable = None if audit.favourable is None else audit.outcomes[audit.favourable]
        settings |= {
            "target": None if audit.target is None else audit.target.name, "favourable": favourable,
            "rows asked about": len(audit.rows), "rows for testing": len(audit.tested),
            "rows for testing were named by the user": audit.tested_known,
        }  # fmt: skip
    return _plainly(
        {"format": FORMAT, "version": VERSION, "basis": basis, "settings": settings, **_heard(context, sections)}
    )


def _heard(context: Context, sections: list[Section]) -> dict[str, Any]:
    def texts(which: str) -> list[dict[str, Any]]:
        said: list[Said] = [s for section in worst_first(sections) for s in getattr(section, which)]
        return [{"sentence": s.text, "evidence": s.number and f"E{s.number}"} for s in said]

    figures = [
        {"label": key.label, **key.figure.to_json(), "section": section.key, "evidence": f"E{key.said.number}"}
        for section in sections
        for key in section.keys
    ]
    return {
        "summary": {**{which: texts(which) for which in ("failures", "findings", "gaps")}, "figures": figures},
        "sections": [{"key": section.key, "title": section.title} for section in sections],
        "evidence": context.evidence.entries,
    }


def _plainly(told: dict[str, Any]) -> dict[str, Any]:
    """Top level in its own order, what is below as JSON can hold it."""
    return {name: [dict(e) for e in value] if name == "evidence" else plain(value) for name, value in told.items()}


def _file_told(value: Any) -> Any:
    """A file as its name and hash; what was given in memory as it is, if that is short."""
    if value is None:
        return None
    if isinstance(value, (str, Path)):
        return {"file": Path(value).name, "SHA-256": file_hash(Path(value))}
    return plain(value) if isinstance(value, (dict, list, tuple)) else f"given in memory ({type(value).__name__})"
