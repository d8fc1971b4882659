"""A project that kept its own database proves nothing about the system's."""

from __future__ import annotations

from pathlib import Path

from mainstay.ops.prove import apart
from mainstay.ops.prove.claims import claims
from tests.unit.ops.prove.systems import PLAIN, declared

SAID = {
    "event": "service.warning",
    "subject": "web",
    "why": "DATABASES['default'] is sqlite, so this service does not use the system's PostgreSQL and is …",
}


def test_claims_about_the_database_are_not_run_and_the_others_are(tmp_path: Path) -> None:
    topology = declared(tmp_path, PLAIN)
    others = apart.services([SAID, {**SAID, "event": "service.prepared", "subject": "orders"}])
    assert others == {"web"}
    idle = {claim.name for claim in claims(topology, size="full") if apart.why_not(claim, topology, others)}
    assert {"primary-lost", "standby-lost", "table-locked-web", "connections-cut"} <= idle
    assert not idle & {"replica-killed-web", "rollout-web", "everything-killed", "generator"}


def test_who_uses_the_systems_database_is_proved_with_it(tmp_path: Path) -> None:
    topology = declared(tmp_path, PLAIN)
    assert not any(apart.why_not(claim, topology, frozenset()) for claim in claims(topology, size="full"))


def test_what_the_preparations_warned_of_is_told_once() -> None:
    copy = {**SAID, "why": "in this twin DATABASES['default'] is a copy of db.sqlite3"}
    told = apart.warnings([SAID, copy, {**SAID, "event": "service.prepared"}, copy])
    assert told == (f"web: {SAID['why']}", f"web: {copy['why']}")


def test_the_words_are_those_of_the_preparation() -> None:
    command = Path(apart.__file__).parents[2] / "db" / "management" / "commands" / "mainstay_prepare.py"
    assert apart.WORDS in command.read_text()
