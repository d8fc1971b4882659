"""The journey of docs/how-to/forms.md, against Django's own forms, sessions and CSRF protection over a socket."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from mainstay.ops.prove.history import History, Outcome
from mainstay.ops.prove.loading import journey
from mainstay.ops.prove.loading.client import Client, Recorder, UnexpectedAnswer
from mainstay.ops.prove.loading.http import Http

PAGE = Path(__file__).resolve().parents[4] / "docs/how-to/forms.md"
PROJECT = Path(__file__).with_name("noteboard.py")
PASSWORD = "long enough 42"
LOGIN = "/accounts/login/"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str], str]]:
    """``start(password)``: where a fresh project answers whose user has this password."""
    started: list[subprocess.Popen[str]] = []

    def begin(password: str) -> str:
        words = [sys.executable, str(PROJECT), str(tmp_path), password]
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        started.append(process)
        assert process.stdout is not None
        return f"http://127.0.0.1:{int(process.stdout.readline())}"

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def base(start: Callable[[str], str]) -> str:
    return start(PASSWORD)


def written(base: str) -> list[str]:
    with urlopen(f"{base}/written/") as answer:
        found: list[str] = json.load(answer)
    return found


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
    notes = written(base)
    assert said == {"acknowledged": notes, "observed": notes}
    assert len(notes) == 3


async def test_a_wrong_password_ends_the_journey_shown_before_its_first_step(
    start: Callable[[str], str], tmp_path: Path
) -> None:
    client, history = ask(start("another"))
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
    assert written(base) == []


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
    assert written(base) == ["a"]
