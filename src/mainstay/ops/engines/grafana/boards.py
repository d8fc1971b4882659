"""What the dashboards show: one to look at first, and one for each thing that may be the reason."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Query:
    expression: str
    """PromQL; ``WINDOW`` stands for the time over which rates are taken."""
    legend: str


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    unit: str
    """As Grafana names units: ``reqps``, ``percentunit``, ``s``, ``bytes``, ``short``."""
    queries: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Board:
    uid: str
    title: str
    says: str
    """One sentence for whoever opens it."""
    rows: tuple[Row, ...]


SERVICE = 'service=~"$service"'
_RESPONSES = "django_http_responses_total_by_status_view_method_total{%s}[WINDOW]"
_LATENCY = "django_http_requests_latency_seconds_by_view_method_bucket{%s}[WINDOW]"
_REQUEST = 'method!="WEBSOCKET"'
"""How long a connection was open is no latency."""


def panel(title: str, unit: str, *queries: tuple[str, str]) -> Panel:
    """Queries are expressions with their legends; an empty legend shows the labels."""
    return Panel(title, unit, tuple(Query(expression, legend) for expression, legend in queries))


def responses(by: str, *more: str) -> str:
    return f"sum by ({by}) (rate({_RESPONSES % ', '.join((SERVICE, *more))}))"


def quantile(share: float, by: str) -> str:
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({_LATENCY % f'{SERVICE}, {_REQUEST}'})))"


_REQUESTS = panel("Requests", "reqps", (responses("service"), "{{service}}"))
_ERRORS = panel(
    "Server errors, share in 5 minutes",
    "percentunit",
    (f"service:errors:ratio_5m{{{SERVICE}}}", "{{service}}"),
)
_TAIL = panel(
    "Latency",
    "s",
    (quantile(0.5, "service"), "{{service}} p50"),
    (quantile(0.99, "service"), "{{service}} p99"),
)
_READY = panel("Ready", "short", ("mainstay_process_up", "{{process}}"))
_DURABILITY = panel("Durability: 1 is degraded", "short", ("max(mainstay_durability_degraded)", "degraded"))
_CONNECTIONS = panel(
    "Connections",
    "short",
    ("sum by (node, state) (mainstay_postgres_connections)", "{{node}} {{state}}"),
    ("mainstay_postgres_max_connections", "{{node}} most"),
)
_RESTARTS = panel(
    "Restarts in 10 minutes", "short", ("increase(mainstay_process_restarts_total[10m])", "{{process}}")
)

OVERVIEW = Board(
    "mainstay",
    "Mainstay: overview",
    "Whether anybody notices anything, and where to look next.",
    (
        Row(
            "What people notice",
            (
                _REQUESTS,
                _ERRORS,
                panel(
                    "Error budget: times as fast as it may be spent",
                    "short",
                    (f"service:errors:ratio_1h{{{SERVICE}}} / 0.001", "{{service}} in an hour"),
                    (f"service:errors:ratio_6h{{{SERVICE}}} / 0.001", "{{service}} in six hours"),
                ),
                _TAIL,
            ),
        ),
        Row("What it rests on", (_READY, _RESTARTS, _DURABILITY, _CONNECTIONS)),
        Row(
            "Edge",
            (
                panel(
                    "Answers by class (HAProxy)",
                    "reqps",
                    ("sum by (code) (rate(haproxy_frontend_http_responses_total[WINDOW]))", "{{code}}"),
                ),
                panel(
                    "Open connections",
                    "short",
                    ("sum(haproxy_frontend_current_sessions)", "HAProxy"),
                    ('sum(mainstay_edge_connections{state="active"})', "nginx"),
                ),
                panel(
                    "Retried and redispatched (HAProxy)",
                    "reqps",
                    ("sum(rate(haproxy_backend_retry_warnings_total[WINDOW]))", "retried"),
                    ("sum(rate(haproxy_backend_redispatch_warnings_total[WINDOW]))", "redispatched"),
                ),
                panel(
                    "Certificate: time left (public address with https)",
                    "s",
                    ("mainstay_certificate_expiry_timestamp_seconds - time()", "{{host}}"),
                ),
            ),
        ),
        Row(
            "Machine",
            (
                panel("Memory", "bytes", ("mainstay_process_memory_bytes", "{{process}}")),
                panel(
                    "Disk under the data",
                    "bytes",
                    ("mainstay_disk_free_bytes", "free"),
                    ("mainstay_disk_size_bytes", "size"),
                ),
            ),
        ),
    ),
)

SERVICES = Board(
    "mainstay-service",
    "Mainstay: service",
    "Which view of a service is slow or fails, and in which replica.",
    (
        Row(
            "By view",
            (
                panel("Requests", "reqps", (responses("service, view"), "{{service}} {{view}}")),
                panel("Latency, p99", "s", (quantile(0.99, "service, view"), "{{service}} {{view}}")),
                panel(
                    "Answers by status",
                    "reqps",
                    (responses("service, status"), "{{service}} {{status}}"),
                ),
            ),
        ),
        Row(
            "By replica",
            (
                panel("Requests", "reqps", (responses("process"), "{{process}}")),
                panel("Latency, p99", "s", (quantile(0.99, "process"), "{{process}}")),
                panel(
                    "In flight",
                    "short",
                    (f"mainstay_http_requests_in_flight{{{SERVICE}}}", "{{process}}"),
                ),
            ),
        ),
        Row(
            "Admission",
            (
                panel(
                    "Limit and use",
                    "short",
                    (f"mainstay_admission_limit{{{SERVICE}}}", "{{process}} limit"),
                    (f"mainstay_admission_in_flight{{{SERVICE}}}", "{{process}} in flight"),
                ),
                panel(
                    "Refused",
                    "reqps",
                    (
                        f"sum by (service, criticality) (rate(mainstay_admission_refused_total{{{SERVICE}}}[WINDOW]))",
                        "{{service}} {{criticality}}",
                    ),
                ),
                panel(
                    "Too late",
                    "reqps",
                    (
                        f"sum by (service) (rate(mainstay_deadlines_exceeded_total{{{SERVICE}}}[WINDOW]))",
                        "{{service}}",
                    ),
                ),
            ),
        ),
        Row(
            "What requests wait for",
            (
                panel(
                    "Dependencies",
                    "short",
                    (f"mainstay_dependency_up{{{SERVICE}}}", "{{process}} {{dependency}}"),
                ),
                panel(
                    "Waiting for a database connection",
                    "short",
                    (f"mainstay_db_pool_waiting{{{SERVICE}}}", "{{process}} {{alias}}"),
                ),
                panel(
                    "Connections in the pool",
                    "short",
                    (f"mainstay_db_pool_size{{{SERVICE}}}", "{{process}} {{alias}} open"),
                    (f"mainstay_db_pool_available{{{SERVICE}}}", "{{process}} {{alias}} free"),
                ),
            ),
        ),
    ),
)

DATABASE = Board(
    "mainstay-database",
    "Mainstay: database",
    "Whether writes are kept twice, and what they cost.",
    (
        Row(
            "Replication",
            (
                _DURABILITY,
                panel(
                    "Log not yet on the standby",
                    "bytes",
                    ("mainstay_postgres_flush_lag_bytes", "{{standby}}"),
                ),
                panel(
                    "Timeline: grows with each promotion", "short", ("mainstay_postgres_timeline", "{{node}}")
                ),
            ),
        ),
        Row(
            "Load",
            (
                _CONNECTIONS,
                panel(
                    "Transactions",
                    "ops",
                    (
                        "sum by (database, outcome) (rate(mainstay_postgres_transactions_total[WINDOW]))",
                        "{{database}} {{outcome}}",
                    ),
                ),
                panel(
                    "Deadlocks",
                    "short",
                    (
                        "sum by (database) (increase(mainstay_postgres_deadlocks_total[WINDOW]))",
                        "{{database}}",
                    ),
                ),
                panel(
                    "Requests it failed",
                    "short",
                    (
                        "sum by (service, reason) (increase(mainstay_db_failures_total[WINDOW]))",
                        "{{service}} {{reason}}",
                    ),
                ),
            ),
        ),
    ),
)

CACHE = Board(
    "mainstay-cache",
    "Mainstay: cache",
    "Whether the cache helps, and whether it has room.",
    (
        Row(
            "Cache",
            (
                panel(
                    "Share of reads that hit",
                    "percentunit",
                    (
                        "sum by (node) (rate(mainstay_cache_hits_total[WINDOW]))"
                        " / (sum by (node) (rate(mainstay_cache_hits_total[WINDOW]))"
                        " + sum by (node) (rate(mainstay_cache_misses_total[WINDOW])))",
                        "{{node}}",
                    ),
                ),
                panel(
                    "Memory",
                    "bytes",
                    ("mainstay_cache_memory_bytes", "{{node}}"),
                    ("mainstay_cache_memory_limit_bytes", "{{node}} limit"),
                ),
                panel(
                    "Thrown out",
                    "ops",
                    ("sum by (node) (rate(mainstay_cache_evictions_total[WINDOW]))", "{{node}}"),
                ),
                panel("Connections", "short", ("mainstay_cache_connections", "{{node}}")),
            ),
        ),
    ),
)

QUEUES = Board(
    "mainstay-queues",
    "Mainstay: queues, broker and background work",
    "Whether what was left for later gets done.",
    (
        Row(
            "Queues",
            (
                panel(
                    "How long the first has waited",
                    "s",
                    (
                        f"max by (service, queue) (mainstay_queue_oldest_seconds{{{SERVICE}}})",
                        "{{service}} {{queue}}",
                    ),
                ),
                panel(
                    "How many wait",
                    "short",
                    (
                        f"max by (service, queue) (mainstay_queue_length{{{SERVICE}}})",
                        "{{service}} {{queue}}",
                    ),
                ),
                panel(
                    "Questions without an answer in 10 minutes",
                    "short",
                    (
                        f"max by (service, queue) (increase(mainstay_queue_failures_total{{{SERVICE}}}[10m]))",
                        "{{service}} {{queue}}",
                    ),
                ),
            ),
        ),
        Row(
            "Broker",
            (
                panel(
                    "Received",
                    "ops",
                    ("sum by (node) (rate(mainstay_broker_received_total[WINDOW]))", "{{node}}"),
                ),
                panel("Kept messages", "short", ("mainstay_broker_messages", "{{node}}")),
                panel("Kept bytes", "bytes", ("mainstay_broker_bytes", "{{node}}")),
                panel(
                    "Slow consumers",
                    "short",
                    ("increase(mainstay_broker_slow_consumers_total[WINDOW])", "{{node}}"),
                ),
            ),
        ),
        Row(
            "Background processes",
            (
                panel(
                    "Ready",
                    "short",
                    ('mainstay_process_up{service!="", kind!="web"}', "{{process}}"),
                ),
                panel(
                    "Restarts in 10 minutes",
                    "short",
                    (
                        'increase(mainstay_process_restarts_total{service!="", kind!="web"}[10m])',
                        "{{process}}",
                    ),
                ),
            ),
        ),
    ),
)

BOARDS = (OVERVIEW, SERVICES, DATABASE, CACHE, QUEUES)
