"""
Locust files as load: ``[prove] journeys = "locustfile.py"``.

Locust is not needed, and not used where it is installed: a file is run with names of the
same meaning (`locust_names`). Each class of users is a journey; an arrival is one turn of
one of its users: the next task by weight, or by order in a ``SequentialTaskSet``. There
are as many users as are busy at once, at most `MOST_USERS`; each is a thread, as their
code is synchronous, and starts once with ``on_start``.

What is not covered: waiting times, load shapes, tags, event listeners and command line
options have no effect, because the claim says what load there is; ``fixed_count``, users
that are not HTTP, ``FastHttpUser.rest``, file uploads, and whatever needs gevent or Locust's
runner are not offered. Every hop of a redirect is an operation. Locust says nothing of what
must hold, so there are no facts: write a `Journey` to have lost or doubled writes found.
"""

from __future__ import annotations

import ast
import asyncio
import contextlib
import queue
import random
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from mainstay.base.errors import InvalidInput, Problem
from mainstay.ops.prove.loading import locust_names
from mainstay.ops.prove.loading.client import Client
from mainstay.ops.prove.loading.journey import Journey, import_file, is_positive, like_a_kind
from mainstay.ops.prove.loading.locust_names import (
    Environment,
    InterruptTaskSet,
    RescheduleTask,
    StopUser,
    TaskSet,
    User,
)
from mainstay.ops.prove.loading.locust_session import CutShort, Session
from mainstay.ops.prove.loading.names import KINDS, dashed

MOST_USERS = 50
"""Users of one class at once, each a thread."""


def is_locust(path: Path) -> bool:
    """Whether a file imports Locust; false for one that cannot be read as Python."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(name.split(".")[0] == "locust" for node in ast.walk(tree) for name in _imported(node))


def journeys(path: Path) -> list[Journey]:
    """
    A journey for each class of users in a locustfile.

    Raises:
        InvalidInput: It does not run with what is offered of Locust, or has no users.
    """
    with _named_locust():
        module = import_file(path)
    found = [each for each in vars(module).values() if isinstance(each, type) and issubclass(each, User)]
    users = [
        each for each in dict.fromkeys(found) if not each.abstract and each.__module__ == module.__name__
    ]
    problems = [
        Problem(
            "prove.journey-weight",
            str(path),
            f"{each.__name__}.weight",
            "a number above 0",
            repr(each.weight),
        )
        for each in users
        if not is_positive(each.weight)
    ]
    problems += [
        Problem("prove.journey-step", str(path), each.__name__, "at least one @task", "none")
        for each in users
        if not each.turns
    ]
    problems += [
        like_a_kind(path, each.__name__, dashed(each.__name__), "give the class another name")
        for each in users
        if dashed(each.__name__) in KINDS
    ]
    if not users:
        problems.append(
            Problem(
                "prove.journey-none", str(path), "", "at least one class with HttpUser as its base", "none"
            )
        )
    if problems:
        raise InvalidInput(problems)
    return [Users(each) for each in users]


class Users(Journey):
    """The users of one class."""

    writes = True
    """For all one knows."""
    at_once = MOST_USERS

    def __init__(self, kind: type[User]) -> None:
        self.name = dashed(kind.__name__)
        self.weight = kind.weight
        self.kind = kind
        self._idle: deque[Visitor] = deque()
        self._all: list[Visitor] = []

    async def set_up(self, client: Client) -> None:
        """The first user arrives, so that an ``on_start`` that cannot work is known before the load."""
        visitor = self._new(client)
        await visitor.arrive(client)
        self._idle.append(visitor)

    async def step(self, client: Client, number: int) -> None:
        visitor = self._idle.popleft() if self._idle else self._new(client)
        try:
            await visitor.turn(client)
        finally:
            if not visitor.gone:
                self._idle.append(visitor)

    async def final(self, client: Client) -> None:
        for visitor in self._idle:
            await visitor.leave(client)

    def close(self) -> None:
        for visitor in self._all:
            visitor.end()

    def _new(self, client: Client) -> Visitor:
        visitor = Visitor(self.kind, client.base, len(self._all))
        self._all.append(visitor)
        return visitor


Job = Callable[[], None]


class Visitor:
    """
    One user, in a thread of its own that lives until `end`.

    The thread is a daemon: code that never ends cannot keep the proof from ending.
    """

    def __init__(self, kind: type[User], base: str, number: int) -> None:
        self.gone = False
        self._session = Session(base, kind.host)
        self._user = kind(Environment(base, self._session))
        self._inside: list[TaskSet] = []
        self._started = False
        self._dice = random.Random(number)  # noqa: S311 - the same choice of tasks every time, no secret
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        threading.Thread(target=self._work, name=f"{kind.__name__}-{number}", daemon=True).start()

    async def arrive(self, client: Client) -> None:
        """``on_start``, once."""
        await self._do(client, self._start)

    async def turn(self, client: Client) -> None:
        """The next task."""
        await self._do(client, self._next)

    async def leave(self, client: Client) -> None:
        """``on_stop``, if it ever started."""
        if self._started and not self.gone:
            await self._do(client, self._user.on_stop)

    def end(self) -> None:
        """No more; the thread ends with what it is doing."""
        self.gone = True
        self._session.take_away()
        self._jobs.put(None)

    async def _do(self, client: Client, what: Callable[[], Any]) -> None:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()

        def job() -> None:
            error = self._try(what)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, error)

        self._session.lend(client, loop)
        self._jobs.put(job)
        try:
            await done
        except asyncio.CancelledError:
            self.end()
            raise
        except StopUser:
            self.end()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _try(self, what: Callable[[], Any]) -> BaseException | None:
        try:
            what()
        except CutShort:
            return None
        except StopIteration as error:  # which a future does not take
            return RuntimeError(repr(error))
        except BaseException as error:
            return error
        finally:
            self._session.settle()
        return None

    def _start(self) -> None:
        if not self._started:
            self._user.on_start()
            self._started = True

    def _next(self) -> None:
        self._start()
        while True:
            place = self._inside[-1] if self._inside else self._user
            turn = place.next_turn(self._dice)
            if not (isinstance(turn, type) and issubclass(turn, TaskSet)):
                break
            inside = turn(place)
            inside.on_start()
            self._inside.append(inside)
        try:
            turn(place)
        except InterruptTaskSet:
            if self._inside:
                self._inside.pop().on_stop()
        except RescheduleTask:
            pass


def _settle(done: asyncio.Future[None], error: BaseException | None) -> None:
    if done.done():
        return
    if error is None:
        done.set_result(None)
    else:
        done.set_exception(error)


@contextlib.contextmanager
def _named_locust() -> Iterator[None]:
    """Inside, ``import locust`` gives our names, whether or not Locust is installed."""
    contrib, exceptions = ModuleType("locust.contrib"), ModuleType("locust.exception")
    contrib.__path__ = []
    vars(exceptions).update({each.__name__: each for each in (InterruptTaskSet, RescheduleTask, StopUser)})
    given = {
        "locust": locust_names,
        "locust.contrib": contrib,
        "locust.contrib.fasthttp": locust_names,
        "locust.exception": exceptions,
    }
    before = {name: sys.modules.get(name) for name in given}
    sys.modules.update(given)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                sys.modules.pop(name, None)
            else:
                sys.modules[name] = module


def _imported(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (each.name for each in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module
