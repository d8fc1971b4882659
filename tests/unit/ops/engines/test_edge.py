from __future__ import annotations

from dataclasses import replace

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import edge, haproxy, nginx
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.haproxy import HaproxyEdge
from mainstay.ops.engines.nginx import NginxEdge

from .golden import program
from .system import EDGE, NODE, SYSTEM


def here(engine: str) -> object:
    return lambda explicit: program(engine)


def missing(engine: str) -> object:
    def find(explicit: str) -> Program:
        raise OperationFailed(f"engine.{engine}-missing", f"no usable {engine} was found", hint="install it")

    return find


def test_haproxy_is_preferred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "find", here("haproxy"))
    monkeypatch.setattr(nginx, "find", here("nginx"))
    assert edge.find(EDGE).engine == "haproxy"


def test_nginx_is_taken_where_haproxy_is_missing_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "find", missing("haproxy"))
    monkeypatch.setattr(nginx, "find", here("nginx"))
    found = edge.find(EDGE)
    assert found.engine == "nginx"
    assert "no usable haproxy" in found.reason


def test_a_named_engine_is_not_replaced_by_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "find", missing("haproxy"))
    monkeypatch.setattr(nginx, "find", here("nginx"))
    assert edge.find(replace(EDGE, engine="nginx")).engine == "nginx"
    with pytest.raises(OperationFailed, match="haproxy"):
        edge.find(replace(EDGE, engine="haproxy"))


def test_with_neither_the_error_names_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(haproxy, "find", missing("haproxy"))
    monkeypatch.setattr(nginx, "find", missing("nginx"))
    with pytest.raises(OperationFailed) as nothing:
        edge.find(EDGE)
    assert nothing.value.id == "engine.edge-missing"
    assert nothing.value.hint == "install it"


@pytest.mark.parametrize(("engine", "kind"), [("haproxy", HaproxyEdge), ("nginx", NginxEdge)])
def test_create_makes_the_edge_of_the_program(engine: str, kind: type) -> None:
    assert isinstance(edge.create(program(engine), SYSTEM, NODE), kind)


def test_an_edge_needs_a_place_to_be_watched_at() -> None:
    with pytest.raises(ValueError, match="monitor"):
        edge.create(program("nginx"), SYSTEM, replace(NODE, monitor=None))
