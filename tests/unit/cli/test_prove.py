"""What ``mainstay prove`` understands, what it lists, and how it ends; no system is started here."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.cli import proof as verb
from mainstay.ops.prove.claim import Claim, Load, Result
from mainstay.ops.prove.evidence.folder import Folder
from mainstay.ops.prove.history import History
from mainstay.ops.prove.plan import Options
from mainstay.ops.prove.progress import Silent
from mainstay.ops.prove.proof import Proof
from mainstay.ops.prove.verdict import Judgement, Verdict
from mainstay.ops.topology.values import Topology

from .conftest import Ended

JOURNEYS = """
from mainstay.ops.prove import Client, Journey

class Browse(Journey):
    async def step(self, client: Client, number: int) -> None:
        await client.get("/")
"""

Mainstay = Callable[..., Ended]


@pytest.fixture(autouse=True)
def nothing_is_proved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever wants a proof says what becomes of it."""

    async def prove(*given: Any, **more: Any) -> Any:
        raise AssertionError("a proof was begun")

    monkeypatch.setattr(verb, "prove", prove)


@pytest.fixture
def becomes(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Options]]:
    """What becomes of a proof: its claims' verdicts, or an error; returns the options that it gets."""
    seen: list[Options] = []

    def become(*verdicts: Verdict, error: Exception | None = None, interrupted: str = "") -> list[Options]:
        async def prove(
            topology: Topology, options: Options, progress: Any, *, argv: Any
        ) -> tuple[Proof, Folder]:
            seen.append(options)
            if error is not None:
                raise error
            proof = proof_of(topology, options, verdicts, argv)
            proof.interrupted = interrupted
            folder = Folder.create(topology.folder, options.size, proof.began)
            folder.write(proof)
            told = progress(folder)
            assert isinstance(told, Silent) is ("--json" in argv)
            told.begin(len(verdicts), 1.0)
            told.end(proof, folder.path)
            return proof, folder

        monkeypatch.setattr(verb, "prove", prove)
        return seen

    return become


def proof_of(topology: Topology, options: Options, verdicts: Any, argv: Any) -> Proof:
    results = [
        Result(
            Claim(f"claim-{number}", "", (), Load(1.0), ("errors = 0",)),
            History(),
            judgements=[Judgement("errors = 0", verdict, "0 of 5")],
        )
        for number, verdict in enumerate(verdicts)
    ]
    began = datetime(2026, 1, 1, tzinfo=UTC)
    return Proof(topology.name, "", options.size, options.seed, began, 1.0, {}, "", argv, results)


# --- the list ---------------------------------------------------------------------------------------


def test_the_list_names_claims_with_their_rules_and_faults_with_their_settings(mainstay: Mainstay) -> None:
    shown = mainstay("prove", "--list", "--quick", width=160)
    assert (shown.code, shown.err) == (0, "")
    assert "replica-killed-web  kill web.web" in shown.out
    assert "errors.get = 0" in shown.out
    assert "7 claims, about" in shown.out
    assert "link.latency" in shown.out
    assert "milliseconds = 200.0 ms" in shown.out
    assert not Path(".mainstay").exists()


def test_the_list_says_how_much_load_there_is(mainstay: Mainstay) -> None:
    """A claim about three times the load was said to be load alone."""
    file = Path("mainstay.toml")
    claim = '[[prove.claim]]\nname = "thrice"\nrate = 30\nshape = "step"\npeak = 3\nholds = ["errors = 0"]\n'
    file.write_text(f"{file.read_text()}\n{claim}")
    shown = mainstay("prove", "--list", "--only", "thrice", width=160)
    assert "thrice  load of 30 /s, a step to 90 /s" in shown.out
    assert "\n1 claim, about" in shown.out
    shown = mainstay("prove", "--list", "--only", "calm", "--only", "overload", width=160)
    assert "load of 20 /s  " in shown.out
    assert "load of 20 /s, a spike to 100 /s, then higher until it is too much" in shown.out
    told = mainstay("prove", "--list", "--json", "--only", "thrice").json["claims"]
    assert told[0]["load"] == {"rate": 30, "shape": "step", "peak": 3}


def test_what_is_only_loaded_needs_no_list_of_faults(mainstay: Mainstay) -> None:
    words = ("prove", "--list", "--against", "http://127.0.0.1:1")
    assert "link.latency" not in mainstay(*words).out
    assert mainstay(*words, "--json").json["faults"] == []


