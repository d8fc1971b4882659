"""A view that does with secrets whatever a careless project could: the test looks for them afterwards."""

import json
import logging
import os

from django.db import connection
from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from mainstay.observability import TRACING

logger = logging.getLogger(__name__)


class Planted:
    """Secrets that nothing but their place tells: this object shows none of them when it is printed."""

    def __init__(self):
        self._secrets = json.loads(os.environ["LEAK"])

    def __getitem__(self, place):
        return self._secrets[place]


class Unfriendly:
    def __init__(self, secret):
        self.secret = secret

    def __repr__(self):
        raise RuntimeError(f"password={self.secret}")


@csrf_exempt
def leak(request, token):
    planted = Planted()
    body = request.POST.dict() if request.POST else json.loads(request.body or b"{}")
    _log(planted)
    _query(planted)
    with TRACING.span("leak", api_key=planted["span_name"], note=f"token={planted['span_text']}"):
        pass
    if request.GET.get("quiet"):
        return HttpResponse("ok")
    return _raise(request, planted, body)


def _log(planted):
    logger.info("login with password=%s", planted["message"])
    logger.info("connecting to postgres://app:%s@db/app", planted["url"])
    logger.info("sent %s", {"Authorization": f"Bearer {planted['header_in_message']}"})
    logger.info("sent {'api_key': '%s'}", planted["dict_in_message"])
    logger.warning("odd %s %s", f"secret={planted['bad_arguments']}")  # noqa: PLE1206 - one too few
    ring = {"password": planted["cycle"]}
    ring["self"] = ring
    logger.warning(
        "with extra",
        extra={
            "password": planted["extra_name"],
            "data": {"deep": [{"token": planted["extra_deep"]}]},
            "headers": [("Cookie", planted["extra_pair"])],
            "raw": f"token={planted['extra_bytes']}".encode(),
            "ring": ring,
            "cookies": {"a": planted["extra_under"]},
            "unfriendly": Unfriendly(planted["extra_object"]),
            "text": f"https://{planted['extra_url']}@errors.example/1",
            "card": planted["card"],
        },
    )
    try:
        raise ValueError(f"Authorization: Basic {planted['caught']}")
    except ValueError:
        logger.exception("caught")


def _query(planted):
    connection.force_debug_cursor = True
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s, %s", [planted["sql_parameter"], 1])
        cursor.execute(f"SELECT '{planted['sql_literal']}'")
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS leaks (name text)")
        cursor.executemany("INSERT INTO leaks VALUES (%s)", [[planted["sql_many"]]] * 2)


def _raise(request, planted, body):
    password = planted["variable"]  # noqa: F841 - seen by the report
    settings = {"api_key": planted["variable_in_dict"], "hosts": [f"redis://:{planted['variable_url']}@h"]}  # noqa: F841
    form = body  # noqa: F841
    innocent = body.get("password") or "absent"
    known = os.environ["PAYMENT_API_KEY"]
    where = os.environ["LEDGER"]
    try:
        raise LookupError(f"row with token={planted['cause']}")
    except LookupError as error:
        raise RuntimeError(
            f"password={planted['error_text']}; {innocent} did not fit; key {known} at {where}; "
            f"{os.environ['SECRET_KEY']} {os.environ['MAINSTAY_INTERNAL_TOKEN']} "
            f"{request.COOKIES.get('plain', '')} {request.headers.get('X-Api-Key', '')} "
            f"-----BEGIN PRIVATE KEY-----\n{planted['pem']}\n-----END PRIVATE KEY-----"
        ) from error
