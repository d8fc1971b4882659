from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

ROOT = Path(__file__).resolve().parent.parent


def test_djangos_own_runner_passes_too():
    """In a database of its own, because both runners would call theirs ``test_orders``."""
    url = urlunsplit(urlsplit(os.environ["DATABASE_URL"])._replace(path="/django_runner"))
    run = subprocess.run(
        [sys.executable, "manage.py", "test", "--noinput", "orders"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert "Ran 4 tests" in run.stderr
