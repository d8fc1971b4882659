"""A proof from its first word to its last, on a system that is one small server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import InvalidInput, OperationFailed
from mainstay.ops.prove import plan, replay, run, shrink, system, trial
from mainstay.ops.prove.claim import Bite, Claim, Load, Result
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.faults import schedule
from mainstay.ops.prove.faults.fault import Evidence, Strike
from mainstay.ops.prove.history import History
from mainstay.ops.prove.judging import overload
from mainstay.ops.prove.loading.summary import Summary
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.run import prove
from mainstay.ops.prove.understanding import understand
from mainstay.ops.prove.verdict import Judgement, Verdict
from mainstay.ops.topology.values import Topology
from tests.unit.ops.prove.proved import FakeSystem, Story
from tests.unit.ops.prove.runs import Run
from tests.unit.ops.prove.systems import PLAIN, declared

pytestmark = pytest.mark.timeout(90)

JOURNEYS = """
from mainstay.ops.prove import Client, Journey

class Browse(Journey):
    async def step(self, client: Client, number: int) -> None:
        await client.get("/")
"""
FIRST = Claim("first", "", (), Load(50.0), ("errors = 0",), steady=0.2, after=0.1, source="a test")
SECOND = replace(FIRST, name="second")
STRUCK = replace(FIRST, name="struck", strikes=(Strike("kill", "web.web"), Strike("kill", "edge")))


@pytest.fixture
def topology(tmp_path: Path) -> Topology:
    (tmp_path / "proof.py").write_text(JOURNEYS)
    return declared(tmp_path, PLAIN + '[prove]\njourneys = "proof.py"\n')


class NoGuard:
    @classmethod
    def start(cls) -> contextlib.nullcontext[None]:
        return contextlib.nullcontext()


@pytest.fixture
def proved(monkeypatch: pytest.MonkeyPatch) -> FakeSystem:
    """What is proved instead of a twin."""
    fake = FakeSystem(rows=[{"name": "web.web.1"}, {"name": "web.web.2"}], versions={"postgres": "15"})

    @contextlib.asynccontextmanager
    async def opened(
        topology: Topology, options: Options, folder: Folder, guard: Any, claims: Any
    ) -> AsyncIterator[FakeSystem]:
        fake.seed = options.seed
        async with fake.listening():
            yield fake

    monkeypatch.setattr(system, "opened", opened)
    monkeypatch.setattr(run, "GuardProcess", NoGuard)
    # However little time this machine gives the generator.
    monkeypatch.setattr(Summary, "is_late", property(lambda self: False))
    return fake


@pytest.fixture
def claimed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """What is claimed, and what strikes do: nothing."""

    async def strikes(given: Any, target: Any, *, report: Any) -> list[Bite]:
        return [Bite(each, 0.0, 0.0, Evidence(True, "gone")) for each in given]

    monkeypatch.setattr(schedule, "run", strikes)

    def claim(*claims: Claim) -> None:
        monkeypatch.setattr(plan, "choose", lambda topology, options: plan.Choice(claims, options.seed))

    return claim


async def proof_of(
    topology: Topology, story: Story | None = None, **options: Any
) -> tuple[Proof, Folder, Story]:
    told = story or Story()
    proof, folder = await prove(topology, Options(**options), lambda _: told, argv=("prove",))
    return proof, folder, told


async def test_each_claim_is_tried_in_order_and_everything_is_written(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(FIRST, SECOND)
    proved.noted = [{"time": "2026-01-01T00:00:00+00:00", "event": "engine.found", "subject": "postgres"}]
    proof, folder, story = await proof_of(topology, seed=7)
    assert (proof.verdict, proof.exit_code, proof.seed) == (Verdict.PASS, 0, 7)
    assert [told for told in story.told if " " in told or told == "end"] == [
        "begin 2",
        "claim 1 first",
        "done first pass",
        "claim 2 second",
        "done second pass",
        "end",
    ]
    assert (proof.url, proof.versions["postgres"]) == (proved.url, "15")
    assert {"proof.json", "report.html", "junit.xml", "summary.md", "events.jsonl"} <= {
        path.name for path in folder.path.iterdir()
    }
    assert (folder.path / "claims" / "second" / "history.jsonl").stat().st_size > 100
    assert (folder.path / "claims" / "second" / "held.csv").read_text().startswith("moment,process,pid,")
    assert "engine.found" in (folder.path / "events.jsonl").read_text()


async def test_what_a_preparation_warned_of_is_told_first_and_stands_in_the_evidence(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(FIRST)
    why = "in this twin DATABASES['default'] is a copy of db.sqlite3"
    warned = {
        "time": "2026-01-01T00:00:00+00:00",
        "event": "service.warning",
        "subject": "web",
        "why": why,
    }
    proved.noted = [warned]
    _, folder, story = await proof_of(topology)
    told = [each for each in story.told if each.startswith(("note", "claim"))]
    assert told == [f"note web: {why}", "claim 1 first"]
    assert json.loads((folder.path / "proof.json").read_text())["notes"] == [f"web: {why}"]
    assert "is a copy of db.sqlite3</p>" in (folder.path / "report.html").read_text()
    assert "is a copy of db.sqlite3" in (folder.path / "summary.md").read_text()


async def test_what_journeys_print_is_in_the_evidence_and_not_before_who_watches(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    (topology.folder / "proof.py").write_text(
        "print('read')\n" + JOURNEYS + "        print('step', number, 'password=hunter2hunter2')\n"
    )
    claimed(FIRST, SECOND)
    proof, folder, _ = await proof_of(topology)
    assert capsys.readouterr() == ("", "")
    lines = (folder.path / "printed.txt").read_text().splitlines()
    assert lines[0] == "read"
    assert [line for line in lines if line.startswith("---")] == ["--- first", "--- second"]
    assert sum(line.startswith("step 0 ") for line in lines) == 2
    assert "hunter2" not in "".join(lines)
    assert json.loads((folder.path / "proof.json").read_text())["printed"] == proof.printed > 0


async def test_what_a_file_prints_that_is_refused_is_not_lost(
    topology: Topology, capsys: pytest.CaptureFixture[str]
) -> None:
    (topology.folder / "proof.py").write_text("print('about to')\nraise KeyError('id')\n")
    with pytest.raises(InvalidInput):
        await proof_of(topology)
    assert capsys.readouterr() == ("", "about to\n")


async def test_one_claim_that_fails_does_not_keep_the_others_from_being_tried(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(FIRST, holds=("errors >= 1",)), SECOND)
    proof, _, _ = await proof_of(topology)
    assert [result.verdict for result in proof.results] == [Verdict.FAIL, Verdict.PASS]
    assert proof.exit_code == 1


class Tried:
    """A claim that fails, at once, when it strikes the edge."""

    def __init__(self, claim: Claim, *given: Any) -> None:
        self.claim = claim
        self.result = Result(claim, History())

    async def run(self) -> Result:
        fails = any(strike.target == "edge" for strike in self.claim.strikes)
        judgement = Judgement("errors.get = 0", Verdict.FAIL if fails else Verdict.PASS, "3 of 5")
        history = Run().every(1.0, 0.0, 5.0).history
        bites = [Bite(each, 0.0, 0.0, Evidence(True, "gone")) for each in self.claim.strikes]
        return Result(self.claim, history, bites, [judgement])


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "Trial", Tried)


@pytest.mark.usefixtures("at_once")
async def test_the_seed_decides_whom_it_hits(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    """And of a claim that is tried several times, each time by another one."""
    claimed(*(replace(STRUCK, name=f"struck.{number}") for number in range(1, 9)))

    async def hit(seed: int) -> list[str]:
        proof, _, _ = await proof_of(topology, seed=seed, shrink=False)
        return [result.claim.strikes[0].target for result in proof.results]

    first, later = await hit(1), await hit(2)
    assert first == await hit(1)
    assert set(first) == {"web.web.1", "web.web.2"}
    assert first[1:] == later[:-1]


@pytest.mark.usefixtures("at_once")
async def test_the_system_draws_from_the_seed_of_a_schedule_that_was_saved(
    topology: Topology, proved: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a link does to its traffic, and which of several standbys is hit, is drawn there."""
    monkeypatch.setattr(plan, "choose", lambda topology, options: plan.Choice((FIRST,), 4711))
    proof, _, _ = await proof_of(topology, seed=7)
    assert (proof.seed, proved.seed) == (4711, 4711)


