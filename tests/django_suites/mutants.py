"""
Native forms with one part switched off: Django's tests must notice each.

A suite that passes whatever the handler does would prove nothing. Every part of every form
that the suites reach is made to do nothing once, and a test must fail that passes without it.
The rest are defects of the chain itself: layers in the wrong order, exceptions that pass one
layer unseen, ``process_view`` forgotten.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from tests.django_suites.running import Run, Variant, run


@dataclass(frozen=True, slots=True)
class Mutant:
    """One part of one native form that does nothing."""

    name: str
    """The form, and which part of it."""
    labels: tuple[str, ...]
    """The suites that must find it."""
    variant: Variant = "chain"
    django: tuple[str, ...] = ("5.2", "6.1")


_AUTH = ("auth_tests.test_middleware",)
_CSP = ("middleware.test_csp",)
_CSRF = ("csrf_tests",)
_FRAMES = ("middleware.tests.XFrameOptionsMiddlewareTest",)
_LOCALE = ("i18n.patterns",)
_MESSAGES = ("messages_tests",)
_MIDDLEWARE = ("middleware.tests",)
_NESTING = ("middleware_exceptions", "handlers", "test_client")
_SECURITY = ("middleware.test_security",)
_SESSIONS = ("sessions_tests", "test_client.tests")

MUTANTS: tuple[Mutant, ...] = (
    Mutant("authentication.before", ("test_client.tests",)),
    Mutant("common.after", _MIDDLEWARE, "direct"),
    Mutant("common.before", _MIDDLEWARE, "direct"),
    Mutant("conditional_get.after", _MIDDLEWARE, "direct"),
    Mutant("content_security_policy.after", _CSP, "direct", ("6.1",)),
    Mutant("content_security_policy.before", _CSP, "direct", ("6.1",)),
    Mutant("csrf.after", _CSRF, "direct"),
    Mutant("csrf.after_full", _CSRF, "direct"),
    Mutant("csrf.before", _CSRF, "direct"),
    Mutant("csrf.before_full", _CSRF, "direct"),
    Mutant("csrf.view", _CSRF, "direct"),
    Mutant("csrf.view_full", _CSRF, "direct"),
    Mutant("frame_options.after", _FRAMES, "direct"),
    Mutant("gzip.after", _MIDDLEWARE, "direct"),
    Mutant("locale.after", _LOCALE),
    Mutant("locale.before", _LOCALE),
    Mutant("login_required.view", _AUTH),
    Mutant("login_required.view_full", _AUTH),
    Mutant("messages.after", _MESSAGES),
    Mutant("messages.after_full", _MESSAGES),
    Mutant("messages.before", _MESSAGES),
    Mutant("security.after", _SECURITY, "direct"),
    Mutant("security.before", _SECURITY, "direct"),
    Mutant("sessions.after", _SESSIONS),
    Mutant("sessions.after_full", _SESSIONS),
    Mutant("sessions.before", _SESSIONS),
    Mutant("chain.one-layer-less", _LOCALE),
    Mutant("chain.turned-over", _NESTING),
    Mutant("chain.without-views", (*_AUTH, "test_client")),
)


def named(name: str) -> Mutant:
    return next(mutant for mutant in MUTANTS if mutant.name == name)


def chosen(names: Sequence[str], django: str) -> list[Mutant]:
    """Those of this Django whose name begins with one of the names; all of them without a name."""
    return [
        each
        for each in MUTANTS
        if django in each.django and (not names or each.name.startswith(tuple(names)))
    ]


def hunt(mutant: Mutant) -> list[str]:
    """The tests that pass without the mutant and fail with it."""
    return differing(_bare(mutant.labels), run(mutant.variant, mutant.labels, mutant=mutant.name))


@cache
def _bare(labels: tuple[str, ...]) -> Run:
    return run("bare", labels)


def differing(bare: Run, changed: Run) -> list[str]:
    """Tests that passed in the first run and failed in the second."""
    return [
        test
        for test, outcome in bare.outcomes.items()
        if outcome == "passed" and changed.outcomes.get(test) == "failed"
    ]
