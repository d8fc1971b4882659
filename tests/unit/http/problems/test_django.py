"""Everything that Django refuses or breaks at, as a problem for programs and a page for people."""

from __future__ import annotations

import logging

import pytest
from django.test import Client
from django.test.utils import override_settings

from mainstay.base import problempage as page
from mainstay.base.problemtypes import MEDIA_TYPE
from tests.unit.http.problems.conftest import BROWSER, JSON
from tests.unit.http.problems.project import SECRET

EXPECTED = {
    "bad": (400, "bad-request"),
    "suspicious": (400, "bad-request"),
    "host": (400, "unknown-host"),
    "multipart": (400, "malformed-body"),
    "client-left": (400, "incomplete-body"),
    "denied": (403, "forbidden"),
    "missing": (404, "not-found"),
    "problem": (409, "seats-taken"),
    "bug": (500, "internal-error"),
    "busy": (503, "unavailable"),
    "deadlock": (503, "unavailable"),
    "late": (504, "deadline-exceeded"),
}


def is_problem(answer, status: int, slug: str) -> None:
    assert answer.status_code == status
    assert answer["Content-Type"] == MEDIA_TYPE
    body = answer.json()
    assert (body["type"], body["status"], body["request_id"]) == (f"/problems/{slug}", status, "abcd-1234")
    assert body["title"]
    assert body["detail"]
    assert SECRET not in answer.content.decode()
    assert answer["Cache-Control"] == "no-store"
    assert "Accept" in answer["Vary"]


@pytest.mark.parametrize("accept", ["application/json", "*/*", "", "text/plain", "application/problem+json"])
@pytest.mark.parametrize("way", ["view", "async view", "middleware"])
@pytest.mark.parametrize("kind", EXPECTED)
def test_programs_get_a_problem(get, kind, way, accept):
    headers = {"Accept": accept} if accept else {}
    if way == "middleware":
        answer = get("/own/200/", {**headers, "X-Fail": kind})
    else:
        answer = get(f"/{'async-' if way == 'async view' else ''}fail/{kind}/", headers)
    is_problem(answer, *EXPECTED[kind])


@pytest.mark.parametrize("way", ["view", "middleware"])
@pytest.mark.parametrize("kind", EXPECTED)
def test_browsers_get_a_page(get, kind, way):
    status = EXPECTED[kind][0]
    path, more = ("/own/200/", {"X-Fail": kind}) if way == "middleware" else (f"/fail/{kind}/", {})
    answer = get(path, {**BROWSER, **more})
    assert answer.status_code == status
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Content-Security-Policy"] == page.POLICY
    text = answer.content.decode()
    assert "abcd-1234" in text
    assert SECRET not in text


def test_a_problem_of_one_s_own_has_members_and_headers(get):
    answer = get("/fail/problem/")
    body = answer.json()
    assert body["detail"] == "Seat A1 was just taken."
    assert body["taken"] == [{"row": "A", "at": "2026-01-01 00:00:00+00:00"}]
    assert (body["strange"], body["number"]) == ("<Unwritable>", "nan")
    assert (answer["Retry-After"], answer["X-More"]) == ("2", "yes")


def test_an_unknown_address(get):
    is_problem(get("/nowhere/"), 404, "not-found")


def test_a_stranger_s_host(get, project):
    project.ALLOWED_HOSTS = ["shop.example"]
    is_problem(get("/nowhere/", {**JSON, "Host": "evil.example"}), 400, "unknown-host")


def test_a_wrong_method_says_which_are_right(get):
    answer = get("/only-post/")
    is_problem(answer, 405, "method-not-allowed")
    assert answer["Allow"] == "POST"
    assert int(answer["Content-Length"]) == len(answer.content)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 500, 503])
def test_what_a_view_answers_stays(get, status):
    answer = get(f"/own/{status}/")
    assert (answer.status_code, answer.content) == (status, b"<h1>the project's own words</h1>")


class TestBodies:
    def post(self, body, kind="application/x-www-form-urlencoded", path="/form/", **headers):
        return Client(raise_request_exception=False).post(path, body, kind, headers={**JSON, **headers})

    def test_over_the_limit(self, project):
        project.DATA_UPLOAD_MAX_MEMORY_SIZE = 10
        is_problem(self.post("a=" + "b" * 20), 413, "content-too-large")
        is_problem(self.post("a=" + "b" * 20, path="/only-post/"), 413, "content-too-large")

    def test_too_many_fields(self, project):
        project.DATA_UPLOAD_MAX_NUMBER_FIELDS = 3
        is_problem(self.post("&".join(f"a{i}=1" for i in range(5))), 400, "bad-request")

    @pytest.mark.parametrize("kind", ["multipart/form-data", "multipart/form-data; boundary=" + "x" * 300])
    def test_multipart_without_a_sound_boundary(self, kind):
        is_problem(self.post("--x", kind), 400, "malformed-body")

    def test_csrf(self):
        client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        is_problem(client.post("/only-post/", {}, headers=JSON), 403, "csrf-failed")
        answer = client.post("/only-post/", {}, headers=BROWSER)
        assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")
        assert b"abcd-1234" in answer.content


HOSTS = [
    "shop.example, evil.example",
    "evil.example",
    "shop.example@evil.example",
    "shop.example:80:80",
    "shop.example:port",
    "shop.example/../",
    "shop.example evil.example",
    "h" * 70_000,
    "sh\xf6p.example",
    "shop.example\x00",
    "[::1",
    "[::1]]",
    "//evil.example",
    "%73hop.example",
    "shop.example\t",
    ".",
]