@pytest.mark.usefixtures("at_once")
async def test_what_failed_at_its_second_try_is_saved_with_the_seed_of_that_try(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(STRUCK, name="struck.1", strikes=()), replace(STRUCK, name="struck.2"))
    _, folder, _ = await proof_of(topology, seed=7)
    assert json.loads((folder.path / "claims" / "struck.2" / "replay.json").read_text())["seed"] == 8


# --- overload ---------------------------------------------------------------------------------------

HEAVY = replace(FIRST, name="heavy", load=Load(5.0, "spike", 5.0), steady=0.5, overload=True)


@pytest.mark.parametrize(
    ("too_much", "tried", "verdict"), [(5, [5], "pass"), (20, [5, 10, 20], "pass"), (99, [5, 10, 20], "unknown")]
)  # fmt: skip
async def test_a_load_that_is_not_too_much_is_raised_until_it_is(
    topology: Topology,
    proved: FakeSystem,
    claimed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    too_much: float,
    tried: list[float],
    verdict: str,
) -> None:
    """What never was too much shows nothing of overload, and does not pass."""
    seen: list[float] = []

    class Heavy(run.Trial):
        async def run(self) -> Result:
            seen.append(self.claim.load.peak)
            result = await super().run()
            if self.claim.load.peak < too_much:
                assert result.trouble.startswith("the load was never too much")
            return result

    def waits(result: Result) -> str:
        return "it waited" if result.claim.load.peak >= too_much else ""

    monkeypatch.setattr(run, "Trial", Heavy)
    monkeypatch.setattr(overload, "too_much", waits)
    monkeypatch.setattr(trial, "too_much", waits)
    claimed(HEAVY)
    proof, _, _ = await proof_of(topology)
    assert seen == tried
    assert str(proof.results[0].verdict) == verdict
    noted = (f"{tried[-1]} times the load was too much: it waited",)
    assert proof.results[0].notes[-1:] == (noted if verdict == "pass" else ())


