"""What the measuring client refuses to send."""

from __future__ import annotations

import pytest

from mainstay.ops.prove.loading.http import Http


@pytest.mark.parametrize(
    "base",
    [
        *(
            "127.0.0.1:8000",
            "ftp://host",
            "http://",
            "http://host/app",
            "http://host?tenant=1",
            "http://host/#a",
        ),
        "http://host:0",
    ],
)
def test_a_base_that_is_no_server_is_refused(base: str) -> None:
    with pytest.raises(ValueError, match="no address"):
        Http(base)


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "no-slash", {}),
        ("GET /", "/", {}),
        ("GET", "/", {"X": "a\r\nHost: elsewhere"}),
        ("GET", "/", {"X": "a\rb"}),
        ("GET", "/", {"X": "a\nb"}),
        ("GET", "/", {"X": "snowman ☃"}),
    ],
)
async def test_what_cannot_be_sent_is_an_answer_too(method: str, path: str, headers: dict[str, str]) -> None:
    """Nothing was sent, so nothing can have happened; and a measuring client never raises."""
    answer = await Http("http://127.0.0.1:1").request(method, path, headers=headers)
    assert (answer.status, answer.sent) == (0, False)
    assert answer.error
