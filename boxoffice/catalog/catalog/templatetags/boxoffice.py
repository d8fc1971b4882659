from __future__ import annotations

from django import template

from catalog import posters

register = template.Library()

register.simple_tag(posters.draw, name="poster")


@register.filter
def money(cents: int) -> str:
    """``€28.50``, or ``€28`` for whole amounts."""
    return f"€{cents // 100}" if cents % 100 == 0 else f"€{cents / 100:.2f}"
