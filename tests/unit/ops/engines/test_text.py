from __future__ import annotations

import jinja2
import pytest

from mainstay.ops.engines.text import render


def test_a_name_that_nobody_gave_is_an_error() -> None:
    """Left empty it would be a configuration with a hole in it."""
    with pytest.raises(jinja2.UndefinedError):
        render("haproxy.cfg.j2")
