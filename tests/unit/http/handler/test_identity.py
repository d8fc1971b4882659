"""Whatever the middleware, their order and the request: nobody can tell our handler from Django's."""

from __future__ import annotations

from typing import Any

import django
import pytest
from django.test import override_settings
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.http.handler.twins import Ask, converse

PROJECT = "tests.unit.http.handler.project"
STOCK = (
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.http.ConditionalGetMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    *(["django.middleware.csp.ContentSecurityPolicyMiddleware"] if django.VERSION >= (6,) else []),
)
OPTIONAL = ("WhiteNoise", "GZip", "Locale", "ConditionalGet", "LoginRequired", "ContentSecurityPolicy")
DEFAULT = [name for name in STOCK if name.rsplit(".", 1)[1].removesuffix("Middleware") not in OPTIONAL]
FOREIGN = tuple(f"{PROJECT}.{name}" for name in ("Traced", "TracedAsync", "TracedBoth"))
WHAT = (
    *("set", "read", "flush", "token", "rotate", "message", "messages", "post", "own-headers", "500"),
    *("404", "stream", "long", "none", "template", "bad-template", "plain", "raise-404", "raise-403"),
    *("raise-400", "raise-suspicious", "raise-500"),
)
SETTINGS: dict[str, Any] = {
    "ROOT_URLCONF": PROJECT,
    "ALLOWED_HOSTS": ["testserver", "good.example.com"],
    "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}},
    "MESSAGE_STORAGE": "django.contrib.messages.storage.fallback.FallbackStorage",
    "TEMPLATES": [{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
    "STATIC_URL": "/static/",
    "LANGUAGES": [("en", "English"), ("de", "German")],
}

paths = st.builds(
    "/{}/{}{}".format,
    st.sampled_from(("sync", "sync", "async", "async", "exempt", "cookie", "framed", "nowhere")),
    st.sampled_from(WHAT),
    st.sampled_from(("/", "/", "/", "")),
)
headers = st.lists(
    st.sampled_from(
        (
            ("X-Csrftoken", "from-jar"),
            ("X-Csrftoken", "a" * 32),
            ("Accept-Encoding", "gzip"),
            ("Accept-Language", "de"),
            ("Origin", "http://evil.example.com"),
            ("Origin", "http://testserver"),
            ("Host", "bad.example.com"),
            ("X-Switch", "answer"),
            ("X-Switch", "raise-in"),
            ("X-Switch", "raise-out"),
            ("X-Switch", "view"),
            ("X-Switch", "mend"),
            ("X-Word", "changed"),
            ("X-Forwarded-Proto", "https"),
            ("If-None-Match", '"x"'),
        )
    ),
    max_size=3,
    unique_by=lambda pair: pair[0],
).map(tuple)
asks = st.builds(
    Ask,
    paths,
    st.sampled_from(("GET", "GET", "POST", "HEAD", "PUT")),
    headers,
    st.sampled_from((b"", b"field=1", b"csrfmiddlewaretoken=short&field=2")),
)
conversations = st.lists(asks, min_size=1, max_size=4)
stacks = st.one_of(
    st.just(DEFAULT),
    st.permutations(STOCK).flatmap(lambda names: st.integers(0, len(names)).map(lambda n: list(names[:n]))),
    st.lists(st.sampled_from((*STOCK, *FOREIGN)), max_size=8, unique=True),
    st.tuples(st.sampled_from(FOREIGN), st.integers(0, len(DEFAULT))).map(
        lambda pair: [*DEFAULT[: pair[1]], pair[0], *DEFAULT[pair[1] :]]
    ),
)
knobs = st.fixed_dictionaries(
    {},
    optional={
        "DEBUG_PROPAGATE_EXCEPTIONS": st.just(True),
        "CSRF_USE_SESSIONS": st.just(True),
        "SESSION_SAVE_EVERY_REQUEST": st.just(True),
        "SESSION_ENGINE": st.just("django.contrib.sessions.backends.signed_cookies"),
        "MESSAGE_STORAGE": st.sampled_from(
            [
                f"django.contrib.messages.storage.{name}"
                for name in ("cookie.CookieStorage", "session.SessionStorage")
            ]
        ),
        "SECURE_SSL_REDIRECT": st.just(True),
        "SECURE_HSTS_SECONDS": st.just(60),
        "SECURE_PROXY_SSL_HEADER": st.just(("HTTP_X_FORWARDED_PROTO", "https")),
        "SECURE_REFERRER_POLICY": st.sampled_from((None, "origin, no-referrer", ("a", "b"))),
        "X_FRAME_OPTIONS": st.just("sameorigin"),
        "SECURE_CSP": st.just({"default-src": ["'self'"], "script-src": ["'nonce-x'"]}),
        "PREPEND_WWW": st.just(True),
        "APPEND_SLASH": st.just(False),
        "CSRF_COOKIE_NAME": st.just("csrftoken"),
    },
)


@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")  # Django's own: bodies left open, sync iterators under ASGI
@pytest.mark.parametrize("kind", ["wsgi", "asgi"])
@given(stack=stacks, conversation=conversations, chosen=knobs, heard=st.booleans())
@example(
    stack=DEFAULT,
    conversation=[Ask("/sync/set/"), Ask("/sync/flush/"), Ask("/sync/read/")],
    chosen={},
    heard=False,
)
@example(stack=DEFAULT, conversation=[Ask("/sync/message/"), Ask("/sync/messages/")], chosen={}, heard=False)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_same_answers_logs_and_signals(
    kind: str, stack: list[str], conversation: list[Ask], chosen: dict[str, Any], heard: bool
) -> None:
    with override_settings(**{**SETTINGS, **chosen, "MIDDLEWARE": stack}):
        ours = converse(kind, True, conversation, heard=heard)
        assert ours == converse(kind, False, conversation, heard=heard)
