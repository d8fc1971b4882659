"""Checkers against what brute force says of small histories, and one case for each thing they must see."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from mainstay.ops.prove.history import Fact, FactKind
from mainstay.ops.prove.judging.checkers import (
    Reading,
    duplicates,
    lost,
    membership,
    oversold,
    phantom,
    stale,
    unbalanced,
    violations,
)

WHOLE = Reading()
UNREAD = Reading("there was no final reading")

ITEMS = st.sampled_from("abcd")


def facts(kinds: list[FactKind], **more: st.SearchStrategy[object]) -> st.SearchStrategy[list[Fact]]:
    """Facts of one set, a moment after the other."""
    one = st.builds(Fact, st.just(0.0), st.sampled_from(kinds), st.just("s"), ITEMS, **more)
    return st.lists(one, max_size=14).map(_in_order)


def _in_order(drawn: list[Fact]) -> list[Fact]:
    for index, fact in enumerate(drawn):
        fact.moment, fact.operation = float(index), index + 1
    return drawn


def fact(kind: FactKind, item: str = "a", moment: float = 0.0, **more: object) -> Fact:
    return Fact(moment, kind, "s", item, **more)  # type: ignore[arg-type]


# --- set-full and total-queue ------------------------------------------------------------


@given(facts(["attempted", "acknowledged", "observed"]))
def test_a_set_is_what_set_algebra_says(drawn: list[Fact]) -> None:
    def of(kind: str) -> set[str]:
        return {fact.item for fact in drawn if fact.kind == kind}

    attempted, acknowledged, observed = of("attempted"), of("acknowledged"), of("observed")
    times = Counter(fact.item for fact in drawn if fact.kind == "observed")
    found = membership(drawn, WHOLE)

    assert {each.item for each in found.lost} == acknowledged - observed
    assert {each.item for each in found.phantom} == observed - attempted - acknowledged
    assert found.recovered == len((attempted - acknowledged) & observed)
    assert found.never == len(attempted - acknowledged - observed)
    assert {each.item: n for each, n in found.repeated} == {item: n for item, n in times.items() if n > 1}
    assert lost(drawn, WHOLE).value == (len(acknowledged - observed) if acknowledged else 0)
    assert duplicates(drawn, WHOLE).value == sum(n - 1 for n in times.values())


@given(facts(["attempted", "acknowledged", "effect"]))
def test_a_queue_is_judged_by_effects_like_a_set_by_what_was_seen(drawn: list[Fact]) -> None:
    renamed = [Fact(f.moment, "observed" if f.kind == "effect" else f.kind, f.set, f.item) for f in drawn]
    for checker in (lost, phantom, duplicates):
        assert checker(drawn, WHOLE).value == checker(renamed, WHOLE).value


def test_what_is_read_and_acted_upon_must_be_there_in_both_ways() -> None:
    drawn = [fact("acknowledged", "a"), fact("acknowledged", "b"), fact("acknowledged", "c")]
    drawn += [fact("observed", "a"), fact("observed", "b"), fact("effect", "a"), fact("effect", "c")]
    assert lost(drawn, WHOLE).value == 2


def test_a_lost_item_is_named_with_the_operation_that_promised_it() -> None:
    found = lost([fact("acknowledged", "17", 3.5, operation=8), fact("observed", "18")], WHOLE)
    assert found.offending == (8,)
    assert found.details == ("s 17: acknowledged by operation 8 at 3.5, not there at the end",)


def test_nothing_acknowledged_is_nothing_to_lose() -> None:
    assert lost([fact("attempted"), fact("observed")], WHOLE).of == 0


def test_without_a_reading_any_number_may_be_lost() -> None:
    found = lost([fact("acknowledged", "a"), fact("acknowledged", "b")], UNREAD)
    assert (found.low, found.high, found.doubt) == (0, 2, "there was no final reading")


def test_what_was_acknowledged_after_the_last_look_is_not_lost() -> None:
    drawn = [fact("acknowledged", "a", 1.0), fact("observed", "a", 5.0), fact("acknowledged", "b", 6.0)]
    found = membership(drawn, Reading(until=5.0))
    assert (found.lost, found.unread) == ((), 1)


def test_an_unknown_write_may_be_there_or_not() -> None:
    drawn = [fact("attempted", "a"), fact("attempted", "b"), fact("acknowledged", "c")]
    drawn += [fact("observed", "a"), fact("observed", "c")]
    assert lost(drawn, WHOLE).value == 0
    assert phantom(drawn, WHOLE).value == 0
    found = membership(drawn, WHOLE)
    assert (found.recovered, found.never) == (1, 1)


def test_phantoms_need_to_know_what_was_asked_for() -> None:
    assert phantom([fact("observed", "a")], WHOLE).of == 0
    assert phantom([fact("attempted", "b"), fact("observed", "a")], WHOLE).value == 1


def test_what_was_seen_twice_stays_so_however_incomplete_the_reading() -> None:
    found = duplicates([fact("observed"), fact("observed")], UNREAD)
    assert (found.low, found.high) == (1, float("inf"))


# --- unique ------------------------------------------------------------------------------


@given(facts(["owned", "acknowledged"], owner=st.sampled_from(["", "x", "y"])))
def test_oversold_is_every_item_with_two_owners(drawn: list[Fact]) -> None:
    pairs = {(f.item, f.owner) for f in drawn if f.kind == "owned" or f.owner}
    owners = Counter(item for item, _ in pairs)
    found = oversold(drawn, WHOLE)
    assert found.value == sum(count > 1 for count in owners.values())
    assert found.of == len(owners)


def test_an_oversold_seat_shows_its_owners_side_by_side() -> None:
    found = oversold(
        [fact("owned", "12", owner="x", operation=3), fact("owned", "12", owner="y", operation=9)], WHOLE
    )
    assert found.details == ("s 12: x by operation 3, y by operation 9",)
    assert found.offending == (3, 9)


def test_a_seat_promised_to_one_and_found_with_another_is_oversold() -> None:
    assert oversold([fact("acknowledged", owner="x"), fact("owned", owner="y")], WHOLE).value == 1


# --- bank --------------------------------------------------------------------------------


@given(facts(["total"], value=st.sampled_from([1.0, 1.0 + 1e-12, 2.0])))
def test_a_sum_is_compared_with_its_first_reading(drawn: list[Fact]) -> None:
    wrong = compared = 0
    for index, each in enumerate(drawn):
        first = next((other for other in drawn[:index] if other.item == each.item), None)
        compared += first is not None
        wrong += first is not None and round(first.value) != round(each.value)
    found = unbalanced(drawn, WHOLE)
    assert (found.value, found.of) == (wrong, compared)


# --- sessions ----------------------------------------------------------------------------


@given(facts(["wrote", "read"], value=st.integers(0, 3).map(float), session=st.sampled_from(["p", "q"])))
def test_a_read_is_stale_when_its_session_knew_more(drawn: list[Fact]) -> None:
    wrong = [
        later.operation
        for index, later in enumerate(drawn)
        if later.kind == "read"
        and any(
            earlier.value > later.value and (earlier.session, earlier.item) == (later.session, later.item)
            for earlier in drawn[:index]
        )
    ]
    found = stale(drawn)
    assert found.value == len(wrong)
    assert found.offending == tuple(wrong)


def test_a_read_need_not_show_what_was_written_while_it_was_under_way() -> None:
    drawn = [
        fact("wrote", value=1.0, moment=1.0),
        fact("wrote", value=2.0, moment=3.0),
        fact("read", value=1.0, moment=4.0),
    ]
    assert stale(drawn, lambda read: 2.0).value == 0
    assert stale(drawn, lambda read: 3.5).value == 1
    assert stale(drawn).value == 1


def test_a_stale_read_says_what_its_session_knew() -> None:
    found = stale([fact("read", value=7.0, session="p"), fact("read", value=5.0, session="p", moment=2.0)])
    assert found.details == ("s a: session p read 5 at 2.0, but had read 7 at 0.0",)


def test_other_sessions_owe_nothing() -> None:
    assert stale([fact("wrote", value=2.0, session="p"), fact("read", value=1.0, session="q")]).value == 0
    assert stale([fact("wrote", value=2.0)]).of == 0


def test_a_violation_is_told_in_its_own_words() -> None:
    found = violations([fact("violation", "costs 3, not 4", operation=2)], 10)
    assert (found.value, found.of, found.offending) == (1, 10, (2,))
    assert found.details == ("0.0 by operation 2: costs 3, not 4",)
    assert violations([], 0).of == 0
