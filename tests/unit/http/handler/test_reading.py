"""A setting as Django has it at this moment."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import override_settings

from mainstay.http.handler.reading import setting


def test_what_is_overridden_is_seen_at_once_and_forgotten_afterwards() -> None:
    before = setting("SESSION_COOKIE_NAME")
    with override_settings(SESSION_COOKIE_NAME="another"):
        assert setting("SESSION_COOKIE_NAME") == "another"
    assert setting("SESSION_COOKIE_NAME") == before == settings.SESSION_COOKIE_NAME


def test_what_no_settings_have_is_an_error() -> None:
    with pytest.raises(AttributeError):
        setting("MAINSTAY_HAS_NO_SUCH_SETTING")
