from __future__ import annotations

from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "mainstay.http"
    label = "mainstay_http"
    verbose_name = "Mainstay requests"
