"""Dashboards for a Grafana that somebody runs: what they show (`boards`), and their files (`provisioning`)."""

from __future__ import annotations

from mainstay.ops.engines.grafana.provisioning import files

__all__ = ["files"]
