"""What each mutant changes: a module by name, and a function that is given it once it was imported."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

Change = Callable[[Any], None]


def changes(name: str) -> dict[str, Change]:
    """The changes of one mutant by module; none where no mutant is switched on."""
    return MUTATIONS.get(name, {})


# --- services ------------------------------------------------------------------------------------


def _wait_for_nothing(module: Any) -> None:
    limits = module._session_limits
    module._session_limits = lambda one_off: f"{limits(one_off)} -c synchronous_commit=off"


def _no_limits(module: Any) -> None:
    module._session_limits = lambda one_off: "-c lock_timeout=0"


def _unchecked_connections(module: Any) -> None:
    postgres = module._postgres
    module._postgres = lambda *given: {**postgres(*given), "CONN_HEALTH_CHECKS": False}


def _forget_keys(module: Any) -> None:
    module._find = lambda account, key, fingerprint: None


def _take_any_seat(module: Any) -> None:
    """Who asks gets the seat, whoever else has it."""

    def hold_seats(event: int, seat_ids: list[int], account: Any, key: str = "") -> Any:
        moment = module.timezone.now() + module.HOLD_TIME
        wanted = ",".join(map(str, seat_ids))
        return module.Hold.objects.create(event=event, account=account, key=wanted, expires_at=moment)

    module.hold_seats = hold_seats


def _sell_any_seat(module: Any) -> None:
    def held_seats(hold_id: Any) -> Any:
        hold = module.Hold.objects.filter(pk=hold_id).first()
        wanted = hold.key.split(",") if hold and hold.key else []
        return module.Seat.objects.filter(pk__in=wanted).order_by("pk")

    class NoTickets:
        class objects:
            @staticmethod
            def bulk_create(tickets: object) -> None:
                """No row, and so no constraint that a second one would break."""

        def __init__(self, **values: object) -> None:
            pass

    module.held_seats, module.Ticket = held_seats, NoTickets
    module.keep_until = lambda seats, hold, moment: None


def _no_deadline(module: Any) -> None:
    """A request's deadline bounds its statements as well."""
    read = module.read
    module.read = lambda: replace(read(), deadline=3600.0)


def _readiness_asks_the_database(module: Any) -> None:
    import psycopg

    ready = module.readiness

    def readiness(*given: Any) -> Any:
        try:
            psycopg.connect(os.environ["DATABASE_URL"], connect_timeout=2).close()
        except psycopg.Error:
            return module.Answer(False, "no database")
        return ready(*given)

    module.readiness = readiness


def _readiness_asks_the_cache(module: Any) -> None:
    import redis

    ready = module.readiness

    def readiness(*given: Any, **named: Any) -> Any:
        if url := os.environ.get("CACHE_URL"):
            try:
                redis.Redis.from_url(url, socket_timeout=0.3, socket_connect_timeout=0.3).ping()
            except redis.RedisError:
                return module.Answer(False, "no cache")
        return ready(*given, **named)

    module.readiness = readiness


def _keep_places(module: Any) -> None:
    module.Admission.leave = lambda self, *given, **named: None


def _need_the_cache(module: Any) -> None:
    def briefly(key: str, seconds: int, make: Callable[[], Any]) -> Any:
        value = module.cache.get(key)
        if value is None:
            value = make()
            module.cache.set(key, value, seconds)
        return value

    module.briefly = briefly


# --- supervisor ------------------------------------------------------------------------------------


def _kill_instead_of_draining(module: Any) -> None:
    async def retire(self: Any, process: Any, why: str) -> None:
        process.mark_draining(why)
        if process.child is not None:
            process.child.kill_group()
        await process.stop(why)
        rotation = self._rotation()
        if rotation is not None and isinstance(process.unit, module.WebReplica):
            await rotation.take_out(process.unit)

    module.Fleet._retire = retire


def _wait_for_no_standby(module: Any) -> None:
    async def set_synchronous(self: Any, names: tuple[str, ...], *, within: float = 5.0) -> None:
        pass

    module.PostgresNode.set_synchronous = set_synchronous


def _tell_the_edge_nothing(module: Any) -> None:
    async def report(self: Any, replica: object, answering: object) -> None:
        pass

    module.Rotation.report = report


def _never_restart(module: Any) -> None:
    once = module.Supervised._once

    async def one_life(self: Any) -> Any:
        if self.restarts and self.unit.kind == "web":
            import asyncio

            await asyncio.sleep(3600)
        return await once(self)

    module.Supervised._once = one_life


def _edited(edit: Callable[[str], str]) -> Change:
    """The edge's configuration with a line that is different."""

    def change(module: Any) -> None:
        text = module.text
        module.text = lambda *given: edit(text(*given))

    return change


def _without(words: str) -> Callable[[str], str]:
    return lambda text: "\n".join(line for line in text.split("\n") if words not in line)


def _no_retries(text: str) -> str:
    assert "    retry-on " in text
    lines = (line for line in text.split("\n") if "retry-on " not in line and "option redispatch" not in line)
    return "\n".join("    retries 0" if line.strip().startswith("retries ") else line for line in lines)


# --- prover ----------------------------------------------------------------------------------------


def _count_from_the_sending(module: Any) -> None:
    module.Generator._counts_from = lambda self, arrival: module.time.monotonic()
    room = module.Generator._has_room
    module.Generator._has_room = lambda self, lane: lane.running < 1 and room(self, lane)


def _hit_nobody(module: Any) -> None:
    async def inject(self: Any) -> None:
        await self._events.begin()
        self.victims = await module.targets.find(self.strike, self.target)

    module.Kill.inject = inject


MUTATIONS: dict[str, dict[str, Change]] = {
    "acknowledged-before-commit": {"mainstay.db.settings": _wait_for_nothing},
    "no-statement-limit": {"mainstay.db.settings": _no_limits, "mainstay.http.options": _no_deadline},
    "no-connection-check": {"mainstay.db.settings": _unchecked_connections},
    "no-idempotency": {"orders.actions.purchase": _forget_keys},
    "double-sale": {"orders.actions.holds": _take_any_seat, "orders.actions.purchase": _sell_any_seat},
    "readiness-asks-the-database": {"mainstay.health.readiness": _readiness_asks_the_database},
    "readiness-asks-the-cache": {"mainstay.health.readiness": _readiness_asks_the_cache},
    "places-are-kept": {"mainstay.http.admission.admission": _keep_places},
    "cache-is-needed": {"catalog.brief": _need_the_cache},
    "asynchronous-standby": {"mainstay.ops.engines.postgres.node": _wait_for_no_standby},
    "no-drain": {"mainstay.ops.supervise.fleet": _kill_instead_of_draining},
    "no-health-check": {"mainstay.ops.supervise.rotation": _tell_the_edge_nothing},
    "no-restart": {"mainstay.ops.supervise.supervised": _never_restart},
    "no-retry": {"mainstay.ops.engines.haproxy.config": _edited(_no_retries)},
    "retry-of-plain-post": {"mainstay.ops.engines.haproxy.config": _edited(_without("disable-l7-retry"))},
    "hidden-lateness": {"mainstay.ops.prove.loading.load": _count_from_the_sending},
    "fault-does-not-bite": {"mainstay.ops.prove.faults.process": _hit_nobody},
}

__all__ = ["Change", "ModuleType", "changes"]
