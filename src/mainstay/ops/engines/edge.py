"""
The proxy in front: HAProxy or nginx, behind one face.

Both keep the promises in `policy` and pass one conformance suite. HAProxy is preferred:
it changes without a reload.
"""

from __future__ import annotations

from dataclasses import replace

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import haproxy, nginx
from mainstay.ops.engines.engine import EdgeEngine, Node, Program
from mainstay.ops.engines.haproxy import HaproxyEdge
from mainstay.ops.engines.nginx import NginxEdge
from mainstay.ops.engines.policy import Room
from mainstay.ops.topology.values import Edge, Topology

_ENGINES = {"haproxy": haproxy, "nginx": nginx}


def find(edge: Edge) -> Program:
    """
    The program to run: the one the file asks for, else HAProxy, else nginx.

    Raises:
        OperationFailed: Neither is here; says what was looked at and what to install.
    """
    program = _ENGINES[edge.engine].find(edge.program) if edge.engine != "auto" else _first_choice(edge)
    return replace(program, path=program.path.absolute())


def _first_choice(edge: Edge) -> Program:
    try:
        return haproxy.find(edge.program)
    except OperationFailed as without:
        return _second_choice(edge, without)


def _second_choice(edge: Edge, without: OperationFailed) -> Program:
    try:
        program = nginx.find(edge.program)
    except OperationFailed as neither:
        raise OperationFailed(
            "engine.edge-missing",
            "neither a usable haproxy nor a usable nginx was found",
            hint=neither.hint,
            details=(*without.details, *neither.details),
        ) from neither
    return replace(program, reason=f"{program.reason}; {without.what}")


def create(program: Program, topology: Topology, node: Node) -> EdgeEngine:
    """
    The edge of a system, not started yet and with no replica in rotation.

    Raises:
        ValueError: ``node.monitor`` is missing; the edge tells its state and metrics there.
    """
    if node.monitor is None:
        raise ValueError("an edge needs a monitor address")
    room = Room.here(topology.edge.max_connections)
    kind = HaproxyEdge if program.engine == "haproxy" else NginxEdge
    return kind(node, program, topology, node.monitor, room)
