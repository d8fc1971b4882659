"""Locust files as load, without Locust."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.ops.prove.history import History
from mainstay.ops.prove.loading import locust
from mainstay.ops.prove.loading.client import Client, Recorder, UnexpectedAnswer
from mainstay.ops.prove.loading.framing import Answer
from mainstay.ops.prove.loading.journey import Journey

from .answering import Asked, FakeHttp

SHOP = """
from locust import HttpUser, between, events, tag, task
from locust.contrib.fasthttp import FastHttpUser


@events.test_start.add_listener
def begin(environment, **kwargs):
    raise AssertionError("never called")


class Base(HttpUser):
    abstract = True
    host = "http://shop.example"
    wait_time = between(1, 5)


class Buyer(Base):
    weight = 3

    def on_start(self):
        self.token = self.client.post("/tokens/", json={"email": "a@example.com"}).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {self.token}"

    @task(3)
    @tag("read")
    def look(self):
        self.client.get("/events/17/", name="/events/[id]/")

    @task
    def buy(self):
        with self.client.post("/orders/", data={"seat": "A 1"}, catch_response=True) as response:
            if response.status_code == 409:
                response.success()
            elif "id" not in response.json():
                response.failure("no id")


class Crawler(FastHttpUser):
    host = "http://shop.example"

    @task
    def front(self):
        self.client.get("http://shop.example/")
"""

WIZARD = """
from locust import HttpUser, SequentialTaskSet, TaskSet, task


class Checkout(SequentialTaskSet):
    def on_start(self):
        self.client.get("/enter/")

    @task
    def first(self):
        self.client.get("/first/", params={"q": "a b"})

    @task
    def second(self):
        self.user.seen = self.client.get("/second/").status_code
        self.interrupt()


def ping(user):
    user.client.get("/ping/")


class Walker(HttpUser):
    tasks = {Checkout: 1}

    def on_stop(self):
        self.client.delete("/visit/")


class Pinger(HttpUser):
    tasks = [ping]
