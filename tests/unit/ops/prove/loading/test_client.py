"""What an answer says of an operation, and what is repeated."""

from __future__ import annotations

import asyncio
import re
import time

import pytest

from mainstay.ops.engines import policy
from mainstay.ops.prove.history import Kind, Outcome
from mainstay.ops.prove.loading import outcome
from mainstay.ops.prove.loading.client import UnexpectedAnswer
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.outcome import is_repeatable, judge, pause

from .answering import REFUSED, SILENT, client

OK, FAIL, UNKNOWN = Outcome.OK, Outcome.FAIL, Outcome.UNKNOWN
STATUSES = [200, 302, 400, 404, 408, 409, 422, 425, 429, 500, 502, 503, 504]


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome.random, "uniform", lambda least, most: 0.0)


@pytest.mark.parametrize(
    ("answer", "read", "keyed", "write"),
    [
        (REFUSED, FAIL, FAIL, FAIL),
        (SILENT, FAIL, UNKNOWN, UNKNOWN),
        (Answer(200), OK, OK, OK),
        (Answer(201), FAIL, UNKNOWN, UNKNOWN),
        (Answer(302), FAIL, UNKNOWN, UNKNOWN),
        (Answer(400), FAIL, FAIL, FAIL),
        (Answer(404), FAIL, FAIL, FAIL),
        (Answer(408), FAIL, UNKNOWN, UNKNOWN),
        (Answer(409), FAIL, UNKNOWN, FAIL),
        (Answer(422), FAIL, FAIL, FAIL),
        (Answer(425), FAIL, FAIL, FAIL),
        (Answer(429), FAIL, FAIL, FAIL),
        (Answer(500), FAIL, UNKNOWN, UNKNOWN),
        (Answer(503), FAIL, UNKNOWN, UNKNOWN),
    ],
    ids=str,
)
def test_the_table_of_outcomes(answer: Answer, read: Outcome, keyed: Outcome, write: Outcome) -> None:
    assert judge("get", answer, (200,)) is read
    assert judge("keyed", answer, (200,)) is keyed
    assert judge("write", answer, (200,)) is write


@pytest.mark.parametrize("status", STATUSES)
def test_what_is_expected_is_ok(status: int) -> None:
    assert all(judge(kind, Answer(status), [status]) is OK for kind in ("get", "keyed", "write"))


def test_no_answer_is_never_expected() -> None:
    assert judge("get", SILENT, range(600)) is FAIL


@pytest.mark.parametrize("kind", ["get", "keyed"])
def test_what_says_to_come_again_is_repeated(kind: Kind) -> None:
    repeated = {s for s in [0, *STATUSES] if is_repeatable(kind, FAIL, Answer(s))}
    assert repeated - {409} == {0, 408, 425, 429, 500, 502, 503, 504}
    assert (409 in repeated) is (kind == "keyed")


def test_waits_grow_and_heed_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome.random, "uniform", lambda least, most: most)
    assert [pause(attempt, SILENT) for attempt in (1, 2, 3, 9)] == [0.1, 0.2, 0.4, 2.0]
    assert pause(1, Answer(503, {"retry-after": "1"})) == 1.0
    assert pause(1, Answer(503, {"retry-after": "17"})) == 17.0
    assert pause(1, Answer(503, {"retry-after": "3600"})) == 30.0
    for words in ("Wed, 21 Oct", "²", "-1"):
        assert pause(1, Answer(503, {"retry-after": words})) == 0.1


async def test_an_operation_tells_what_was_asked_and_what_came() -> None:
    caller, _, history = client(Answer(503, {"x-request-id": "abc"}, b"try\n again"))
    reply = await caller.get("/api/events/17/?page=2")
    (operation,) = history.operations
    assert (operation.name, operation.kind, operation.journey) == ("GET /api/events/{}/", "get", "buyer")
    assert (operation.status, operation.outcome, operation.request_id) == (503, FAIL, "abc")
    assert operation.error == "answered 503: try again"
    assert (reply.ok, reply.operation) == (False, operation.number)