def test_no_peak_is_tried_that_the_generator_cannot_send() -> None:
    claim = replace(HEAVY, load=Load(150.0, "spike", 5.0))
    assert [each.load.peak for each in overload.higher(claim)] == [10]
    assert list(overload.higher(FIRST)) == []


# --- shrinking --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("at_once")
async def test_a_claim_that_fails_leaves_the_least_that_fails_as_a_schedule(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(STRUCK, steady=8.0, holds=("errors.get = 0", "p99 <= 9 s")))
    proof, folder, story = await proof_of(topology, seed=7)
    assert proof.exit_code == 1
    assert "shrinking" in story.told
    saved = replay.from_text((folder.path / "claims" / "struck" / "replay.json").read_text(), where="saved")
    assert (saved.claim.name, saved.seed, saved.claim.steady) == ("struck", 7, 1.0)
    assert [strike.target for strike in saved.claim.strikes] == ["edge"]
    assert saved.claim.holds == ("errors.get = 0", "p99 <= 9 s")
    assert saved.note.startswith("1 of 2 strikes is enough")


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("claim", "shrink"),
    [(STRUCK, False), (replace(STRUCK, strikes=(Strike("kill", "web.web"),)), True)],
)
async def test_what_was_not_to_be_shrunk_or_did_not_fail_is_not(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None], claim: Claim, shrink: bool
) -> None:
    claimed(claim)
    _, folder, _ = await proof_of(topology, shrink=shrink)
    assert not list(folder.path.glob("claims/*/replay.json"))


async def test_a_claim_without_faults_has_nothing_to_be_shrunk(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(FIRST, holds=("errors.get >= 1",)))
    proof, folder, _ = await proof_of(topology)
    assert proof.exit_code == 1
    assert not list(folder.path.glob("claims/*/replay.json"))


