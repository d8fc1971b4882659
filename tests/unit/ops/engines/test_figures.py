from __future__ import annotations

import asyncio

import pytest

from mainstay.ops.engines.figures import Sample, collect, exposition


def test_families_are_kept_together_and_typed_by_their_names() -> None:
    text = exposition(
        [
            Sample("mainstay_cache_hits_total", 3, {"node": "valkey.1"}),
            Sample("mainstay_broker_messages", 2.5),
            Sample("mainstay_cache_hits_total", 4, {"node": "memcached.1"}),
        ]
    )
    assert text.splitlines() == [
        "# HELP mainstay_broker_messages Messages kept in streams.",
        "# TYPE mainstay_broker_messages gauge",
        "mainstay_broker_messages 2.5",
        "# HELP mainstay_cache_hits_total Reads that found their key.",
        "# TYPE mainstay_cache_hits_total counter",
        'mainstay_cache_hits_total{node="valkey.1"} 3',
        'mainstay_cache_hits_total{node="memcached.1"} 4',
    ]


def test_large_counts_keep_every_digit() -> None:
    assert exposition([Sample("mainstay_broker_bytes", 2**53 - 1)]).endswith(" 9007199254740991\n")


def test_label_values_are_escaped() -> None:
    text = exposition([Sample("mainstay_broker_bytes", 1, {"node": 'a"b\\c\nd'})])
    assert text.endswith('{node="a\\"b\\\\c\\nd"} 1\n')


def test_a_name_that_nobody_explained_is_refused() -> None:
    with pytest.raises(KeyError):
        exposition([Sample("mainstay_unheard_of", 1)])


def test_engines_without_figures_are_left_out() -> None:
    class Measured:
        async def figures(self) -> tuple[Sample, ...]:
            return (Sample("mainstay_broker_bytes", 1),)

    found = asyncio.run(collect([object(), Measured(), Measured()]))
    assert [sample.value for sample in found] == [1, 1]
