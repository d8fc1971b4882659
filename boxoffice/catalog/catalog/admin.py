from __future__ import annotations

from django.contrib import admin

from catalog.models import Event, Seat, Venue

admin.site.register(Venue)


@admin.register(Event)
class EventAdmin(admin.ModelAdmin):
    list_display = ("title", "venue", "starts_at", "price_from", "capacity")
    list_select_related = ("venue",)
    list_filter = ("kind", "venue")
    search_fields = ("title", "subtitle")


@admin.register(Seat)
class SeatAdmin(admin.ModelAdmin):
    list_display = ("id", "event", "row", "number", "price", "state", "until")
    list_select_related = ("event",)
    raw_id_fields = ("event",)
    show_full_result_count = False
