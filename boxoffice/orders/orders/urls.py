from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import path

from orders import api, internal_api


def schema(request: HttpRequest) -> HttpResponse:
    from orders.schema import view  # too slow to import for a start

    return view(request)


def docs(request: HttpRequest) -> HttpResponse:
    return redirect("/api/docs/#orders")


urlpatterns = [
    path("api/accounts/", api.Accounts.as_view()),
    path("api/tokens/", api.Tokens.as_view()),
    path("api/tokens/current/", api.CurrentToken.as_view()),
    path("api/holds/", api.Holds.as_view()),
    path("api/holds/<uuid:hold_id>/", api.HoldDetail.as_view()),
    path("api/orders/schema/", schema),
    path("api/orders/docs/", docs),
    path("api/orders/", api.Orders.as_view()),
    path("api/orders/<uuid:order_id>/", api.OrderDetail.as_view()),
    path("api/orders/<uuid:order_id>/cancel/", api.OrderCancel.as_view()),
    path("internal/seats/", internal_api.Seats.as_view()),
    path("admin/", admin.site.urls),
]
