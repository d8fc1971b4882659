"""Dependencies are asked in the background, together, each with a limit; who reads never waits."""

from __future__ import annotations

import asyncio
import re
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput
from mainstay.health.builtin import change
from mainstay.health.dependencies import (
    Dependency,
    Observation,
    Role,
    Watch,
    dependency,
    of_health_check,
)
from mainstay.health.lifecycle import Lifecycle
from mainstay.health.readiness import readiness

PATIENT = 60.0
"""Seconds. For checks that are to end well, on a machine that stands still for a while, too."""


def until(condition: Callable[[], object], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.005)


def watching(*dependencies: Dependency, forgotten: float = 60.0) -> Watch:
    watch = Watch(forgotten)
    for each in dependencies:
        watch.add(each)
    return watch


@pytest.mark.parametrize("name", ["limit", "every"])
@pytest.mark.parametrize("seconds", ["1s", None, 0, -1.0, float("nan"), float("inf"), True, [1.0], 1j])
def test_a_time_that_is_none_is_refused_where_it_is_declared(name: str, seconds: Any) -> None:
    given: dict[str, Any] = {name: seconds}
    with pytest.raises(InvalidInput) as caught:
        dependency("search", **given)
    (problem,) = caught.value.problems
    assert (problem.id, problem.path, problem.found) == ("health.bad-dependency", name, repr(seconds))
    assert problem.where.startswith(f"{__file__}:")


def test_a_role_that_is_none_is_refused_where_it_is_declared() -> None:
    with pytest.raises(InvalidInput) as caught:
        dependency("search", role="vitel", limit=0)
    role, limit = caught.value.problems
    assert (role.path, role.expected, role.hint) == (
        "role",
        "one of vital, degrading, optional",
        "did you mean 'vital'?",
    )
    assert limit.path == "limit"


def test_parentheses_that_are_missing_are_told_and_nothing_is_declared() -> None:
    """It would give back a function that declares whatever it is called with, and calls nothing."""
    with pytest.raises(InvalidInput) as caught:

        @dependency  # type: ignore[arg-type]
        def search_answers() -> None: ...

    (problem,) = caught.value.problems
    assert problem.id == "health.bad-dependency"
    assert problem.hint == 'write @dependency("search") above the function'
    assert problem.where.startswith(f"{__file__}:")


def test_what_cannot_be_asked_is_no_dependency() -> None:
    with pytest.raises(InvalidInput, match=r"health\.bad-dependency"):
        dependency("search")("not a function")  # type: ignore[arg-type]


def test_a_second_function_of_the_same_name_is_refused_and_the_same_one_is_not() -> None:
    """Importing a module again declares the same once more; and a check of the project's may stand for one of ours."""
    watch = watching(Dependency("search", well))
    watch.declare(Dependency("search", broken))
    watch.declare(Dependency("search", broken, Role.VITAL))
    with pytest.raises(InvalidInput, match=r"health\.second-dependency") as caught:
        watch.declare(Dependency("search", well))
    assert re.fullmatch(
        r"a second one; .*test_dependencies.py:\d+ has the name", caught.value.problems[0].found
    )
    assert watch.observe()["search"].role is Role.VITAL


def broken() -> None:
    raise ConnectionRefusedError("nobody\nlistens")


async def well() -> None:
    return None


def test_each_is_asked_and_says_how_it_is() -> None:
    watch = watching(
        Dependency("one", well, Role.VITAL, PATIENT), Dependency("two", broken, Role.OPTIONAL, PATIENT)
    )
    first = watch.observe()
    assert first.keys() == {"one", "two"}
    until(lambda: all(each.ok is not None for each in watch.observe().values()))
    seen = watch.observe()
    assert (seen["one"].ok, seen["one"].detail, seen["one"].role) == (True, "", Role.VITAL)
    assert (seen["two"].ok, seen["two"].detail) == (False, "ConnectionRefusedError: nobody listens")


def test_one_that_hangs_is_told_as_such_and_holds_up_nobody() -> None:
    release = threading.Event()
    watch = watching(Dependency("hung", release.wait, limit=0.05), Dependency("well", well, every=0.01))
    try:
        until(lambda: watch.observe()["hung"].ok is False)
        seen = watch.observe()
        assert seen["hung"].detail == "no answer within 0.05 s"
        until(lambda: watch.observe()["well"].ok)
        assert not release.is_set()
        time.sleep(0.1)
        watch.observe()
        hung = [each for each in threading.enumerate() if each.name == "mainstay-health-hung"]
        assert len(hung) == 1, "a check that hangs is not asked again beside itself"
    finally:
        release.set()


def test_an_answer_that_comes_too_late_is_a_failure() -> None:
    watch = watching(Dependency("slow", lambda: time.sleep(0.1), limit=0.02))
    until(lambda: watch.observe()["slow"].took)
    seen = watch.observe()["slow"]
    assert seen.ok is False
    assert re.fullmatch(r"took \d+\.\d s, more than 0.02 s", seen.detail)


class Died(BaseException):
    """As libraries have them that must not be caught by chance."""


