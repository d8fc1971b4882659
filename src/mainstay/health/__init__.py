"""Startup, liveness and readiness of this process; never of what it depends on."""
