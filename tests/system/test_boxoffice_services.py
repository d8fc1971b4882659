"""The services' own tests, each run with its own settings against one throw-away PostgreSQL."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BOXOFFICE = Path(__file__).resolve().parents[2] / "boxoffice"
SERVICES = ("catalog", "orders", "payments")


@pytest.mark.system
@pytest.mark.timeout(300)
@pytest.mark.parametrize("service", SERVICES)
def test_a_service_passes_its_own_tests(service: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--no-header", "--tb=short", "--show-capture=no"],
        cwd=BOXOFFICE / service,
        env={name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-6000:] + run.stderr[-2000:]


def load(service: str, module: str) -> ModuleType:
    """One module of a service by path, which no service may import from another."""
    path = BOXOFFICE / service / service / f"{module}.py"
    spec = importlib.util.spec_from_file_location(f"{service}_{module}", path)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = loaded
    spec.loader.exec_module(loaded)
    return loaded


def test_both_descriptions_of_the_halls_speak_of_the_same_seats() -> None:
    """Two copies on purpose; if one is changed alone, the page would offer seats that nobody sells."""
    catalog, orders = load("catalog", "inventory"), load("orders", "inventory")
    for event in range(1, 25):
        ours = [(p.id, p.section, p.row, p.number, p.price) for p in catalog.places(event)]
        theirs = [(p.id, p.section, p.row, p.number, p.price) for p in orders.places(event)]
        assert ours == theirs
        assert len({seat for seat, *_ in ours}) == len(ours)


def test_services_do_not_import_each_other() -> None:
    for service in SERVICES:
        others = [other for other in SERVICES if other != service]
        for path in (BOXOFFICE / service / service).rglob("*.py"):
            for line in path.read_text().splitlines():
                assert not line.lstrip().startswith(
                    tuple(
                        f"{word} {other}{end}"
                        for word in ("from", "import")
                        for other in others
                        for end in (" ", ".")
                    )
                ), f"{path}: {line}"
