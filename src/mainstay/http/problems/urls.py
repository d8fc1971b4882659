"""
The pages that the ``type`` of a problem leads to, for projects that show them themselves.

``path("problems/", include("mainstay.http.problems.urls"))`` in the URLs that the edge routes ``/`` to.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from mainstay.base import problempage as page
from mainstay.base.problemtypes import BY_SLUG, CATALOGUE

TITLE = "Kinds of problems"


@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Every kind, each with its page."""
    kinds = sorted(CATALOGUE, key=lambda kind: (kind.status, kind.slug))
    links = [(kind.slug, f"{kind.status} {kind.title}") for kind in kinds]
    return _page(TITLE, "What an error of this system may be, by its status.", links)


@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """One kind of problem: what it means and what a client can do."""
    kind = BY_SLUG.get(slug)
    if kind is None:
        raise Http404
    return _page(f"{kind.status} {kind.title}", f"{kind.detail} {kind.advice}", [(".", TITLE)])


def _page(title: str, text: str, links: Sequence[tuple[str, str]]) -> HttpResponse:
    headers = {"Content-Security-Policy": page.POLICY, "Cache-Control": "public, max-age=86400"}
    return HttpResponse(page.render(title, text, links=links), headers=headers)


urlpatterns = [path("", index), path("<slug:slug>", show)]
