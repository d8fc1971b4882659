"""Work done by the worker process."""

from __future__ import annotations

from django.conf import settings
from django.core.mail import EmailMessage
from django.template.loader import render_to_string

from mainstay.tasks import task
from orders.models import Order


@task()
def send_tickets(order_id: str) -> None:
    """Send a paid order's tickets to its buyer; a repeat carries the same Message-ID, so readers show it once."""
    order = Order.objects.select_related("account").prefetch_related("tickets__seat").get(pk=order_id)
    if order.status != Order.Status.PAID:
        return
    text = render_to_string("orders/tickets.txt", {"order": order, "url": settings.PUBLIC_URL})
    EmailMessage(
        subject=f"Your tickets, order {str(order.pk)[:8].upper()}",
        body=text,
        to=[order.account.email],
        headers={"Message-ID": f"<{order.pk}@boxoffice.invalid>"},
    ).send()
