from __future__ import annotations

import re

import pytest

from catalog.models import Event
from catalog.posters import DRAWINGS, draw

pytestmark = pytest.mark.usefixtures("season")

PAGES = ["/", "/?search=mahler", "/events/1/", "/tickets/", "/api/docs/"]


@pytest.mark.parametrize("path", [*PAGES, "/nothing-here/", "/events/999/"])
def test_pages_need_nothing_inline_and_nothing_from_elsewhere(client, path):
    """What the content security policy forbids would simply not work."""
    answer = client.get(path)
    html = answer.content.decode()
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=|javascript:", html)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html)


@pytest.mark.parametrize("path", PAGES)
def test_pages_have_one_heading_a_title_and_a_language(client, path):
    html = client.get(path).content.decode()
    assert html.count("<h1") == 1
    assert 'lang="en"' in html
    assert re.search(r"<title>\S.*</title>", html)


def test_the_list_without_scripts(client):
    html = client.get("/?search=bach").content.decode()
    assert "Bach by Candlelight" in html
    assert "Mahler" not in html
    assert 'value="bach"' in html


def test_only_the_cards_for_the_search_as_one_types(client):
    html = client.get("/?search=bach&part=list").content.decode()
    assert "<html" not in html
    assert html.count('class="card"') == 1


def test_nothing_found_is_said_kindly_and_escaped(client):
    html = client.get("/?search=<script>alert(1)</script>").content.decode()
    assert "Nothing found for “&lt;script&gt;" in html


def test_a_bad_cursor_shows_the_first_page(client):
    assert client.get("/?cursor=nonsense").content.decode().count('class="card"') == 12


def test_titles_are_escaped(client):
    Event.objects.filter(pk=1).update(title='<b onclick="x">')
    assert "<b onclick" not in client.get("/events/1/").content.decode()


@pytest.mark.parametrize("path", ["/nothing-here/", "/events/999/"])
def test_a_missing_page_is_a_page(client, path):
    answer = client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
    assert answer.status_code == 404
    assert "not on the programme" in answer.content.decode()


def test_pages_are_read_only(client):
    assert client.post("/").status_code == 405


@pytest.mark.parametrize("kind", DRAWINGS)
def test_posters_are_drawn_without_style_attributes(kind):
    svg = draw(7, kind)
    assert svg.startswith('<svg class="poster"')
    assert "style" not in svg
    assert svg.count("<") > 10
