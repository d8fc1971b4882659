from __future__ import annotations

from django.contrib import admin

from orders.models import Account, Hold, Order, Seat, Ticket


@admin.register(Account)
class AccountAdmin(admin.ModelAdmin):
    list_display = ("email", "created_at")
    search_fields = ("email",)
    exclude = ("password",)


@admin.register(Hold)
class HoldAdmin(admin.ModelAdmin):
    list_display = ("id", "event", "expires_at")
    raw_id_fields = ("account",)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    list_display = ("id", "account", "event", "total", "status", "created_at")
    list_filter = ("status",)
    list_select_related = ("account",)
    raw_id_fields = ("account",)


@admin.register(Seat)
class SeatAdmin(admin.ModelAdmin):
    list_display = ("id", "event", "row", "number", "price", "hold", "order")
    raw_id_fields = ("order",)
    show_full_result_count = False


@admin.register(Ticket)
class TicketAdmin(admin.ModelAdmin):
    list_display = ("id", "order", "seat", "released_at")
    list_select_related = ("order", "seat")
    raw_id_fields = ("order", "seat")
    show_full_result_count = False
