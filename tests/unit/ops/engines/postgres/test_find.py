from __future__ import annotations

from pathlib import Path

import pytest

from mainstay.ops.engines.find import Candidate
from mainstay.ops.engines.postgres.find import COMPANIONS, examine, major

from ..golden import program


@pytest.fixture
def server(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("postgres", *COMPANIONS):
        (folder / name).write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.18 (Debian 15.18-0)'\n")
        (folder / name).chmod(0o755)
    return folder / "postgres"


def test_a_whole_installation_is_taken(server: Path) -> None:
    found = examine(Candidate(server, "system")).program
    assert found is not None
    assert (found.version, found.features, major(found)) == ("15.18", frozenset(), 15)


def test_the_statements_library_is_a_feature(server: Path) -> None:
    library = server.parent.parent / "lib" / "pg_stat_statements.so"
    library.parent.mkdir()
    library.touch()
    found = examine(Candidate(server, "system")).program
    assert found is not None
    assert found.features == {"pg_stat_statements"}


def test_one_that_cannot_rewind_is_refused(server: Path) -> None:
    (server.parent / "pg_rewind").unlink()
    assert examine(Candidate(server, "system")).refusal == "lacks pg_rewind beside it"


def test_an_old_one_is_refused(server: Path) -> None:
    server.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 14.9'\n")
    assert examine(Candidate(server, "system")).refusal == "is 14, but at least 15 is needed"


def test_a_link_leads_to_the_programs_beside_the_real_one(server: Path, tmp_path: Path) -> None:
    link = tmp_path / "postgres"
    link.symlink_to(server)
    found = examine(Candidate(link, "explicit")).program
    assert found is not None
    assert found.path == server


def test_major() -> None:
    assert major(program("postgres", "18.6")) == 18
