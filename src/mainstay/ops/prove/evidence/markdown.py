"""A summary for a pull request: what does not hold first, and why; never more than `LONGEST` lines."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mainstay.ops.prove.evidence.phrases import MARKS, counted, loaded, not_judged, ordered, seen, sentence
from mainstay.ops.prove.evidence.printed import FILE as PRINTED
from mainstay.ops.prove.verdict import Verdict

LONGEST = 60
_ROWS = 30
"""Claims in the table; those left out hold, or there are many that do not."""
_NOTES = 5
"""Of what the preparations warned of; all of it is in the report."""
_LONGEST_CELL = 240
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+!|~$])")


def summary(document: Mapping[str, Any]) -> str:
    """The text; whatever the system said in it is shown as it is, and does nothing."""
    claims = ordered(document)
    lines = [
        f"## {MARKS[Verdict(document['verdict'])]} {_plain(sentence(document))}",
        "",
        f"{_plain(loaded(document))}. {_plain(counted(document)).capitalize()}.",
        "",
        "| verdict | claim | what was seen |",
        "| --- | --- | --- |",
        *(_row(claim) for claim in claims[:_ROWS]),
    ]
    if left_out := claims[_ROWS:]:
        lines += ["", f"And {len(left_out)} more, in the report."]
    if notes := document["notes"][:_NOTES]:
        lines += ["", *(f"- {_plain(note)}" for note in notes)]
    if open_ := not_judged(document):
        lines += ["", "Not judged:", "", *(f"- {_plain(line)}" for line in open_)]
    if document["printed"]:
        lines += ["", f"What journeys printed is in {_plain(PRINTED)}."]
    lines += ["", "Again, the same way:", "", _code(document["replay"]), ""]
    return "\n".join(lines)


def _row(claim: Mapping[str, Any]) -> str:
    verdict = Verdict(claim["verdict"])
    name = (
        f"**{_plain(claim['name'])}**"
        if verdict in (Verdict.FAIL, Verdict.UNKNOWN)
        else _plain(claim["name"])
    )
    told = _plain(claim["why"]) or _plain(seen(claim))
    return f"| {MARKS[verdict]} {verdict} | {name} | {told} |"


def _plain(text: str) -> str:
    """One line that no reader of Markdown takes for markup, for HTML, for a link or for somebody's name."""
    line = " ".join(text.split())
    if len(line) > _LONGEST_CELL:
        line = line[: _LONGEST_CELL - 1] + "…"
    line = _MARKUP.sub(r"\\\1", line.replace("&", "&amp;")).replace("<", "&lt;").replace(">", "&gt;")
    return line.replace("@", "&#64;").replace("://", "&#58;//").replace("www.", "www&#46;")


def _code(text: str) -> str:
    """Indented code has no fence that a text could close."""
    return "    " + " ".join(text.split())
