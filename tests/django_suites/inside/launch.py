"""
Run Django's ``runtests.py`` in this process and write down what became of each test.

    python launch.py '{"folder": …, "report": …, "variant": "chain", "mutant": "", "labels": […]}'

Started by its path, with only this folder beside Django's tests on the import path: their packages
have names such as ``cache`` and ``signals``. Whatever is changed is changed in this process, never in their files.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
from pathlib import Path
from typing import Any

from recording import Recorder, at_start
from watching import COUNTS, go_async, go_direct, install


def main() -> None:
    order = json.loads(sys.argv[1])
    os.chdir(order["folder"])
    sys.path[0] = order["folder"]
    variant, mutant = order["variant"], order["mutant"]
    if variant.startswith("chain"):
        install(mutant)
    if variant.endswith("async"):
        go_async()
    # The middleware of some apps can only be imported once the apps are loaded.
    at_start((lambda: go_direct(mutant)) if variant == "direct" else lambda: None)
    sys.argv = ["runtests.py", "--parallel=1", "--noinput", *order["labels"]]
    code: Any = 0
    try:
        runpy.run_path("runtests.py", run_name="__main__")
    except SystemExit as leaving:
        code = leaving.code
    used = resource.getrusage(resource.RUSAGE_SELF)
    report = {
        "code": code,
        "outcomes": Recorder.outcomes,
        "reasons": Recorder.reasons,
        "counts": dict(COUNTS),
        "cpu": used.ru_utime + used.ru_stime,
    }
    Path(order["report"]).write_text(json.dumps(report))


if __name__ == "__main__":
    main()
