"""Which middleware is native, which is not, and why."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.core.exceptions import MiddlewareNotUsed
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIHandler
from django.dispatch import Signal
from django.middleware.common import CommonMiddleware
from django.middleware.security import SecurityMiddleware
from django.test import Client, RequestFactory, override_settings

from mainstay.base.errors import InvalidInput
from mainstay.http.handler import FastASGIHandler, FastWSGIHandler, install, replace, uninstall
from tests.unit.http.handler.test_asgi import Exchange, scope_of
from tests.unit.http.handler.test_identity import DEFAULT, PROJECT, SETTINGS, STOCK

HERE = "tests.unit.http.handler.test_chain"


class Extended(CommonMiddleware):
    pass


class NotNeeded:
    def __init__(self, get_response: Any) -> None:
        raise MiddlewareNotUsed("switched off")


def handling(*middleware: str, **settings: Any) -> dict[str, tuple[bool, str]]:
    with override_settings(**{**SETTINGS, "MIDDLEWARE": list(middleware), **settings}):
        handled = FastASGIHandler().mainstay_handling
    assert [each.path for each in handled] == list(middleware)
    return {each.path.rsplit(".", 1)[1]: (each.native, each.why) for each in handled}


def test_every_stock_middleware_is_native() -> None:
    assert all(native and not why for native, why in handling(*STOCK).values())


def test_a_subclass_is_not() -> None:
    assert handling(f"{HERE}.Extended") == {
        "Extended": (False, "extends CommonMiddleware, and may have changed what it does")
    }


def test_an_unknown_one_is_not() -> None:
    assert handling(f"{PROJECT}.Traced", f"{PROJECT}.TracedBoth") == {
        "Traced": (False, "not a middleware that Mainstay has a native form of"),
        "TracedBoth": (False, "not a middleware that Mainstay has a native form of"),
    }


def test_one_that_never_blocks_says_so() -> None:
    assert handling("mainstay.http.middleware.EntranceMiddleware") == {
        "EntranceMiddleware": (
            False,
            "runs as it is and without a thread, since it says that it never blocks",
        )
    }


def test_one_whose_method_another_program_has_replaced_is_not() -> None:
    with mock.patch.object(SecurityMiddleware, "process_response", lambda self, request, response: response):
        found = handling("django.middleware.security.SecurityMiddleware")

    assert found == {
        "SecurityMiddleware": (False, "its method process_response was replaced by another program")
    }


def test_one_with_a_store_of_the_projects_own_is_not() -> None:
    found = handling(*DEFAULT, SESSION_ENGINE="tests.unit.http.handler.store")

    native, why = found["SessionMiddleware"]
    assert not native
    assert why == "the session store tests.unit.http.handler.store is not Django's, so it may wait anywhere"
    assert found["MessageMiddleware"][0]


def test_all_can_be_switched_off_and_one_alone() -> None:
    name = "django.middleware.csrf.CsrfViewMiddleware"

    none = handling(*DEFAULT, MAINSTAY={"http": {"native": False}})
    all_but_one = handling(*DEFAULT, MAINSTAY={"http": {"adapted": [name]}})

    assert not any(native for native, _ in none.values())
    assert [key for key, (native, _) in all_but_one.items() if not native] == ["CsrfViewMiddleware"]
    assert all_but_one["CsrfViewMiddleware"][1] == 'runs as in Django, as MAINSTAY["http"] asks'


def test_one_that_is_not_needed_is_left_out_and_does_not_split_a_run() -> None:
    with override_settings(**{**SETTINGS, "MIDDLEWARE": [DEFAULT[0], f"{HERE}.NotNeeded", DEFAULT[2]]}):
        handler = FastWSGIHandler()

    assert [each.used for each in handler.mainstay_handling] == [True, False, True]
    assert handler._middleware_chain.__closure__ is not None


def test_a_bad_option_stops_the_start() -> None:
    with override_settings(MAINSTAY={"http": {"nativ": True}}), pytest.raises(InvalidInput, match="nativ"):
        FastWSGIHandler()


def test_installed_the_test_client_runs_on_the_native_chain() -> None:
    settings = {**SETTINGS, "MIDDLEWARE": DEFAULT}
    load = BaseHandler.load_middleware
    install()
    install()
    try:
        with override_settings(**settings):
            client = Client()
            assert client.get("/sync/plain/").content == b"plain"
            assert all(each.native for each in client.handler.mainstay_handling)
            assert all(each.native for each in ASGIHandler().mainstay_handling)
            assert all(each.native for each in WSGIHandler().mainstay_handling)
    finally:
        uninstall()

    assert BaseHandler.load_middleware is load
    assert not hasattr(BaseHandler, "mainstay_handling")


def test_only_exactly_djangos_handler_is_replaced() -> None:
    class Own(ASGIHandler):
        pass

    class Router:
        application_mapping = {"http": ASGIHandler(), "websocket": object()}

    own, router = Own(), Router()

    assert type(replace(WSGIHandler())) is FastWSGIHandler
    assert type(replace(ASGIHandler())) is FastASGIHandler
    assert replace(own) is own
    assert replace(router) is router
    assert type(router.application_mapping["http"]) is FastASGIHandler


async def test_what_a_tracer_has_wrapped_is_not_passed_by(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def wrap(owner: type, name: str) -> None:
        method = getattr(owner, name)

        def wrapper(*args: Any, **kwargs: Any) -> Any:
            seen.append(name)
            return method(*args, **kwargs)

        monkeypatch.setattr(owner, name, wrapper)

    wrap(WSGIHandler, "__call__")
    wrap(ASGIHandler, "__call__")
    wrap(ASGIHandler, "create_request")
    wrap(BaseHandler, "get_response")
    wrap(BaseHandler, "get_response_async")
    wrap(Signal, "_live_receivers")
    with override_settings(**{**SETTINGS, "MIDDLEWARE": DEFAULT, "ROOT_URLCONF": PROJECT}):
        make = RequestFactory()
        FastWSGIHandler()(make.get("/sync/plain/").environ, lambda status, headers: None)
        assert {"__call__", "get_response"} <= set(seen)
        seen.clear()
        await Exchange(scope_of("/async/plain/")).run(FastASGIHandler())
        assert seen == ["__call__", "create_request", "get_response_async"]
