from __future__ import annotations

from django.contrib import admin
from django.urls import path

from payments import api

urlpatterns = [
    path("api/charges/", api.Charges.as_view()),
    path("api/charges/<uuid:charge_id>/", api.ChargeDetail.as_view()),
    path("api/charges/<uuid:charge_id>/refund/", api.Refunds.as_view()),
    path("api/voids/", api.Voids.as_view()),
    path("internal/bank/", api.Bank.as_view()),
    path("admin/", admin.site.urls),
]
