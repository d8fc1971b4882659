"""Each alert fires when it should, and only then: promtool plays the series through the real rules."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from mainstay.ops.engines.prometheus import alerts, rules

RESPONSES = "django_http_responses_total_by_status_view_method_total"

Series = dict[str, str]


def play(
    folder: Path, series: Series, alert: str, at: str, firing: list[dict[str, str]], *, every: str = "15s"
) -> None:
    """``firing`` are the labels of every instance that should be firing at that time."""
    (folder / "rules.yml").write_text(rules(15.0))
    (folder / "alerts.yml").write_text(alerts(15.0))
    firing_now = f'ALERTS{{alertname="{alert}", alertstate="firing"}}'
    case: dict[str, Any] = {
        "rule_files": ["rules.yml", "alerts.yml"],
        "evaluation_interval": every,
        "tests": [
            {
                "interval": every,
                "input_series": [{"series": name, "values": values} for name, values in series.items()],
                "promql_expr_test": [
                    {
                        "expr": f"count by (service, process, severity) ({firing_now})",
                        "eval_time": at,
                        "exp_samples": [{"labels": labels_of(labels), "value": 1} for labels in firing],
                    }
                ],
            }
        ],
    }
    (folder / "case.yml").write_text(json.dumps(case))
    played = subprocess.run(
        ["promtool", "test", "rules", "case.yml"], cwd=folder, text=True, capture_output=True, check=False
    )
    assert played.returncode == 0, played.stdout + played.stderr


def labels_of(labels: dict[str, str]) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels.items()) + "}"


def process(name: str, kind: str = "web") -> str:
    return f'mainstay_process_up{{process="{name}",kind="{kind}",service="catalog"}}'


def responses(status: str, replica: str = "catalog.web.1") -> str:
    return f'{RESPONSES}{{status="{status}",view="buy",method="POST",service="catalog",process="{replica}"}}'


DOWN = {"process": "catalog.web.1", "service": "catalog", "severity": "warning"}


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("1 1 0 0 0 0 0 0", "1m45s", [DOWN]),
        ("1 1 0 1 0 1 0 1", "1m30s", []),  # a restart now and then
        ("1 1 0 0 0 0 1 1", "1m45s", []),  # back again
        ("1 1 0 0 _ _ _ _", "6m30s", []),  # scaled down: gone, not down
    ],
)
def test_a_replica_that_stays_down(
    tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]
) -> None:
    series = {process("catalog.web.1"): values, process("catalog.web.2"): "1x40"}
    play(tmp_path, series, "ReplicaDown", at, firing)


def test_a_worker_that_is_down_is_no_replica_of_a_service(tmp_path: Path) -> None:
    play(tmp_path, {process("catalog.worker.1", "worker"): "0x20"}, "ReplicaDown", "4m", [])


ERRORS = {"service": "catalog", "severity": "critical"}


@pytest.mark.parametrize(
    ("failed", "at", "firing"),
    [
        ("0+6x40", "5m", [ERRORS]),  # 6 of 100, over two replicas
        ("0+4x40", "5m", []),
        ("0+6x40", "1m", []),  # not for a minute yet
        ("0+50x3 150x40", "6m", []),  # over since long
    ],
)
def test_a_service_that_answers_with_errors(
    tmp_path: Path, failed: str, at: str, firing: list[dict[str, str]]
) -> None:
    fine = {"0+6x40": "0+47x40", "0+4x40": "0+48x40"}.get(failed, "0+50x40")
    series = {
        responses("200"): fine,
        responses("200", "catalog.web.2"): fine,
        responses("500"): failed,
    }
    play(tmp_path, series, "ServiceErrors", at, firing)


def test_a_service_that_nobody_calls_has_no_errors(tmp_path: Path) -> None:
    play(tmp_path, {responses("200"): "0x40", responses("500"): "0x40"}, "ServiceErrors", "5m", [])


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("0 0 1 1 1 1 1 1", "1m45s", [{"severity": "critical"}]),
        ("0 0 1 1 1 1 1 1", "1m15s", []),  # it may be back any moment
        ("0 0 1 1 1 1 1 0", "1m45s", []),  # it is back
        ("0x8", "1m45s", []),
    ],
)
def test_durability_that_stays_degraded(
    tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]
) -> None:
    play(tmp_path, {"mainstay_durability_degraded": values}, "DurabilityDegraded", at, firing)


def engine(name: str) -> str:
    return f'mainstay_process_up{{process="{name}",kind="{name.partition(".")[0]}",service=""}}'


WORKER = {"process": "catalog.worker.1", "service": "catalog", "severity": "warning"}


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("1 1 0x20", "3m", [WORKER]),
        ("1 1 0x20", "1m45s", []),  # it may be back any moment
        ("1 1 0 0 0 1x20", "3m", []),
    ],
)
def test_a_worker_that_stays_down(tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]) -> None:
    series = {process("catalog.worker.1", "worker"): values, process("catalog.web.1"): "0x20"}
    play(tmp_path, series, "BackgroundDown", at, firing)


@pytest.mark.parametrize(
    ("values", "firing"),
    [("1 0x20", [{"process": "valkey.1", "severity": "warning"}]), ("1 0 0 1x20", [])],
)
def test_an_engine_that_stays_down(tmp_path: Path, values: str, firing: list[dict[str, str]]) -> None:
    play(tmp_path, {engine("valkey.1"): values}, "EngineDown", "2m30s", firing)


@pytest.mark.parametrize(
    ("values", "firing"),
    [
        ("0+1x20", [{"process": "catalog.web.1", "service": "catalog", "severity": "critical"}]),
        ("0 1x20", []),  # one restart
        ("7x20", []),  # long ago
    ],
)
def test_a_process_that_is_started_again_and_again(
    tmp_path: Path, values: str, firing: list[dict[str, str]]
) -> None:
    name = 'mainstay_process_restarts_total{process="catalog.web.1",kind="web",service="catalog"}'
    play(tmp_path, {name: values}, "CrashLoop", "3m", firing)


@pytest.mark.parametrize(
    ("values", "firing"),
    [("1 0x20", [{"process": "catalog.web.1", "severity": "warning"}]), ("1 0 0 1x20", [])],
)
def test_a_process_that_cannot_be_read(tmp_path: Path, values: str, firing: list[dict[str, str]]) -> None:
    name = 'up{job="replica",instance="127.0.0.1:1",process="catalog.web.1"}'
    play(tmp_path, {name: values}, "NotScraped", "4m", firing)


@pytest.mark.parametrize(
    ("role", "one", "other", "firing"),
    [
        ("vital", "0x20", "0x20", [{"service": "catalog", "severity": "warning"}]),
        ("vital", "0x20", "1x20", []),  # the other replica reaches it
        ("optional", "0x20", "0x20", []),
        ("vital", "1 0 1x20", "1 0 1x20", []),
    ],
)
def test_a_dependency_that_no_replica_reaches(
    tmp_path: Path, role: str, one: str, other: str, firing: list[dict[str, str]]
) -> None:
    name = f'mainstay_dependency_up{{dependency="database:default",role="{role}",service="catalog",process='
    series = {f'{name}"catalog.web.1"}}': one, f'{name}"catalog.web.2"}}': other}
    play(tmp_path, series, "DependencyDown", "3m", firing)


FAST = {"service": "catalog", "severity": "critical"}


@pytest.mark.parametrize(
    ("alert", "share", "at", "severity"),
    [
        ("ErrorBudgetBurnsFast", 2.0, "2h", "critical"),
        ("ErrorBudgetBurnsFast", 1.2, "2h", ""),
        ("ErrorBudgetBurns", 1.0, "12h", "critical"),
        ("ErrorBudgetBurns", 0.4, "12h", ""),
        ("ErrorBudgetBurnsSlowly", 0.2, "96h", "warning"),
        ("ErrorBudgetBurnsSlowly", 0.05, "96h", ""),
    ],
)
def test_an_error_budget_that_is_spent_too_fast(
    tmp_path: Path, alert: str, share: float, at: str, severity: str
) -> None:
    """``share`` in percent of ten thousand requests a minute; the objective is 99.9 %."""
    failed = share * 100
    series = {responses("200"): f"0+{10_000 - failed:g}x6000", responses("500"): f"0+{failed:g}x6000"}
    firing = [{"service": "catalog", "severity": severity}] if severity else []
    play(tmp_path, series, alert, at, firing, every="1m")


def test_a_budget_that_was_spent_and_is_no_longer_wakes_nobody(tmp_path: Path) -> None:
    """The long window still remembers; the short one says that it is over."""
    series = {responses("200"): "0+9000x200", responses("500"): "0+500x60 30000x140"}
    play(tmp_path, series, "ErrorBudgetBurnsFast", "55m", [FAST], every="1m")
    play(tmp_path, series, "ErrorBudgetBurnsFast", "1h10m", [], every="1m")


def test_few_failures_of_a_quiet_night_are_no_burning_budget(tmp_path: Path) -> None:
    series = {responses("200"): "0+1x200", responses("500"): "0x50 3x150"}
    play(tmp_path, series, "ErrorBudgetBurnsFast", "52m", [], every="1m")


@pytest.mark.parametrize(
    ("values", "firing"),
    [("100000000x20", [{"severity": "warning"}]), ("1000000x20", []), ("0 0 1e8 0x20", [])],
)
def test_a_standby_that_lags(tmp_path: Path, values: str, firing: list[dict[str, str]]) -> None:
    name = 'mainstay_postgres_flush_lag_bytes{node="postgres.1",standby="postgres.2"}'
    play(tmp_path, {name: values}, "StandbyLags", "3m", firing)


@pytest.mark.parametrize(("used", "firing"), [("90x20", [{"severity": "warning"}]), ("80x20", [])])
def test_connections_that_run_out(tmp_path: Path, used: str, firing: list[dict[str, str]]) -> None:
    series = {
        'mainstay_postgres_connections{node="postgres.1",state="idle"}': used,
        'mainstay_postgres_max_connections{node="postgres.1"}': "100x20",
    }
    play(tmp_path, series, "ConnectionsNearlyAll", "3m", firing)


@pytest.mark.parametrize(
    ("values", "firing"),
    [
        ("3x20", [{"process": "catalog.web.1", "service": "catalog", "severity": "warning"}]),
        ("3 0 3 0 3 0 3 0 3 0 3 0 3", []),  # busy, not stuck
    ],
)
def test_a_pool_that_is_exhausted(tmp_path: Path, values: str, firing: list[dict[str, str]]) -> None:
    name = 'mainstay_db_pool_waiting{alias="default",process="catalog.web.1",service="catalog"}'
    play(tmp_path, {name: values}, "PoolExhausted", "2m30s", firing)


@pytest.mark.parametrize(
    ("reason", "values", "firing"),
    [
        ("resources", "0 0+1x40", [{"service": "catalog", "severity": "critical"}]),  # few, among many reads
        ("resources", "0 0 1x40", []),  # one that asked for too much memory
        ("resources", "7x40", []),  # long ago
        ("lock", "0+9x40", []),
        ("deadlock", "0+9x40", []),
        ("conflict", "0+9x40", []),
    ],
)
def test_a_database_that_is_out_of_room(
    tmp_path: Path, reason: str, values: str, firing: list[dict[str, str]]
) -> None:
    name = f'mainstay_db_failures_total{{reason="{reason}",service="catalog",process="catalog.web.1"}}'
    play(tmp_path, {name: values}, "DatabaseOutOfResources", "5m", firing)


@pytest.mark.parametrize(("free", "firing"), [("9x40", [{"severity": "critical"}]), ("11x40", [])])
def test_a_disk_that_is_nearly_full(tmp_path: Path, free: str, firing: list[dict[str, str]]) -> None:
    series = {
        'mainstay_disk_free_bytes{job="supervisor",instance="a"}': free,
        'mainstay_disk_size_bytes{job="supervisor",instance="a"}': "100x40",
    }
    play(tmp_path, series, "DiskNearlyFull", "7m", firing)


@pytest.mark.parametrize(("values", "firing"), [("0+300x60", [{"severity": "warning"}]), ("0+30x60", [])])
def test_a_cache_that_is_too_small(tmp_path: Path, values: str, firing: list[dict[str, str]]) -> None:
    play(
        tmp_path, {'mainstay_cache_evictions_total{node="valkey.1"}': values}, "CacheTooSmall", "13m", firing
    )


DAY = 86_400
EXPIRY = 'mainstay_certificate_expiry_timestamp_seconds{host="shop.example"}'


@pytest.mark.parametrize(
    ("left", "severity"),
    [
        (15, ""),
        (14.1, ""),
        (13.9, "warning"),
        (3.1, "warning"),
        (2.9, "critical"),
        (-1, "critical"),
        (89, ""),
    ],
)
def test_a_certificate_that_is_not_renewed(tmp_path: Path, left: float, severity: str) -> None:
    """promtool's time begins at 0, so a date is the time left, but for the two minutes of the play."""
    firing = [{"severity": severity}] if severity else []
    play(tmp_path, {EXPIRY: f"{left * DAY:.0f}x20"}, "CertificateExpires", "2m", firing)


