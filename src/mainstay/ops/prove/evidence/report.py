"""
The report: one HTML file that needs nothing else, from a disk, on paper or in a mail.

Everything in it is drawn here; the short script only reads the curves out to whoever
points at them. Its content security policy allows this style sheet and this script, by
their hashes, and no request to anywhere: whatever a system says in its errors stays text.
"""

from __future__ import annotations

import base64
import hashlib
import json
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from importlib.resources import files
from itertools import pairwise
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from mainstay.base.units import plural
from mainstay.ops.prove.claim import FROM_TOPOLOGY
from mainstay.ops.prove.evidence import panels, phrases, spark
from mainstay.ops.prove.evidence.chart import LABEL, LANE, Chart, chart, span_text
from mainstay.ops.prove.evidence.spark import Spark
from mainstay.ops.prove.judging.periods import LOADED
from mainstay.ops.prove.verdict import Verdict

MADE = "It came by itself: made from the services and engines in mainstay.toml."
"""What is said of a claim that nobody wrote."""

APART = 1.0
"""Seconds between operations that are told of as one moment."""

_environment = Environment(
    loader=PackageLoader("mainstay.ops.prove.evidence"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.filters |= {
    "count": phrases.count_text,
    "figure": lambda value, name: phrases.figure_text(name, value),
    "plural": plural,
    "rate": phrases.rate_text,
    "seconds": lambda value: "–" if value is None else phrases.seconds_text(value),
    "source": lambda value: MADE if value == FROM_TOPOLOGY else f"From {value}.",
    "span": span_text,
}
_environment.globals |= {"marks": {str(verdict): mark for verdict, mark in phrases.MARKS.items()}}


@dataclass(frozen=True, slots=True)
class Shown:
    """A claim with what its part of the page needs beyond the document."""

    told: Mapping[str, Any]
    id: str
    chart: Chart | None
    spark: Spark | None
    figures: dict[str, float]
    more: dict[str, float]
    """Figures that the table of phases does not show already."""
    replay: str
    idle: list[dict[str, str]]
    """Rules that were not judged, and so have no verdict among the others."""
    offending: list[dict[str, Any]]
    """Operations that broke a rule."""
    doubtful: list[dict[str, Any]]
    """Operations for which a rule could not be told."""

    @property
    def points(self) -> str:
        """The curves as numbers, for the script."""
        return json.dumps(self.chart.bins if self.chart else [], separators=(",", ":"))


def report(document: Mapping[str, Any]) -> str:
    """The page of a proof."""
    style, script = _asset("report.css"), _asset("report.js")
    started = datetime.fromisoformat(document["started"])
    return _environment.get_template("report.html.j2").render(
        proof=document,
        sentence=phrases.sentence(document),
        loaded=phrases.loaded(document),
        counts=document["counts"],
        started=f"{started.day} {started:%B %Y, %H:%M} UTC",
        broken=_broken(document),
        bitten=[bite for claim in document["claims"] for bite in claim["bites"] if bite["bit"]],
        open=[c for c in phrases.ordered(document) if c["verdict"] in (Verdict.UNKNOWN, Verdict.NOT_RUN)],
        claims=[_shown(claim, number, document) for number, claim in enumerate(phrases.ordered(document), 1)],
        geometry=panels,
        lane=LANE,
        label=LABEL,
        sparks=spark,
        style=style,
        script=script,
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src '{_digest(style)}'",
                f"script-src '{_digest(script)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


def _asset(name: str) -> Markup:
    """A file of this package, which is trusted as it is."""
    text = files("mainstay.ops.prove.evidence").joinpath("templates", name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - written here, never by a system


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _broken(document: Mapping[str, Any]) -> str:
    """The faults by name: ``3 × kill, pause, link.latency``."""
    found = Counter(bite["fault"] for claim in document["claims"] for bite in claim["bites"])
    return ", ".join(name if n == 1 else f"{n} × {name}" for name, n in found.most_common())


def _shown(claim: Mapping[str, Any], number: int, document: Mapping[str, Any]) -> Shown:
    judged = {each["rule"] for each in claim["judgements"]}
    return Shown(
        told=claim,
        id=f"claim-{number}",
        chart=chart(claim),
        spark=spark.spark(claim),
        figures={name: value for name, value in claim["figures"].items() if value is not None},
        more={name: value for name, value in claim["figures"].items() if _is_more(name, value)},
        replay=_alone(document["command"], claim["name"]),
        idle=[each for each in claim["not_judged"] if each["rule"] not in judged],
        offending=_with_moments(claim, Verdict.FAIL),
        doubtful=_with_moments(claim, Verdict.UNKNOWN),
    )


def _with_moments(claim: Mapping[str, Any], verdict: Verdict) -> list[dict[str, Any]]:
    """The operations behind the rules of this verdict: what a rule allows has broken nothing."""
    rules = (rule for rule in claim["offending"] if rule["verdict"] == verdict)
    return [{**rule, "moments": list(_moments(rule["operations"]))} for rule in rules]


def _is_more(name: str, value: float | None) -> bool:
    first, _, phase = name.partition(".")
    return value is not None and not (first in ("p50", "p99", "worst") and phase in LOADED)


def _alone(command: list[str], name: str) -> str:
    """The command line for one claim of the proof, and no other; a schedule that was saved is of one already."""
    if any(word.partition("=")[0] == "--replay" for word in command):
        return shlex.join(command)
    kept = [
        word
        for before, word in pairwise(["", *command])
        if before != "--only" and word.partition("=")[0] != "--only"
    ]
    # One that was tried several times is called by its name and a number.
    return shlex.join([*kept, "--only", name.partition(".")[0]])


def _moments(told: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Operations that were close together, side by side with what else happened then."""
    group: list[dict[str, Any]] = []
    for each in sorted(told, key=lambda each: each["operation"]["due"]):
        if group and each["operation"]["due"] - max(e["operation"]["ended"] for e in group) > APART:
            yield _moment(group)
            group = []
        group.append(each)
    if group:
        yield _moment(group)


def _moment(group: list[dict[str, Any]]) -> dict[str, Any]:
    around = {(e["at"], e["event"], e["subject"]): e for each in group for e in each["around"]}
    return {
        "began": min(each["operation"]["due"] for each in group),
        "ended": max(each["operation"]["ended"] for each in group),
        "operations": group,
        "during": list(dict.fromkeys(text for each in group for text in each["during"])),
        "around": [around[key] for key in sorted(around)],
    }
