"""The page: self-contained, and inert whatever a system said."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.report import report
from mainstay.ops.prove.verdict import Judgement, Verdict

from .sample import HOSTILE, killed, primary_lost, proof


@pytest.fixture(scope="module")
def page() -> str:
    return report(document(proof()))


class Elements(HTMLParser):
    """Start tags with their attributes, in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, {name: value or "" for name, value in attrs}))

    def of(self, tag: str) -> Iterator[dict[str, str]]:
        return (attributes for name, attributes in self.found if name == tag)


def test_hostile_words_make_no_element_and_no_handler(page: str) -> None:
    elements = Elements(page)
    assert HOSTILE.split("<", 1)[0] in page or "&lt;img src=x" in page
    assert not list(elements.of("img"))
    assert len(list(elements.of("script"))) == 1
    handlers = [name for _, attributes in elements.found for name in attributes if name.startswith("on")]
    assert handlers == []
    assert not any(each.get("href", "").lower().startswith("javascript:") for each in elements.of("a"))


def test_nothing_is_loaded_from_anywhere(page: str) -> None:
    for tag, attributes in Elements(page).found:
        for name in ("src", "href", "srcset", "data", "action", "poster", "xlink:href"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")), (tag, name, value)
    assert "url(http" not in page
    assert "@import" not in page


def test_the_policy_allows_exactly_the_style_and_the_script_that_are_there(page: str) -> None:
    policy = next(
        a["content"] for a in Elements(page).of("meta") if a.get("http-equiv") == "Content-Security-Policy"
    )
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert not any("style" in attributes for _, attributes in Elements(page).found)


def test_only_a_rule_that_was_broken_has_what_broke_it() -> None:
    """A percentile that passes names its slowest too, and a claim that was not run has rules that pass."""
    result = killed(5.0)
    numbers = (1, 2)

    def shown(verdict: Verdict, not_run: str = "") -> str:
        result.judgements = [Judgement("p99 <= 1 s", verdict, "71 ms", 0.071, numbers)]
        result.not_run = not_run
        return report(document(proof(results=[result])))

    for page in (shown(Verdict.PASS), shown(Verdict.PASS, not_run="the load never met the fault")):
        assert "What broke it" not in page
        assert "What leaves it open" not in page
    assert "What broke it" in shown(Verdict.FAIL)
    assert "What leaves it open" in (page := shown(Verdict.UNKNOWN))
    assert "What broke it" not in page


def test_figures_have_their_units_and_what_was_not_judged_is_said() -> None:
    result = killed(5.0)
    result.figures |= {"backend.requests": 360.0, "left-ready": 0.0}
    result.idle = ("refused.keyed = 0",)
    page = report(document(proof(results=[result], printed=9)))
    assert "<dt>backend.requests</dt><dd>360</dd>" in page
    assert "<dt>left-ready</dt><dd>0</dd>" in page
    assert "Not judged: <code>refused.keyed = 0</code>, no journey does it." in page
    assert "<code>printed.txt</code>" in page


def test_every_claim_has_its_part_gravest_first(page: str) -> None:
    parts = [each["class"] for each in Elements(page).of("article")]
    assert parts == ["claim fail", "claim unknown", "claim unknown", "claim not-run", "claim pass"]


def test_links_lead_to_parts_that_exist(page: str) -> None:
    elements = Elements(page)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {each["href"].removeprefix("#") for each in elements.of("a")} <= set(ids)


def test_a_chart_tells_its_story_in_words(page: str) -> None:
    described = re.findall(r"<desc[^>]*>(.*?)</desc>", page)
    assert len(described) == 4
    story = next(text for text in described if "kill primary at 4.50 s" in text)
    for words in (
        "720 operations",
        "usually 60 /s",
        "failed between 4.50 s and",
        "postgres.2 ready standby from 0.00 s",
    ):
        assert words in story


def test_no_secret_reaches_it(page: str) -> None:
    assert "very-secret" not in page


def test_a_proof_of_many_claims_stays_small() -> None:
    results = [primary_lost(25.0) if n % 5 == 0 else killed(5.0) for n in range(25)]
    for number, result in enumerate(results):
        result.claim = replace(result.claim, name=f"{result.claim.name}-{number}")
    assert len(report(document(proof(results=results))).encode()) < 600_000


def test_a_proof_without_claims_is_a_page_too() -> None:
    page = report(document(proof(results=[], interrupted="received SIGINT")))
    assert "The proof of boxoffice was not finished" in page


def test_one_command_tries_one_claim_again(page: str) -> None:
    assert "mainstay prove --seed 4711 --only primary-lost" in page


@pytest.mark.parametrize(
    "words",
    [
        ("--only", "primary-*", "--only=disk-full", "--quick"),
        ("--only", "primary-lost", "--quick"),
        ("--quick", "--only", "disk-full"),
    ],
)
def test_of_several_claims_that_were_named_each_is_tried_again_alone(words: tuple[str, ...]) -> None:
    argv = ["mainstay", "--file", "shop.toml", "prove", *words, "--seed", "7"]
    page = report(document(proof(argv=argv)))
    for name in ("primary-lost", "disk-full"):
        assert f">mainstay --file shop.toml prove --quick --seed 7 --only {name}</code>" in page


def test_a_schedule_that_was_saved_is_replayed() -> None:
    """``--only`` beside ``--replay`` is refused."""
    argv = ["mainstay", "prove", "--replay", "saved.json"]
    assert "--only" not in report(document(proof(argv=argv)))


def test_where_a_claim_comes_from_is_said_in_words(page: str) -> None:
    assert "From topology" not in page
    assert "It came by itself: made from the services and engines in mainstay.toml." in page
    assert "From mainstay.toml: prove.claim primary-lost." in page


def test_a_claim_that_was_tried_several_times_is_tried_again_by_its_own_name() -> None:
    tried = proof(argv=["mainstay", "prove", "--repeat", "2"])
    tried.results = [replace(each, claim=replace(each.claim, name="calm.2")) for each in tried.results[:1]]
    assert "--repeat 2 --seed 4711 --only calm</code>" in report(document(tried))
