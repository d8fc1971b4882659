"""A setting as Django has it at this moment, and what asgiref keeps for a task."""

from __future__ import annotations

import asyncio

import pytest
from asgiref.local import Local
from django.conf import settings
from django.test import override_settings

from mainstay.http.handler.reading import is_empty, of_this_thread, setting


def test_what_is_overridden_is_seen_at_once_and_forgotten_afterwards() -> None:
    before = setting("SESSION_COOKIE_NAME")
    with override_settings(SESSION_COOKIE_NAME="another"):
        assert setting("SESSION_COOKIE_NAME") == "another"
    assert setting("SESSION_COOKIE_NAME") == before == settings.SESSION_COOKIE_NAME


def test_what_no_settings_have_is_an_error() -> None:
    with pytest.raises(AttributeError):
        setting("MAINSTAY_HAS_NO_SUCH_SETTING")


async def test_a_local_is_empty_until_something_is_set_in_this_context() -> None:
    local = Local()
    assert is_empty(local)

    async def elsewhere() -> None:
        local.value = 1
        assert not is_empty(local)

    await asyncio.create_task(elsewhere())
    assert is_empty(local)
    local.value = 2
    assert not is_empty(local)
    del local.value
    assert not hasattr(local, "value")


@pytest.mark.parametrize("local", [object(), Local(thread_critical=True)])
def test_what_cannot_be_seen_is_not_taken_for_empty(local: object) -> None:
    assert not is_empty(local)


def test_a_thread_reads_its_own_without_asking_for_a_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    local = Local(thread_critical=True)
    local.value = "here"

    def look() -> None:
        raise AssertionError("asked for a loop")

    with monkeypatch.context() as patch:
        patch.setattr("asgiref.local.asyncio.get_running_loop", look)
        assert of_this_thread(local).value == "here"


async def test_a_task_reads_its_own() -> None:
    local = Local(thread_critical=True)
    local.value = "of the task"
    assert of_this_thread(local) is local
    assert of_this_thread(local).value == "of the task"


def test_what_is_kept_by_context_is_read_as_it_is() -> None:
    local = Local()
    assert of_this_thread(local) is local