def test_with_an_address_a_claim_with_faults_is_not_unknown_but_not_possible(mainstay: Mainstay) -> None:
    shown = mainstay("prove", "--list", "--against", "http://127.0.0.1:1", "--only", "calm")
    assert shown.code == 2
    assert "without faults, as --against breaks nothing" in shown.err
    assert "here that can be under-load" in shown.err
    assert "--full --list" not in shown.err


def test_that_nothing_runs_is_said_before_any_mistake_of_journeys(mainstay: Mainstay, project: Path) -> None:
    with (project / "mainstay.toml").open("a") as file:
        file.write('[prove]\njourneys = "none.py"\n')
    shown = mainstay("prove", "--running")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err.startswith("system.not-running")
    assert "prove.journey-file-missing" in mainstay("prove", "--running", "--list").err


def test_what_looks_like_markup_is_shown_as_it_is(mainstay: Mainstay) -> None:
    """It was an error of the terminal's library, and a traceback."""
    file = Path("mainstay.toml")
    fault = '{ fault = "lock", target = "web", settings = { table = "[/red]" } }'
    claim = f'\n[[prove.claim]]\nname = "locked"\nfaults = [{fault}]\nholds = ["errors.get = 0"]\n'
    file.write_text(file.read_text() + claim)
    shown = mainstay("prove", "--list", "--only", "locked", width=160)
    assert (shown.code, shown.err) == (0, "")
    assert "lock web (table=[/red])" in shown.out


def test_the_list_is_for_programs_too(mainstay: Mainstay) -> None:
    told = mainstay("prove", "--list", "--json").json
    claims = {claim["name"]: claim for claim in told["claims"]}
    assert claims["primary-lost"]["faults"] == ["primary.lost primary (cut=0.5)"]
    assert claims["primary-lost"]["sizes"] == ["quick", "normal", "full"]
    assert "overload" not in claims
    faults = {fault["name"]: fault for fault in told["faults"]}
    assert faults["pause"]["targets"] == ["process"]
    assert {"name", "default", "expected", "says"} == set(faults["link.slice"]["settings"][0])


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("--only", "overload"), ["overload"]),
        (("--against", "http://127.0.0.1:1"), ["under-load"]),
        (("--only", "calm", "--repeat", "2"), ["calm.1", "calm.2"]),
    ],
)
def test_the_list_is_of_what_would_be_tried(
    mainstay: Mainstay, words: tuple[str, ...], names: list[str]
) -> None:
    told = mainstay("prove", "--list", "--json", *words).json
    assert [claim["name"] for claim in told["claims"]] == names


@pytest.mark.parametrize(
    ("journeys", "told"),
    [
        ("raise KeyError('id')", "prove.journey-broken"),
        ("", "prove.journey-none"),
        (None, "prove.journey-file-missing"),
        (JOURNEYS, "prove.journey-unknown"),
        (JOURNEYS.replace("Browse", "Write"), "prove.journey-name"),
    ],
)
def test_the_list_reads_journeys_as_a_proof_does(
    mainstay: Mainstay, project: Path, journeys: str | None, told: str
) -> None:
    if journeys is not None:
        (project / "proof.py").write_text(journeys)
    with (project / "mainstay.toml").open("a") as file:
        file.write('[prove]\njourneys = "proof.py"\n[[prove.claim]]\nname = "x"\n')
        file.write('journeys = ["bye"]\nholds = ["errors = 0"]\n')
    shown = mainstay("prove", "--list")
    assert (shown.code, shown.out) == (2, "")
    assert told in shown.err
    assert not Path(".mainstay").exists()


def test_what_the_file_of_journeys_prints_is_not_in_the_list_for_programs(
    mainstay: Mainstay, project: Path
) -> None:
    (project / "proof.py").write_text("print('hello')\n" + JOURNEYS)
    with (project / "mainstay.toml").open("a") as file:
        file.write('[prove]\njourneys = "proof.py"\n')
    shown = mainstay("prove", "--list", "--json")
    assert shown.json["claims"]
    assert shown.err == "hello\n"


