"""Whatever happens to a schedule, all that was begun is undone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.prove.claim import Bite
from mainstay.ops.prove.faults import schedule
from mainstay.ops.prove.faults.fault import Fault, NotPossible, Strike, Target
from mainstay.ops.prove.faults.targets import Absent
from tests.unit.ops.prove.faults.fakes import FakeFault, FakeTarget


class Maker:
    """Makes a fake for each strike, by its target's name."""

    def __init__(self, raising: Mapping[str, BaseException] | None = None) -> None:
        self.story: list[str] = []
        self.raising = raising or {}

    def __call__(self, strike: Strike, target: Target) -> Fault:
        return FakeFault(self.story, strike.target, self.raising.get(strike.target))


class Untimed(asyncio.SelectorEventLoop):
    """A loop whose time is that of its next timer: nothing is waited for, and no machine is too slow."""

    now = 0.0

    def time(self) -> float:
        return self.now

    def _run_once(self) -> None:
        if not self._ready and self._scheduled:  # type: ignore[attr-defined]
            self.now = max(self.now, self._scheduled[0].when())  # type: ignore[attr-defined]
        super()._run_once()  # type: ignore[misc]


@pytest.fixture
def carry_out(monkeypatch: pytest.MonkeyPatch, target: FakeTarget) -> Iterator[Callable[..., list[Bite]]]:
    """Carry strikes out on a clock of their own that begins at 0."""
    loop = Untimed()
    monkeypatch.setattr(schedule, "time", SimpleNamespace(monotonic=loop.time))
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        yield lambda strikes, make: runner.run(schedule.run(strikes, target, make=make))


def test_strikes_begin_at_their_moments_and_end_after_their_time(
    carry_out: Callable[..., list[Bite]],
) -> None:
    maker = Maker()
    bites = carry_out([Strike("pause", "b", 6.0, 2.0), Strike("pause", "a", 0.0, 2.0)], maker)
    assert maker.story == ["inject a", "undo a", "inject b", "undo b"]
    assert [(bite.strike.target, bite.began, bite.ended) for bite in bites] == [
        ("b", 6.0, 8.0),
        ("a", 0.0, 2.0),
    ]
    assert all(bite.evidence.bit for bite in bites)


def test_two_strikes_may_overlap(carry_out: Callable[..., list[Bite]]) -> None:
    maker = Maker()
    carry_out([Strike("pause", "a", 0.0, 6.0), Strike("pause", "b", 2.0, 1.0)], maker)
    assert maker.story == ["inject a", "inject b", "undo b", "undo a"]


def test_of_a_fault_that_ends_by_itself_the_end_is_when_it_was_injected(
    carry_out: Callable[..., list[Bite]],
) -> None:
    """What comes after, such as healing a link, is no part of the outage that is measured from there."""

    class Slow(FakeFault):
        async def inject(self) -> None:
            await asyncio.sleep(1.0)

        async def undo(self) -> None:
            await asyncio.sleep(5.0)

    (bite,) = carry_out([Strike("kill", "a")], lambda strike, target: Slow([], strike.target))
    assert (bite.began, bite.ended) == (0.0, 1.0)


async def test_without_means_for_the_first_nothing_is_done_and_the_caller_is_told(target: FakeTarget) -> None:
    maker = Maker({"a": NotPossible("no root")})
    with pytest.raises(NotPossible, match="no root"):
        await schedule.run([Strike("pause", "a"), Strike("pause", "b", 0.05, 30)], target, make=maker)
    assert maker.story == ["inject a", "undo a"]


async def test_without_means_for_a_later_one_what_was_seen_of_the_others_is_kept(target: FakeTarget) -> None:
    maker = Maker({"b": NotPossible("no root")})
    strikes = [Strike("pause", "a", 0, 0.05), Strike("pause", "b", 0.02, 1), Strike("kill", "c", 0.1)]
    bites = await schedule.run(strikes, target, make=maker)
    assert maker.story == ["inject a", "inject b", "undo b", "undo a", "inject c", "undo c"]
    assert [bite.evidence.bit for bite in bites] == [True, False, True]
    assert bites[1].evidence.what == "no root"


async def test_when_none_could_be_injected_nothing_was_done(target: FakeTarget) -> None:
    """Also when each of them looked before the other was told."""

    class Slow(FakeFault):
        async def inject(self) -> None:
            await asyncio.sleep(0.02)
            raise NotPossible("no root")

    with pytest.raises(NotPossible):
        await schedule.run(
            [Strike("pause", "a"), Strike("pause", "b")], target, make=lambda strike, target: Slow([])
        )


async def test_a_failure_says_more_than_a_lack_of_means(target: FakeTarget) -> None:
    maker = Maker({"a": NotPossible("no root"), "b": OperationFailed("control.no-answer", "frozen")})
    with pytest.raises(OperationFailed, match="frozen"):
        await schedule.run([Strike("pause", "a"), Strike("pause", "b")], target, make=maker)


async def test_one_that_did_not_run_is_a_strike_that_did_not_bite(target: FakeTarget) -> None:
    maker = Maker({"a": Absent("a did not run")})
    (bite,) = await schedule.run([Strike("pause", "a", 0, 30)], target, make=maker)
    assert not bite.evidence.bit
    assert bite.evidence.what == "a did not run"
    assert maker.story == ["inject a", "undo a"]


@pytest.mark.parametrize("lasts", [0, 30])
@pytest.mark.parametrize("moment", [0.02, 0.05])
async def test_cut_off_at_any_moment_all_is_undone_before_it_ends(
    target: FakeTarget, moment: float, lasts: float
) -> None:
    """In the middle of the injection, while it lasts, and in the middle of the undo."""
    story: list[str] = []

    class Slow(FakeFault):
        async def inject(self) -> None:
            await asyncio.sleep(0.03)
            await super().inject()

        async def undo(self) -> None:
            await asyncio.sleep(0.04)
            await super().undo()

    task = asyncio.create_task(
        schedule.run([Strike("pause", "a", 0, lasts)], target, make=lambda strike, target: Slow(story, "a"))
    )
    await asyncio.sleep(moment)
    task.cancel()
    await asyncio.sleep(0.01)
    task.cancel()  # a second Ctrl-C does not cut the undo off
    with pytest.raises(asyncio.CancelledError):
        await task
    assert story.count("undo a") == 1


async def test_an_undo_that_hangs_is_left_to_the_guard(
    target: FakeTarget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schedule, "UNDO_LIMIT", 0.05)

    class Hanging(FakeFault):
        async def undo(self) -> None:
            await asyncio.sleep(3600)

    with pytest.raises(TimeoutError):
        await schedule.run([Strike("kill", "a")], target, make=lambda strike, target: Hanging([], "a"))


async def test_each_strike_is_reported_as_it_comes_and_goes(target: FakeTarget) -> None:
    told: list[tuple[str, str]] = []
    await schedule.run(
        [Strike("kill", "a")],
        target,
        make=Maker(),
        report=lambda strike, what: told.append((strike.target, what)),
    )
    assert told == [("a", "begun"), ("a", "over")]