@pytest.mark.parametrize("end", [SystemExit(1), asyncio.CancelledError(), KeyboardInterrupt(), Died()])
def test_a_check_that_would_end_its_thread_has_failed_and_is_asked_again(end: BaseException) -> None:
    """A management command that ends with `sys.exit`, say: its thread would be gone, and nobody would ask again."""
    asked: list[int] = []

    def leave() -> None:
        asked.append(1)
        raise end

    watch = watching(Dependency("one", leave, limit=PATIENT, every=0.01))
    until(lambda: watch.observe() and len(asked) > 2)
    seen = watch.observe()["one"]
    assert (seen.ok, seen.detail.partition(":")[0]) == (False, type(end).__name__)
    watch.remove("one")


def test_a_coroutine_is_waited_for_whatever_kind_of_function_gives_it() -> None:
    """What is not waited for has found nothing wrong."""

    async def gone() -> None:
        raise ConnectionRefusedError("nobody listens")

    watch = watching(Dependency("one", lambda: gone(), limit=PATIENT))
    until(lambda: watch.observe()["one"].ok is not None)
    assert watch.observe()["one"].detail == "ConnectionRefusedError: nobody listens"


def test_the_age_of_an_answer_is_told() -> None:
    watch = watching(Dependency("one", well, limit=PATIENT))
    until(lambda: watch.observe()["one"].ok)
    time.sleep(0.05)
    assert watch.observe()["one"].age >= 0.05


def test_nobody_is_asked_before_somebody_wants_to_know_nor_long_after() -> None:
    asked: list[int] = []
    watch = watching(Dependency("one", lambda: asked.append(1), every=0.01), forgotten=0.1)
    time.sleep(0.05)
    assert asked == []
    until(lambda: watch.observe() and asked)
    until(lambda: not watch._watched["one"].asked.is_running)
    count = len(asked)
    time.sleep(0.05)
    assert len(asked) == count
    until(lambda: watch.observe() and len(asked) > count)


def test_a_dependency_that_is_gone_takes_no_process_out() -> None:
    process = Lifecycle()
    process.start()
    watch = watching(Dependency("database:default", broken, Role.VITAL))
    until(lambda: watch.observe()["database:default"].ok is False)
    answer = readiness(process, watch=watch)
    assert (answer.ok, answer.status) == (True, "ready")
    assert answer.as_json()["dependencies"]["database:default"]["ok"] is False


def test_the_answer_of_a_probe_is_plain_json() -> None:
    told = Observation(Role.VITAL, True, "", 1.2345, 0.0021).as_json()
    assert told == {"role": "vital", "ok": True, "detail": "", "age_ms": 1234, "took_ms": 2.1}


# --- django-health-check -------------------------------------------------------------------------


class Version4:
    async def run(self) -> None:
        raise OSError("disk is full")


class Version3:
    errors: list[Exception]

    def __init__(self, *errors: Exception) -> None:
        self._found = errors

    def check_status(self) -> None:
        self.errors.extend(self._found)


@pytest.mark.parametrize("check", [Version4(), Version3(OSError("disk is full"))])
def test_checks_of_django_health_check_can_be_plugged_in(check: Any) -> None:
    watch = watching(Dependency("disk", of_health_check(check)))
    until(lambda: watch.observe()["disk"].ok is False)
    assert watch.observe()["disk"].detail == "OSError: disk is full"


def test_one_that_finds_nothing_is_well() -> None:
    watch = watching(Dependency("disk", of_health_check(Version3()), limit=PATIENT))
    until(lambda: watch.observe()["disk"].ok)


def test_anything_else_is_refused() -> None:
    with pytest.raises(TypeError, match="neither run"):
        of_health_check(object())


def test_what_is_said_of_one_that_is_declared_later_counts_then() -> None:
    """The same settings serve development, where there is no cache; and an app declares its own after ours."""
    watch = Watch()
    change(watch, {"dependencies": {"search": {"role": "vital"}, "broker": {"off": True}}})
    watch.add(Dependency("search", well))
    watch.add(Dependency("broker", well))
    assert watch.names == ("search",)
    assert watch.observe()["search"].role is Role.VITAL


# --- MAINSTAY["health"] ------------------------------------------------------------------------------


def test_the_settings_change_what_comes_by_itself() -> None:
    watch = watching(Dependency("cache:default", well), Dependency("broker", well))
    change(
        watch,
        {"dependencies": {"cache:default": {"role": "vital", "limit": 600}, "broker": {"off": True}}},
    )
    assert watch.names == ("cache:default",)
    until(lambda: watch.observe()["cache:default"].ok)
    assert watch.observe()["cache:default"].role is Role.VITAL


@pytest.mark.parametrize(
    ("wanted", "path", "hint"),
    [
        ({"cache:default": {"roll": "vital"}}, '["cache:default"]["roll"]', "role"),
        ({"cache:default": {"role": "important"}}, '["cache:default"]["role"]', ""),
        ({"cache:default": {"limit": 0}}, '["cache:default"]["limit"]', ""),
        ({"cache:default": {"every": True}}, '["cache:default"]["every"]', ""),
        ({"cache:default": {"off": "yes"}}, '["cache:default"]["off"]', ""),
    ],
)
def test_what_means_nothing_is_told_and_changes_nothing(wanted: dict[str, Any], path: str, hint: str) -> None:
    watch = watching(Dependency("cache:default", well))
    with pytest.raises(InvalidInput) as caught:
        change(watch, {"dependencies": wanted})
    (problem,) = caught.value.problems
    assert problem.path.endswith(path)
    assert hint in problem.hint
    assert watch.names == ("cache:default",)
