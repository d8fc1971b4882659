"""
Accounts, holds, orders and the truth of each seat.

The database itself makes a double sale impossible: a seat has at most one ticket
that is not given back (`Ticket`), a hold leads to at most one order that costs money,
and an account uses an Idempotency-Key once (`Order`). The locks in `orders.actions`
turn what would be an error of a constraint into a kind answer.
"""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now


class Account(models.Model):
    """A buyer. Staff who use the admin are Django users and no accounts."""

    is_authenticated = True

    email = models.EmailField(unique=True, help_text="lower case")
    password = models.CharField(max_length=128, help_text="hashed by Django")
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.email


class Token(models.Model):
    """Proof of sign-in. The secret itself is not stored, only its digest."""

    digest = models.CharField(max_length=64, primary_key=True)
    account = models.ForeignKey(Account, models.CASCADE, related_name="tokens")
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"token of {self.account_id}"


class Hold(models.Model):
    """
    Seats kept for somebody for a while.

    Nobody needs an account to hold; the id cannot be guessed and is all it takes to
    buy. ``expires_at`` is repeated on each seat as ``held_until``, which decides.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    event = models.PositiveIntegerField()
    account = models.ForeignKey(Account, models.CASCADE, null=True, blank=True, related_name="holds")
    key = models.CharField(
        max_length=200, blank=True, db_default="", default="", help_text="Idempotency-Key, if any"
    )
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"hold {self.pk} until {self.expires_at:%H:%M:%S}"


class Order(models.Model):
    """
    One wish to buy the seats of a hold, and the answer that was given to it.

    A row is written before the card is charged and names the charge, so whoever finds
    it unfinished (a repeat of the request, or `sweep`) can finish it without charging
    twice. ``working_until`` is a lease: while it lasts one process works on the order.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        DECLINED = "declined"
        UNDOING = "undoing", "undoing: the seats were lost, money goes back"
        EXPIRED = "expired"
        CANCELLING = "cancelling"
        CANCELLED = "cancelled"

    UNFINISHED = (Status.PENDING, Status.UNDOING, Status.CANCELLING)
    BINDING = (Status.PENDING, Status.PAID, Status.CANCELLING, Status.CANCELLED)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="orders")
    key = models.CharField(max_length=200)
    fingerprint = models.CharField(max_length=64)
    event = models.PositiveIntegerField()
    hold = models.UUIDField()
    card = models.CharField(max_length=40)
    total = models.PositiveIntegerField(help_text="in cents")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    charge = models.UUIDField(null=True, blank=True)
    working_until = models.DateTimeField(null=True, blank=True)
    answer = models.JSONField(null=True, blank=True)
    answer_status = models.PositiveSmallIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="order_key_is_used_once"),
            models.UniqueConstraint(
                fields=["hold"],
                condition=Q(status__in=["pending", "paid", "cancelling", "cancelled"]),
                name="order_binds_its_hold_alone",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=["paid", "cancelling", "cancelled"]) | Q(charge__isnull=False),
                name="order_paid_has_a_charge",
            ),
        ]
        indexes = [
            models.Index(
                fields=["working_until"],
                condition=Q(status__in=["pending", "undoing", "cancelling"]),
                name="order_unfinished",
            ),
        ]

    def __str__(self) -> str:
        return f"order {self.pk} ({self.status})"


class Seat(models.Model):
    """
    One seat of one event, and who has it.

    ``version`` grows with every change, so that those who are told of changes can
    drop what arrives late.
    """

    id = models.BigIntegerField(primary_key=True)
    event = models.PositiveIntegerField()
    section = models.CharField(max_length=40)
    row = models.CharField(max_length=4)
    number = models.PositiveSmallIntegerField()
    price = models.PositiveIntegerField(help_text="in cents")
    hold = models.UUIDField(null=True, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    order = models.ForeignKey(Order, models.PROTECT, null=True, blank=True, related_name="seats")
    version = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            # Also the index for "all seats of an event".
            models.UniqueConstraint(fields=["event", "row", "number"], name="seat_exists_once"),
            models.CheckConstraint(
                condition=Q(order__isnull=True) | Q(hold__isnull=True), name="seat_is_held_or_sold"
            ),
            models.CheckConstraint(
                condition=Q(hold__isnull=True, held_until__isnull=True)
                | Q(hold__isnull=False, held_until__isnull=False),
                name="seat_hold_has_an_end",
            ),
        ]
        indexes = [
            models.Index(fields=["hold"], condition=Q(hold__isnull=False), name="seat_by_hold"),
            models.Index(fields=["held_until"], condition=Q(hold__isnull=False), name="seat_by_end_of_hold"),
            models.Index(fields=["event"], condition=Q(version__gt=0), name="seat_ever_touched"),
        ]

    def __str__(self) -> str:
        return f"{self.row}{self.number}"


class Ticket(models.Model):
    """A seat that was sold with an order; given back when the order is cancelled."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.ForeignKey(Order, models.PROTECT, related_name="tickets")
    seat = models.ForeignKey(Seat, models.PROTECT, related_name="tickets", db_index=False)
    released_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["seat"], condition=Q(released_at__isnull=True), name="ticket_sells_a_seat_once"
            ),
        ]

    def __str__(self) -> str:
        return f"ticket {self.pk}"


FREE = Q(order__isnull=True) & (Q(held_until__isnull=True) | Q(held_until__lte=Now()))
"""Neither sold nor held: a hold that has run out frees its seats at once, by this condition alone."""

NEXT_VERSION = F("version") + 1
