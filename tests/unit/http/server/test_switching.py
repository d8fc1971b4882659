"""How soon a computing thread must let others have the interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from mainstay.http.server import switching


@pytest.fixture(autouse=True)
def interval() -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(switching.USUAL)
    yield
    sys.setswitchinterval(before)


def test_ten_times_sooner_than_usual() -> None:
    switching.settle()
    assert sys.getswitchinterval() == pytest.approx(switching.USUAL / 10)


def test_what_the_project_chose_stays() -> None:
    sys.setswitchinterval(0.001)
    switching.settle()
    assert sys.getswitchinterval() == pytest.approx(0.001)


def test_cpythons_own_is_known() -> None:
    """Should it change, nothing would be set any more without a word."""
    told = subprocess.run(
        [sys.executable, "-c", "import sys; print(sys.getswitchinterval())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(told.stdout) == switching.USUAL
