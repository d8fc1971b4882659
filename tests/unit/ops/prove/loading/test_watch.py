"""No pause of Python's own making while load is on."""

from __future__ import annotations

import gc

from mainstay.ops.prove.loading.watch import quiet_collector


def test_the_collector_is_quiet_only_meanwhile() -> None:
    before = gc.get_threshold()
    with quiet_collector():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[2] >= 1_000_000
        assert gc.isenabled()
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0
