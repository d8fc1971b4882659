from __future__ import annotations

from django.contrib import admin

from payments.models import Charge, LedgerEntry, Refund, Weather


@admin.register(Charge)
class ChargeAdmin(admin.ModelAdmin):
    list_display = ("id", "order", "amount", "currency", "status", "created_at")
    list_filter = ("status",)
    search_fields = ("id", "order", "key")


@admin.register(Refund)
class RefundAdmin(admin.ModelAdmin):
    list_display = ("id", "charge", "status", "created_at")
    list_select_related = ("charge",)
    list_filter = ("status",)


@admin.register(LedgerEntry)
class LedgerEntryAdmin(admin.ModelAdmin):
    list_display = ("reference", "amount", "accepted", "booked_at")
    search_fields = ("reference",)


admin.site.register(Weather)