async def test_a_request_has_a_name_of_its_own_before_there_is_an_answer() -> None:
    """One that gets none would be found in no log, and that it arrived twice would stay hidden."""
    caller, http, history = client(SILENT)
    await caller.post("/")
    await caller.post("/")
    await caller.post("/", headers={"x-request-id": "of-its-own"})
    sent = [asked.headers["X-Request-Id"] for asked in http.asked]
    assert [each.request_id for each in history.operations] == sent
    assert len(set(sent)) == 3
    assert sent[2] == "of-its-own"
    assert all(re.fullmatch(policy.REQUEST_ID, each) for each in sent), "an edge would give it another one"


async def test_latency_of_the_first_request_counts_from_when_the_step_was_due() -> None:
    caller, _, history = client(Answer(200), due=time.monotonic() - 5)
    await caller.get("/")
    await caller.get("/")
    first, second = history.operations
    assert first.latency >= 5
    assert second.due == second.began >= first.ended


async def test_a_key_makes_a_write_repeatable() -> None:
    caller, http, history = client(SILENT, Answer(503), Answer(409), Answer(429), Answer(201))
    reply = await caller.post("/orders/", json={"a": 1}, key=True, retry=True)
    assert reply.ok
    assert reply.attempts == 5
    assert {asked.headers["Idempotency-Key"] for asked in http.asked} == {reply.key}
    assert {asked.body for asked in http.asked} == {b'{"a": 1}'}
    assert [each.outcome for each in history.operations] == [UNKNOWN, UNKNOWN, UNKNOWN, FAIL, OK]
    assert [each.attempt for each in history.operations] == [1, 2, 3, 4, 5]
    first = history.operations[0].number
    assert [each.first for each in history.operations] == [0, first, first, first, first]
    assert {each.kind for each in history.operations} == {"keyed"}


async def test_each_key_that_is_made_is_another_one() -> None:
    caller, http, _ = client(Answer(201))
    await caller.post("/", key=True)
    await caller.post("/", key=True)
    await caller.post("/", key="my own")
    keys = [asked.headers["Idempotency-Key"] for asked in http.asked]
    assert len(set(keys)) == 3
    assert keys[2] == "my own"


async def test_a_write_without_a_key_is_not_repeated() -> None:
    caller, http, _ = client(Answer(503))
    with pytest.raises(ValueError, match="only with a key"):
        await caller.post("/orders/", retry=True)
    assert http.asked == []
    await caller.post("/orders/")
    assert len(http.asked) == 1


async def test_what_is_certain_is_not_repeated() -> None:
    caller, http, _ = client(Answer(422))
    await caller.post("/", key=True, retry=True)
    assert len(http.asked) == 1


async def test_repeating_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outcome.random, "uniform", lambda least, most: 0.02)
    caller, http, _ = client(SILENT)
    reply = await caller.get("/", retry=0.1)
    assert not reply.ok
    assert 2 <= len(http.asked) <= 7


async def test_the_content_of_an_answer_that_is_not_ok_ends_the_step() -> None:
    caller, _, _ = client(Answer(503, body=b"{}"))
    reply = await caller.get("/")
    with pytest.raises(UnexpectedAnswer, match="answered 503"):
        _ = reply.json


async def test_content_that_is_expected_is_given() -> None:
    caller, _, _ = client(Answer(409, body=b'{"taken": [1]}'))
    assert (await caller.post("/", expect=(201, 409))).json == {"taken": [1]}


async def test_token_and_headers_go_to_the_steps_and_not_back() -> None:
    caller, http, _ = client(Answer(200))
    caller.token, caller.headers["X-Tenant"] = "secret", "a"
    step = caller.begin("buyer-1", due=0.0)
    step.headers["X-Own"] = "b"
    await step.get("/")
    await caller.get("/")
    mine = {"Authorization": "Bearer secret", "X-Tenant": "a", "X-Own": "b"}
    assert mine.items() <= http.asked[0].headers.items()
    assert "X-Own" not in http.asked[1].headers


