"""The journey of docs/how-to/forms.md, against Django's own forms, sessions and CSRF protection over a socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import connections
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template import engines
from django.test.testcases import LiveServerThread
from django.urls import path

from mainstay.ops.prove.history import History, Outcome
from mainstay.ops.prove.loading import journey
from mainstay.ops.prove.loading.client import Client, Recorder, UnexpectedAnswer
from mainstay.ops.prove.loading.http import Http

PAGE = Path(__file__).resolve().parents[4] / "docs/how-to/forms.md"
PASSWORD = "long enough 42"
LOGIN = "/accounts/login/"

FORM = '<form method="post">{% csrf_token %}{{ form }}</form>'
LIST = FORM + "<ul>{% for each in notes %}<li>{{ each }}</li>{% endfor %}</ul>"

notes: list[str] = []


@login_required
def write(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        notes.append(request.POST["text"])
        return redirect("/notes/")
    page = engines["django"].from_string(LIST).render({"notes": notes}, request)
    return HttpResponse(page)


urlpatterns = [path("accounts/login/", LoginView.as_view(template_name="login.html")), path("notes/", write)]


@pytest.fixture
def base(settings: Any, transactional_db: None) -> Iterator[str]:
    """Where the project answers; with an account, and no notes."""
    User.objects.create_user("prover", password=PASSWORD)
    notes.clear()
    connection = connections["default"]
    connection.inc_thread_sharing()  # the database is this connection's memory
    server = LiveServerThread(
        "127.0.0.1", lambda handler: handler, connections_override={"default": connection}
    )
    server.daemon = True
    server.start()
    server.is_ready.wait()
    assert server.error is None
    yield f"http://127.0.0.1:{server.port}"
    server.terminate()
    connection.dec_thread_sharing()


@pytest.fixture
def settings(settings: Any) -> Any:
    """A project as ``startproject`` makes it, with everything in one file."""
    settings.ROOT_URLCONF = __name__
    settings.MEDIA_URL = "/media/"
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    loader = ("django.template.loaders.locmem.Loader", {"login.html": FORM})
    settings.TEMPLATES = [
        {"BACKEND": "django.template.backends.django.DjangoTemplates", "OPTIONS": {"loaders": [loader]}}
    ]
    return settings


def ask(base: str) -> tuple[Client, History]:
    history = History()
    return Client(Http(base), Recorder(history), "notes"), history


def shown(folder: Path) -> journey.Journey:
    [text] = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    file = folder / "proof.py"
    file.write_text(text)
    [found] = journey.load(file)
    return found


async def sign_in(client: Client) -> None:
    client.cookies.update((await client.get(LOGIN)).cookies)
    form = {"username": "prover", "password": PASSWORD, "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    client.cookies.update((await client.post(LOGIN, form=form, expect=(302,))).cookies)


async def test_the_journey_shown_signs_in_writes_and_reads_back(base: str, tmp_path: Path) -> None:
    client, history = ask(base)
    notes_of = shown(tmp_path)
    await notes_of.set_up(client)
    for number in range(3):
        await notes_of.step(client.begin(f"notes-{number}"), number)
    await notes_of.final(client)

    assert {each.outcome for each in history.operations} == {Outcome.OK}
    said = {kind: [f.item for f in history.facts if f.kind == kind] for kind in ("acknowledged", "observed")}
    assert said == {"acknowledged": notes, "observed": notes}
    assert len(notes) == 3


async def test_a_wrong_password_ends_the_journey_shown_before_its_first_step(
    base: str, tmp_path: Path
) -> None:
    client, history = ask(base)
    await User.objects.aupdate(password="!")
    with pytest.raises(LookupError, match="not signed in: 200"):
        await shown(tmp_path).set_up(client)
    assert history.operations[-1].outcome is not Outcome.OK, "the form was shown again, with 200"


async def test_who_is_not_signed_in_is_told_apart_from_who_wrote(base: str, tmp_path: Path) -> None:
    """Both are 302: only where it leads tells them apart."""
    client, history = ask(base)
    client.cookies.update((await client.get(LOGIN)).cookies)
    await shown(tmp_path).step(client.begin("notes-1"), 1)

    assert history.operations[-1].status == 302
    assert [fact.kind for fact in history.facts] == ["attempted", "violation"]
    assert notes == []


@pytest.mark.parametrize("missing", ["cookie", "token"])
async def test_django_refuses_a_form_without_its_token(base: str, missing: str) -> None:
    client, _ = ask(base)
    await sign_in(client)
    form = {"text": "a", "csrfmiddlewaretoken": client.cookies["csrftoken"]}
    client.cookies.pop("csrftoken") if missing == "cookie" else form.pop("csrfmiddlewaretoken")
    answer = await client.post("/notes/", form=form, expect=(302,))

    assert answer.status == 403
    with pytest.raises(UnexpectedAnswer):
        _ = answer.json


async def test_the_hidden_field_is_found_as_the_page_says(base: str) -> None:
    [pattern] = re.findall(r"`re\.search\(r'(.+?)', page\.text\)\[1\]`", PAGE.read_text())
    client, _ = ask(base)
    await sign_in(client)
    page = await client.get("/notes/")
    found = re.search(pattern, page.text)
    assert found is not None
    form = {"text": "a", "csrfmiddlewaretoken": found[1]}

    assert (await client.post("/notes/", form=form, expect=(302,))).ok
    assert notes == ["a"]
