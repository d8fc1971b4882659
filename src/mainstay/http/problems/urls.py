"""
The pages that the ``type`` of a problem leads to, for projects that show them themselves.

``path("problems/", include("mainstay.http.problems.urls"))`` in the URLs that the edge routes ``/`` to.
"""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path
from django.views.decorators.http import require_safe

from mainstay.base import problempage as page
from mainstay.base.problemtypes import BY_SLUG


@require_safe
def show(request: HttpRequest, slug: str) -> HttpResponse:
    """One kind of problem: what it means and what a client can do."""
    kind = BY_SLUG.get(slug)
    if kind is None:
        raise Http404
    shown = page.render(f"{kind.status} {kind.title}", f"{kind.detail} {kind.advice}")
    headers = {"Content-Security-Policy": page.POLICY, "Cache-Control": "public, max-age=86400"}
    return HttpResponse(shown, headers=headers)


urlpatterns = [path("<slug:slug>", show)]
