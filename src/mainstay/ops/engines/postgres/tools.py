"""Runs of the programs beside the server: initdb, pg_basebackup, pg_rewind, pg_controldata."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines import folder
from mainstay.ops.engines.engine import Address, Node, Program
from mainstay.ops.engines.oneshot import Completed, run_once
from mainstay.ops.engines.postgres import cluster
from mainstay.ops.engines.postgres.config import SUPERUSER, conninfo, slot_of
from mainstay.ops.engines.postgres.find import major

COPY_LIMIT = 6 * 3600.0
"""Seconds that a copy of a whole cluster may take; as long as a large one needs, but not for ever."""


@dataclass(frozen=True, slots=True)
class Tools:
    """The programs of one installation, run for one node and without root's privileges."""

    node: Node
    program: Program

    async def create(self, password: str) -> None:
        """
        Make a new cluster with checksums, UTF-8 and one superuser; whole or not at all.

        Raises:
            OperationFailed: initdb failed, in its own words.
        """
        fresh, secret = self._fresh(), self.node.config / "initial-password"
        folder.replace(secret, f"{password}\n")
        try:
            done = await self._run(
                "initdb",
                *("-D", str(fresh), "-U", SUPERUSER, "--pwfile", str(secret), "--data-checksums"),
                *("--auth=scram-sha-256", "--encoding=UTF8", *locale(major(self.program))),
                limit=300.0,
            )
        finally:
            secret.unlink()
        self._accept(done, "initdb", "postgres.initdb-failed", fresh)

    async def copy(self, source: Address) -> None:
        """
        Replace the node's data by a copy of a running primary's.

        The copy's own connection has a name of its own: under the node's name it would
        pass for the synchronous standby while its data is not yet one.

        Raises:
            OperationFailed: pg_basebackup failed, in its own words; the old data is as it was.
        """
        fresh = self._fresh()
        where = conninfo(source, self.node, application=f"{self.node.name} copy")
        done = await self._run(
            "pg_basebackup",
            *("-D", str(fresh), "-d", where, "-w", "-X", "stream", "-S", slot_of(self.node.name)),
            *("--checkpoint=fast",),
            limit=COPY_LIMIT,
        )
        if done.ok:
            cluster.become_standby(fresh)
        self._accept(done, "pg_basebackup", "postgres.copy-failed", fresh)

    async def rewind(self, source: Address) -> Completed:
        """Take back what this node wrote after the point where ``source`` left its history."""
        where = conninfo(
            source, self.node, application=f"{self.node.name} rewind", user=SUPERUSER, database="postgres"
        )
        return await self._run(
            "pg_rewind",
            *("-D", str(self.node.data), "--source-server", where),
            *("--config-file", str(self.node.config / "postgresql.conf")),
            limit=COPY_LIMIT,
        )

    async def identity(self) -> cluster.Identity:
        """
        Raises:
            OperationFailed: The data folder has no readable control file.
        """
        done = await self._run("pg_controldata", "-D", str(self.node.data), limit=10.0)
        if found := cluster.identity(done.output):
            return found
        raise self._failed("postgres.unreadable", "pg_controldata", done)

    async def _run(self, name: str, *arguments: str, limit: float) -> Completed:
        path = self.program.path.with_name(name)
        return await run_once([str(path), *arguments], unprivileged=True, cwd=self.node.folder, timeout=limit)

    def _fresh(self) -> Path:
        fresh = self.node.data.with_name("data.new")
        shutil.rmtree(fresh, ignore_errors=True)
        return fresh

    def _accept(self, done: Completed, name: str, problem: str, fresh: Path) -> None:
        if done.ok:
            cluster.put_in_place(fresh, self.node.data)
            return
        shutil.rmtree(fresh, ignore_errors=True)
        raise self._failed(problem, name, done)

    def _failed(self, problem: str, name: str, done: Completed) -> OperationFailed:
        words = tuple(done.output.strip().splitlines()[-6:])
        return OperationFailed(problem, f"{self.node.name}: {name} failed", details=words)


def locale(major: int) -> tuple[str, ...]:
    """
    One collation on every machine: by code point, with Unicode's rules for upper and lower case.

    From 17 on it is built in; before, the C library's locale of the same name has to do.
    https://www.postgresql.org/docs/current/locale.html#LOCALE-PROVIDERS
    """
    if major >= 17:
        return ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8")
    return ("--locale=C.UTF-8",)
