"""
Whatever ends at whatever moment, an acknowledged commit is kept.

`Story` drives a `Cluster` over in-memory nodes one awaited step at a time and lets
anything happen in between. The nodes themselves raise `Broken` when one of them takes
over, or is thrown away for another, without every acknowledged commit.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.supervise import cluster as module
from mainstay.ops.supervise.cluster import Cluster
from mainstay.ops.supervise.journal import Entry, Journal
from mainstay.ops.supervise.supervised import State

from .fakes import Broken, FakeEndpoint, FakeNode, FakeProcess, FakeRecord, World

FAILURES = (
    "promote before",
    "promote late",
    "promote after",
    "set before",
    "set after",
    "save",
    "wait ready",
    "lose patience",
)


class Nowhere:
    """A journal's path on a disk that takes nothing."""

    def exists(self) -> bool:
        return False

    def open(self, _: str) -> Any:
        raise OSError


class Story:
    """Nodes, their supervisor, and what happens to both."""

    def __init__(self, *, nodes: int = 2, strict: bool = False, synchronous: bool = True) -> None:
        self.loop = asyncio.new_event_loop()
        self.world = World()
        for number in range(1, nodes + 1):
            FakeNode(f"postgres.{number}", self.world)
        self.nodes = self.world.nodes
        self.record = FakeRecord(self.world)
        self.strict = strict
        self.synchronous = synchronous
        self.events: list[Entry] = []
        self.supervised = False
        self.tolerated = True
        """Whether clients may write: with strict durability not before the first standby is in step."""

    # --- the supervisor -------------------------------------------------------------

    def begin(self) -> None:
        """A supervisor starts; whatever an earlier one left has been ended."""
        for node in self.nodes:
            node.die()
        self.world.failing.clear()
        self.tolerated = self.tolerated and not self.strict
        self.run(self._begin)

    def _begin(self) -> None:
        journal = Journal(Nowhere())  # type: ignore[arg-type]
        journal.subscribe(self.events.append)
        self.endpoint = FakeEndpoint()
        self.cluster = Cluster(
            self.nodes,  # type: ignore[arg-type]
            self.endpoint,  # type: ignore[arg-type]
            self.record,  # type: ignore[arg-type]
            journal,
            synchronous=self.synchronous,
            strict=self.strict,
        )
        self.processes = {each.name: FakeProcess(each, self.world) for each in self.cluster.members}
        self.cluster.bind(self.processes)  # type: ignore[arg-type]
        self.watch = self.loop.create_task(self.cluster.watch())
        for process in self.processes.values():
            process.begin()
        self.supervised = True

    def kill_supervisor(self) -> None:
        """Its servers go on for a while; the next supervisor ends them before it starts."""
        if self.supervised:
            self.supervised = False
            self.loop.run_until_complete(self._abandon())

    async def _abandon(self) -> None:
        self.watch.cancel()
        await asyncio.wait({self.watch})
        for process in self.processes.values():
            await process.abandon()

    def close(self) -> None:
        self.kill_supervisor()
        self.loop.close()

    # --- time -----------------------------------------------------------------------

    def run(self, work: Callable[[], None] = lambda: None) -> None:
        async def settle() -> None:
            work()
            for _ in range(10):
                await asyncio.sleep(0)

        self.loop.run_until_complete(settle())
        if self.supervised:
            for process in self.processes.values():
                process.check()
            if self.watch.done():
                self.watch.result()
        self.check()

    def step(self, index: int = 0) -> str:
        """One coroutine goes on; names what it had waited for."""
        name = ""
        if self.world.gates.waiting:
            name = self.world.gates.open(index)
            self.run()
        return name

    def calm(self, steps: int = 60) -> None:
        """Nothing goes wrong for a while."""
        for _ in range(steps):
            for node in self.nodes:
                if node.ending:
                    node.die()
                node.connect()
            self.step()

    def until(self, what: str) -> None:
        """Go on until somebody has just stopped waiting for ``what``."""
        for _ in range(400):
            for node in self.nodes:
                node.connect()
            if self.step() == what:
                return
        raise AssertionError(f"{what} never came")

    def check(self) -> None:
        """What must hold at every moment."""
        if name := self.record.content.get("in_sync"):
            self.world.must_have_all(self.world.node(name), "is on record as in sync")
        writers = [node.name for node in self.nodes if node.running and not node.is_standby]
        if len(writers) > 1:
            raise Broken(f"{writers} accept writes at the same time")
        if self.strict and self.world.alone:
            raise Broken(f"{sorted(self.world.alone)} were acknowledged by one node alone")

    # --- what happens ------------------------------------------------------------------

    def write(self, node: FakeNode | None = None) -> None:
        self.tolerated = self.tolerated or (self.supervised and self.cluster.durability == "synchronous")
        if self.tolerated:
            self.world.write(node or self.primary)
        self.check()

    @property
    def primary(self) -> FakeNode:
        return self.world.node(self.cluster.primary.name)

    def end(self, node: FakeNode, *, at_once: bool = True) -> None:
        """Its main process ends; with ``at_once`` everything that it started ends too."""
        if self.supervised:
            self.processes[node.name].kill("from outside")
        if at_once:
            node.die()
        self.run()

    def freeze(self, node: FakeNode) -> None:
        node.frozen, node.streaming = node.running, False

    def saw(self, event: str) -> list[str]:
        return [entry.subject for entry in self.events if entry.what == event]


