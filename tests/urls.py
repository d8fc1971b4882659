"""No page of its own: tests that want one override ROOT_URLCONF."""

from __future__ import annotations

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
