"""The report in a real browser: from a disk, without a network, light, dark, narrow and on paper."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from mainstay.ops.prove.evidence.document import document
from mainstay.ops.prove.evidence.report import report
from tests.e2e.conftest import OPTIONS
from tests.unit.ops.prove.evidence.sample import proof

Open = Callable[..., Page]

VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "has_touch": True},
}

CONTRAST = """
() => {
  const parse = (text) => {
    const found = text.match(/rgba?\\(([^)]+)\\)/);
    const [r, g, b, a = 1] = found[1].split(/[ ,/]+/).filter(Boolean).map(Number);
    return { rgb: [r, g, b], a };
  };
  const luminance = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map((v) => {
      v /= 255;
      return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const { rgb, a } = parse(getComputedStyle(each).backgroundColor);
      if (a === 1) return rgb;
    }
    return [255, 255, 255];
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("svg, script, style, [hidden]")) continue;
    const front = luminance(parse(getComputedStyle(element).color).rgb), back = luminance(ground(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (ratio < 4.5) poor.push(element.className + " " + walker.currentNode.data.trim() + " " + ratio.toFixed(2));
  }
  return poor;
}
"""
"""Texts below the contrast that WCAG 2.2 asks for (1.4.3, level AA)."""


@pytest.fixture(scope="module")
def browser(require_program: Callable[[str], Path]) -> Iterator[Browser]:
    program = require_program("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("proof") / "report.html"
    path.write_text(report(document(proof())))
    return path


@pytest.fixture
def open_report(browser: Browser, page_file: Path) -> Iterator[Open]:
    """``open_report("dark")``: afterwards nothing may have failed, been refused, or come from anywhere."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def visit(view: str = "light", **options: Any) -> Page:
        context = browser.new_context(**{**VIEWS[view], **options})
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text))
        page.on("dialog", lambda dialog: faults.append(dialog.message))
        page.on("request", lambda request: request.url == page_file.as_uri() or faults.append(request.url))
        page.goto(page_file.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    # The empty icon is part of the page itself.
    assert [fault for fault in faults if fault != "data:,"] == []


@pytest.mark.parametrize("view", VIEWS)
def test_it_opens_and_begins_with_the_verdict(open_report: Open, view: str) -> None:
    page = open_report(view)
    assert page.locator("h1").inner_text().endswith("boxoffice breaks 1 of 5 claims.")
    box = page.locator("h1").bounding_box()
    assert box is not None
    assert box["y"] < 200
    assert page.locator("article").count() == 5


@pytest.mark.parametrize("view", VIEWS)
def test_nothing_sticks_out_at_the_side(open_report: Open, view: str) -> None:
    page = open_report(view)
    for each in page.locator("summary").all():
        each.click()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("view", ["light", "dark"])
def test_every_text_has_contrast(open_report: Open, view: str) -> None:
    page = open_report(view)
    for each in page.locator("summary").all():
        each.click()
    assert page.evaluate(CONTRAST) == []


def test_dark_and_light_differ(open_report: Open) -> None:
    def ground(page: Page) -> str:
        return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

    assert ground(open_report("light")) != ground(open_report("dark"))


def test_headings_are_in_order(open_report: Open) -> None:
    page = open_report()
    levels = [
        int(each[1]) for each in page.locator("h1,h2,h3,h4,h5").evaluate_all("all => all.map(e => e.tagName)")
    ]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_charts_and_tables_say_what_they_are(open_report: Open) -> None:
    page = open_report()
    assert page.locator("figure svg[role=img]").count() == 4
    assert page.get_by_role("img", name="Timeline of primary-lost").count() == 1
    assert page.locator("table").count() == page.locator("table > caption").count()
    assert page.locator("th:not([scope])").count() == 0
    assert page.locator("div.scroll:not([tabindex])").count() == 0


def test_without_scripts_it_tells_the_same(open_report: Open) -> None:
    page = open_report(java_script_enabled=False)
    assert page.locator("figure svg").count() == 4
    assert page.locator(".command button:visible").count() == 0


def test_the_curves_are_read_out_by_pointer_and_by_keys(open_report: Open) -> None:
    page = open_report()
    chart = page.locator("article.fail figure")
    readout = chart.locator(".readout")
    chart.locator("svg").hover(position={"x": 480, "y": 120})
    assert "/s" in readout.inner_text()
    page.mouse.move(0, 0)
    assert readout.inner_text() == ""
    chart.locator(".scroll").focus()
    for _ in range(19):
        page.keyboard.press("ArrowRight")
    assert re.match(r"4\.50 s  ·  60 /s  ·  \d+ failed", readout.inner_text())
    assert readout.get_attribute("aria-live") == "polite"


def test_the_command_is_copied(open_report: Open) -> None:
    page = open_report(permissions=["clipboard-read", "clipboard-write"])
    command = page.locator("article.fail .command")
    command.get_by_role("button", name="Copy").click()
    command.get_by_role("button", name="Copied").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == "mainstay prove --seed 4711 --only primary-lost"


def test_it_prints_on_white_a_page_for_each_claim(open_report: Open) -> None:
    page = open_report("dark")
    printed = page.pdf(format="A4")
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) >= 7  # the overview, five claims, the appendix
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 32, 36)"
    assert page.locator(".command button:visible").count() == 0
    # What is folded on a screen is open on paper.
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("details[open]").count() == 0
