"""Measured values in words, for a person who reads a verdict."""

from __future__ import annotations

import math

from mainstay.ops.prove.judging.finding import Finding
from mainstay.ops.prove.judging.statistics import bound
from mainstay.ops.prove.judging.vocabulary import METRICS, Rule, Scope, Unit

_COUNTS = ("errors", "failed", "unknown", "refused")


def seconds(value: float) -> str:
    """``45.1 ms``, ``1.24 s``; what did not come to an end is never."""
    if math.isinf(value):
        return "never"
    return f"{value * 1000:.1f} ms" if abs(value) < 1 else f"{value:.2f} s"


def share(value: float) -> str:
    """A share of one in per cent, with three digits that say something."""
    return f"{value * 100:.3g} %"


def words(rule: Rule, found: Finding) -> str:
    """What was seen: the value in the unit of the rule, how much was looked at, and what leaves doubt."""
    if not found.of:
        return f"nothing to look at: {found.doubt}"
    parts = [_value(rule, found), found.beside, found.doubt]
    return "; ".join(part for part in parts if part)


def _value(rule: Rule, found: Finding) -> str:
    value, of = found.value, f"{found.of:,}"
    if rule.unit is Unit.PER_STRIKE:
        return f"at most {value:g} after one strike"
    if rule.metric in _COUNTS or METRICS[rule.metric].scope is Scope.SET:
        return _count(round(value * found.of) if rule.unit is Unit.SHARE else round(value), found)
    if rule.metric in ("first-write", "first-ok", "writable"):
        return f"{seconds(value)} at worst"
    texts = {
        Unit.SECONDS: f"{seconds(value)} of {of}",
        Unit.TIMES_STEADY: f"{value:.2f} x steady",
        Unit.OF_STEADY: f"{share(value)} of steady",
        Unit.PER_SECOND: f"{value:.1f} /s from {of}",
        Unit.PER_HOUR: f"{share(value)} per hour from {of} samples",
        Unit.SHARE: share(value),
        Unit.NUMBER: f"{value:.3f} from {of}",
    }
    if rule.metric == "figure":
        texts |= {Unit.SECONDS: seconds(value), Unit.NUMBER: f"{value:,.10g}"}
    return texts[rule.unit]


def _count(count: int, found: Finding) -> str:
    """``0 of 1,240; at most 0.241 % (95 %)``: seeing none of so many does not say that there are none."""
    if found.doubt or not 0 <= count <= found.of:
        return f"{count:,} of {found.of:,}"
    most = f"at most {share(bound(count, found.of))} (95 %)"
    if count == 0:
        return f"0 of {found.of:,}; {most}"
    return f"{count:,} of {found.of:,} ({share(count / found.of)}); {most}"
