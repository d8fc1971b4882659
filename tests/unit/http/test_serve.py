"""A replica whose server is not installed says which extra brings it."""

from __future__ import annotations

import sys

import pytest

from mainstay.base.errors import OperationFailed
from mainstay.base.installing import as_installed
from mainstay.http import serve


@pytest.mark.parametrize(("interface", "package"), [("asgi", "uvicorn"), ("wsgi", "granian.constants")])
def test_a_missing_server_is_one_sentence_with_what_to_type(
    interface: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"mainstay.http.server.{interface}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(OperationFailed) as raised:
        serve.find_server(interface)

    assert raised.value.id == "serve.server-missing"
    assert f"{package} is not installed" in raised.value.what
    assert raised.value.hint == as_installed(f'pip install "django-mainstay[{interface}]"')
    assert raised.value.exit_code == 3, "another start would fail the same way"
