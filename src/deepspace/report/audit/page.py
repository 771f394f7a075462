"""The page: sections set by templates, every name escaped, the manifest at the end."""

from __future__ import annotations

from typing import Any

from deepspace.report.audit.evidence import key_cell
from deepspace.report.audit.section import Section
from deepspace.report.writing import template
from deepspace.results import figure

__all__ = ["FIRST", "GAPS", "page", "worst_first"]


FIRST, GAPS = 3, 2
"""Sentences against the predictor, and on what could not be looked at, that fit into a summary of half a page."""


def page(told: dict[str, Any], sections: list[Section]) -> str:
    """One HTML document, the sections numbered from 2: the summary is 1."""
    data, code, predictor = (told["basis"][name] for name in ("data", "code", "predictor"))
    title = f"Audit of {predictor['name'] or 'a predictor'} on {data['name']}"
    numbers = {section.key: place for place, section in enumerate(sections, 2)} | {"summary": 1}
    numbers["manifest"] = len(sections) + 2
    style = template("audit/style.html").render(
        head=title, short=data["fingerprint"][:16],
        foot=f"deepspace {code['deepspace']}, source {code['source SHA-256'][:12]}",
    )  # fmt: skip
    return template("audit/page.html").render(
        title=title,
        style=style,
        front=_front(told),
        failures=_first(sections, "failures", FIRST),
        gaps=_first(sections, "gaps", GAPS),
        keys=[(section.key, key, key_cell(key.figure)) for section in sections for key in section.keys],
        sections=sections,
        numbers=numbers,
        bases=[
            (_capital(name), _lines(value)) for name, value in (*told["basis"].items(), ("settings", told["settings"]))
        ],
        entries=[_entry(entry) for entry in told["evidence"]],
    )


def _first(sections: list[Section], which: str, most: int) -> dict[str, Any]:
    """The first sentences, with their sections: one a section in the order of the summary before a second one of any;
    and how many more each section holds."""
    held = [(section.key, list(getattr(section, which))) for section in worst_first(sections)]
    turns = sorted((turn, place) for place, (_, said) in enumerate(held) for turn in range(len(said)))
    shown = sorted((place, turn) for turn, place in turns[:most])
    left = [(key, len(said) - sum(place == p for p, _ in shown)) for place, (key, said) in enumerate(held)]
    return {
        "said": [(held[place][0], held[place][1][turn]) for place, turn in shown],
        "left": sorted([(key, n) for key, n in left if n], key=lambda pair: [s.key for s in sections].index(pair[0])),
    }


def worst_first(sections: list[Section]) -> list[Section]:
    """In the order of the summary: what is wrong with the predictor comes before what is wrong with its space."""
    return sorted(sections, key=lambda section: {"changes": 0, "predictor": 1, "data": 3}.get(section.key, 2))


def _front(told: dict[str, Any]) -> list[tuple[str, str]]:
    """What was audited, in a few lines; hashes stand in the manifest."""
    data, predictor, settings = told["basis"]["data"], told["basis"]["predictor"], told["settings"]
    lines = [("predictor", ", ".join(part for part in (predictor["name"], predictor["source"]) if part))]
    if predictor["classes"]:
        favourable = settings.get("favourable")
        classes = [name + (" (favourable)" if name == favourable else "") for name in predictor["classes"]]
        level = predictor.get("threshold")
        latter = "" if level is None else f"; {predictor['classes'][-1]} from {level:.6g} on"
        lines.append(("decides between", " | ".join(classes) + latter))
    happened = settings.get("target")
    lines.append(("data", f"{data['source']}, {data['rows']:,} rows" + (f"; what happened: {happened}" if happened else
                                                                      "; what happened is not known")))  # fmt: skip
    if "rows for testing" in settings:
        known = settings["rows for testing were named by the user"]
        whose = "the predictor was not fitted on, as its owner says" if known else "the space held out"
        lines.append(("tested on", f"{settings['rows for testing']:,} rows that {whose}"))
    return lines


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lines(value: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, text) for name, item in value.items() if (text := _text(item))]


def _text(item: Any) -> str:
    if item is None or item in ([], {}, ""):
        return ""
    if isinstance(item, bool):
        return "yes" if item else "no"
    if isinstance(item, dict):
        return "; ".join(f"{name}: {_text(part)}" for name, part in item.items())
    if isinstance(item, list):
        return ", ".join(_text(part) for part in item)
    return str(item)


def _entry(entry: dict[str, Any]) -> dict[str, str]:
    """A line of the manifest: the figures of a sentence in five digits, or how large the table is."""
    if "table" in entry:
        shown = f"table of {len(entry['table']):,} rows"
    elif "figures" in entry:
        shown = "; ".join(_figure(name, told) for name, told in entry["figures"].items())
    else:
        shown = "the sentence as quoted"
    parts = [f"seed {entry['seed']}"] + [f"{name} {_text(value)}" for name, value in entry["config"].items()]
    parts += [] if entry["basis"] == "audit" else [entry["basis"]]
    return {
        "id": entry["id"], "key": entry["key"].replace(".", ": "), "shown": shown,
        "source": entry["source"].removeprefix("deepspace."),
        "settings": ", ".join(parts),
    }  # fmt: skip


def _figure(name: str, told: dict[str, Any]) -> str:
    value = told["value"]
    text = value if isinstance(value, str) else figure(value, 5)
    return f"{name} {text}" + (f", n {told['n']:,}" if "n" in told else "")
