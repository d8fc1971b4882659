"""
Django's own tests, run with Mainstay's handler in the place of Django's.

That the fast handler does what Django's does is shown by the tests that Django's authors wrote for
theirs. They come from the source archive of exactly the Django that is installed, whose hash
stands in the lock, and none of their files is touched.

Each selection runs up to five times in the same environment:

- **bare**: plain Django. What fails here says nothing about the handler, and is set aside by name.
- **chain**: `mainstay.http.handler.install` has put the handler into Django's own classes, so every
  request of a test client, a live server or an ASGI communicator goes through it.
- **direct**: tests that call a middleware themselves, without any handler, reach its native form.
- **bare async**, **chain async**: the sync test client sends its requests through the async chain, once Django's
  and once ours. Few of Django's tests are written for ASGI; so all of them look at it.

A test whose outcome differs from that of its bare run is a difference between the two handlers.
"""

from __future__ import annotations

SUITES = (
    "admin_docs",
    "admin_views",
    "asgi",
    "async",
    "auth_tests.test_auth_backends",
    "auth_tests.test_context_processors",
    "auth_tests.test_decorators",
    "auth_tests.test_login",
    "auth_tests.test_middleware",
    "auth_tests.test_mixins",
    "auth_tests.test_remote_user",
    "auth_tests.test_signals",
    "auth_tests.test_views",
    "builtin_server",
    "cache.tests.CacheHEADTest",
    "cache.tests.CacheI18nTest",
    "cache.tests.CacheMiddlewareTest",
    "cache.tests.PrefixedCacheI18nTest",
    "cache.tests.TestWithTemplateResponse",
    "conditional_processing",
    "context_processors",
    "csrf_tests",
    "decorators",
    "dispatch",
    "file_uploads",
    "flatpages_tests",
    "generic_views",
    "handlers",
    "httpwrappers",
    "i18n.patterns",
    "i18n.tests",
    "logging_tests",
    "messages_tests",
    "middleware",
    "middleware_exceptions",
    "redirects_tests",
    "requests_tests",
    "responses",
    "servers",
    "sessions_tests",
    "shortcuts",
    "signals",
    "signed_cookies_tests",
    "sitemaps_tests",
    "sites_tests",
    "staticfiles_tests.test_handlers",
    "staticfiles_tests.test_views",
    "syndication_tests",
    "test_client",
    "test_client_regress",
    "test_exceptions",
    "test_utils",
    "timezones",
    "urlpatterns",
    "urlpatterns_reverse",
    "view_tests",
    "wsgi",
)
"""Labels of ``runtests.py``: whatever sends a request through a handler, and what lies close to it."""

DIRECT = (
    "auth_tests.test_middleware",
    "csrf_tests",
    "i18n.patterns",
    "i18n.tests",
    "messages_tests",
    "middleware",
    "middleware_exceptions",
    "sessions_tests",
)
"""Of these, the ones whose tests call a middleware themselves."""

SYNC_ONLY = ("auth_tests.test_remote_user",)
"""
Not sent through the async chain.

The sync client has the user's name where a WSGI server puts it, and Django's
middleware looks for it where an ASGI server does: these fail with plain Django, too.
"""

QUICK = (
    "asgi",
    "conditional_processing",
    "csrf_tests",
    "handlers",
    "i18n.patterns",
    "messages_tests",
    "middleware",
    "middleware_exceptions",
    "sessions_tests",
    "test_client",
    "view_tests",
)
"""What the normal test suite runs each time: about half a minute of one core in all."""
