"""The door as a whole: whatever stands in a file, it is a topology or a list of problems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mainstay.base.errors import InvalidInput
from mainstay.base.schema import Table
from mainstay.ops.topology import Topology, load, plan, understand
from mainstay.ops.topology.declaration import Declaration
from mainstay.ops.topology.load import Source
from tests.unit.ops.topology.data import JUNK, nearly
from tests.unit.ops.topology.projects import write_project

ANY = nearly(Table(Declaration)) | JUNK
QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_project(tmp_path / "shop")


def outcome(folder: Path, content: Any) -> Topology | InvalidInput:
    try:
        return understand(Source(folder / "mainstay.toml", "", "", content))
    except InvalidInput as error:
        return error


@QUICK
@given(content=ANY)
def test_any_content_is_a_topology_or_a_list_of_problems(shop: Path, content: Any) -> None:
    told = outcome(shop, content)

    if isinstance(told, InvalidInput):
        assert told.problems
        assert all(each.id.startswith("topology.") and each.expected and each.found for each in told.problems)
        assert str(told)
    else:
        assert plan(told).as_json()


WEB = st.fixed_dictionaries(
    {},
    optional={
        "replicas": st.integers(1, 40),
        "pool": st.integers(1, 20),
        "needs": st.lists(st.sampled_from(["postgres", "valkey", "memcached", "nats"]), unique=True),
        "processes": st.fixed_dictionaries({"worker": st.integers(0, 9)}),
    },
)
LIMITS = st.fixed_dictionaries(
    {},
    optional={name: st.integers(1, 20) for name in ("edge", "request", "statement", "lock", "drain", "stop")},
)


@QUICK
@given(web=WEB, limits=LIMITS, most=st.integers(10, 500))
def test_a_topology_keeps_its_promises(
    shop: Path, web: dict[str, Any], limits: dict[str, Any], most: int
) -> None:
    """Whoever holds one may rely on the sums and the chains; whoever gets none is told which one failed."""
    engine = {"postgres": {"max_connections": most}}
    told = outcome(shop, {"service": {"web": web}, "timeouts": limits, "engine": engine})

    pool, processes = (
        web.get("pool", 4),
        web.get("replicas", 2) + 1 + web.get("processes", {}).get("worker", 0),
    )
    used = pool * processes if "postgres" in web.get("needs", ["postgres"]) else 0
    at = {"edge": 15, "request": 10, "statement": 5, "lock": 2, "drain": 12, "stop": 15} | limits
    nested = (
        at["edge"] > at["request"] > at["statement"] > at["lock"] and at["stop"] > at["drain"] > at["request"]
    )
    wrong = (
        {each.id.removeprefix("topology.") for each in told.problems}
        if isinstance(told, InvalidInput)
        else set()
    )

    assert ("too-many-connections" in wrong) == (used > most - 20)
    assert ("timeouts-nest" in wrong) == (not nested)
    assert wrong <= {"too-many-connections", "timeouts-nest"}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text() | st.binary())
def test_any_file_is_a_topology_or_a_list_of_problems(shop: Path, text: str | bytes) -> None:
    file = shop / "mainstay.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))

    with pytest.raises(InvalidInput) as caught:
        load(file)
    assert caught.value.exit_code == 2


def test_problems_are_told_in_the_order_of_the_file(shop: Path) -> None:
    file = shop / "mainstay.toml"
    file.write_text(
        '[edge]\nport = "x"\n\n[service.web]\ncalls = ["y"]\n[timeouts]\nedge = 1\nsatement = 3\n'
    )

    with pytest.raises(InvalidInput) as caught:
        load(file)
    lines = [int(each.where.rpartition(":")[2]) for each in caught.value.problems]
    assert lines == [2, 5, 7, 8]


def test_loading_writes_nothing(shop: Path) -> None:
    (shop / "mainstay.toml").write_text("[service.web]\n")
    before = sorted(shop.rglob("*"))
    load(shop)

    assert sorted(shop.rglob("*")) == before
