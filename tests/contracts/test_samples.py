"""Longer samples of the documentation do what the page says; each is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = """
import json
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", ROOT_URLCONF="shop.urls", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", "shop"],
    MIDDLEWARE=[
        "mainstay.http.middleware.EntranceMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", ALLOWED_HOSTS=["*"],
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
)
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)

from django.contrib.auth.models import User
from django.test import Client
from shop.models import Order

def caller(name):
    client = Client()
    client.force_login(User.objects.create_user(name))
    return client

def ask(client, key, seats):
    headers = {"Idempotency-Key": key} if key else {}
    answer = client.post("/", json.dumps({"seats": seats}), content_type="application/json", headers=headers)
    said = answer.json()
    return [answer.status_code, said.get("id") or said["type"]]

ada, bob = caller("ada"), caller("bob")
told = [ask(ada, "k1", 2), ask(ada, "k1", 2), ask(ada, "k1", 3), ask(ada, "", 2), ask(ada, "k2", 2), ask(bob, "k1", 2)]
print(json.dumps([told, Order.objects.count()]))

def send(body):
    answer = ada.post("/", body, content_type="application/json", headers={"Idempotency-Key": "k3"})
    return [answer.status_code, answer.json()["type"]]

print(json.dumps([send(body) for body in ("{}", "[]", "7", '{"seats": -1}', '{"seats": true}', "{", b"\\xff")]))
from unittest import mock
from django.db import IntegrityError
ada.raise_request_exception = False
with mock.patch.object(Order.objects, "create", side_effect=IntegrityError("another constraint")):
    print(json.dumps(ask(ada, "k9", 2)))
"""


def blocks(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)


def test_a_view_that_honours_its_key_does_it_once(tmp_path: Path) -> None:
    models, views = blocks("docs/how-to/idempotency.md")
    app = tmp_path / "shop"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(models)
    (app / "views.py").write_text(f"from shop.models import Order\n{views}")
    (app / "urls.py").write_text(
        'from django.urls import path\nfrom shop.views import place\nurlpatterns = [path("", place)]\n'
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROJECT],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=50,
    )

    assert done.returncode == 0, done.stderr
    first, again, other, missing, second, of_bob = (
        "[201, 1]",
        "[201, 1]",
        '[422, "urn:shop:key-reused"]',
        '[400, "urn:shop:key-missing"]',
        "[201, 2]",
        "[201, 3]",
    )
    told, wrong, defect = done.stdout.splitlines()
    assert told == f"[[{first}, {again}, {other}, {missing}, {second}, {of_bob}], 3]"
    assert wrong == "[" + ", ".join(['[400, "urn:shop:seats"]'] * 7) + "]"
    assert defect == '[500, "/problems/internal-error"]', "only a key that is there already is a repeat"


SETTINGS = """
import django
from django.conf import settings

settings.configure(SECRET_KEY="x", INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"])
django.setup()
"""


@pytest.mark.parametrize(
    "page",
    [
        "docs/how-to/rate-limits.md",
        "docs/concepts/criticality.md",
        "docs/concepts/deadlines.md",
        "docs/concepts/problem-details.md",
        "docs/concepts/observability.md",
        "docs/how-to/sentry-logrocket.md",
    ],
)
def test_each_sample_runs_as_it_is_pasted(page: str) -> None:
    samples = blocks(page)
    assert samples
    runs = "".join(f"exec({sample!r}, {{'__name__': 'pasted'}})\n" for sample in samples)
    done = subprocess.run([sys.executable, "-c", SETTINGS + runs], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


TREE = """
from mainstay.base.tracecontext import TRACE
from mainstay.observability import TRACING, interop
from mainstay.observability.traces import Sampler

class Kept(list):
    put = list.append

TRACING.exporter, TRACING.sampler = Kept(), Sampler(1.0)
assert interop.setup(True, TRACING)
request = TRACING.begin("")
TRACE.set(request)
interop.enter(request)
reserve(["A1", "A2"])
TRACING.request(request, "GET", "seats/", 200, 0.1, {})
spans = {span.span_id: span for span in TRACING.exporter}
for span in spans.values():
    above = spans[span.parent_id].name if span.parent_id else ""
    events = [event.name for event in span.events]
    print([above, span.name, events, {name: value for name, value in span.attributes.items() if "shop" in name}])
"""


def test_a_span_of_opentelemetry_lies_where_the_page_says() -> None:
    (sample,) = [block for block in blocks("docs/concepts/observability.md") if "get_tracer" in block]
    done = subprocess.run([sys.executable, "-c", sample + TREE], capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "['reserve', 'price', ['priced'], {}]",
        "['GET seats/', 'reserve', [], {'shop.seats': 2}]",
        "['', 'GET seats/', [], {'shop.tenant': 't1'}]",
    ]
