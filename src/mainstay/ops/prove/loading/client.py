"""What a journey asks with: each request becomes an `Operation` of the history, each fact a `Fact`."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Unpack

from mainstay.base import wire
from mainstay.ops.prove.history import Fact, FactKind, History, Operation, Outcome
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.http import Http
from mainstay.ops.prove.loading.outcome import is_repeatable, judge, pause, said
from mainstay.ops.prove.loading.question import REQUEST_ID, RETRY_FOR, How, Question, compose


class UnexpectedAnswer(Exception):
    """
    The content of an answer was asked for that is not what was expected.

    It ends a step quietly: the operation is in the history already.
    """


@dataclass(frozen=True, slots=True)
class Reply(Answer):
    """An answer, and what it said of its operation."""

    outcome: Outcome = Outcome.UNKNOWN
    name: str = ""
    operation: int = 0
    key: str = ""
    """The Idempotency-Key it was asked with."""
    attempts: int = 1

    @property
    def ok(self) -> bool:
        return self.outcome is Outcome.OK

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that this answer sets, by name; the value of one that it deletes is empty."""
        lines = self.headers.get("set-cookie", "").split("\n")
        pairs = [line.partition(";")[0].partition("=") for line in lines]
        found = {name.strip(): value.strip() for name, equals, value in pairs if equals}
        return {name: "" if value == '""' else value for name, value in found.items()}

    @property
    def json(self) -> Any:
        """
        The body as JSON.

        Raises:
            UnexpectedAnswer: The answer is not ok.
            ValueError: It is ok, and no JSON.
        """
        if not self.ok:
            raise UnexpectedAnswer(f"{self.name}: {said(self)}")
        return json.loads(self.body)


@dataclass
class Recorder:
    """Numbers operations and puts them into the history; one for all clients of a run."""

    history: History
    outcomes: Counter[Outcome] = field(default_factory=Counter)
    """Of all operations so far."""
    run: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    """Tells the requests of this run from those of others in the same logs."""
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def number(self) -> int:
        return next(self._numbers)

    def add(self, operation: Operation) -> None:
        self.outcomes[operation.outcome] += 1
        self.history.add(operation)


