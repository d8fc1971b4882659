"""Labels that stay few, and the names that django-prometheus's dashboards ask for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mainstay.http import metrics, routes
from mainstay.http.exchange import Exchange
from mainstay.http.metrics import OVERFLOW, Answers, Metrics
from mainstay.observability import output
from mainstay.observability.figures import Figure, Registry


def view(request: HttpRequest, number: int = 0) -> HttpResponse:
    return HttpResponse()


urlpatterns = [path("", view, name="home"), path("order/<int:number>/", view, name="order"), path("x/", view)]


def answered(status: int = 200, view: str = "home", method: str = "GET", **spent: Any) -> Exchange:
    exchange = Exchange(method, "/", "id", "203.0.113.7", "")
    exchange.status, exchange.view = status, view
    for name, value in spent.items():
        setattr(exchange, name, value)
    return exchange


def read(registry: Any) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def series(registry: Any, name: str) -> dict[tuple[tuple[str, str], ...], float]:
    return {labels: value for (found, labels), value in read(registry).items() if found == name}


@override_settings(ROOT_URLCONF=__name__)
def test_ten_thousand_random_paths_make_no_more_series_than_the_urlconf_has_views() -> None:
    made, chance = Metrics(figures=Registry()), random.Random(7)
    for _ in range(10_000):
        kind = chance.randrange(4)
        noise = "".join(chance.choices("abc/?%\x00é<>0123", k=12))
        where = ("/", f"/order/{chance.randrange(10**9)}/", "/x/", f"/{noise}")[kind]
        exchange = Exchange("GET", where, "id", "203.0.113.7", "")
        routes.find(exchange)
        exchange.status = 200
        made.observe(exchange, 0.01)
    found = series(made.compatible, "django_http_responses_total_by_status_view_method_total")
    assert {dict(labels)["view"] for labels in found} == {
        "home",
        "order",
        f"{__name__}.view",
        "<unnamed view>",
    }
    assert sum(found.values()) == 10_000


def test_views_statuses_and_methods_without_end_share_one_label() -> None:
    made = Metrics(figures=Registry(), limit=50)
    for number in range(10_000):
        made.observe(
            answered(number % 700, f"view-{number}", f"VERB{number % 100}" if number % 2 else "GET"), 0.01
        )
    found = series(made.compatible, "django_http_responses_total_by_status_view_method_total")
    views = {dict(labels)["view"] for labels in found}
    assert OVERFLOW in views
    assert len({dict(labels)["status"] for labels in found}) <= 501
    assert {dict(labels)["method"] for labels in found} == {"GET", "<invalid method>"}
    assert len(made.answers) == 50
    assert sum(found.values()) == 10_000
    assert read(made.registry)["mainstay_metrics_overflowed_total", ()] > 9000


def test_unknown_methods_cannot_make_views_without_end() -> None:
    made = Metrics(figures=Registry(), limit=50)
    for number in range(1000):
        made.observe(answered(200, f"view-{number}", f"VERB{number}"), 0.01)
    found = series(made.compatible, "django_http_responses_total_by_status_view_method_total")
    assert len(found) <= 51


def test_django_prometheus_dashboards_find_their_sums() -> None:
    made = Metrics(figures=Registry())
    for exchange in (answered(), answered(500), answered(200, "order", "POST")):
        made.observe(exchange, 0.02)
    found = read(made.compatible)
    assert found["django_http_responses_total_by_status_total", (("status", "200"),)] == 2
    assert found["django_http_requests_total_by_method_total", (("method", "POST"),)] == 1
    assert found["django_http_requests_before_middlewares_total", ()] == 3
    assert found["django_http_responses_before_middlewares_total", ()] == 3
    name = "django_http_requests_latency_including_middlewares_seconds"
    assert found[f"{name}_bucket", (("le", "0.01"),)] == 0
    assert found[f"{name}_bucket", (("le", "0.025"),)] == 3
    assert found[f"{name}_bucket", (("le", "+Inf"),)] == 3
    assert found[f"{name}_sum", ()] == pytest.approx(0.06)


def test_a_latency_on_a_bound_is_below_it_as_prometheus_counts() -> None:
    made = Metrics(figures=Registry())
    for seconds in (0.025, 0.0250001, 1000.0):
        made.observe(answered(), seconds)
    name, labels = (
        "django_http_requests_latency_seconds_by_view_method",
        (("method", "GET"), ("view", "home")),
    )
    found = read(made.compatible)
    assert found[f"{name}_bucket", (("le", "0.025"), *labels)] == 1
    assert found[f"{name}_bucket", (("le", "0.05"), *labels)] == 2
    assert found[f"{name}_bucket", (("le", "75.0"), *labels)] == 2
    assert found[f"{name}_count", labels] == found[f"{name}_bucket", (("le", "+Inf"), *labels)] == 3


def test_answers_of_many_threads_are_all_counted() -> None:
    made = Metrics(figures=Registry())

    def work() -> None:
        for number in range(2000):
            made.observe(answered(200, f"view-{number % 7}"), 0.01)

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(made.compatible)["django_http_requests_before_middlewares_total", ()] == 8000


class Interrupted(float):
    """A duration while which is added another thread has its turn, as between any two steps of an addition."""

    meanwhile: Callable[[], object]

    def __radd__(self, other: float) -> float:
        self.others = Thread(target=self.meanwhile)
        self.others.start()
        self.others.join(0.2)  # who has to wait for a lock gets no further
        return other + float(self)


def test_an_answer_that_is_counted_meanwhile_is_not_lost() -> None:
    answers = Answers()
    seconds = Interrupted(1.0)
    seconds.meanwhile = lambda: answers.count(200, "home", "GET", 2.0)
    answers.count(200, "home", "GET", seconds)
    seconds.others.join()
    ((_, series),) = answers.read()
    assert (sum(series.buckets), series.seconds) == (2, 3.0)


def test_a_scrape_never_sees_half_an_answer() -> None:
    answers = Answers()
    seconds, seen = Interrupted(1.0), []
    seconds.meanwhile = lambda: seen.extend(answers.read())
    answers.count(200, "home", "GET", seconds)
    seconds.others.join()
    ((_, series),) = seen
    assert (sum(series.buckets), series.seconds) == (1, 1.0)


def test_an_answer_that_is_counted_while_one_scrapes_is_in_or_not() -> None:
    class Copied(list[int]):
        """While it is copied another thread has its turn."""

        def __iter__(self) -> Iterator[int]:
            *most, last = super().__iter__()
            yield from most
            others.start()
            others.join(0.2)
            yield last

    answers = Answers()
    others = Thread(target=answers.count, args=(200, "home", "GET", 2.0))
    answers.count(200, "home", "GET", 1.0)
    (series,) = answers._series.values()
    series.buckets = Copied(series.buckets)
    ((_, seen),) = answers.read()
    others.join()
    assert (sum(seen.buckets), seen.seconds) == (1, 1.0)


def test_two_threads_that_see_a_view_first_share_its_series() -> None:
    class Looked(dict[Any, Any]):
        """While it is looked whether there is room for one more, another thread has its turn."""

        others: Thread | None = None

        def __len__(self) -> int:
            if self.others is None:
                self.others = Thread(target=answers.count, args=(200, "home", "GET", 2.0))
                self.others.start()
                self.others.join(0.2)
            return super().__len__()

    answers = Answers()
    answers._series = looked = Looked()
    answers.count(200, "home", "GET", 1.0)
    assert looked.others is not None
    looked.others.join()
    ((_, series),) = answers.read()
    assert (sum(series.buckets), series.seconds) == (2, 3.0)


def test_nothing_observed_is_still_a_valid_page() -> None:
    assert read(Metrics(figures=Registry()).compatible)


def test_what_requests_spent_is_added_up() -> None:
    made = Metrics(figures=Registry())
    made.observe(answered(db_count=3, db_seconds=0.5), 1.0)
    made.observe(answered(db_count=1, db_seconds=0.5), 1.0)
    found = read(made.registry)
    assert found["mainstay_db_statements_total", ()] == 4
    assert found["mainstay_db_seconds_total", ()] == 1.0


def test_figures_of_capabilities_are_on_the_page() -> None:
    figures = Registry()
    labels = [(("queue", name),) for name in ("a", "b")]
    figures.register(
        "tasks", lambda: [Figure("mainstay_tasks_waiting", "Tasks.", 7, labels=x) for x in labels]
    )
    figures.register("events", lambda: [Figure("mainstay_events_total", "Events.", 9, "counter")])
    found = read(Metrics(figures=figures).registry)
    assert found["mainstay_tasks_waiting", (("queue", "a"),)] == 7
    assert found["mainstay_tasks_waiting", (("queue", "b"),)] == 7
    assert found["mainstay_events_total", ()] == 9


def test_the_page_has_everything_once() -> None:
    assert output.DROPPED.value >= 0  # its module has registered its figures
    body, content_type = metrics.render()
    names = [family.name for family in text_string_to_metric_families(body.decode())]
    assert len(names) == len(set(names))
    for name in ("mainstay_log_lines_dropped", "mainstay_reports_dropped", "mainstay_trace_limited"):
        assert name in names
    assert content_type.startswith("text/plain")
