"""Equal questions have equal names."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.loading.names import dashed, normalise


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/", "/"),
        ("/api/events/17/", "/api/events/{}/"),
        ("/api/v1/events", "/api/v1/events"),
        ("/api/orders/1b4e28ba-2fa1-11d2-883f-0016d3cca427/cancel/", "/api/orders/{}/cancel/"),
        ("/api/orders/1B4E28BA-2FA1-11D2-883F-0016D3CCA427/", "/api/orders/{}/"),
        ("/blobs/d41d8cd98f00b204e9800998ecf8427e", "/blobs/{}"),
        ("/days/2026-01-31/", "/days/{}/"),
        ("/reset/MQ-cx3k2l-9f8a7b6c5d4e3f2a/", "/reset/{}/"),
        ("/search/?q=a&page=2#top", "/search/"),
        ("/news/a-slug-of-some-length/", "/news/a-slug-of-some-length/"),
        ("/facade/", "/facade/"),
    ],
)
def test_identifiers_go(path: str, name: str) -> None:
    assert normalise(path) == name


@pytest.mark.parametrize(
    ("name", "words"), [("Order", "order"), ("BuyTickets", "buy-tickets"), ("HTTPUser2", "http-user2")]
)
def test_names_of_classes_become_words(name: str, words: str) -> None:
    assert dashed(name) == words
