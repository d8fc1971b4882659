"""How every form of the evidence says the same thing: numbers with units, and the sentence of a proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mainstay.ops.prove.verdict import Verdict

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?", Verdict.NOT_RUN: "–"}
"""A mark beside each word, for those who do not see its colour."""


def count_text(number: float) -> str:
    """``31,204``."""
    return f"{number:,.0f}"


def plural(number: int, word: str) -> str:
    """``1 claim``, ``14 claims``."""
    return f"{count_text(number)} {word if number == 1 else word + 's'}"


def seconds_text(seconds: float) -> str:
    """Three digits at most and a unit: ``0.4 ms``, ``412 ms``, ``1.25 s``, ``4 min 10 s``, ``1 h 5 min``."""
    size = abs(seconds)
    if size < 0.9995:
        return f"{seconds * 1000:.1f} ms" if 0 < size < 0.00995 else f"{seconds * 1000:.0f} ms"
    if size < 9.995:
        return f"{seconds:.2f} s"
    if size < 99.5:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def rate_text(rate: float) -> str:
    """``60 /s``, ``7.5 /s``."""
    return f"{rate:,.0f} /s" if rate >= 20 or rate == round(rate) else f"{rate:.1f} /s"


def percent_text(share: float) -> str:
    """``0.24 %`` for 0.0024."""
    return f"{share * 100:.3g} %"


_UNITS = (
    (("rate", "goodput", "throughput"), rate_text),
    (("growth",), lambda share: f"{percent_text(share)} /h"),
    (("share", "ratio", "cpu"), percent_text),
    (("bytes", "memory"), lambda size: f"{size / 1_000_000:,.1f} MB"),
    (("factor", "amplification", "attempts", "times"), lambda times: f"{times:.2f} ×"),
    (
        (
            "count", "lost", "duplicates", "phantoms", "operations", "connections", "descriptors", "errors",
            "failed", "unknown", "refused", "acknowledged", "arrivals", "held",
            "restarts", "repeats", "faults",
        ),
        count_text,
    ),
)  # fmt: skip
"""By the words of a figure's name; what has none of them is in seconds."""


def figure_text(name: str, value: float | None) -> str:
    """A figure with the unit that its name says."""
    if value is None:
        return "–"
    words = set(name.replace("_", ".").replace("-", ".").split("."))
    return next((say(value) for names, say in _UNITS if words & set(names)), seconds_text(value))


def sentence(document: Mapping[str, Any]) -> str:
    """The verdict of a proof in one sentence."""
    system, counts = document["system"], document["counts"]
    total = sum(counts.values())
    failed, unclear, passed = (counts[str(v)] for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS))
    if failed:
        return f"{system} breaks {failed} of {plural(total, 'claim')}."
    if document["interrupted"]:
        return f"The proof of {system} was not finished: {document['interrupted']}."
    if unclear:
        return f"{system}: {unclear} of {plural(total, 'claim')} could not be told."
    if not passed:
        return f"Nothing was shown about {system}: none of {plural(total, 'claim')} could be tried."
    if passed == total:
        return f"{system} keeps its claim." if total == 1 else f"{system} keeps all {total} claims."
    return f"{system} keeps the {plural(passed, 'claim')} that could be tried on this machine."


def counted(document: Mapping[str, Any]) -> str:
    """``12 pass, 1 fail, 2 not run``, gravest first, without the zeros."""
    counts = document["counts"]
    told = [f"{counts[str(v)]} {v}" for v in Verdict if counts[str(v)]]
    return ", ".join(told) or "no claims"


def loaded(document: Mapping[str, Any]) -> str:
    """What was put on the system, in a sentence."""
    operations = document["operations"]
    text = f"{plural(operations['all'], 'operation')} in {seconds_text(document['seconds'])}"
    failed, unknown = operations["fail"], operations["unknown"]
    if not failed and not unknown:
        return f"{text}, and none of them failed"
    parts = [f"{count_text(failed)} failed"] if failed else []
    parts += [f"of {count_text(unknown)} the outcome is not known"] if unknown else []
    allowed = ", as the claims allow" if document["verdict"] == Verdict.PASS else ""
    return f"{text}; {' and '.join(parts)}{allowed}"


def ordered(document: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its claims, gravest verdict first, and otherwise as they were tried."""
    gravity = {str(verdict): place for place, verdict in enumerate(Verdict)}
    return sorted(document["claims"], key=lambda claim: gravity[claim["verdict"]])


def seen(claim: Mapping[str, Any]) -> str:
    """The key figures of a claim in a few words: ``1,240 operations, recovery 412 ms, p99 21 ms → 80 ms``."""
    figures, parts = claim["figures"], [plural(claim["operations"]["all"], "operation")]
    parts += [
        f"{count_text(claim['operations'][kind])} {word}"
        for kind, word in (("fail", "failed"), ("unknown", "unknown"))
        if claim["operations"][kind]
    ]
    # Nothing failed, so nothing had to recover.
    if figures.get("recovery"):
        parts.append(f"recovery {seconds_text(figures['recovery'])}")
    spans = [figures.get(f"p99.{phase}") for phase in ("steady", "fault")]
    if all(value is not None for value in spans):
        parts.append("p99 " + " → ".join(seconds_text(value) for value in spans if value is not None))
    return ", ".join(parts)
