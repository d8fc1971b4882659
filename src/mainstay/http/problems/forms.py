"""
Problems that are told again and again, such as that there is no place: written once, filled in each time.

Of two such problems only the request's id differs. To look the rest up, put it together and write it as
JSON takes as long as all else that a refusal costs.
"""

from __future__ import annotations

from json.encoder import encode_basestring_ascii

from mainstay.base.context import REQUEST_ID, request_id
from mainstay.http.problems.problem import Problem

STAND_IN = "00000000-0000-0000-0000-000000000000"


class Form:
    """The body of a problem, as `Problem.body` writes it for whichever request is being worked on."""

    __slots__ = ("_after", "_before", "_nameless")

    def __init__(self, problem: Problem) -> None:
        named = _written_for(STAND_IN, problem)
        self._before, _, self._after = named.partition(f'"{STAND_IN}"'.encode())
        self._nameless = _written_for("", problem)

    def body(self) -> bytes:
        identity = request_id()
        if not identity:
            return self._nameless
        return self._before + encode_basestring_ascii(identity).encode() + self._after


def _written_for(identity: str, problem: Problem) -> bytes:
    token = REQUEST_ID.set(identity)
    try:
        return problem.body()
    finally:
        REQUEST_ID.reset(token)
