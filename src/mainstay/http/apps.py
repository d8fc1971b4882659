from __future__ import annotations

from django.apps import AppConfig


class HttpConfig(AppConfig):
    name = "mainstay.http"
    label = "mainstay_http"
    verbose_name = "Mainstay HTTP"

    def ready(self) -> None:
        from mainstay.health.builtin import declare
        from mainstay.http.probes import start_if_asked

        declare()
        start_if_asked()
