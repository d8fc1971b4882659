from __future__ import annotations

from yaml import safe_load

from mainstay.ops.engines.alertmanager import Alertmanager
from mainstay.ops.topology.values import Alertmanager as Declared

from .golden import NODE, assert_approved, program

HOOK = 'https://chat.example.com/hook?a="b"'


def engine(webhook: str) -> Alertmanager:
    return Alertmanager(NODE, program("alertmanager"), Declared("", 0, webhook))


def test_configuration() -> None:
    assert_approved("alertmanager", engine(HOOK).files())


def test_webhook_is_kept_as_it_was_written() -> None:
    (receiver,) = safe_load(engine(HOOK).files()[0].text)["receivers"]
    assert receiver["webhook_configs"][0]["url"] == HOOK


def test_without_a_webhook_alerts_stay_in_its_own_page() -> None:
    assert safe_load(engine("").files()[0].text)["receivers"] == [{"name": "operator"}]


def test_looks_for_no_peers() -> None:
    assert "--cluster.listen-address=" in engine("").launch().argv
