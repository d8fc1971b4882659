"""How every form of the evidence says the same thing: numbers with units, and the sentence of a proof."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from mainstay.base.units import plural
from mainstay.ops.prove.judging.figures import Measure, measure
from mainstay.ops.prove.verdict import Verdict

MARKS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.UNKNOWN: "?", Verdict.NOT_RUN: "–"}
"""A mark beside each word, for those who do not see its colour."""


def count_text(number: float) -> str:
    """``31,204``."""
    return f"{number:,.0f}"


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


def load_text(rate: float, shape: str, peak: float) -> str:
    """``20 /s``; ``20 /s, a spike to 100 /s``, where the load does not go on as before."""
    return rate_text(rate) if peak == 1 else f"{rate_text(rate)}, a {shape} to {rate_text(rate * peak)}"


_SAID: dict[Measure, Callable[[float], str]] = {
    Measure.COUNT: count_text,
    Measure.SECONDS: seconds_text,
    Measure.SHARE: percent_text,
    Measure.RATIO: lambda times: f"{times:.2f} ×",
    Measure.PER_SECOND: rate_text,
    Measure.SHARE_PER_HOUR: lambda share: f"{percent_text(share)} /h",
}


def figure_text(name: str, value: float | None) -> str:
    """A figure with its unit; one of which nobody says what it is measured in stays a bare number."""
    if value is None:
        return "–"
    unit = measure(name)
    return _SAID[unit](value) if unit else f"{value:g}"


def sentence(document: Mapping[str, Any]) -> str:
    """The verdict of a proof in one sentence."""
    system, counts = document["system"], document["counts"]
    total = sum(counts.values())
    failed, unclear, passed = (counts[str(v)] for v in (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS))
    if failed and total == 1:
        return f"{system} breaks its claim."
    if failed:
        return f"{system} breaks {failed} of {plural(total, 'claim')}."
    if document["interrupted"]:
        return f"The proof of {system} was not finished: {document['interrupted']}."
    if unclear and total == 1:
        return f"Whether {system} keeps its claim could not be told."
    if unclear:
        return f"{system}: {unclear} of {plural(total, 'claim')} could not be told."
    if not passed:
        none = "its claim could not" if total == 1 else f"none of {plural(total, 'claim')} could"
        return f"Nothing was shown about {system}: {none} be tried."
    if passed == total:
        return _kept(system, total, len({rule for rule, _ in _open(document)}))
    kept = "only claim" if passed == 1 else plural(passed, "claim")
    return f"{system} keeps the {kept} that could be tried on this machine."


def _kept(system: str, claims: int, open_: int) -> str:
    """Every claim passed; of rules that nothing was there to judge, nothing was shown, and a short answer says so."""
    said = f"{system} keeps its claim" if claims == 1 else f"{system} keeps all {claims} claims"
    if not open_:
        return f"{said}."
    judged = "it was" if claims == 1 else "they were"
    return (
        f"{said}, as far as {judged} judged: {plural(open_, 'rule')} {'was' if open_ == 1 else 'were'} not."
    )


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


MOST_OPEN = 6
"""Lines about rules that were not judged; the report has them all."""


def not_judged(document: Mapping[str, Any]) -> list[str]:
    """
    Which rules were not judged and why, but those that a claim names already as why it is not told.

    Several claims may share one, as in a system that is only read; then it is said in how many.
    """
    found = _open(document)
    lines = [
        f"{rule} (in {plural(number, 'claim')}): {why}" if number > 1 else f"{rule}: {why}"
        for (rule, why), number in found.items()
    ]
    more = len(lines) - MOST_OPEN
    return [*lines[:MOST_OPEN], f"and {more} more, in the report"] if more > 0 else lines


def _open(document: Mapping[str, Any]) -> Counter[tuple[str, str]]:
    """Rules that were not judged and why, each with the number of claims that have it."""
    return Counter(
        (each["rule"], each["why"])
        for claim in document["claims"]
        if claim["verdict"] != Verdict.NOT_RUN
        for each in claim["not_judged"]
        if each["rule"] not in claim["why"]
    )
