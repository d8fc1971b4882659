"""All limits of one view together: one question, one answer, one pair of fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpResponse, HttpResponseBase

from mainstay.http.limits import current, fields
from mainstay.http.limits.engine import Budget, Decision
from mainstay.http.limits.keys import Keys
from mainstay.http.limits.rate import Rate
from mainstay.http.limits.refusals import refusal

Cost = int | Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class Limit:
    """One `rate_limit` of a view."""

    rate: Rate
    keys: Keys
    scope: str = ""
    methods: frozenset[str] = frozenset()
    cost: Cost = 1
    when_unavailable: str = ""

    def price(self, request: Any) -> int:
        """Units of this request; more than the burst could never pass, so the burst is the most."""
        cost = self.cost if isinstance(self.cost, int) else int(self.cost(request))
        return max(0, min(cost, self.rate.burst))


class Verdict:
    """What became of one request."""

    __slots__ = ("policies", "refused", "states", "violated")

    def __init__(self, policies: str) -> None:
        self.policies = policies
        self.states = ""
        self.refused: Decision | None = None
        self.violated = ""

    def answer(self, request: object) -> HttpResponse | None:
        """What a refused request is told; ``None`` where it may go on."""
        if self.refused is None:
            return None
        return refusal(request, self.refused, self.violated, self.policies, self.states)

    def write(self, response: HttpResponseBase) -> HttpResponseBase:
        fields.write(response, self.policies, self.states)
        return response

    def note(self, request: object) -> None:
        fields.note(request, self.policies, self.states)


class Guard:
    """
    The limits of one view, the one of the shortest period first.

    That one refuses most, and what it refuses costs the longer ones nothing. Clients are told the
    name of a scope, or the rate where it has none: a view's dotted name is nobody's business.
    """

    def __init__(self, limits: Iterable[Limit], scope: str) -> None:
        self.limits = tuple(limits)
        ordered = sorted(self.limits, key=lambda each: each.rate.period)
        names = _unique([each.scope or str(each.rate) for each in ordered])
        self._rows = [
            (each, fields.quoted(name), Budget(each.scope or scope, each.rate, each.when_unavailable))
            for each, name in zip(ordered, names, strict=True)
        ]
        self._policies = ", ".join(map(fields.policy, names, (each.rate for each in ordered)))

    def check(self, request: Any) -> Verdict | None:
        """In a thread; ``None`` where no limit concerns the request."""
        engine, verdict = current.engine(), None
        for limit, item, budget in self._rows if engine.options.enabled else ():
            if limit.methods and request.method not in limit.methods:
                continue
            key, cost = limit.keys.find(request), limit.price(request)
            if key is None or cost == 0:
                continue
            verdict = verdict or Verdict(self._policies)
            if not _add(verdict, item, engine.take(budget, key, cost)):
                break
        return verdict

    async def check_async(self, request: Any) -> Verdict | None:
        """
        In an event loop.

        Under WSGI the loop lives as long as the request and has its thread for itself: a connection of its
        own would be thrown away each time, and asking as a thread does keeps nobody else waiting.
        """
        engine, verdict = current.engine(), None
        has_own_thread = isinstance(request, WSGIRequest)
        for limit, item, budget in self._rows if engine.options.enabled else ():
            if limit.methods and request.method not in limit.methods:
                continue
            key, cost = await limit.keys.find_async(request), limit.price(request)
            if key is None or cost == 0:
                continue
            verdict = verdict or Verdict(self._policies)
            if has_own_thread:
                decision = engine.take(budget, key, cost)
            else:
                decision = await engine.take_async(budget, key, cost)
            if not _add(verdict, item, decision):
                break
        return verdict


def _add(verdict: Verdict, item: str, decision: Decision) -> bool:
    """Note one decision under a limit's quoted name; whether the request may go on."""
    if state := fields.state(item, decision):
        verdict.states = f"{verdict.states}, {state}" if verdict.states else state
    if not decision.allowed:
        verdict.refused, verdict.violated = decision, item
    return decision.allowed


def _unique(names: Sequence[str]) -> list[str]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name] = seen.get(name, 0) + 1
    count: dict[str, int] = {}
    unique = []
    for name in names:
        count[name] = count.get(name, 0) + 1
        unique.append(name if seen[name] == 1 else f"{name} #{count[name]}")
    return unique