def test_a_certificate_that_was_renewed_wakes_nobody(tmp_path: Path) -> None:
    play(tmp_path, {EXPIRY: f"{2 * DAY}x4 {90 * DAY}x20"}, "CertificateExpires", "3m", [])


@pytest.mark.parametrize(
    ("values", "at", "firing"),
    [
        ("0x200", "95m", [{"severity": "warning"}]),
        ("0x200", "80m", []),  # one look only
        ("0x61 1x200", "95m", []),  # seen at the second look
        ("1x200", "95m", []),
    ],
)
def test_a_certificate_that_cannot_be_seen(
    tmp_path: Path, values: str, at: str, firing: list[dict[str, str]]
) -> None:
    series = {'mainstay_certificate_seen{host="shop.example"}': values}
    play(tmp_path, series, "CertificateNotSeen", at, firing, every="1m")


VERIFIED = 'mainstay_certificate_verified{host="shop.example"}'


@pytest.mark.parametrize(
    ("values", "at", "fires"),
    [
        ("0x200", "95m", True),
        ("0x200", "80m", False),  # one look only: a terminator that had none yet when the system came up
        ("0x61 1x200", "95m", False),  # taken at the second look, as of a signer that was named meanwhile
        ("1x200", "95m", False),
        ("_x200", "95m", False),  # not seen, of which the other alert tells
    ],
)
def test_a_certificate_that_a_browser_refuses(tmp_path: Path, values: str, at: str, fires: bool) -> None:
    firing = [{"severity": "critical"}] if fires else []
    series = {VERIFIED: values, EXPIRY: f"{80 * DAY}x200"}
    play(tmp_path, series, "CertificateNotVerified", at, firing, every="1m")