class Client:
    """
    One caller. Each step gets its own, which begins with the token, the headers and the cookies that `set_up` left.

    The latency of the first request of a step counts from the moment at which the step
    was due, that of later ones from the moment they were asked.
    """

    def __init__(
        self, http: Http, recorder: Recorder, journey: str, *, session: str = "", due: float | None = None
    ) -> None:
        self.token = ""  # nosec B105 - nobody is signed in yet
        """Sent as ``Authorization: Bearer …`` where set."""
        self.headers: dict[str, str] = {}
        """Sent with every request."""
        self.cookies: dict[str, str] = {}
        """
        Sent with every request, by name. None is kept by itself: ``client.cookies.update(answer.cookies)``
        keeps those of an answer. One whose value is empty is not sent.
        """
        self.session = session or journey
        """Names this caller in facts about what it wrote and read."""
        self.journey = journey
        self.requests = 0
        """How many requests it made so far."""
        self._http = http
        self._recorder = recorder
        self._due = due
        self._operation = 0

    @property
    def base(self) -> str:
        """Where the system is: ``http://127.0.0.1:8000``."""
        return self._http.base

    def begin(self, session: str, due: float | None = None) -> Client:
        """
        The same caller once more, with a session of its own.

        Its first request is due at ``due``; where that is not given and this one has asked nothing yet,
        when this one's is. So several callers who begin one step together are all due when the step was.
        """
        due = self._due if due is None else due
        client = Client(self._http, self._recorder, self.journey, session=session, due=due)
        client.token, client.headers, client.cookies = self.token, dict(self.headers), dict(self.cookies)
        return client

    # --- requests --------------------------------------------------------------------

    async def get(self, path: str, **how: Unpack[How]) -> Reply:
        """See `request`."""
        return await self.request("GET", path, **how)

    async def post(self, path: str, **how: Unpack[How]) -> Reply:
        """See `request`."""
        return await self.request("POST", path, **how)

    async def put(self, path: str, **how: Unpack[How]) -> Reply:
        """See `request`."""
        return await self.request("PUT", path, **how)

    async def patch(self, path: str, **how: Unpack[How]) -> Reply:
        """See `request`."""
        return await self.request("PATCH", path, **how)

    async def delete(self, path: str, **how: Unpack[How]) -> Reply:
        """See `request`."""
        return await self.request("DELETE", path, **how)

    async def request(self, method: str, path: str, **how: Unpack[How]) -> Reply:
        """
        Ask, and ask again if it is to be repeated; the last answer. `How` lists the settings.

        Never raises for anything the system does.

        Raises:
            ValueError: A write without a key is to be repeated, which could do it twice.
        """
        question = self.question(method, path, **how)
        retry = how.get("retry", False)
        if retry and question.kind == "write":
            raise ValueError(f"{question.name}: a write is repeated only with a key; pass key=True")
        return await self._persist(question, RETRY_FOR if retry is True else float(retry))

    async def _persist(self, question: Question, seconds: float) -> Reply:
        until = time.monotonic() + seconds
        attempt, first = 1, 0
        while True:
            operation, answer = await self.perform(question, attempt=attempt, first=first)
            self.record(operation)
            wait = pause(attempt, answer)
            if not is_repeatable(question.kind, operation.outcome, answer) or time.monotonic() + wait > until:
                break
            await asyncio.sleep(wait)
            attempt, first = attempt + 1, first or operation.number
        return Reply(
            answer.status,
            answer.headers,
            answer.body,
            answer.error,
            answer.sent,
            operation.outcome,
            question.name,
            operation.number,
            question.key,
            attempt,
        )

    async def perform(
        self, question: Question, *, attempt: int = 1, first: int = 0
    ) -> tuple[Operation, Answer]:
        """One attempt, not recorded yet, except when it is cut short by a cancellation."""
        began = time.monotonic()
        due, self._due = (began, None) if self._due is None else (self._due, None)
        number = self._recorder.number()
        # Known before any answer: of a request that gets none, the logs tell all the same how often it arrived.
        request_id = question.headers.get(REQUEST_ID) or f"{self._recorder.run}-{number}"
        self._operation, self.requests = number, self.requests + 1
        operation = Operation(
            number,
            self.journey,
            question.name,
            question.kind,
            due,
            began,
            began,
            Outcome.FAIL if question.kind == "get" else Outcome.UNKNOWN,
            attempt=attempt,
            request_id=request_id,
            first=first,
        )
        try:
            answer = await self._http.request(
                question.method,
                question.path,
                body=question.body,
                headers={**question.headers, REQUEST_ID: request_id},
                limit=question.limit,
            )
        except asyncio.CancelledError:
            operation.ended = time.monotonic()
            operation.error = "the step was cut short before an answer came"
            self.record(operation)
            raise
        operation.ended = time.monotonic()
        operation.status = answer.status
        operation.outcome = judge(question.kind, answer, question.expect)
        operation.error = "" if operation.outcome is Outcome.OK else said(answer)
        operation.request_id = answer.headers.get(wire.REQUEST_ID.lower()) or request_id
        return operation, answer

    def record(self, operation: Operation) -> None:
        self._recorder.add(operation)

    def question(self, method: str, path: str, **how: Unpack[How]) -> Question:
        """
        The request as it would be sent.

        Raises:
            TypeError: There is no such setting, or there is more than one body: what is not sent would
                say nothing and change nothing.
        """
        own = dict(self.headers)
        if self.token:
            own["Authorization"] = f"Bearer {self.token}"
        if cookies := "; ".join(f"{name}={value}" for name, value in self.cookies.items() if value):
            own["Cookie"] = cookies
        return compose(method, path, how, own)

    # --- facts; each raises TypeError or ValueError when it cannot be judged -------------

    def attempted(self, set: str, item: object) -> None:
        """``item`` is asked for; from now on it may be there. Say so before the request."""
        self._fact("attempted", set, item)

    def acknowledged(self, set: str, item: object) -> None:
        """The system said that ``item`` is there, so it must stay."""
        self._fact("acknowledged", set, item)

    def observed(self, set: str, item: object) -> None:
        """``item`` was seen in the final reading; once per time it was seen."""
        self._fact("observed", set, item)

    def owned(self, set: str, item: object, owner: object) -> None:
        """In the final reading ``item`` belonged to ``owner``."""
        self._fact("owned", set, item, owner=str(owner))

    def total(self, set: str, value: float) -> None:
        """The sum of something that must not change."""
        self._fact("total", set, "", value=value)

    def wrote(self, set: str, item: object, version: float, *, session: str = "") -> None:
        """This session wrote version ``version`` of a register; say so once it is acknowledged."""
        self._fact("wrote", set, item, value=version, session=session or self.session)

    def read(self, set: str, item: object, version: float, *, session: str = "") -> None:
        """This session read version ``version`` of a register."""
        self._fact("read", set, item, value=version, session=session or self.session)

    def effect(self, set: str, item: object) -> None:
        """``item``, an event or a task, had its effect once more."""
        self._fact("effect", set, item)

    def violation(self, text: str) -> None:
        """A rule of the journey's own is broken; says which, in words."""
        self._fact("violation", self.journey, text)

    def _fact(
        self,
        kind: FactKind,
        set: str,
        item: object,
        *,
        owner: str = "",
        value: float = 0.0,
        session: str = "",
    ) -> None:
        for word, text in (("set", set), ("session", session)):
            if not isinstance(text, str):
                raise TypeError(f"the {word} of a fact is called by a text, not {text!r}")
        number = _finite(kind, value)
        fact = Fact(time.monotonic(), kind, set, str(item), owner, number, session, self._operation)
        self._recorder.history.add(fact)


def _finite(kind: str, value: object) -> float:
    """A number that others can be compared with; neither a text, nor one that is no number (NaN)."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError(f"what is {kind} is a number, not {value!r}")
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"what is {kind} is a finite number, not {value!r}")
    return number
