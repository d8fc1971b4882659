from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.urls import include, path

from catalog import api, internal, pages

handler404 = pages.not_found


def schemas(request: HttpRequest) -> JsonResponse:
    """Where each public service describes itself."""
    return JsonResponse({"catalog": "/api/catalog/schema/", "orders": "/api/orders/schema/"})


def schema(request: HttpRequest) -> HttpResponse:
    from catalog.schema import view  # too slow to import for a start

    return view(request)


def catalog_docs(request: HttpRequest) -> HttpResponse:
    return redirect("/api/docs/#catalog")


urlpatterns = [
    path("", pages.events),
    path("events/<int:event_id>/", pages.event),
    path("tickets/", pages.tickets),
    path("api/docs/", pages.docs),
    path("api/events/", api.Events.as_view()),
    path("api/events/<int:event_id>/", api.EventDetail.as_view()),
    path("api/events/<int:event_id>/seats/", api.Seats.as_view()),
    path("api/schema/", schemas),
    path("api/catalog/schema/", schema),
    path("api/catalog/docs/", catalog_docs),
    path("internal/seat-changes/", internal.seat_changes),
    path("problems/", include("mainstay.http.problems.urls")),
    path("admin/", admin.site.urls),
]