@pytest.mark.parametrize(
    ("alert", "severities"), [("CertificateNotVerified", []), ("CertificateExpires", ["critical"])]
)
def test_of_a_certificate_that_has_expired_one_alert_tells(
    tmp_path: Path, alert: str, severities: list[str]
) -> None:
    firing = [{"severity": each} for each in severities]
    play(tmp_path, {VERIFIED: "0x200", EXPIRY: "-60x200"}, alert, "95m", firing, every="1m")


def queue(what: str, process: str = "orders.web.1", name: str = "letters") -> str:
    return f'mainstay_queue_{what}{{queue="{name}",service="orders",process="{process}"}}'


def queues(*ages: str, failures: str = "0x60") -> Series:
    """What each process says of one and the same queue."""
    series = {}
    for number, values in enumerate(ages):
        process = f"orders.web.{number}"
        series[queue("oldest_seconds", process)] = values
        series[queue("old_after_seconds", process)] = "300x60"
        series[queue("failures_total", process)] = failures
    return series


@pytest.mark.parametrize(
    ("ages", "at", "severities"),
    [
        (["0+15x60"], "8m", ["warning"]),  # past 300 s since 5m15s
        (["0+15x60"], "7m", []),  # not for two minutes yet
        (["0+15x24 0x40"], "9m", []),  # somebody took it
        (["290x60"], "14m", []),
        (["2000x60"], "3m", ["critical", "warning"]),
        (["1700x60"], "14m", ["warning"]),
        (["0x60"], "14m", []),  # empty
        (["290x60", "290x60"], "14m", []),  # two that tell the same are not twice as old
        (["290x60", "_x60"], "14m", []),  # one that cannot tell changes nothing
        (["310x60", "20x60"], "14m", ["warning"]),  # nor does one that was asked before
    ],
)
def test_a_queue_whose_first_has_waited_for_long(
    tmp_path: Path, ages: list[str], at: str, severities: list[str]
) -> None:
    firing = [{"service": "orders", "severity": each} for each in severities]
    play(tmp_path, queues(*ages), "QueueOld", at, firing)


