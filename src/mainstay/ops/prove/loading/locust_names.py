"""
The names that a locustfile imports from ``locust``, without Locust and without its event loop.

They describe users and tasks; `locust` runs them. Waiting times mean nothing here: the
load's own schedule says when a task begins.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

from mainstay.ops.prove.loading.locust_session import Session

__all__ = [
    "FastHttpUser",
    "HttpUser",
    "LoadTestShape",
    "SequentialTaskSet",
    "TaskSet",
    "User",
    "between",
    "constant",
    "constant_pacing",
    "constant_throughput",
    "events",
    "run_single_user",
    "tag",
    "task",
]


class InterruptTaskSet(Exception):
    """A task set is left; its parent goes on."""


class RescheduleTask(Exception):
    """This task is over."""


class StopUser(Exception):
    """This user leaves."""


def task(weight: Any = 1) -> Any:
    """``@task`` or ``@task(3)``: a method, or a task set, that a user does."""
    if callable(weight):
        return task(1)(weight)

    def decorate(done: Any) -> Any:
        done.locust_task_weight = int(weight)
        return done

    return decorate


def tag(*_: str) -> Callable[[Any], Any]:
    """Tags select nothing here."""
    return lambda tagged: tagged


def between(least: float, most: float) -> Callable[[Any], float]:
    return lambda user: (least + most) / 2


def constant(seconds: float) -> Callable[[Any], float]:
    return lambda user: seconds


constant_pacing = constant


def constant_throughput(per_second: float) -> Callable[[Any], float]:
    return lambda user: 1 / per_second


def run_single_user(*_: Any, **__: Any) -> None:
    """Only for debuggers; does nothing."""


class LoadTestShape:
    """The claim's own load has the say; a shape is never asked."""


class Hook:
    """An event of Locust's that never comes."""

    def add_listener(self, listener: Any) -> Any:
        return listener

    def remove_listener(self, listener: Any) -> None:
        """There is nothing to remove."""

    def fire(self, **_: Any) -> None:
        """Nobody listens."""


class Events:
    def __getattr__(self, name: str) -> Hook:
        if name.startswith("__"):
            raise AttributeError(name)
        return Hook()


events = Events()


class Environment:
    """What a locustfile may look at of Locust's environment."""

    def __init__(self, host: str, session: Session) -> None:
        self.host = host
        self.session = session
        self.runner = None
        self.parsed_options = None
        self.events = events


def _written(body: Mapping[str, Any]) -> Iterator[Any]:
    given = body.get("tasks") or ()
    weighted = given.items() if isinstance(given, Mapping) else [(each, 1) for each in given]
    for each, weight in weighted:
        yield from [each] * int(weight)
    for each in body.values():
        if weight := getattr(each, "locust_task_weight", 0):
            yield from [each] * weight


class Tasks:
    """Something with tasks: a user or a task set."""

    tasks: Any = ()
    wait_time: Any = None
    turns: tuple[Any, ...] = ()
    """Every task as often as its weight says, in the order in which they are written."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.turns = tuple(each for parent in reversed(cls.__mro__) for each in _written(vars(parent)))

    def on_start(self) -> None:
        """Before the first task."""

    def on_stop(self) -> None:
        """After the last one."""

    def wait(self) -> None:
        """The schedule says when the next task begins."""

    def next_turn(self, dice: random.Random) -> Any:
        return dice.choice(self.turns)


class User(Tasks):
    abstract = True
    weight: float = 1
    fixed_count = 0
    host: str | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        if "abstract" not in cls.__dict__:
            cls.abstract = False
        super().__init_subclass__(**kwargs)

    def __init__(self, environment: Environment) -> None:
        self.environment = environment
        self.host = self.host or environment.host
        self.client = environment.session

    @property
    def user(self) -> Self:
        return self

    def stop(self, force: bool = False) -> None:
        raise StopUser


class HttpUser(User):
    abstract = True


class FastHttpUser(User):
    abstract = True


class TaskSet(Tasks):
    """Tasks that belong together; whoever enters stays until `interrupt`."""

    def __init__(self, parent: Any) -> None:
        self.parent = parent
        self.user = parent.user
        self.client = parent.client

    def interrupt(self, reschedule: bool = True) -> None:
        raise InterruptTaskSet


class SequentialTaskSet(TaskSet):
    """Its tasks come one after the other, and then from the first again."""

    def __init__(self, parent: Any) -> None:
        super().__init__(parent)
        self._next = 0

    def next_turn(self, dice: random.Random) -> Any:
        turn = self.turns[self._next % len(self.turns)]
        self._next += 1
        return turn
