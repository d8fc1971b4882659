from __future__ import annotations

from django.apps import AppConfig


class DatabaseConfig(AppConfig):
    name = "mainstay.db"
    label = "mainstay_db"
    verbose_name = "Mainstay database"
