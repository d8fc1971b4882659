from __future__ import annotations

from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "orders"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from mainstay.observability import watch_queue
        from orders import queries  # models are there only now

        watch_queue("expired-holds", oldest=queries.age_of_expired_seats, length=queries.count_expired_seats)