async def test_a_form_is_sent_as_a_browser_sends_it() -> None:
    caller, http, _ = client(Answer(302))
    fields = {"email": "ada@example.com", "note": "a b&c=ü\n", "seat": [1, 2]}
    assert (await caller.post("/", form=fields, expect=(302,))).ok
    (asked,) = http.asked
    assert asked.body == b"email=ada%40example.com&note=a+b%26c%3D%C3%BC%0A&seat=1&seat=2"
    assert asked.headers["Content-Type"] == "application/x-www-form-urlencoded"


async def test_a_request_has_one_body() -> None:
    caller, http, _ = client(Answer(200))
    with pytest.raises(TypeError, match="one body, not json and form"):
        await caller.post("/", json={}, form={})
    assert http.asked == []


async def test_cookies_are_sent_once_they_are_kept() -> None:
    caller, http, _ = client(
        Answer(200, {"set-cookie": "csrftoken=a=b; Path=/; SameSite=Lax\nsessionid=s1; HttpOnly"}),
        Answer(200),
    )
    page = await caller.get("/")
    assert page.cookies == {"csrftoken": "a=b", "sessionid": "s1"}
    await caller.get("/")
    caller.cookies.update(page.cookies)
    step = caller.begin("buyer-1")
    step.cookies["own"] = "1"
    step.cookies.update({"sessionid": ""})
    await step.get("/")
    await caller.get("/")
    sent = [asked.headers.get("Cookie") for asked in http.asked]
    assert sent == [None, None, "csrftoken=a=b; own=1", "csrftoken=a=b; sessionid=s1"]


async def test_a_cookie_that_is_deleted_is_empty_and_one_in_quotes_stays_as_it_was_sent() -> None:
    caller, _, _ = client(
        Answer(200, {"set-cookie": 'sessionid=""; Max-Age=0\nmessages="a\\054b"\nnonsense'})
    )
    assert (await caller.get("/")).cookies == {"sessionid": "", "messages": '"a\\054b"'}


async def test_an_idempotency_key_given_as_a_header_counts_in_any_case() -> None:
    caller, _, history = client(Answer(200))
    await caller.put("/", headers={"idempotency-key": "k"})
    await caller.put("/")
    assert [each.kind for each in history.operations] == ["keyed", "write"]


async def test_a_request_cut_short_is_in_the_history_as_unknown() -> None:
    caller, http, history = client(Answer(200))

    async def never(*_: object, **__: object) -> Answer:
        await asyncio.Event().wait()
        raise AssertionError

    http.request = never  # type: ignore[method-assign]
    task = asyncio.create_task(caller.post("/orders/"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (operation,) = history.operations
    assert operation.outcome is UNKNOWN
    assert "cut short" in operation.error


async def test_facts_follow_from_the_last_operation() -> None:
    caller, _, history = client(Answer(201))
    caller.attempted("orders", 7)
    reply = await caller.post("/orders/", key=True)
    caller.acknowledged("orders", 7)
    caller.observed("orders", 7)
    caller.owned("seats", "A1", 7)
    caller.total("money", 12.5)
    caller.wrote("profiles", 3, 2)
    caller.read("profiles", 3, 2, session="other")
    caller.effect("mails", 7)
    caller.violation("the price changed")
    assert [fact.kind for fact in history.facts] == [
        "attempted",
        "acknowledged",
        "observed",
        "owned",
        "total",
        "wrote",
        "read",
        "effect",
        "violation",
    ]
    assert history.facts[0].operation == 0
    assert {fact.operation for fact in history.facts[1:]} == {reply.operation}
    owned, total, wrote, read = history.facts[3:7]
    assert (owned.set, owned.item, owned.owner) == ("seats", "A1", "7")
    assert (total.set, total.value) == ("money", 12.5)
    assert (wrote.item, wrote.value, wrote.session) == ("3", 2, "buyer")
    assert read.session == "other"
    assert history.facts[-1].item == "the price changed"
