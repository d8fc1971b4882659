"""
JUnit XML, the form that build servers read: a test case for each claim.

The structure is that of Jenkins' ``jenkins-junit.xsd`` and of the stricter schema of
Ant's JUnit task, which agree in everything used here: *fail* is a failure, *unknown* an
error, *not run* a skipped test.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # nosec B405 - written here, never read

from mainstay.ops.prove.evidence.phrases import seen
from mainstay.ops.prove.verdict import Verdict

_ELEMENTS = {Verdict.FAIL: "failure", Verdict.UNKNOWN: "error", Verdict.NOT_RUN: "skipped"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What no XML document may hold, escaped or not (XML 1.0, section 2.2)."""


def junit(document: Mapping[str, Any]) -> str:
    """The whole file."""
    claims = document["claims"]
    suite = Element("testsuite", _suite(document))
    properties = SubElement(suite, "properties")
    facts = {"seed": document["seed"], "size": document["size"], "replay": document["replay"]}
    for name, value in {**facts, **document["versions"]}.items():
        SubElement(properties, "property", {"name": _legal(name), "value": _legal(value)})
    for claim in claims:
        suite.append(_case(claim, document["system"]))
    if document["interrupted"]:
        suite.append(_unfinished(document))
    suites = Element("testsuites", {"name": "mainstay prove"})
    suites.append(suite)
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def _suite(document: Mapping[str, Any]) -> dict[str, str]:
    counts = document["counts"]
    unfinished = bool(document["interrupted"])
    return {
        "name": _legal(document["system"]),
        "tests": str(sum(counts.values()) + unfinished),
        "failures": str(counts[str(Verdict.FAIL)]),
        "errors": str(counts[str(Verdict.UNKNOWN)] + unfinished),
        "skipped": str(counts[str(Verdict.NOT_RUN)]),
        "time": f"{document['seconds']:.3f}",
        # Ant's schema wants a moment without a zone, and a host, which is nobody's business.
        "timestamp": document["started"].removesuffix("Z"),
        "hostname": "localhost",
    }


def _case(claim: Mapping[str, Any], system: str) -> Element:
    case = Element(
        "testcase",
        {
            "classname": _legal(f"{system}.prove"),
            "name": _legal(claim["name"]),
            "time": f"{claim['seconds']:.3f}",
        },
    )
    verdict = Verdict(claim["verdict"])
    if element := _ELEMENTS.get(verdict):
        problem = SubElement(case, element, {"message": _legal(claim["why"])})
        if verdict is not Verdict.NOT_RUN:
            problem.set("type", str(verdict))
            problem.text = _legal(_account(claim))
    else:
        SubElement(case, "system-out").text = _legal(_account(claim))
    return case


def _unfinished(document: Mapping[str, Any]) -> Element:
    case = Element(
        "testcase", {"classname": _legal(f"{document['system']}.prove"), "name": "(whole proof)", "time": "0"}
    )
    SubElement(case, "error", {"message": _legal(document["interrupted"]), "type": "interrupted"})
    return case


def _account(claim: Mapping[str, Any]) -> str:
    """What a person at a build server needs: the sentence, each rule, each fault."""
    lines = [claim["says"], seen(claim)]
    for judgement in claim["judgements"]:
        lines.append(f"{judgement['verdict']}: {judgement['rule']} (found {judgement['found']})")
        lines += [f"    {detail}" for detail in judgement["details"]]
    lines += [f"{'bit' if b['bit'] else 'did not bite'}: {b['text']} ({b['what']})" for b in claim["bites"]]
    return "\n".join(lines)


def _legal(value: object) -> str:
    return _NOT_XML.sub("\ufffd", str(value))
