"""
The names by which the inside and the outside of Mainstay know each other.

The outside (``mainstay.ops``) speaks to a Django process by environment
variables; the process answers by HTTP on its own paths. Neither imports the
other, so every such name stands here and nowhere else.
"""

from __future__ import annotations

# --- environment, read by settings and by the server entrance ---------------------

DATABASE_URL = "DATABASE_URL"
"""One host: a stable endpoint that follows the primary, so that any project's parser reads it."""

DATABASE_HOSTS = "MAINSTAY_DATABASE_HOSTS"
"""``host:port,host:port`` of every PostgreSQL node; `mainstay.settings.databases` hands all to libpq."""

DATABASE_REPLICA_URLS = "DATABASE_REPLICA_URLS"
"""Comma-separated URLs of the standbys, one per read alias; absent when there is none."""

CACHE_URL = "CACHE_URL"
"""Valkey, with its password: ``redis://:…@host:port/0``."""

MEMCACHED_URL = "MEMCACHED_URL"
"""``memcached://host:port``."""

NATS_URL = "NATS_URL"
"""``nats://user:…@host:port``."""

SENTRY_DSN = "SENTRY_DSN"
"""Where errors are reported; absent means nowhere."""

OTLP_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
"""Where traces are sent; absent means nowhere."""

SECRET_KEY = "SECRET_KEY"  # noqa: S105 - the name of a variable, not a secret
"""Django's secret key, made once per system and kept in its state folder."""

SETTINGS_MODULE = "DJANGO_SETTINGS_MODULE"
"""The service's settings."""

SYSTEM = "MAINSTAY_SYSTEM"
"""The name of the whole system."""

SERVICE = "MAINSTAY_SERVICE"
"""The name of the service that this process belongs to; set means: started by Mainstay."""

KIND = "MAINSTAY_KIND"
"""``web``, ``worker``, ``beat`` … or ``manage`` for a one-off command."""

REPLICA = "MAINSTAY_REPLICA"
"""The full process name, such as ``catalog.web.1``."""

GENERATION = "MAINSTAY_GENERATION"
"""
Which of those that have had this name, for the log: a number that rises with each new process of its kind, so that
during an update the lines of the old one and of the new one can be told apart.
"""

RELEASE = "MAINSTAY_RELEASE"
"""
Which code this is, for logs and error reports. Set for ``mainstay up`` or ``mainstay rollout`` it is handed on
as it is; otherwise it is the short hash of the checkout, or ``unknown`` outside of git.
"""

POOL_MAX = "MAINSTAY_POOL_MAX"
"""Most database connections this process may hold open, per alias."""

THREADS = "MAINSTAY_THREADS"
"""Requests a WSGI process works on at once."""

REPLICAS = "MAINSTAY_REPLICAS"
"""Web processes of this service, as the file has it; what they share is divided by this."""

REQUESTS_MAX = "MAINSTAY_REQUESTS_MAX"
"""Requests that may wait for their answer in one process at once; more are refused with 503."""

REQUEST_TIMEOUT = "MAINSTAY_REQUEST_TIMEOUT"
"""Seconds (float) that a request has, where neither the settings, its route nor its caller says less."""

STATEMENT_TIMEOUT = "MAINSTAY_STATEMENT_TIMEOUT"
"""Seconds (float) that one SQL statement may take."""

LOCK_TIMEOUT = "MAINSTAY_LOCK_TIMEOUT"
"""Seconds (float) that one SQL statement may wait for a lock."""

DRAIN_TIMEOUT = "MAINSTAY_DRAIN_TIMEOUT"
"""Seconds (float) between SIGTERM and the end of the process."""

TRUSTED_PROXIES = "MAINSTAY_TRUSTED_PROXIES"
"""Comma-separated addresses or networks whose forwarding headers are believed."""

ALLOWED_HOSTS = "MAINSTAY_ALLOWED_HOSTS"
"""Comma-separated host names, the same list that the edge accepts."""

