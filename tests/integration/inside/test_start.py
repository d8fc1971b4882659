"""How a replica says why it does not start."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.inside.replica import Replica

Start = Callable[..., Replica]


def _failed(replica: Replica) -> tuple[int, list[str]]:
    return replica.wait(20), replica.output().splitlines()


def test_broken_settings_blame_the_project_s_own_line(start: Start, project: Path) -> None:
    (project / "site1/extra.py").write_text("\n\nimport math\nmath.no_such_thing()\n")
    settings = project / "site1/settings.py"
    settings.write_text(settings.read_text() + "\nfrom site1 import extra\n")
    code, lines = _failed(start(ready=False))
    assert code == 3
    assert lines[0].startswith("serve.import-failed  site1/extra.py:4: AttributeError: module 'math' has no")
    assert lines[1].strip() == "math.no_such_thing()"
    assert "Traceback (most recent call last):" in lines


def test_syntax_error_blames_the_file_that_has_it(start: Start, project: Path) -> None:
    (project / "site1/urls.py").write_text("urlpatterns = [\n")
    (project / "site1/asgi.py").write_text("import site1.urls\n")
    code, lines = _failed(start(ready=False))
    assert code == 3
    assert lines[0].startswith("serve.import-failed  site1/urls.py:1: SyntaxError")


def test_missing_application_is_named(start: Start) -> None:
    code, lines = _failed(start(ready=False, MAINSTAY_APPLICATION="site1.nowhere:application"))
    assert code == 3
    assert lines[0] == "serve.import-failed  ModuleNotFoundError: No module named 'site1.nowhere'"


def test_something_else_than_an_application_is_refused(start: Start) -> None:
    code, lines = _failed(start(ready=False, MAINSTAY_APPLICATION="site1.settings:BASE_DIR"))
    assert code == 3
    assert lines[0].startswith("serve.no-application  site1.settings:BASE_DIR is a PosixPath")


def test_missing_secret_is_the_project_s_to_fix(start: Start) -> None:
    code, lines = _failed(start(ready=False, SECRET_KEY=""))
    assert code == 3
    assert "SECRET_KEY" in lines[0]
    assert "Traceback" not in "\n".join(lines)


def test_every_wrong_variable_is_named_at_once(start: Start) -> None:
    wrong = {"MAINSTAY_BIND": "8000", "MAINSTAY_INTERFACE": "asgy", "MAINSTAY_THREADS": "many"}
    code, lines = _failed(start(ready=False, **wrong))
    assert code == 2
    text = "\n".join(lines)
    assert all(name in text for name in wrong)
    assert "did you mean 'asgi'?" in text


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_busy_port_is_one_sentence(start: Start, free_port: Callable[[], int], interface: str) -> None:
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        code, lines = _failed(start(interface, ready=False, MAINSTAY_BIND=place))
    assert code == 2
    assert lines == [f"serve.port-busy  another process listens on {place}"]


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_application_wrapped_by_hand_is_wrapped_once(start: Start, project: Path, interface: str) -> None:
    file = project / f"site1/{interface}.py"
    name = f"get_{interface}_application"
    file.write_text(f"from mainstay.{interface} import {name}\n\napplication = {name}()\n")
    replica = start(interface)
    replica.get("/")
    replica.get("/")
    assert [line["status"] for line in replica.wait_for_lines(2)] == [200, 200]


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_untouched_project_gets_access_lines_and_routes(start: Start, tmp_path: Path, interface: str) -> None:
    """A plain startproject: no Mainstay in its settings at all."""
    root = tmp_path / "plain"
    root.mkdir()
    command = [sys.executable, "-m", "django", "startproject", "plain", str(root)]
    subprocess.run(command, check=True, timeout=30)
    replica = Replica(
        root, interface, _port(), tmp_path / "plain.log",
        {"DJANGO_SETTINGS_MODULE": "plain.settings", "MAINSTAY_APPLICATION": f"plain.{interface}:application"},
    )  # fmt: skip
    try:
        replica.wait_until_ready()
        assert replica.get("/admin/login/").status in (200, 500)
        line = replica.wait_for_lines(1)[0]
        assert line["route"] == "admin/login/"
        assert 'view="admin:login"' in replica.get("/metrics").body.decode()
    finally:
        replica.kill()


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_collected_files_are_served_for_a_year(start: Start, project: Path, interface: str) -> None:
    root = project / "collected"
    root.mkdir()
    (root / "page.0123456789ab.css").write_text("body {}")
    (root / "page.css").write_text("body {}")
    replica = start(interface, MAINSTAY_STATIC_ROOT=str(root))
    hashed = replica.get("/static/page.0123456789ab.css")
    assert (hashed.status, hashed.body) == (200, b"body {}")
    assert hashed.headers["cache-control"] == "max-age=315360000, public, immutable"
    plain = replica.get("/static/page.css")
    assert "immutable" not in plain.headers["cache-control"]
    again = replica.get("/static/page.css", {"If-None-Match": plain.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert replica.request("HEAD", "/static/page.css").body == b""
    assert replica.get("/static/../manage.py").status == 404
    assert replica.get("/static/nothing.css").status == 404


def _port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


PLAIN = """
def wsgi(environ, start_response):
    start_response("200 OK", [("content-type", "text/plain")])
    return [b"plain"]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"plain"})
"""


@pytest.mark.parametrize("interface", ["asgi", "wsgi"])
def test_an_application_without_settings_of_django_is_served(
    start: Start, project: Path, interface: str
) -> None:
    """It has no collected files, and to ask Django for them would be a traceback."""
    (project / "plain.py").write_text(PLAIN)
    replica = start(interface, MAINSTAY_APPLICATION=f"plain:{interface}", DJANGO_SETTINGS_MODULE="")
    assert replica.get("/").body == b"plain"