def test_all_mistakes_of_a_file_are_told_at_once(mainstay: Mainstay, project: Path) -> None:
    with (project / "mainstay.toml").open("a") as file:
        file.write('[[prove.claim]]\nname = "x"\nevery = "1s"\nholds = ["p99 = 0", "figure.restart = 0"]\n')
    for words in ((), ("--list",)):
        shown = mainstay("prove", *words)
        assert shown.code == 2
        for told in ("topology.prove-every", "prove.rule-hopeless", "prove.rule-figure", "'restarts'"):
            assert shown.err.count(told) == 1


# --- asked wrongly ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        (("--quick", "--full"), "prove.usage", "--quick and --full exclude each other"),
        (("--against", "http://127.0.0.1:1", "--running"), "prove.usage", "exclude each other"),
        (("--against", "http://127.0.0.1:1", "--edge", "nginx"), "prove.usage", "exclude each other"),
        (("--running", "--edge", "nginx"), "prove.usage", "exclude each other"),
        (("--running", "--keep"), "prove.usage", "exclude each other"),
        (("--list", "--keep"), "prove.usage", "--list and --keep exclude each other"),
        (("--list", "--evidence", "there"), "prove.usage", "--list and --evidence exclude each other"),
        (("--replay", "a.json", "--only", "calm"), "prove.usage", "exclude each other"),
        (("--replay", "a.json", "--seed", "0"), "prove.usage", "a saved schedule has its seed"),
        (("--allow-remote",), "prove.usage", "--allow-remote means nothing without --against"),
        (("--allow-remote", "--running"), "prove.usage", "--allow-remote means nothing without --against"),
        (("--writes",), "prove.usage", "--writes means nothing without --against or --running"),
        (("--writes", "--list"), "prove.usage", "in a twin every journey writes as it likes"),
        (("--edge", "apache"), "prove.usage", "haproxy or nginx"),
        (("--only", "primary-lst", "--list"), "prove.unknown-claim", "did you mean 'primary-lost'?"),
        (("--replay", "missing.json", "--list"), "prove.replay-unreadable", "missing.json"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_what_is_asked_wrongly_is_one_error_with_its_id(
    mainstay: Mainstay, words: tuple[str, ...], kind: str, told: str, as_json: bool
) -> None:
    shown = mainstay("prove", *words, *(["--json"] if as_json else []))
    assert shown.code == 2
    text = shown.out if as_json else shown.err
    assert text.count(kind) == 1
    assert told in text
    assert "Traceback" not in shown.out + shown.err
    assert not as_json or shown.json["exit_code"] == 2


@pytest.mark.parametrize(
    "words",
    [
        ("--rate", "0"),
        ("--rate", "fast"),
        ("--seconds", "-1"),
        ("--repeat", "0"),
        ("--seed", "-1"),
        ("--sped", "1"),
        ("calm",),
    ],
)
def test_values_that_make_no_sense_are_exit_code_2(mainstay: Mainstay, words: tuple[str, ...]) -> None:
    assert mainstay("prove", *words).code == 2


def test_without_a_project_it_says_so(mainstay: Mainstay, project: Path) -> None:
    (project / "mainstay.toml").unlink()
    shown = mainstay("prove", "--list")
    assert shown.code == 2
    assert "mainstay.toml" in shown.err


def test_wrong_keys_are_told_with_their_line(mainstay: Mainstay, project: Path) -> None:
    with (project / "mainstay.toml").open("a") as file:
        file.write('[prove]\nrat = 3\nrate = "fast"\n[[prove.claim]]\nname = "Hello"\n')
    shown = mainstay("prove")
    assert shown.code == 2
    for told in (":6: prove.rat", "did you mean 'rate'?", ":7: prove.rate", "prove.claim[0].name", "holds"):
        assert told in shown.err


def test_help_groups_its_options(mainstay: Mainstay) -> None:
    shown = mainstay("prove", "--help")
    assert shown.code == 0
    for told in ("What to try", "On what", "Load", "Evidence", "--quick", "--replay", "Exit code 0"):
        assert told in shown.out


# --- how it ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([Verdict.PASS, Verdict.NOT_RUN], 0),
        ([Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN], 1),
        ([Verdict.PASS, Verdict.UNKNOWN], 2),
        ([Verdict.NOT_RUN], 2),
        ([], 2),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_the_exit_code_is_the_verdict(
    mainstay: Mainstay, becomes: Any, verdicts: list[Verdict], code: int, as_json: bool
) -> None:
    becomes(*verdicts)
    shown = mainstay("prove", *(["--json"] if as_json else []))
    assert (shown.code, shown.err) == (code, "")
    if as_json:
        assert [claim["verdict"] for claim in shown.json["claims"]] == verdicts
        assert (Path(shown.json["folder"]) / "proof.json").exists()
    else:
        assert "report.html" in shown.out


def test_an_interruption_is_exit_code_2_and_said(mainstay: Mainstay, becomes: Any) -> None:
    becomes(Verdict.PASS, interrupted="received SIGINT")
    shown = mainstay("prove")
    assert shown.code == 2
    assert "was not finished: received SIGINT" in shown.out


def test_an_error_is_told_once_with_its_hint(mainstay: Mainstay, becomes: Any) -> None:
    becomes(error=OperationFailed("prove.evidence-full", "no room", "free some", details=("a detail",)))
    shown = mainstay("prove")
    assert (shown.code, shown.out) == (2, "")
    assert shown.err == "prove.evidence-full  no room\n    a detail\n    hint      free some\n"
    shown = mainstay("prove", "--json")
    assert shown.json["error"]["id"] == "prove.evidence-full"


def test_the_options_are_what_was_written(mainstay: Mainstay, becomes: Any) -> None:
    (seen,) = [becomes(Verdict.PASS)]
    words = ("--full", "--only", "a*", "--only", "b", "--seed", "5", "--rate", "2.5", "--seconds", "3")
    mainstay("prove", *words, "--repeat", "4", "--no-shrink", "--keep", "--evidence", "there")
    assert seen == [
        Options(
            size="full",
            only=("a*", "b"),
            seed=5,
            rate=2.5,
            seconds=3.0,
            repeat=4,
            shrink=False,
            keep=True,
            evidence=Path("there"),
        )
    ]


def test_without_a_seed_there_is_a_new_one_each_time(mainstay: Mainstay, becomes: Any) -> None:
    seen = becomes(Verdict.PASS)
    mainstay("prove")
    mainstay("prove")
    assert seen[0].seed != seen[1].seed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_a_signal_ends_a_proof_in_order_and_says_which(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    seen: list[str] = []

    async def work() -> Any:
        try:
            signal.raise_signal(number)
            await asyncio.sleep(60.0)
        except asyncio.CancelledError as cut:
            seen.append(str(cut))
        return "a proof"

    assert await verb._interruptible(work()) == "a proof"
    assert seen == [f"received {number.name}"]
    assert signal.getsignal(number) is before


async def test_the_second_signal_waits_no_longer_and_others_change_nothing() -> None:
    seen: list[str] = []

    async def work() -> Any:
        for _ in range(3):
            try:
                signal.raise_signal(signal.SIGINT)
                await asyncio.sleep(0.1)
            except asyncio.CancelledError as cut:
                seen.append(str(cut))
        return "a proof"

    assert await verb._interruptible(work()) == "a proof"
    assert seen == ["received SIGINT"] * 2


def test_a_journey_that_blocks_the_loop_is_interrupted_by_the_second_signal() -> None:
    ended: list[str] = []

    async def journey() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)
        ended.append("never")

    async def work() -> Any:
        task = asyncio.create_task(journey())
        try:
            await asyncio.sleep(60.0)
        finally:
            await asyncio.gather(task, return_exceptions=True)
            ended.append("in order")

    with pytest.raises(KeyboardInterrupt):
        verb._run(verb._interruptible(work()))
    assert ended == ["in order"]


def test_a_step_that_swallows_its_cancellation_does_not_keep_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(verb, "LAST_WAIT", 0.1)
    over = False

    async def step() -> None:
        while not over:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60.0)

    async def work() -> str:
        tasks.append(asyncio.create_task(step()))
        await asyncio.sleep(0.05)
        return "a proof"

    tasks: list[asyncio.Task[None]] = []
    began = time.monotonic()
    assert verb._run(work()) == "a proof"
    assert time.monotonic() - began < 20.0
    over = True


def test_no_other_verb_pays_for_the_loop() -> None:
    """A tenth of a second on each `mainstay status` would be felt."""
    code = "import sys, mainstay.cli.app; print([name for name in sys.modules if 'ops.prove' in name])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