PUBLIC_URL = "MAINSTAY_PUBLIC_URL"
"""How people reach the system: ``public_url`` of the file, else the edge's own ``http://127.0.0.1:8000``."""

APPLICATION = "MAINSTAY_APPLICATION"
"""``package.module:attribute`` of the project's own ASGI or WSGI application."""

INTERFACE = "MAINSTAY_INTERFACE"
"""``asgi`` or ``wsgi``."""

BIND = "MAINSTAY_BIND"
"""``host:port`` on which the replica listens."""

HEALTH_BIND = "MAINSTAY_HEALTH_BIND"
"""``host:port`` on which a process that is no web server answers probes."""

STATIC_ROOT = "MAINSTAY_STATIC_ROOT"
"""The folder into which static files are collected for this service."""

INTERNAL_TOKEN = "MAINSTAY_INTERNAL_TOKEN"  # noqa: S105 - the name of a variable
"""A secret shared by the services of one system, for calls that the edge never routes."""

TWIN = "MAINSTAY_TWIN"
"""The folder of the twin that this process belongs to; set means: no database may be the real system's."""

TWIN_DATABASES = "databases"
"""The folder in a twin's folder in which its processes copy database files of the project's own."""

TWIN_SETTINGS = "MAINSTAY_TWIN_SETTINGS"
"""In a twin, the project's own settings module: `SETTINGS_MODULE` names `TWIN_SETTINGS_MODULE` there."""

TWIN_HOSTS = "MAINSTAY_TWIN_HOSTS"
"""``host:port,host:port`` at which a twin's own database is reached, directly and by links."""

TWIN_READS = "MAINSTAY_TWIN_READS"
"""Comma-separated aliases of databases elsewhere that a twin may read, as ``[prove] reads`` has them."""


def service_url(service: str) -> str:
    """The variable that holds the base URL at which another service is called."""
    return "MAINSTAY_URL_" + service.upper().replace("-", "_")


# --- headers ------------------------------------------------------------------------

REQUEST_ID = "X-Request-ID"
"""One name for a request in every log; the edge sets it."""

TRACEPARENT = "traceparent"
"""The trace a request belongs to, as W3C Trace Context writes it."""

DEADLINE = "Mainstay-Deadline"
"""Milliseconds that the caller is still willing to wait."""

CONSISTENCY = "Mainstay-Consistency"
"""Timeline and log position that a read must have seen."""

IDEMPOTENCY_KEY = "Idempotency-Key"
"""Names one intended effect, so that repeating the request is safe."""

INTERNAL_HEADER = "Mainstay-Internal-Token"
"""Carries the shared secret of calls between services; the edge drops it from outside requests."""

LOGROCKET_URL = "X-LogRocket-URL"
"""The recorded browser session, put beside the error report."""

# --- a replica's own paths, never routed by the edge -----------------------------------

LIVE_PATH = "/livez"
"""200 while the process itself works; no dependency is asked."""

READY_PATH = "/readyz"
"""200 when started, not leaving, and own pools are not wedged."""

STARTUP_PATH = "/startupz"
"""200 once the process has started."""

METRICS_PATH = "/metrics"
"""Figures for Prometheus."""

INTERNAL_PATHS = (LIVE_PATH, READY_PATH, STARTUP_PATH, METRICS_PATH)
INTERNAL_PREFIX = "/internal/"
"""Paths that services call on one another directly; the edge answers 404 for them."""

ADMIN_PREFIX = "/admin/"
"""Django's admin: reachable on a replica's own address, never through the edge."""

# --- modules started by name ---------------------------------------------------------

SERVE_MODULE = "mainstay.http.serve"
"""``python -m`` this to serve the project named by the environment: the app server of one replica."""

TWIN_SETTINGS_MODULE = "mainstay.db.twin_settings"
"""The settings of every process of a twin: the project's own, with databases that are the twin's."""

PREPARE_COMMAND = "mainstay_prepare"
"""The management command that migrates once, collects static files and runs first-start commands."""

WARNING = "mainstay: warning: "
"""How a preparation's line begins that the supervisor notes as an event."""