"""


def answer(asked: Asked) -> Answer:
    match asked.path:
        case "/tokens/":
            return Answer(200, {"set-cookie": "session=abc; Path=/\nold=; Max-Age=0"}, b'{"token": "secret"}')
        case "/orders/":
            return Answer(201, body=b'{"number": 1}')
        case "/moved/":
            return Answer(302, {"location": "/target/?a=1"})
        case "/gone/":
            return Answer(503, body=b"not now")
    return Answer(200, {"Content-Type": "text/plain"}, b"fine")


class World:
    """A journey of a locustfile, and the server it asks."""

    def __init__(self, path: Path) -> None:
        self.path = path / "locustfile.py"
        self.history = History()
        self.http = FakeHttp(answer)
        self.made: list[Journey] = []

    def journeys(self, text: str) -> dict[str, Journey]:
        self.path.write_text(text)
        self.made += locust.journeys(self.path)
        return {each.name: each for each in self.made}

    def client(self) -> Client:
        return Client(self.http, Recorder(self.history), "users")

    async def steps(self, journey: Journey, count: int) -> list[str]:
        """What it asked in so many steps, ``on_start`` left out."""
        await journey.set_up(self.client())
        before = len(self.http.asked)
        for number in range(count):
            await journey.step(self.client(), number)
        await asyncio.sleep(0)
        return [f"{each.method} {each.path}" for each in self.http.asked[before:]]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(tmp_path)
    yield world
    for journey in world.made:
        journey.close()


def task_of(body: str) -> str:
    return f"from locust import HttpUser, task\nclass A(HttpUser):\n    @task\n    def t(self):\n        {body}\n"


async def test_each_class_of_users_is_a_journey(world: World) -> None:
    made = world.journeys(SHOP)
    assert {name: each.weight for name, each in made.items()} == {"buyer": 3, "crawler": 1}
    assert all(each.writes for each in made.values())
    assert made["buyer"].at_once == locust.MOST_USERS


async def test_tasks_come_by_their_weight(world: World) -> None:
    asked = await world.steps(world.journeys(SHOP)["buyer"], 100)
    assert set(asked) == {"GET /events/17/", "POST /orders/"}
    assert 60 < asked.count("GET /events/17/") < 90


async def test_a_user_starts_once_and_stays_signed_in(world: World) -> None:
    await world.steps(world.journeys(SHOP)["buyer"], 20)
    tokens = [each for each in world.http.asked if each.path == "/tokens/"]
    assert len(tokens) == 1
    assert json.loads(tokens[0].body) == {"email": "a@example.com"}
    for each in world.http.asked[1:]:
        assert each.headers["Authorization"] == "Bearer secret"
        assert each.headers["Cookie"] == "session=abc"


async def test_users_busy_at_once_are_as_many_as_steps(world: World) -> None:
    journey = world.journeys(SHOP)["buyer"]
    await journey.set_up(world.client())
    await asyncio.gather(*(journey.step(world.client(), number) for number in range(4)))
    assert sum(each.path == "/tokens/" for each in world.http.asked) == 4


async def test_requests_are_operations_with_the_names_of_the_file(world: World) -> None:
    await world.steps(world.journeys(SHOP)["buyer"], 40)
    names = {each.name: each for each in world.history.operations}
    assert set(names) == {"POST /tokens/", "GET /events/[id]/", "POST /orders/"}
    assert names["GET /events/[id]/"].outcome == "ok"


async def test_a_caught_answer_is_judged_by_the_file(world: World) -> None:
    """A write that the file calls wrong may have had its effect all the same: unknown."""
    await world.steps(world.journeys(SHOP)["buyer"], 40)
    orders = [each for each in world.history.operations if each.name == "POST /orders/"]
    assert {(each.status, each.outcome, each.error) for each in orders} == {(201, "unknown", "no id")}


async def test_form_data_and_addresses_of_the_host_are_taken(world: World) -> None:
    made = world.journeys(SHOP)
    await world.steps(made["buyer"], 40)
    order = next(each for each in world.http.asked if each.path == "/orders/")
    assert (order.body, order.headers["Content-Type"]) == (b"seat=A+1", "application/x-www-form-urlencoded")
    assert await world.steps(made["crawler"], 1) == ["GET /"]


async def test_a_sequence_goes_in_order_and_is_left(world: World) -> None:
    journey = world.journeys(WIZARD)["walker"]
    assert await world.steps(journey, 3) == [
        "GET /enter/",
        "GET /first/?q=a+b",
        "GET /second/",
        "GET /enter/",
        "GET /first/?q=a+b",
    ]
    await journey.final(world.client())
    assert world.http.asked[-1].method == "DELETE"


async def test_plain_functions_are_tasks(world: World) -> None:
    assert await world.steps(world.journeys(WIZARD)["pinger"], 2) == ["GET /ping/"] * 2


async def test_redirects_are_followed_and_each_hop_is_an_operation(world: World) -> None:
    journey = world.journeys(task_of('self.client.post("/moved/", json={})'))["a"]
    assert await world.steps(journey, 1) == ["POST /moved/", "GET /target/?a=1"]
    assert [each.status for each in world.history.operations] == [302, 200]


async def test_a_bad_status_is_a_failure_without_any_word(world: World) -> None:
    await world.steps(world.journeys(task_of('self.client.get("/gone/")'))["a"], 1)
    assert [(each.outcome, each.error) for each in world.history.operations] == [
        ("fail", "answered 503: not now")
    ]


async def test_success_may_be_said_of_any_status(world: World) -> None:
    body = 'with self.client.get("/gone/", catch_response=True) as r: r.success()'
    await world.steps(world.journeys(task_of(body))["a"], 1)
    assert [(each.status, each.outcome) for each in world.history.operations] == [(503, "ok")]


async def test_what_was_to_be_judged_and_was_not_is_recorded_all_the_same(world: World) -> None:
    await world.steps(world.journeys(task_of('self.client.get("/gone/", catch_response=True)'))["a"], 1)
    assert [each.outcome for each in world.history.operations] == ["fail"]


@pytest.mark.parametrize(
    "body", ['self.client.get("/gone/").raise_for_status()', 'self.client.get("/gone/").json()']
)
async def test_content_of_a_failure_ends_the_task_quietly(world: World, body: str) -> None:
    with pytest.raises(UnexpectedAnswer):
        await world.steps(world.journeys(task_of(body))["a"], 1)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("1 / 0", ZeroDivisionError),
        ("next(iter([]))", RuntimeError),
        ('self.client.get("http://elsewhere.example/")', ValueError),
        ('self.client.get("/", files={})', TypeError),
    ],
)
async def test_what_a_task_raises_arrives(world: World, body: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await world.steps(world.journeys(task_of(body))["a"], 1)
    assert not any("elsewhere" in each.path for each in world.http.asked)


async def test_a_task_that_never_ends_holds_up_nobody(world: World) -> None:
    """Its thread is left behind, its next request fails, and others go on with another user."""
    gate = threading.Event()
    sys.modules["gate_of_test"] = gate  # type: ignore[assignment]
    body = 'import gate_of_test; gate_of_test.wait(10); self.client.get("/late/")'
    journey = world.journeys(task_of(body))["a"]
    try:
        await journey.set_up(world.client())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await journey.step(world.client(), 0)
        gate.set()
        await journey.step(world.client(), 1)
    finally:
        gate.set()
        del sys.modules["gate_of_test"]
    assert [each.path for each in world.http.asked] == ["/late/"]


async def test_a_user_that_stops_is_replaced(world: World) -> None:
    text = task_of("self.stop()") + '\n    def on_start(self):\n        self.client.get("/start/")\n'
    await world.steps(world.journeys(text)["a"], 3)
    assert [each.path for each in world.http.asked] == ["/start/"] * 3


async def test_threads_end_with_the_journey(world: World) -> None:
    journey = world.journeys(WIZARD)["pinger"]
    await world.steps(journey, 1)
    threads = [each for each in threading.enumerate() if each.name.startswith("Pinger")]
    assert threads
    journey.close()
    await asyncio.to_thread(lambda: [each.join(5) for each in threads])
    assert not any(each.is_alive() for each in threads)


# --- files -------------------------------------------------------------------------------------------


def test_locust_is_not_left_behind(tmp_path: Path) -> None:
    file = tmp_path / "locustfile.py"
    file.write_text(SHOP)
    locust.journeys(file)
    assert not [name for name in sys.modules if name.split(".")[0] == "locust"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import locust", True),
        ("from locust import task", True),
        ("from locust.contrib import fasthttp as f", True),
        ("def f():\n    import locust", True),
        ("from mainstay.ops.prove import Journey", False),
        ("locust = 1", False),
        ("this is no Python", False),
    ],
)
def test_a_locustfile_is_known_by_its_imports(tmp_path: Path, text: str, expected: bool) -> None:
    file = tmp_path / "file.py"
    file.write_text(text)
    assert locust.is_locust(file) is expected


def test_a_missing_file_is_no_locustfile(tmp_path: Path) -> None:
    assert not locust.is_locust(tmp_path / "nowhere.py")


@pytest.mark.parametrize(
    ("text", "id_", "found"),
    [
        ("import locust", "prove.journey-none", "none"),
        ("from locust import HttpUser\nclass A(HttpUser): ...", "prove.journey-step", "none"),
        (task_of("pass").replace("class A", "class Write"), "prove.journey-name", "'write'"),
        (task_of("pass").replace("@task", "weight = 0\n    @task"), "prove.journey-weight", "0"),
        ("from locust import GrpcUser", "prove.journey-broken", "line 1: ImportError"),
        (
            "from locust.contrib.postgres import PostgresUser",
            "prove.journey-broken",
            "line 1: ModuleNotFoundError",
        ),
    ],
)
def test_a_wrong_locustfile(tmp_path: Path, text: str, id_: str, found: str) -> None:
    file = tmp_path / "locustfile.py"
    file.write_text(text)
    with pytest.raises(InvalidInput) as raised:
        locust.journeys(file)
    (problem,) = raised.value.problems
    assert problem.id == id_
    assert problem.found.startswith(found)