@pytest.mark.parametrize("host", HOSTS, ids=range(len(HOSTS)))
def test_hosts_that_are_none(project, host):
    project.ALLOWED_HOSTS = ["shop.example"]
    client = Client(raise_request_exception=False)
    answer = client.get("/own/200/", HTTP_HOST=host, HTTP_ACCEPT="*/*")
    is_problem(answer, 400, "unknown-host")
    assert "evil" not in answer.content.decode()


COOKIES = [
    "csrftoken=" + "a" * 100_000,
    "csrftoken=\xfc\xff",
    "csrftoken=a; csrftoken=b; csrftoken=c",
    "; ; ;=;==;",
    "csrftoken",
    "sessionid=\x00\x01",
    "$Version=1; a=b",
    'a="b;c',
    "a=" + "%" * 1000,
    ";".join(f"a{i}={i}" for i in range(5000)),
]


@pytest.mark.parametrize("cookie", COOKIES, ids=range(len(COOKIES)))
def test_cookies_that_are_none_break_nothing(cookie):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    assert client.get("/own/200/", HTTP_COOKIE=cookie, HTTP_ACCEPT="*/*").status_code == 200
    is_problem(client.post("/only-post/", {}, HTTP_COOKIE=cookie, HTTP_ACCEPT="*/*"), 403, "csrf-failed")


class TestOwnPages:
    """A project's templates and handlers come first for whoever asks for HTML."""

    @pytest.fixture
    def templates(self, project, tmp_path):
        for name in ("400", "403", "404", "500", "403_csrf"):
            (tmp_path / f"{name}.html").write_text(f"<h1>own {name}</h1>")
        project.TEMPLATES = [
            {"BACKEND": "django.template.backends.django.DjangoTemplates", "DIRS": [str(tmp_path)]}
        ]
        return tmp_path

    @pytest.mark.parametrize(
        ("kind", "name"), [("bad", "400"), ("denied", "403"), ("missing", "404"), ("bug", "500")]
    )
    def test_templates(self, get, templates, kind, name):
        assert get(f"/fail/{kind}/", BROWSER).content.decode() == f"<h1>own {name}</h1>"
        is_problem(get(f"/fail/{kind}/"), *EXPECTED[kind])

    def test_the_csrf_template(self, templates):
        client = Client(enforce_csrf_checks=True)
        assert client.post("/only-post/", {}, headers=BROWSER).content == b"<h1>own 403_csrf</h1>"

    def test_a_broken_template_is_a_500(self, get, templates):
        (templates / "404.html").write_text("{% nonsense %}")
        (templates / "500.html").write_text("{% nonsense %}")
        answer = get("/fail/missing/", BROWSER)
        assert answer.status_code == 500
        assert b"Internal Server Error" in answer.content
        assert b"nonsense" not in answer.content

    def test_handlers(self, get, project):
        project.ROOT_URLCONF = "tests.unit.http.problems.handled"
        for path in ("/fail/missing/", "/nowhere/"):
            assert get(path, BROWSER).content == b"<h1>our own page</h1>"
            is_problem(get(path), 404, "not-found")
        # One that answers in JSON has thought of programs itself.
        assert get("/fail/bad/").json() == {"our": "own"}

    @pytest.mark.parametrize("way", ["/fail/bug/", "/own/200/"])
    def test_a_broken_handler_is_a_500(self, get, project, way):
        project.ROOT_URLCONF = "tests.unit.http.problems.handled"
        is_problem(get(way, {**JSON, "X-Fail": "bug"}), 500, "internal-error")
        assert b"Internal Server Error" in get(way, {**BROWSER, "X-Fail": "bug"}).content

    def test_what_wants_to_propagate_may(self, project):
        project.ROOT_URLCONF = "tests.unit.http.problems.handled"
        project.DEBUG_PROPAGATE_EXCEPTIONS = True
        with pytest.raises(ValueError, match="hunter2"):
            Client(raise_request_exception=False).get("/fail/bug/")


class TestDevelopment:
    @pytest.fixture(autouse=True)
    def debug(self, project):
        with override_settings(DEBUG=True):
            yield

    def test_browsers_see_what_django_shows(self, get):
        assert b"Request Method" in get("/nowhere/", BROWSER).content
        answer = get("/fail/bug/", BROWSER)
        assert answer.status_code == 500
        assert b"ValueError" in answer.content

    @pytest.mark.parametrize("kind", EXPECTED)
    def test_programs_get_problems_all_the_same(self, get, kind):
        is_problem(get(f"/fail/{kind}/"), *EXPECTED[kind])
        is_problem(get("/nowhere/"), 404, "not-found")


class BrokenFilter(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        raise RuntimeError(SECRET)


def test_a_broken_log_is_no_reason_for_a_traceback(get, project):
    """The log fails while Django handles an error, so that Django itself has no answer any more."""
    broken = BrokenFilter()
    loggers = [logging.getLogger(name) for name in ("django.request", "mainstay.http")]
    for logger in loggers:
        logger.addFilter(broken)
    try:
        is_problem(get("/fail/bug/"), 500, "internal-error")
    finally:
        for logger in loggers:
            logger.removeFilter(broken)
