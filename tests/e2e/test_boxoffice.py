"""What a person does at the box office, in a real browser, through the edge, on a whole running system."""

from __future__ import annotations

import re
import urllib.error
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.e2e, pytest.mark.system, pytest.mark.timeout(240)]

PASSWORD = "a long enough secret"
EVENT = 9
ROWS = "ABCDEFGHIJKLMNOPQR"
"""Of the arena's floor; row A has 24 seats, and each further one has one more."""

expect.set_options(timeout=20_000)

Visitor = Callable[..., Page]
Call = Callable[..., Any]


def open_event(page: Page, event: int = EVENT) -> Page:
    page.goto(f"/events/{event}/")
    page.locator(".seat").first.wait_for()
    return page


def seat(page: Page, row: int, number: int) -> Any:
    return page.get_by_role("gridcell", name=re.compile(rf"row {ROWS[row]}, seat {number},"))


def seat_id(row: int, number: int) -> int:
    return EVENT * 1000 + sum(24 + index for index in range(row)) + number - 1


def hold(page: Page) -> None:
    page.get_by_role("button", name=re.compile(r"Hold \d seats? for 2 minutes")).click()
    page.get_by_role("timer").wait_for()


def create_account(page: Page, email: str) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def pay(page: Page, card: str = "A good card") -> None:
    page.get_by_label(card).check()
    page.get_by_role("button", name=re.compile(r"^Pay €")).click()


def test_the_list_is_searched_as_one_types(visitor: Visitor) -> None:
    page = visitor()
    page.goto("/")
    expect(page.locator(".card")).to_have_count(12)
    page.get_by_role("searchbox").press_sequentially("theatre tilleuls")
    expect(page.locator(".card")).to_have_count(2)
    assert page.url.endswith("/?search=theatre+tilleuls")
    page.get_by_role("searchbox").fill("nobody plays this")
    expect(page.get_by_text("Nothing found for “nobody plays this”")).to_be_visible()


def test_the_list_works_without_scripts(visitor: Visitor) -> None:
    page = visitor(java_script_enabled=False)
    page.goto("/")
    page.locator("#search").fill("mahler")
    page.locator("#search").press("Enter")
    expect(page.locator(".card")).to_have_count(1)
    page.get_by_role("link", name=re.compile("Mahler")).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Mahler: “Resurrection”")


