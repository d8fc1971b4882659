from __future__ import annotations

from django.apps import AppConfig
from django.conf import settings
from django.core import checks

from mainstay.base import twin


class DatabaseConfig(AppConfig):
    name = "mainstay.db"
    label = "mainstay_db"
    verbose_name = "Mainstay database"

    def ready(self) -> None:
        twin.check(settings.DATABASES)
        # Django's database layer imports only once settings are there.
        from mainstay.db import lost_reads, statements, turns
        from mainstay.db.checks import check_databases  # reads URLs, which may import models

        checks.register(check_databases)
        statements.install()
        turns.install()
        lost_reads.install()
