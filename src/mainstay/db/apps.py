from __future__ import annotations

from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    name = "mainstay.db"
    label = "mainstay_db"
    verbose_name = "Mainstay database"

    def ready(self) -> None:
        from mainstay.db import statements  # Django's database layer imports only once settings are there

        statements.install()