def test_a_seat_is_bought_with_the_keyboard_alone(visitor: Visitor, email: str, row: int) -> None:
    page = open_event(visitor())
    seat(page, row, 3).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(seat(page, row, 2)).to_have_attribute("aria-selected", "true")
    expect(seat(page, row, 3)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Hold 2 seats for 2 minutes").press("Enter")
    page.get_by_role("timer").wait_for()
    expect(page.get_by_label("E-mail")).to_be_focused()
    page.keyboard.type(email)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_role("button", name=re.compile(r"^Pay €")).press("Enter")
    expect(page.get_by_role("heading", name="See you there!")).to_be_visible()
    expect(page.locator(".ticket")).to_have_count(2)
    expect(page.locator(".panel")).to_contain_text(email)


def test_tickets_are_kept_and_can_be_given_back(visitor: Visitor, call: Call, email: str, row: int) -> None:
    page = open_event(visitor())
    seat(page, row, 1).click()
    hold(page)
    create_account(page, email)
    pay(page)
    expect(page.locator(".ticket")).to_have_count(1)
    page.get_by_label("Your booking").get_by_role("link", name="My tickets").click()
    expect(page.locator(".ticket")).to_contain_text("Cirque Boréal")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel and get the money back").click()
    expect(page.locator(".ticket.is-cancelled")).to_be_visible()
    states = {each["id"]: each["state"] for each in call("GET", f"/api/events/{EVENT}/seats/")}
    assert states[seat_id(row, 1)] == "free"


def test_every_open_map_changes_without_polling(visitor: Visitor, call: Call, row: int) -> None:
    page = visitor()
    asked: list[str] = []
    page.on("request", lambda request: "/seats/" in request.url and asked.append(request.url))
    open_event(page)
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    page.wait_for_timeout(1000)
    before = len(asked)
    taken = call("POST", "/api/holds/", {"event": EVENT, "seats": [seat_id(row, 5)]})
    expect(seat(page, row, 5)).to_have_class(re.compile("is-held"))
    call("DELETE", f"/api/holds/{taken['id']}/")
    expect(seat(page, row, 5)).to_have_class(re.compile("is-free"))
    page.wait_for_timeout(5000)
    assert len(asked) == before


def test_without_a_socket_the_page_asks_every_few_seconds(visitor: Visitor, call: Call, row: int) -> None:
    page = visitor()
    page.route_web_socket(re.compile("/ws/"), lambda socket: socket.close())
    open_event(page)
    expect(page.locator("#live")).to_have_attribute("data-state", "polling")
    call("POST", "/api/holds/", {"event": EVENT, "seats": [seat_id(row, 5)]})
    expect(seat(page, row, 5)).to_have_class(re.compile("is-held"))


def test_a_chosen_seat_that_somebody_takes_is_said_kindly(visitor: Visitor, call: Call, row: int) -> None:
    page = open_event(visitor())
    expect(page.locator("#live")).to_have_attribute("data-state", "live")
    seat(page, row, 7).click()
    seat(page, row, 8).click()
    call("POST", "/api/holds/", {"event": EVENT, "seats": [seat_id(row, 7)]})
    expect(page.get_by_text(f"Seat {ROWS[row]}7 was just taken. We kept your other choices.")).to_be_visible()
    expect(page.get_by_role("button", name="Hold 1 seat for 2 minutes")).to_be_visible()


def test_a_seat_taken_in_the_same_moment_is_said_kindly(visitor: Visitor, call: Call, row: int) -> None:
    """The page has not heard of it yet, so it is the hold that is refused."""
    page = visitor()
    page.route_web_socket(re.compile("/ws/"), lambda socket: None)
    open_event(page)
    page.route("**/seats/", lambda route: route.abort())
    seat(page, row, 7).click()
    seat(page, row, 8).click()
    call("POST", "/api/holds/", {"event": EVENT, "seats": [seat_id(row, 7)]})
    page.get_by_role("button", name="Hold 2 seats for 2 minutes").click()
    expect(page.get_by_text(f"Seat {ROWS[row]}7 was just taken. We kept your other choices.")).to_be_visible()
    hold(page)
    expect(seat(page, row, 8)).to_have_attribute("aria-selected", "true")


def test_a_declined_card_keeps_the_seats_and_another_one_pays(visitor: Visitor, email: str, row: int) -> None:
    page = open_event(visitor())
    seat(page, row, 1).click()
    hold(page)
    create_account(page, email)
    pay(page, "A card the bank declines")
    expect(page.get_by_role("alert")).to_have_text(
        "The bank declined this card. Your seats are still held for you."
    )
    expect(page.get_by_label("A card the bank declines")).to_be_checked()
    pay(page)
    expect(page.locator(".ticket")).to_have_count(1)


def test_a_silent_bank_is_asked_again_and_charges_once(
    visitor: Visitor, call: Call, email: str, row: int
) -> None:
    page = visitor()
    keys: list[str] = []
    page.on(
        "request",
        lambda request: (
            request.url.endswith("/api/orders/") and keys.append(request.headers["idempotency-key"])
        ),
    )
    open_event(page)
    seat(page, row, 1).click()
    hold(page)
    create_account(page, email)
    pay(page, "A bank that answers late")
    expect(page.get_by_role("button", name="The bank takes its time …")).to_be_visible()
    expect(page.locator(".ticket")).to_have_count(1)
    assert len(keys) >= 2
    assert len(set(keys)) == 1
    token = page.evaluate("localStorage.token")
    assert len(call("GET", "/api/orders/", Authorization=f"Bearer {token}")) == 1


def test_a_hold_survives_a_reload_and_can_be_given_back(visitor: Visitor, row: int) -> None:
    page = open_event(visitor())
    seat(page, row, 4).click()
    hold(page)
    page.reload()
    expect(page.get_by_role("timer")).to_be_visible()
    expect(seat(page, row, 4)).to_have_attribute("aria-selected", "true")
    page.get_by_role("button", name="Give the seats back").click()
    expect(page.get_by_role("heading", name="Your seats", exact=True)).to_be_visible()
    expect(seat(page, row, 4)).to_have_class(re.compile("is-free"))


def test_when_the_two_minutes_are_over_the_page_says_so(visitor: Visitor, row: int) -> None:
    page = visitor()
    page.clock.install()
    open_event(page)
    seat(page, row, 4).click()
    hold(page)
    page.clock.fast_forward("02:01")
    expect(page.get_by_text("The two minutes are over")).to_be_visible()
    expect(page.get_by_role("timer")).to_have_count(0)


def test_wrong_sign_ins_are_explained(visitor: Visitor, email: str) -> None:
    page = visitor()
    page.goto("/tickets/")
    expect(page.get_by_role("heading", name="Sign in to see your tickets")).to_be_visible()
    page.get_by_label("E-mail").fill("not an address")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_have_text("Please enter an e-mail address.")
    page.get_by_role("button", name="I am new here").click()
    create_account(page, email)
    expect(page.get_by_text("No tickets yet.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_role("button", name="I am new here").click()
    create_account(page, email)
    expect(page.get_by_role("alert")).to_contain_text("Sign in instead?")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("No tickets yet.")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", "/events/9/", "/tickets/", "/api/docs/"])
def test_pages_fit_a_phone(visitor: Visitor, path: str, scheme: Any) -> None:
    page = visitor(
        viewport={"width": 360, "height": 740}, is_mobile=True, has_touch=True, color_scheme=scheme
    )
    page.goto(path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    unnamed = page.evaluate(
        "[...document.querySelectorAll('a, button, input, textarea')].filter(each => each.checkVisibility()"
        " && !each.textContent.trim() && !each.ariaLabel && !each.labels?.length).map(each => each.outerHTML)"
    )
    assert unnamed == []


PHONE = {"viewport": {"width": 375, "height": 667}, "is_mobile": True, "has_touch": True}
SIZES = [{"viewport": {"width": 1280, "height": 800}}, {"viewport": {"width": 900, "height": 500}}, PHONE]


def hidden_part(page: Page) -> Any:
    """How much of the map its box does not show, in pixels."""
    return page.locator("#map-scroll").evaluate(
        "box => Math.max(box.scrollWidth - box.clientWidth, box.scrollHeight - box.clientHeight)"
    )


@pytest.mark.parametrize("options", SIZES)
def test_the_whole_hall_is_seen_at_first_and_again_on_request(visitor: Visitor, options: Any) -> None:
    page = open_event(visitor(**options))
    assert hidden_part(page) == 0
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    assert hidden_part(page) > 100
    box = page.locator("#map-scroll").bounding_box()
    letter = page.locator(".row-name", has_text=re.compile("^R$")).first.bounding_box()
    assert box
    assert letter
    middle = letter["x"] + letter["width"] / 2
    assert box["x"] <= middle <= box["x"] + box["width"] / 2, "the row's own end is out of sight"
    page.get_by_role("button", name="Show the whole hall").click()
    assert hidden_part(page) == 0


def test_a_finger_comes_closer_before_it_chooses(visitor: Visitor) -> None:
    page = open_event(visitor(**PHONE))
    page.locator("#map svg").tap()
    box = page.locator(".seat .seat-area").nth(30).bounding_box()
    assert box
    assert min(box["width"], box["height"]) >= 24, "a finger needs 24 pixels: WCAG 2.2, 2.5.8"
    expect(page.locator(".is-chosen.seat")).to_have_count(0)


def test_on_a_phone_the_time_left_and_the_way_out_stay_in_reach(
    visitor: Visitor, email: str, row: int
) -> None:
    page = open_event(visitor(**PHONE))
    page.locator("#map svg").tap()
    seat(page, row, 3).tap()
    hold(page)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_role("timer")).to_be_in_viewport()
    create_account(page, email)
    expect(page.get_by_role("button", name=re.compile(r"^Pay €"))).to_be_visible()
    page.locator("#panel").evaluate("panel => panel.scrollTo(0, panel.scrollHeight)")
    expect(page.get_by_role("timer")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Give the seats back")).to_be_in_viewport(ratio=1)
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    page.get_by_role("button", name="Give the seats back").tap()
    expect(page.get_by_role("heading", name="Your seats", exact=True)).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_enough_contrast(visitor: Visitor, scheme: Any) -> None:
    page = visitor(color_scheme=scheme)
    page.goto("/")
    ratios = page.evaluate(CONTRAST)
    assert min(ratios.values()) >= 4.5, ratios


CONTRAST = """() => {
  const root = getComputedStyle(document.documentElement);
  const light = (name) => {
    const probe = document.body.appendChild(document.createElement("i"));
    probe.style.color = root.getPropertyValue(name);
    const parts = getComputedStyle(probe).color.match(/\\d+/g).slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    probe.remove();
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const pairs = [["--ink", "--paper"], ["--ink", "--card"], ["--soft", "--paper"], ["--soft", "--card"],
    ["--accent", "--card"], ["--accent", "--paper"], ["--accent-ink", "--accent"], ["--accent", "--accent-soft"],
    ["--warn", "--warn-soft"]];
  return Object.fromEntries(pairs.map(([a, b]) => {
    const [high, low] = [light(a), light(b)].sort((x, y) => y - x);
    return [`${a} on ${b}`, (high + 0.05) / (low + 0.05)];
  }));
}"""


def test_both_apis_are_documented_and_can_be_tried(visitor: Visitor) -> None:
    page = visitor()
    page.goto("/api/orders/docs/")
    expect(page.locator("#catalog .operation")).to_have_count(3)
    expect(page.locator("#orders .operation")).to_have_count(10)
    operation = page.locator("#catalog .operation", has_text="/api/events/{event_id}/").first
    operation.locator("summary").click()
    operation.get_by_label("event_id").fill("9")
    operation.get_by_role("button", name="Send").click()
    expect(operation.locator("pre")).to_contain_text("Cirque Boréal")


@pytest.mark.parametrize("path", ["/internal/seats/?event=1", "/internal/bank/", "/admin/", "/api/charges/"])
def test_what_is_inside_stays_inside(call: Call, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        call("GET", path)
    error.value.close()
    assert error.value.code == 404
