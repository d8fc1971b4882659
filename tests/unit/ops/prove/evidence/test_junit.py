"""JUnit XML, checked against the structure that Jenkins' and Ant's schemas share."""

from __future__ import annotations

from xml.etree import ElementTree

from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.junit import junit

from .sample import HOSTILE, proof

SUITE = {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"}
CASE = {"classname", "name", "time"}
OUTCOMES = {"failure", "error", "skipped"}


def suite(**changes: object) -> ElementTree.Element:
    root = ElementTree.fromstring(junit(document(proof(**changes))))
    assert root.tag == "testsuites"
    (found,) = root
    return found


def test_the_structure_is_that_of_the_schemas() -> None:
    found = suite()
    assert (found.tag, set(found.attrib)) == ("testsuite", SUITE)
    assert [each.tag for each in found] == ["properties", *["testcase"] * 5]
    for case in found.iter("testcase"):
        assert set(case.attrib) == CASE
        assert [each.tag for each in case] in (["failure"], ["error"], ["skipped"], ["system-out"])
    for outcome in (each for each in found.iter() if each.tag in OUTCOMES):
        assert set(outcome.attrib) <= {"message", "type"}
        assert outcome.get("message")


def test_the_numbers_are_those_of_the_cases() -> None:
    found = suite()
    assert int(found.get("tests", "")) == len(found.findall("testcase"))
    for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert int(found.get(attribute, "")) == len(list(found.iter(tag))), tag


def test_each_verdict_has_its_element_and_reason() -> None:
    cases = {case.get("name"): case for case in suite().iter("testcase")}
    assert (cases["primary-lost"][0].tag, cases["primary-lost"][0].get("type")) == ("failure", "fail")
    assert "errors.get = 0" in cases["primary-lost"][0].get("message", "")
    assert cases["replica-paused-orders"][0].tag == "error"
    assert "right to mount" in cases["disk-full"][0].get("message", "")
    assert cases["replica-killed-catalog"][0].tag == "system-out"


def test_an_interrupted_proof_has_an_error_though_every_claim_so_far_passed() -> None:
    passed = [each for each in proof().results if each.claim.name == "replica-killed-catalog"]
    found = suite(results=passed, interrupted="received SIGTERM")
    assert (found.get("tests"), found.get("errors")) == ("2", "1")
    assert [each.get("message") for each in found.iter("error")] == ["received SIGTERM"]


def test_hostile_and_illegal_characters_stay_text() -> None:
    found = suite(system=f"shop\x00\x1b[31m\ud800 {HOSTILE}")
    assert found.get("name") == f"shop\ufffd\ufffd[31m\ufffd {HOSTILE}"
