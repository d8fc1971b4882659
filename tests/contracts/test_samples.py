"""Longer samples of the documentation do what the page says; each is run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mainstay.ops.engines import valkey
from mainstay.ops.topology.values import Valkey
from mainstay.tasks.settings import installed_apps

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


WORKER = """
import json, os, sys, time, types
import django
from django.conf import settings

settings.configure(
    SECRET_KEY="x", USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["DATABASE"]}},
    INSTALLED_APPS=mainstay.installed_apps(),
    TASKS={"default": {"BACKEND": "django_tasks_db.DatabaseBackend"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField", CELERY_BROKER_URL=os.environ["BROKER"],
)
django.setup()
from django.core.management import call_command
call_command("migrate", run_syncdb=True, verbosity=0)

# Celery is not installed here: its signal, and below a message as it lays it into its list.
class Signal(list):
    def connect(self, receiver):
        self.append(receiver)
        return receiver

signals = types.ModuleType("celery.signals")
signals.before_task_publish = Signal()
sys.modules["celery"], sys.modules["celery.signals"] = types.ModuleType("celery"), signals
"""

WAITING = """
from datetime import timedelta
from mainstay.observability.figures import FIGURES

def told(name, count):
    for _ in range(1000):
        found = {f.name[15:]: f.value for f in FIGURES.read() if ("queue", name) in f.labels}
        if found.get("length") == count:
            return found
        time.sleep(0.02)
    raise SystemExit(f"{name}: {found}")

assert told("tasks", 0)["oldest_seconds"] == 0
assert told("celery", 0)["oldest_seconds"] == 0
assert told("celery", 0)["failures_total"] == 0

def lay(enqueued, run_after):
    values = {"args_kwargs": {}, "task_path": "x", "backend_name": "default"}
    one = DBTaskResult.objects.create(run_after=run_after or get_date_max(), **values)
    DBTaskResult.objects.filter(pk=one.pk).update(enqueued_at=enqueued)

from django_tasks_db.models import get_date_max
now = timezone.now()
day, minutes, seconds = timedelta(days=1), timedelta(seconds=90), timedelta(seconds=5)
lay(now - day, now - seconds)
assert 5 <= age_of_first().total_seconds() < 60, "not before it was due"
lay(now - minutes, None)
lay(now - day, now + day)
assert 90 <= age_of_first().total_seconds() < 180
assert ready().count() == 2, "the last one is not due yet"
DBTaskResult.objects.all().delete()
assert age_of_first() is None

for seconds in (70, 5):
    headers = {"task": "shop.send", "id": str(seconds)}
    for receiver in signals.before_task_publish:
        receiver(sender="shop.send", headers=headers, body=None)
    headers["queued_at"] -= seconds
    broker.lpush("celery", json.dumps({"body": "W10=", "headers": headers, "properties": {}}))
assert 70 <= age_of_first_in_celery() < 160
broker.rpop("celery")
assert 5 <= age_of_first_in_celery() < 60
"""


def test_the_queues_shown_tell_how_long_their_first_has_waited(tmp_path: Path) -> None:
    """A table of tasks, and Celery's list in a real Valkey."""
    server = valkey.find(Valkey(program="", port=0, max_memory=32 << 20)).path
    socket = tmp_path / "valkey.sock"
    options = ["--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(tmp_path)]
    running = subprocess.Popen([str(server), *options], stdout=subprocess.DEVNULL)
    settings = WORKER.replace("mainstay.installed_apps()", repr(installed_apps()))
    samples = "".join(blocks("docs/how-to/worker.md")[-2:])
    try:
        waited = time.monotonic() + 20
        while not socket.exists():
            assert time.monotonic() < waited
            time.sleep(0.02)
        done = subprocess.run(
            [sys.executable, "-c", settings + samples + WAITING],
            env={**os.environ, "BROKER": f"unix://{socket}", "DATABASE": str(tmp_path / "db.sqlite3")},
            capture_output=True,
            text=True,
            timeout=50,
        )
    finally:
        running.terminate()
        running.wait(10)
    assert done.returncode == 0, done.stderr