@pytest.fixture(autouse=True)
def paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sleep of the module becomes a step like any other; its clock stands still."""

    async def pause(_: float) -> None:
        await worlds[-1].gates.wait("pause")

    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=pause))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: 0.0))


worlds: list[World] = []


@pytest.fixture
def story() -> Iterator[Callable[..., Story]]:
    made: list[Story] = []

    def begin(**options: Any) -> Story:
        made.append(Story(**options))
        worlds.append(made[-1].world)
        made[-1].begin()
        return made[-1]

    yield begin
    for each in made:
        each.close()
    worlds.clear()


@pytest.fixture
def pair(story: Callable[..., Story]) -> Story:
    """A primary and a standby in step with it, with one acknowledged commit."""
    return in_step(story())


def in_step(story: Story) -> Story:
    story.calm(80)
    story.write()
    assert story.cluster.durability == "synchronous"
    assert story.world.acknowledged
    return story


# --- anything, in any order ---------------------------------------------------------------


def live_through(story: Story, seed: int, steps: int) -> None:
    chance = random.Random(seed)

    def anyone() -> FakeNode:
        return chance.choice(story.nodes)

    actions: dict[Callable[[], Any], float] = {
        lambda: story.step(chance.randrange(50)): 60,
        lambda: story.calm(chance.randrange(5, 40)): 8,
        lambda: story.write(anyone()): 20,
        lambda: story.end(story.primary, at_once=chance.random() < 0.5): 3,
        lambda: story.end(anyone(), at_once=chance.random() < 0.5): 2,
        lambda: story.freeze(anyone()): 2,
        lambda: setattr(anyone(), "frozen", False): 5,
        lambda: anyone().connect(): 8,
        lambda: setattr(anyone(), "streaming", False): 4,
        lambda: story.world.failing.append(chance.choice(FAILURES)): 4,
        lambda: happen_late(anyone()): 6,
        lambda: fall(anyone()): 6,
        lambda: chance.random() < 0.3 and story.kill_supervisor(): 2,
        lambda: story.supervised or story.begin(): 6,
    }
    story.calm(chance.choice((0, 20, 80)))
    for _ in range(steps):
        chance.choices(list(actions), list(actions.values()))[0]()
        story.check()


def happen_late(node: FakeNode) -> None:
    if node.promoting and node.answering and not node.ending:
        node.becomes_promoted()


def fall(node: FakeNode) -> None:
    if node.ending:
        node.die()


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("strict", [False, True], ids=["available", "strict"])
def test_no_acknowledged_commit_is_lost_whatever_happens_at_whatever_moment(
    story: Callable[..., Story], nodes: int, strict: bool
) -> None:
    for seed in range(60):
        told = story(nodes=nodes, strict=strict)
        try:
            live_through(told, seed, 150)
        except Broken as error:
            raise AssertionError(f"seed {seed}: {error}") from error
        told.close()


# --- one thing at a time -------------------------------------------------------------------


def lose_standby(story: Story) -> FakeNode:
    """The standby freezes, the supervisor sees that it no longer answers."""
    (standby,) = [node for node in story.nodes if node is not story.primary]
    story.freeze(standby)
    story.until(f"probe {standby.name}")
    return standby


def waiting(story: Story, what: str) -> bool:
    return any(name == what for name, _ in story.world.gates.waiting)


def test_a_lost_standby_is_struck_off_the_record_before_the_primary_stops_waiting_for_it(pair: Story) -> None:
    lose_standby(pair)
    while not waiting(pair, "set synchronous postgres.1"):
        pair.step()
    assert pair.record.content == {"primary": "postgres.1", "in_sync": ""}
    assert pair.primary.names == ("postgres.2",)
    pair.calm()
    assert pair.primary.names == ()
    assert pair.cluster.durability == "degraded"
    assert pair.saw("durability.degraded") == ["postgres.2"]


def test_a_standby_is_put_on_record_only_after_commits_wait_for_it(story: Callable[..., Story]) -> None:
    told = story()
    told.until("confirm synchronous postgres.1")
    assert told.record.content.get("in_sync", "") == ""
    told.until("synchronous set postgres.1")
    assert told.record.content["in_sync"] == "postgres.2"
    assert told.primary.names == ("postgres.2",)


def test_a_lost_primary_hands_over_to_the_standby_in_step(pair: Story) -> None:
    pair.end(pair.primary)
    pair.calm(80)
    assert pair.primary.name == "postgres.2"
    assert pair.endpoint.target == pair.primary.node.address
    assert pair.cluster.role("postgres.1") == "standby"
    assert pair.cluster.durability == "synchronous", "the old primary has come back as standby"
    assert pair.saw("postgres.promoted") == ["postgres.2"]
    pair.write()
    assert len(pair.world.acknowledged) == 2


def test_nobody_is_promoted_while_anything_of_the_lost_primary_is_alive(pair: Story) -> None:
    lost = pair.primary
    pair.end(lost, at_once=False)
    for _ in range(60):
        pair.step()
        assert not waiting(pair, "promote postgres.2")
    assert pair.endpoint.target is None, "no client may reach what is left of it"
    pair.write(lost)
    lost.die()
    pair.calm()
    assert pair.primary.name == "postgres.2"


def test_one_that_cannot_be_fenced_stays_primary(pair: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    lost = pair.primary
    clock = iter(range(0, 1_000_000, 5))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    pair.end(lost, at_once=False)
    for _ in range(30):
        pair.step()
    assert "postgres.cannot-fence" in pair.processes["postgres.1"].errors[0]
    assert pair.primary is lost


def test_a_standby_that_was_given_up_is_not_promoted(pair: Story) -> None:
    standby = lose_standby(pair)
    pair.calm()
    pair.write()
    standby.frozen = False
    while pair.processes[standby.name].state is not State.READY:
        pair.step(-1)
    pair.end(pair.primary)
    for _ in range(10):
        pair.step()
    assert pair.primary.name == "postgres.1"
    assert not pair.saw("postgres.promoted")


def test_a_primary_that_restarts_in_place_claims_no_standby(pair: Story) -> None:
    standby = pair.nodes[1]
    pair.freeze(standby)
    pair.processes[standby.name].state = State.STARTING
    pair.end(pair.primary)
    while not pair.primary.running:
        pair.step()
    assert pair.record.content["in_sync"] == ""
    pair.write()
    assert pair.world.alone, "it acknowledges alone, and the record says so"


def test_a_supervisor_killed_right_after_the_promotion_does_not_bring_the_old_primary_back(
    pair: Story,
) -> None:
    pair.end(pair.primary)
    pair.until("promote postgres.2")
    heir = pair.nodes[1]
    pair.kill_supervisor()
    pair.write(heir)
    assert len(pair.world.acknowledged) == 2, "a client that knows every node has been served"
    pair.begin()
    assert pair.primary is heir
    pair.calm(80)
    assert pair.record.content == {"primary": "postgres.2", "in_sync": "postgres.1"}


def test_a_supervisor_killed_right_before_the_promotion_starts_with_the_old_primary(pair: Story) -> None:
    pair.end(pair.primary)
    while not waiting(pair, "promote postgres.2"):
        pair.step()
    pair.kill_supervisor()
    pair.begin()
    assert pair.primary.name == "postgres.1"
    pair.calm(80)
    assert pair.cluster.durability == "synchronous"


@pytest.mark.parametrize("failure", ["promote before", "promote late", "promote after"])
def test_a_promotion_that_seems_to_fail_is_asked_for_again(pair: Story, failure: str) -> None:
    pair.world.failing.append(failure)
    pair.end(pair.primary)
    pair.calm(120)
    assert pair.primary.name == "postgres.2"
    assert pair.endpoint.target == pair.primary.node.address


def test_the_old_primary_does_not_start_while_a_promotion_may_still_happen(pair: Story) -> None:
    heir = pair.nodes[1]
    pair.world.failing.append("promote late")
    pair.end(pair.primary)
    pair.until("promote postgres.2")
    pair.freeze(heir)
    pair.until("probe postgres.2")
    for _ in range(30):
        pair.step()
    assert not pair.nodes[0].running
    assert any("postgres.promotion-unclear" in error for error in pair.processes["postgres.1"].errors)
    heir.frozen = False
    heir.becomes_promoted()
    pair.calm(80)
    assert pair.primary is heir


def test_a_disk_that_takes_no_record_keeps_the_primary_waiting(pair: Story) -> None:
    pair.world.failing += ["save"] * 50
    lose_standby(pair)
    for _ in range(20):
        pair.step()
    pair.write()
    assert pair.primary.names == ("postgres.2",)
    assert len(pair.world.acknowledged) == 1
    pair.world.failing.clear()
    pair.calm()
    assert len(pair.world.acknowledged) == 2


def test_a_primary_is_released_again_when_the_first_order_did_not_reach_it(pair: Story) -> None:
    """Without this every commit would hang until the standby is back, and the status say only ``degraded``."""
    pair.world.failing.append("set after")
    lose_standby(pair)
    pair.calm(80)
    pair.write()
    assert len(pair.world.acknowledged) == 2
    assert pair.saw("postgres.watch-failed")


def test_a_standby_is_not_put_on_record_when_the_primary_restarted_while_it_was_asked(
    story: Callable[..., Story],
) -> None:
    told = story()
    told.until("confirm synchronous postgres.1")
    while not waiting(told, "synchronous set postgres.1"):
        told.step()
    told.end(told.primary)
    while not told.primary.running:
        told.step(-1)
    (gate,) = [i for i, (name, _) in enumerate(told.world.gates.waiting) if "synchronous set" in name]
    told.step(gate)
    assert told.record.content.get("in_sync", "") == ""


def test_the_watch_goes_on_after_a_failure(pair: Story) -> None:
    pair.freeze(pair.primary)
    pair.until("status postgres.1")
    pair.run()
    assert pair.saw("postgres.watch-failed")
    pair.primary.frozen = False
    pair.calm()
    assert pair.cluster.durability == "synchronous"


def test_nothing_is_struck_off_during_a_planned_stop(pair: Story) -> None:
    pair.cluster.stopping()
    lose_standby(pair)
    pair.calm(30)
    assert pair.record.content["in_sync"] == "postgres.2"


# --- strict -------------------------------------------------------------------------------


@pytest.fixture
def strict_pair(story: Callable[..., Story]) -> Story:
    return in_step(story(strict=True))


def test_strict_blocks_while_the_standby_is_away_and_says_so(strict_pair: Story) -> None:
    standby = lose_standby(strict_pair)
    strict_pair.calm()
    strict_pair.write()
    assert len(strict_pair.world.acknowledged) == 1
    assert strict_pair.cluster.durability == "blocked"
    assert strict_pair.saw("durability.blocked") == ["postgres.2"]
    standby.frozen = False
    strict_pair.calm()
    assert strict_pair.cluster.durability == "synchronous"
    assert len(strict_pair.world.acknowledged) == 2


def test_strict_acknowledges_nothing_alone_after_a_fail_over(strict_pair: Story) -> None:
    strict_pair.end(strict_pair.primary)
    strict_pair.until("promote postgres.2")
    heir = strict_pair.nodes[1]
    assert heir.names == ("postgres.1",)
    strict_pair.write(heir)
    strict_pair.until("promoted postgres.2")
    assert len(strict_pair.world.acknowledged) == 1
    assert strict_pair.cluster.durability == "blocked"
    strict_pair.calm(80)
    assert len(strict_pair.world.acknowledged) == 2


def test_strict_waits_from_the_first_commit_after_a_start(strict_pair: Story) -> None:
    strict_pair.kill_supervisor()
    strict_pair.begin()
    assert strict_pair.cluster.waits_from_the_start
    while not strict_pair.primary.running:
        strict_pair.step()
    assert strict_pair.primary.names == ("postgres.2",)


def test_strict_moves_on_to_another_standby_that_streams(story: Callable[..., Story]) -> None:
    told = in_step(story(strict=True, nodes=3))
    told.freeze(told.world.node(told.cluster.in_sync))
    told.calm(120)
    told.write()
    assert told.cluster.in_sync == "postgres.3"
    assert len(told.world.acknowledged) == 2


def test_without_a_first_standby_strict_gives_up_in_time(
    story: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = story(strict=True)
    clock = iter(range(100))
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    task = told.loop.create_task(told.cluster.until_kept(2.0))
    while not task.done():
        told.run()
        for index, (name, _) in enumerate(told.world.gates.waiting):
            if name == "pause":
                told.step(index)
    with pytest.raises(OperationFailed) as failure:
        task.result()
    assert failure.value.id == "postgres.no-standby"


def test_strict_that_is_switched_off_keeps_no_claim(strict_pair: Story) -> None:
    """A record of a standby in step is worth nothing to a primary that no longer waits for it."""
    strict_pair.kill_supervisor()
    strict_pair.synchronous = False
    strict_pair.begin()
    while not strict_pair.primary.running:
        strict_pair.step()
    assert strict_pair.record.content["in_sync"] == ""


# --- the other kinds ------------------------------------------------------------------------


def test_without_synchronous_commits_nobody_is_promoted(story: Callable[..., Story]) -> None:
    told = story(synchronous=False)
    told.calm(80)
    assert told.cluster.durability == "asynchronous"
    told.end(told.primary)
    told.calm(60)
    assert told.primary.name == "postgres.1"
    assert told.primary.running


def test_a_single_node_is_restarted_in_place(story: Callable[..., Story]) -> None:
    told = story(nodes=1)
    told.calm(20)
    told.write()
    assert told.cluster.durability == "single"
    told.end(told.primary)
    told.calm(20)
    assert told.primary.running
    assert told.world.acknowledged <= told.primary.commits


def test_a_third_node_is_taken_back_to_the_new_primary(
    story: Callable[..., Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have received what the new primary never did, and would then follow nobody for ever."""
    told = in_step(story(nodes=3))
    rewound: list[str] = []
    rewind = FakeNode.rewind

    async def noted(self: FakeNode, primary: FakeNode) -> None:
        rewound.append(self.name)
        await rewind(self, primary)

    monkeypatch.setattr(FakeNode, "rewind", noted)
    told.end(told.primary)
    told.calm(120)
    assert set(rewound) == {"postgres.1", "postgres.3"}
    assert told.cluster.durability == "synchronous"


def test_whoever_asked_is_told_of_a_fail_over(pair: Story) -> None:
    told: list[str] = []
    pair.cluster.on_failover = lambda: told.append(pair.cluster.primary.name)
    pair.end(pair.primary)
    pair.calm(80)
    assert told == ["postgres.2"]
