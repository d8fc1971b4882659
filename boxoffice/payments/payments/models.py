"""Charges and refunds, each unique by key; and the ledger of the simulated bank, which is another company."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q


class Charge(models.Model):
    """
    Money asked from a card for one order.

    The row exists before the bank is asked, so that a repeat of the same request
    finds it and asks the bank about the same reference.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        DECLINED = "declined"
        VOID = "void"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.CharField(max_length=200, unique=True)
    fingerprint = models.CharField(max_length=64)
    order = models.UUIDField(unique=True)
    amount = models.PositiveIntegerField(help_text="in cents")
    currency = models.CharField(max_length=3, default="EUR")
    card = models.CharField(max_length=40)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-created_at",)
        constraints = [
            models.CheckConstraint(
                condition=Q(status="void") | Q(amount__gt=0), name="charge_amount_is_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount / 100:.2f} {self.currency} ({self.status})"


class Refund(models.Model):
    """The whole of a charge given back; a charge has at most one."""

    class Status(models.TextChoices):
        PENDING = "pending"
        SUCCEEDED = "succeeded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    charge = models.OneToOneField(Charge, models.PROTECT, related_name="refund")
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    settled_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"refund of {self.charge_id} ({self.status})"


class LedgerEntry(models.Model):
    """
    What the simulated bank itself has booked; only `payments.bank` reads or writes it.

    A proof compares this table with the orders: money that the bank moved and no
    order explains would be a fault.
    """

    reference = models.CharField(max_length=60, primary_key=True)
    amount = models.IntegerField(help_text="in cents; negative when money goes back to the card")
    accepted = models.BooleanField()
    booked_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name_plural = "ledger entries"

    def __str__(self) -> str:
        return f"{self.reference}: {self.amount / 100:.2f}"


class Weather(models.Model):
    """How the simulated bank feels today, for every replica at once; at most one row."""

    class Mode(models.TextChoices):
        FAIR = "fair"
        SLOW = "slow"
        FAILING = "failing"
        SILENT = "silent"

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    mode = models.CharField(max_length=10, choices=Mode.choices, default=Mode.FAIR)
    until = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "weather"
        constraints = [models.CheckConstraint(condition=Q(id=1), name="weather_has_one_row")]

    def __str__(self) -> str:
        return self.mode
