"""Every kind of problem that a client can be answered with, from the catalogue of the code."""

from __future__ import annotations

from mainstay.base.problemtypes import CATALOGUE, ProblemType
from scripts.reference.text import heading, table

HEAD = """\
# Problems

What a client of your system can be answered with when something is wrong, as
[problem details](../concepts/problem-details.md) (RFC 9457). The last part of `type` is the name of the
section here; it never changes its meaning.
"""


def page() -> str:
    rows = [(str(each.status), f"[`{each.slug}`](#{each.slug})", each.detail) for each in CATALOGUE]
    return "\n".join(
        [HEAD, table(("status", "kind", "meaning"), rows), "", *(_section(each) for each in CATALOGUE)]
    )


def _section(kind: ProblemType) -> str:
    return f"{heading(2, kind.title, kind.slug)}\n\nStatus {kind.status}. {kind.detail}\n\n{kind.advice}\n"