@pytest.mark.parametrize(("age", "firing"), [("3000x60", []), ("3700x60", ["warning"])])
def test_a_queue_may_say_itself_from_when_on_it_is_old(tmp_path: Path, age: str, firing: list[str]) -> None:
    series = {queue("oldest_seconds"): age, queue("old_after_seconds"): "3600x60"}
    labels = [{"service": "orders", "severity": each} for each in firing]
    play(tmp_path, series, "QueueOld", "10m", labels)


@pytest.mark.parametrize(
    ("ages", "failures", "at", "is_unknown"),
    [
        (["10 10 _x60"], "0 0 0+1x60", "10m", True),
        (["_x60"], "0x60", "10m", True),  # never asked: no thread could start, say
        (["10 10 _x60"], "0 0 0+1x60", "6m", False),  # what was told last is known for five minutes more
        (["_x60", "10x60"], "0+1x60", "10m", False),  # the other one knows
        (["0x60"], "0x60", "10m", False),  # empty is known
        (["0x60"], "7x60", "10m", False),  # it failed once
    ],
)
def test_a_queue_of_which_nobody_knows_anything(
    tmp_path: Path, ages: list[str], failures: str, at: str, is_unknown: bool
) -> None:
    firing = [{"service": "orders", "severity": "warning"}] if is_unknown else []
    play(tmp_path, queues(*ages, failures=failures), "QueueUnknown", at, firing)


def test_a_queue_that_nobody_declares_any_more_is_not_unknown(tmp_path: Path) -> None:
    """Of a service that is down altogether other alerts tell."""
    play(tmp_path, {queue("failures_total"): "3 3 _x60"}, "QueueUnknown", "12m", [])


def test_every_alert_has_a_test() -> None:
    named = set(re.findall(r"alert: (\w+)", alerts(15.0)))
    assert named == {word for word in named if f'"{word}"' in Path(__file__).read_text()}
