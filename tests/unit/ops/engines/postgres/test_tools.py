from __future__ import annotations

from mainstay.ops.engines.postgres.tools import locale


def test_the_collation_is_built_in_where_it_can_be() -> None:
    assert "--builtin-locale=C.UTF-8" in locale(17)
    assert locale(16) == ("--locale=C.UTF-8",)
