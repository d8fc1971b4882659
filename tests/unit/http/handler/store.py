"""A session store of a project's own."""

from __future__ import annotations

from django.contrib.sessions.backends.signed_cookies import SessionStore as Cookies


class SessionStore(Cookies):
    pass
