"""Each trap fires, and is silent where nothing is wrong."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys

import django
import pytest
from django.core.checks import Error
from django.core.checks import Warning as Caution
from django.urls import include, path
from django.utils.module_loading import import_string
from rest_framework.throttling import ScopedRateThrottle
from rest_framework.views import APIView

from mainstay.http import checks, deadlines
from mainstay.http.limits.throttles import RateLimitThrottle
from mainstay.http.security import csp_middleware
from mainstay.http.settings import DEVELOPMENT_KEY

LOCMEM = {"default": {"BACKEND": checks.LOCAL}}
VALKEY = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://x"}}
MEMCACHED = {"default": {"BACKEND": "django.core.cache.backends.memcached.PyMemcacheCache"}}
SESSIONS = "django.contrib.sessions.backends.cache"
OTHER = "django.middleware.common.CommonMiddleware"
MONTHLY = {"DEFAULT_THROTTLE_RATES": {"uploads": "5/month", "unused": "often"}}


class Uploads(APIView):
    throttle_scope = "uploads"
    throttle_classes = (RateLimitThrottle,)


class Theirs(APIView):
    throttle_scope = "unused"
    throttle_classes = (ScopedRateThrottle,)


urlpatterns = [path("in/", include([path("", Uploads.as_view())])), path("", Theirs.as_view())]


@pytest.fixture(autouse=True)
def sound(settings, monkeypatch):
    """A project in which nothing is wrong, in a process of a running system."""
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    monkeypatch.delenv("SENTRY_DSN", raising=False)
    settings.MIDDLEWARE = [checks.ENTRANCE, OTHER]
    settings.SECRET_KEY = "a-real-one" * 5
    settings.ALLOWED_HOSTS = ["shop.example"]
    settings.DEBUG = False
    settings.CACHES = VALKEY
    settings.MAINSTAY = {"http": {"problem_base": "/problems/"}}
    return settings


def found() -> list[str]:
    return [message.id for message in checks.check_settings()]


def test_a_sound_project_is_silent():
    assert found() == []


@pytest.mark.parametrize(
    ("trap", "changes"),
    [
        (checks.ENTRANCE_ORDER, {"MIDDLEWARE": [OTHER, checks.ENTRANCE]}),
        (checks.ENTRANCE_ORDER, {"MIDDLEWARE": [OTHER]}),
        (checks.DEBUG_ON, {"DEBUG": True}),
        (checks.NO_SECRET, {"SECRET_KEY": ""}),
        (checks.NO_SECRET, {"SECRET_KEY": DEVELOPMENT_KEY}),
        (checks.NO_SECRET, {"SECRET_KEY": "django-insecure-x"}),
        (checks.ANY_HOST, {"ALLOWED_HOSTS": ["shop.example", "*"]}),
        (checks.LOCAL_CACHE, {"CACHES": LOCMEM}),
        (checks.LOCAL_SESSIONS, {"CACHES": MEMCACHED, "SESSION_ENGINE": SESSIONS}),
        (checks.UNKNOWN_OPTION, {"MAINSTAY": {"htttp": {}}}),
        (checks.UNKNOWN_OPTION, {"MAINSTAY": {"http": {"problem_bas": ""}}}),
        (checks.UNKNOWN_OPTION, {"MAINSTAY": {"http": None}}),
        (checks.UNKNOWN_OPTION, {"MAINSTAY": []}),
        (checks.UNKNOWN_DEPENDENCY, {"MAINSTAY": {"health": {"dependencies": {"cash:default": {}}}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"http": {"deadline": "soon"}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"http": {"rate_limits": {"replica": 2}}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"http": {"rate_limits": {"replicas": "x"}}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"http": {"rate_limits": {"timeout": float("nan")}}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"http": {"adapted": [OTHER + "x"]}}}),
        (checks.BAD_OPTION, {"MAINSTAY": {"health": {"dependencies": []}}}),
        (checks.UNREADABLE_LIMIT, {"ROOT_URLCONF": __name__, "REST_FRAMEWORK": MONTHLY}),
        (checks.UNREADABLE_LIMIT, {"ROOT_URLCONF": __name__, "REST_FRAMEWORK": {}}),
        (checks.UNSENT_POLICY, {"SECURE_CSP": {"default-src": ["'self'"]}}),
        (checks.UNSENT_POLICY, {"SECURE_CSP_REPORT_ONLY": {"default-src": ["'self'"]}}),
        (checks.UNSENT_POLICY, {"SECURE_CSP": {"x": []}, "MIDDLEWARE": [checks.ENTRANCE, "no.such.thing"]}),
        (checks.EARLY_ACK, {"CELERY_BROKER_URL": "redis://x", "CELERY_TASK_ACKS_LATE": True}),
    ],
)
def test_a_trap_fires(sound, trap, changes):
    for name, value in changes.items():
        setattr(sound, name, value)
    (message,) = checks.check_settings()
    assert message.id == trap.id
    assert isinstance(message, Error if trap.is_error else Caution)
    assert message.hint
    assert "{" not in message.msg.replace("{…}", "")


def test_sessions_in_one_process_s_memory_are_two_mistakes(sound):
    sound.CACHES, sound.SESSION_ENGINE = LOCMEM, SESSIONS
    assert found() == [checks.LOCAL_CACHE.id, checks.LOCAL_SESSIONS.id]


def test_a_throttle_s_rate_that_none_of_its_requests_would_survive_is_told(sound):
    """REST framework reads `5/month` as five a minute; and a throttle of its own may."""
    sound.ROOT_URLCONF, sound.REST_FRAMEWORK = __name__, MONTHLY
    (message,) = checks.check_settings()
    assert message.msg.startswith(
        f"{__name__}.Uploads cannot be limited: the rate of throttle 'uploads' is '5/month', and has to be a rate such"
    )
    assert message.hint == 'Correct it in REST_FRAMEWORK["DEFAULT_THROTTLE_RATES"], or in the view.'
    sound.REST_FRAMEWORK = {"DEFAULT_THROTTLE_RATES": {"uploads": "5/d"}}
    assert found() == []
    sound.ROOT_URLCONF = "no.such.urls"
    assert found() == []


def test_options_that_there_are_not_are_told_with_those_that_there_are(sound):
    sound.MAINSTAY = {
        "http": {"rate_limits": {"replica": 2}},
        "health": {"dependencies": {"search": {"role": "vitel", "rol": 1, "off": True}}},
    }
    told = [
        (message.msg, message.hint)
        for message in checks.check_settings()
        if message.id == checks.BAD_OPTION.id
    ]
    (limits, limits_hint), (role, role_hint), (rol, _) = told
    assert limits.startswith(
        'MAINSTAY["http"]["rate_limits"]["replica"] is not known, and has to be one of block_share'
    )
    path = 'MAINSTAY["health"]["dependencies"]["search"]'
    assert role == f"{path}[\"role\"] is 'vitel', and has to be one of vital, degrading, optional."
    assert rol == f'{path}["rol"] is not known, and has to be one of role, limit, every, off.'
    assert (limits_hint, role_hint) == ("did you mean 'replicas'?", "did you mean 'vital'?")


@pytest.mark.skipif(django.VERSION < (6,), reason="Django has no such middleware below 6")
@pytest.mark.parametrize("own", [False, True])
def test_a_policy_that_is_sent_is_silent(sound, monkeypatch, own):
    """By Django's middleware, or by a class of the project made from it."""
    (path,) = csp_middleware()
    if own:
        monkeypatch.setattr(
            sys.modules[__name__], "OwnPolicy", type("OwnPolicy", (import_string(path),), {}), False
        )
        path = f"{__name__}.OwnPolicy"
    sound.SECURE_CSP = {"default-src": ["'self'"]}
    sound.MIDDLEWARE = [checks.ENTRANCE, path]
    assert found() == []