@pytest.mark.usefixtures("at_once")
async def test_rules_that_have_nothing_to_look_at_are_not_saved(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    """A schedule in a file is somebody's own: they would make it unknown for ever."""
    claimed(replace(STRUCK, holds=("errors.get = 0", "errors.keyed = 0"), source="topology"))
    _, folder, _ = await proof_of(topology)
    saved = json.loads((folder.path / "claims" / "struck" / "replay.json").read_text())
    assert saved["holds"] == ["errors.get = 0"]


@pytest.mark.usefixtures("proved")
async def test_a_schedule_that_needs_no_strike_can_be_tried_again(
    topology: Topology, claimed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a rule that counts from a strike, or one of a phase that is gone, the file would be refused."""

    async def fails_anyway(claim: Claim, fails: Any, **limits: Any) -> shrink.Shrunk:
        return shrink.Shrunk(replace(claim, strikes=()), 1, 1.0, True, ("0 of 2 strikes are enough",))

    monkeypatch.setattr(run, "shrink", fails_anyway)
    holds = ("errors.get >= 1", "first-ok <= 5 s", "errors.get@fault = 0", "figure.ready-again <= 5 s")
    claimed(replace(STRUCK, holds=holds))
    _, folder, _ = await proof_of(topology)
    path = folder.path / "claims" / "struck" / "replay.json"
    assert json.loads(path.read_text())["holds"] == ["errors.get >= 1"]
    monkeypatch.undo()
    (again,) = understand(topology, Options(replay=path)).claims
    assert (again.strikes, again.holds) == ((), ("errors.get >= 1",))


@pytest.mark.usefixtures("proved")
async def test_who_cuts_the_search_for_less_off_has_the_whole_schedule(
    topology: Topology, claimed: Callable[..., None]
) -> None:
    claimed(replace(STRUCK, holds=("errors.get >= 1",)))
    proof, folder, _ = await interrupted(topology, until="shrinking")
    assert (proof.exit_code, proof.interrupted) == (1, "received SIGINT")
    text = (folder.path / "claims" / "struck" / "replay.json").read_text()
    assert len(replay.from_text(text, where="saved").claim.strikes) == 2


@pytest.mark.usefixtures("at_once")
async def test_what_fails_otherwise_than_the_whole_is_another_failure(
    topology: Topology,
    proved: FakeSystem,
    claimed: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without its strikes the claim breaks another rule; the schedule that is saved must show the first."""
    tried = run._Run._try

    async def breaking(self: Any, claim: Claim, *given: Any) -> Any:
        result = await tried(self, claim, *given)
        rule = "first = 0" if len(claim.strikes) == 2 else "other = 0"
        result.judgements = [Judgement(rule, Verdict.FAIL, "1")]
        return result

    monkeypatch.setattr(run._Run, "_try", breaking)
    claimed(STRUCK)
    _, folder, _ = await proof_of(topology)
    saved = json.loads((folder.path / "claims" / "struck" / "replay.json").read_text())
    assert len(saved["strikes"]) == 2


async def test_evidence_that_somebody_removed_meanwhile_is_told(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    """Nothing can be shown, so it could not be told: also of a claim that held."""

    class Removing(Story):
        def done(self, result: Any) -> None:
            (place,) = (topology.folder / ".mainstay" / "proofs").glob("*Z-*")
            shutil.rmtree(place)

    claimed(FIRST)
    with pytest.raises(OperationFailed, match="was removed while the proof ran") as told:
        await proof_of(topology, Removing())
    assert told.value.exit_code == 2


# --- whatever ends it ---------------------------------------------------------------------------------


async def interrupted(topology: Topology, until: str) -> tuple[Proof, Folder, Story]:
    story = Story()
    work = asyncio.create_task(proof_of(topology, story))
    while until not in story.told:
        await asyncio.sleep(0.01)
    work.cancel("received SIGINT")
    return await work


async def test_an_interruption_leaves_what_was_seen_until_then(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(FIRST, replace(SECOND, steady=600.0))
    proved.noted = [{"time": "2026-01-01T00:00:00+00:00", "event": "process.ended", "subject": "web.web.1"}]
    proof, folder, story = await interrupted(topology, until="claim 2 second")
    assert (proof.exit_code, proof.interrupted) == (2, "received SIGINT")
    assert proof.results[0].claim.name == "first"
    assert story.told[-1] == "end"
    written = json.loads((folder.path / "proof.json").read_text())
    assert written["interrupted"] == "received SIGINT"
    assert "process.ended" in (folder.path / "events.jsonl").read_text()


async def test_a_claim_that_is_cut_off_leaves_what_was_seen_of_it(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(FIRST, steady=600.0))
    story = Story()
    work = asyncio.create_task(proof_of(topology, story))
    while "steady" not in story.told:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.5)
    work.cancel("received SIGINT")
    proof, folder, _ = await work
    (result,) = proof.results
    assert (result.verdict, result.trouble, result.judgements) == (
        Verdict.UNKNOWN,
        "cut off before its end",
        [],
    )
    assert json.loads((folder.path / "proof.json").read_text())["operations"]["all"] > 0


async def test_an_interruption_after_a_failure_is_a_failure(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(replace(FIRST, holds=("errors >= 1",)), replace(SECOND, steady=600.0))
    proof, _, _ = await interrupted(topology, until="claim 2 second")
    assert proof.exit_code == 1


async def test_a_system_that_does_not_come_up_is_raised_once_all_is_written(
    topology: Topology, claimed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextlib.asynccontextmanager
    async def opened(*given: Any) -> AsyncIterator[FakeSystem]:
        raise OperationFailed("process.not-ready", "web.web.1 crashed", "see the log", exit_code=1)
        yield

    claimed(FIRST)
    monkeypatch.setattr(system, "opened", opened)
    monkeypatch.setattr(run, "GuardProcess", NoGuard)
    story = Story()
    with pytest.raises(OperationFailed, match="crashed") as caught:
        await proof_of(topology, story)
    assert caught.value.exit_code == 2
    assert story.folder is not None
    written = json.loads((story.folder / "proof.json").read_text())
    assert written["interrupted"] == "process.not-ready  web.web.1 crashed"


async def test_a_mistake_of_the_prover_itself_loses_nothing_that_was_seen(
    topology: Topology, proved: FakeSystem, claimed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(FIRST, SECOND)
    tried = run._Run._try

    async def broken(self: Any, claim: Claim, *given: Any) -> Any:
        if claim is SECOND:
            raise ZeroDivisionError
        return await tried(self, claim, *given)

    monkeypatch.setattr(run._Run, "_try", broken)
    story = Story()
    with pytest.raises(ZeroDivisionError):
        await proof_of(topology, story)
    assert story.told[-1] == "end"
    assert story.folder is not None
    written = json.loads((story.folder / "proof.json").read_text())
    assert [claim["name"] for claim in written["claims"]] == ["first"]
    assert (written["verdict"], written["interrupted"]) == ("unknown", "ZeroDivisionError: ")


async def test_a_system_of_which_no_load_can_be_made_is_told_before_anything_is_tried(
    tmp_path: Path, proved: FakeSystem, claimed: Callable[..., None]
) -> None:
    claimed(FIRST)
    proved.status = 500
    with pytest.raises(OperationFailed) as caught:
        await proof_of(declared(tmp_path, PLAIN))
    assert caught.value.id == "prove.journey-derive"


@pytest.mark.parametrize(
    "options",
    [{"only": ("nothing",)}, {"against": "http://192.0.2.1"}, {"replay": Path("missing.json")}],
)
async def test_what_is_asked_wrongly_leaves_no_evidence(topology: Topology, options: dict[str, Any]) -> None:
    with pytest.raises((InvalidInput, OperationFailed)):
        await proof_of(topology, **options)
    assert not (topology.folder / ".mainstay").exists()


async def test_a_wrong_journey_leaves_no_evidence(tmp_path: Path) -> None:
    (tmp_path / "proof.py").write_text("import nothing_of_that_name\n")
    topology = declared(tmp_path, PLAIN + '[prove]\njourneys = "proof.py"\n')
    with pytest.raises(InvalidInput, match="nothing_of_that_name"):
        await proof_of(topology)
    assert not (topology.folder / ".mainstay").exists()


async def test_a_place_for_evidence_that_is_taken_is_told_before_anything_is_started(
    topology: Topology, tmp_path: Path, claimed: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    claimed(FIRST)

    def opened(*given: Any) -> Any:
        raise AssertionError("something was started")

    monkeypatch.setattr(system, "opened", opened)
    place = tmp_path / "full"
    place.mkdir()
    (place / "holiday.jpg").touch()
    with pytest.raises(OperationFailed) as caught:
        await proof_of(topology, evidence=place)
    assert caught.value.id == "prove.evidence-not-empty"
