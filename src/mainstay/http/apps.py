from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from mainstay.base import twin


class HttpConfig(AppConfig):
    name = "mainstay.http"
    label = "mainstay_http"
    verbose_name = "Mainstay requests"

    def ready(self) -> None:
        twin.check(settings.DATABASES)
        from mainstay.health.builtin import declare
        from mainstay.http.checks import check_settings
        from mainstay.http.server.probes import start_if_asked
        from mainstay.observability.reports import tell_gap

        checks.register(check_settings)
        tell_gap()
        declare()
        start_if_asked()