def test_all_that_is_wrong_is_told_at_once_and_nothing_twice(sound):
    sound.MAINSTAY = {"http": {"deadline": "soon", "rate_limits": {"replicas": "x"}}}
    assert [message.msg.partition(" is ")[0] for message in checks.check_settings()] == [
        'MAINSTAY["http"]["deadline"]',
        'MAINSTAY["http"]["rate_limits"]["replicas"]',
    ]
    sound.MAINSTAY = {"http": {"rate_limits": 7}}
    assert found() == [checks.BAD_OPTION.id]


@pytest.mark.parametrize("is_installed", [True, False])
def test_an_address_for_errors_to_which_nothing_is_reported_is_told(sound, monkeypatch, is_installed):
    monkeypatch.setenv("SENTRY_DSN", "http://key@127.0.0.1:9/1")
    if not is_installed:
        monkeypatch.setitem(sys.modules, "sentry_sdk", None)
    (message,) = checks.check_settings()
    assert message.id == "mainstay.W211"
    assert ("sentry-sdk is not installed" in message.msg) is not is_installed


def test_a_deadline_that_the_edge_cuts_short_is_told(sound, monkeypatch):
    monkeypatch.setattr(deadlines, "DECORATED", {})
    for seconds in (30, 9.5):

        @deadlines.deadline(seconds)
        def view(request): ...

    assert found() == []
    monkeypatch.setenv("MAINSTAY_SERVICE", "shop")
    monkeypatch.setenv("MAINSTAY_REQUEST_TIMEOUT", "10")
    (message,) = [each for each in checks.check_settings() if each.id == "mainstay.W213"]
    assert message.msg.startswith(f"@deadline(30) at {__name__}, line ")


VALUES = [
    {"http": {"deadline": "soon"}},
    {"http": {"native": "yes", "admission": "maybe", "problem_base": 7}},
    {"http": {"rate_limits": 7}},
    {"http": {"rate_limits": {"enabled": 1, "url": 2, "prefix": 3, "replicas": "x", "timeout": 99}}},
    {"http": {"rate_limits": {"block_share": 7, "when_unavailable": "", "zzz": 1}}},
    {"health": {"dependencies": 7}},
    {"health": {"dependencies": {"broker": 7}}},
    {"health": {"dependencies": {"broker": {"role": 7, "limit": "x", "off": 1, "zzz": 1}}}},
]


