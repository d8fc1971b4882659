"""
The answers to who asked too often: a problem that is made once and filled in for each request.

Whoever is refused comes again and again, so a refusal must cost next to nothing. All refusals of one limit
with the same wait differ in the request's id and in the fields alone; what is common to them is kept as a
`_Form`. A browser's page is rare and made anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from django.core.signals import setting_changed
from django.http import HttpRequest, HttpResponse
from django.http.cookie import SimpleCookie
from django.http.response import ResponseHeaders

from mainstay.http.limits import fields
from mainstay.http.limits.engine import UNKNOWN, Decision
from mainstay.http.problems import Problem
from mainstay.http.problems.forms import Form
from mainstay.http.problems.responses import prefers_page, respond

EXCEEDED = "violated-policies"
"""The member of a problem that names what was exceeded, as the draft of the fields defines it."""

NOT_COUNTED: Final = "The number of requests cannot be checked at the moment."

FORMS_MAX: Final = 1024
"""Forms that are kept; waits are whole seconds, so a view with one limit by the minute has sixty."""

_OWN: Final = ("headers", "cookies", "_resource_closers", "_container")
"""What each response must have for itself; the rest of its state is plain values, or there is no form."""


def refusal(request: Any, decision: Decision, violated: str, policies: str, states: str) -> HttpResponse:
    """
    429 with ``Retry-After`` for who asked too often; 503 where Valkey is gone and the limit is ``closed``.

    ``violated`` is the quoted name of the limit; ``policies`` and ``states`` are the fields of the answer.
    """
    wait = fields.seconds(decision.wait)
    status = 503 if decision.remaining == UNKNOWN else 429
    if prefers_page(request):
        response = respond(request, _problem(status, wait, violated))
        fields.write(response, policies, states)
        return response
    form = _forms.get((status, wait, violated)) or _make(request, status, wait, violated)
    return form.fill(policies, states)


@dataclass(frozen=True, slots=True)
class _Form:
    """What refusals have in common."""

    state: dict[str, Any]
    headers: dict[str, tuple[str, str]]
    problem: Form

    def fill(self, policies: str, states: str) -> HttpResponse:
        """A response that shares nothing with another that could change."""
        response: Any = HttpResponse.__new__(HttpResponse)
        headers = ResponseHeaders({})
        headers._store = store = self.headers.copy()
        store[_POLICY] = (fields.POLICY, policies)
        if states:
            store[_STATE] = (fields.STATE, states)
        response.__dict__.update(self.state)
        response.headers = headers
        response.cookies = SimpleCookie()
        response._resource_closers = []
        response._container = [self.problem.body()]
        return response  # type: ignore[no-any-return]


_POLICY: Final = fields.POLICY.lower()
_STATE: Final = fields.STATE.lower()
_forms: dict[tuple[int, int, str], _Form] = {}


def _make(request: HttpRequest, status: int, wait: int, violated: str) -> _Form:
    """The form of a refusal, read off one that is made as any problem is."""
    problem = _problem(status, wait, violated)
    made: Any = respond(request, problem)
    state = {name: value for name, value in vars(made).items() if name not in _OWN}
    if len(_forms) >= FORMS_MAX:
        _forms.clear()
    form = _forms[status, wait, violated] = _Form(state, made.headers._store, Form(problem))
    return form


def _problem(status: int, wait: int, violated: str) -> Problem:
    busy = f"Too many requests. The next one is welcome in {_words(wait)}."
    detail = NOT_COUNTED if status == 503 else busy
    members: dict[str, Any] = {EXCEEDED: [fields.unquoted(violated)]}
    return Problem(status, detail=detail, retry_after=wait, **members)


def _words(wait: int) -> str:
    return "1 second" if wait == 1 else f"{wait} seconds"


def _forget(setting: str, **kwargs: Any) -> None:
    """The base of a problem's type is a setting."""
    if setting == "MAINSTAY":
        _forms.clear()


setting_changed.connect(_forget, dispatch_uid="mainstay.http.limits.refusals")