@pytest.mark.parametrize("given", VALUES, ids=range(len(VALUES)))
def test_whatever_does_not_fit_has_an_example_that_does(sound, given):
    sound.MAINSTAY = given
    told = [message for message in checks.check_settings() if message.id == checks.BAD_OPTION.id]
    assert told
    for message in told:
        place, _, words = message.msg.partition(" is ")
        assert "'" not in place
        if not message.hint.startswith("did you mean"):
            ((key, value),) = ast.literal_eval(f"{{{message.hint.removeprefix('such as ')}}}").items()
            path = re.findall(r'"([^"]+)"', place)
            assert key == path[-1] or words.startswith("not known")
            sound.MAINSTAY = {path[0]: nested([*path[1:-1], key], value)}
            assert checks.BAD_OPTION.id not in found()


def nested(path, value):
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def test_a_misspelt_option_has_a_hint(sound):
    sound.MAINSTAY = {"http": {"problem_bas": ""}}
    assert checks.check_settings()[0].hint == "did you mean 'problem_base'?"


@pytest.mark.parametrize(
    "changes",
    [
        {"CACHES": VALKEY, "SESSION_ENGINE": SESSIONS},
        {"CELERY_BROKER_URL": "x", "CELERY_TASK_ACKS_LATE": True, "CELERY_TASK_REJECT_ON_WORKER_LOST": True},
        {"ALLOWED_HOSTS": ["*.shop.example"]},
    ],
)
def test_what_is_right_is_silent(sound, changes):
    for name, value in changes.items():
        setattr(sound, name, value)
    assert found() == []


@pytest.mark.parametrize(
    "changes",
    [{"DEBUG": True, "ALLOWED_HOSTS": ["*"]}, {"SECRET_KEY": DEVELOPMENT_KEY}, {"CACHES": LOCMEM}],
)
def test_development_is_left_alone(sound, monkeypatch, changes):
    monkeypatch.delenv("MAINSTAY_SERVICE")
    for name, value in changes.items():
        setattr(sound, name, value)
    assert found() == []


def test_the_apps_register_their_checks():
    code = (
        "import django; from django.conf import settings\n"
        "settings.configure(SECRET_KEY='k' * 50, INSTALLED_APPS=['mainstay.http', 'mainstay.db'], MAINSTAY={'x': {}},\n"
        " DATABASES={'default': {'ENGINE': 'django.db.backends.sqlite3', 'CONN_MAX_AGE': 60}},\n"
        " ASGI_APPLICATION='x.y')\n"
        "django.setup()\n"
        "from django.core.checks import run_checks\n"
        "print(sorted(message.id for message in run_checks()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "['mainstay.E207', 'mainstay.W101', 'mainstay.W201']"


def test_a_role_that_is_none_ends_a_server_and_no_command_before_its_check(monkeypatch):
    monkeypatch.delenv("MAINSTAY_SERVICE")
    code = (
        "import os, django; from django.conf import settings\n"
        "settings.configure(SECRET_KEY='k' * 50, INSTALLED_APPS=['mainstay.http'],\n"
        " MAINSTAY={'health': {'dependencies': {'broker': {'role': 'vitel'}}}})\n"
        "django.setup()\n"
        "from django.core.checks import run_checks\n"
        "print(sorted(message.id for message in run_checks()))\n"
        "from mainstay.asgi import get_asgi_application\n"
        "from mainstay.wsgi import get_wsgi_application\n"
        "from mainstay.base.errors import InvalidInput\n"
        "from mainstay.http.server import loading, probes\n"
        "os.environ['MAINSTAY_HEALTH_BIND'] = '127.0.0.1:0'\n"
        "starts = get_asgi_application, get_wsgi_application, loading._set_django_up, probes.start_if_asked\n"
        "for start in starts:\n"
        "    try:\n"
        "        start()\n"
        "    except InvalidInput as error:\n"
        "        print(error.problems[0].id)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["['mainstay.E209', 'mainstay.W201']", *["health.bad-setting"] * 4]


@pytest.mark.parametrize("is_installed", [True, False])
def test_a_process_says_once_at_its_start_that_it_reports_to_nobody(is_installed):
    """Through the project's own logging, which stands by then; and nothing where reports run."""
    code = (
        "import sys, os, django; from django.conf import settings\n"
        f"sys.modules.update({{}} if {is_installed} else {{'sentry_sdk': None}})\n"
        "from mainstay import settings as mainstay\n"
        "settings.configure(SECRET_KEY='k' * 50, INSTALLED_APPS=['mainstay.http'], LOGGING=mainstay.observability())\n"
        "django.setup()"
    )
    env = {**os.environ, "SENTRY_DSN": "http://key@127.0.0.1:9/1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    said = [json.loads(line)["event"] for line in done.stdout.splitlines()]
    gap = "errors of this process are reported to nobody: SENTRY_DSN is set, and sentry-sdk is not installed"
    assert said == ([] if is_installed else [gap])
