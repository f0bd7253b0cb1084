"""The timeline plays, stops, is moved by slider and keys, all without asking the server."""

import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import Server
from tests.browser.test_app import (
    foreign,  # noqa: F401  # a fixture, asked for by its name
    open_page,
)

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("foreign")]
TIMELINE = "/timeline?network=svhn-gabor"
PIXELS = "canvas => canvas.toDataURL()"


def opened(server: Server, page: Page, path: str = TIMELINE) -> None:
    open_page(page, server.url + path)
    expect(page.locator(".quality").first).to_have_text(re.compile(r"0\.\d\d"), timeout=60_000)


def test_the_slider_moves_all_parts_and_asks_nobody(server: Server, page: Page) -> None:
    opened(server, page)
    page.wait_for_load_state("networkidle")  # the words below the timeline have fonts of their own
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    sent: list[object] = []
    page.on("websocket", lambda socket: sent.append(socket))
    now, parts = page.locator(".now"), page.locator("canvas.sheet, .cell:first-child canvas")
    expect(now).to_have_text("step 5,625")
    count = parts.count()
    before = [parts.nth(place).evaluate(PIXELS) for place in range(count)]
    slider = page.get_by_role("slider", name="Training step")
    slider.press("Home")
    expect(now).to_have_text("step 0")
    expect(page.locator(".row .text").first).to_have_text("0.00 · 1.00")
    after = [parts.nth(place).evaluate(PIXELS) for place in range(count)]
    assert count == 4
    assert all(one != other for one, other in zip(before, after, strict=True))
    slider.press("ArrowRight")
    expect(now).to_have_text("step 30")
    assert slider.get_attribute("aria-valuetext") == "step 30"
    slider.press("End")
    expect(now).to_have_text("step 5,625")
    assert [parts.nth(place).evaluate(PIXELS) for place in range(count)] == before
    assert not requests
    assert not sent


def test_it_plays_from_the_start_and_stops_at_the_end_or_on_demand(
    server: Server, page: Page
) -> None:
    opened(server, page)
    now, play = page.locator(".now"), page.locator("button.play")
    page.get_by_role("slider", name="Speed").press("End")
    play.click()
    expect(play).to_have_text("Pause")
    expect(play).to_have_text("Play", timeout=10_000)  # eleven steps, ten a second
    expect(now).to_have_text("step 5,625")
    page.get_by_role("slider", name="Speed").press("Home")
    screen = page.get_by_role("group", name=re.compile("^The timeline"))
    screen.press("Home")
    screen.press("ArrowRight")
    expect(now).to_have_text("step 30")
    screen.press(" ")
    expect(now).to_have_text("step 100", timeout=3000)
    screen.press(" ")
    expect(play).to_have_text("Play")
    page.wait_for_timeout(1500)
    expect(now).to_have_text("step 100")


def test_two_networks_run_in_step_and_each_stays_at_its_end(server: Server, page: Page) -> None:
    opened(server, page, f"{TIMELINE}&beside=fashion-gabor")
    when = page.locator(".when")
    expect(when).to_have_text(["step 5,625, epoch 45.0 (its end)", "step 18,760, epoch 20.0"])
    slider = page.get_by_role("slider", name="Training step")
    slider.press("Home")
    for _ in range(4):
        slider.press("ArrowRight")
    expect(when).to_have_text(["step 1,000, epoch 8.0", "step 1,000, epoch 1.1"])
    slider.press("ArrowRight")
    expect(when).to_have_text(["step 1,771, epoch 14.2", "step 1,000, epoch 1.1"])


def test_another_class_keeps_the_place_in_the_timeline(server: Server, page: Page) -> None:
    opened(server, page)
    page.get_by_role("slider", name="Training step").press("Home")
    expect(page.locator(".now")).to_have_text("step 0")
    page.get_by_role("combobox", name="Class").click()
    page.get_by_role("option", name="3", exact=True).click()
    expect(page.locator("figcaption").nth(2)).to_have_text("Heat map for “3”", timeout=60_000)
    expect(page.locator(".now")).to_have_text("step 0")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.sample(1)
def test_no_serious_barrier_in_the_timeline(server: Server, page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    opened(server, page, f"{TIMELINE}&beside=fashion-gabor")
    found = Axe().run(page).response["violations"]
    serious = [rule for rule in found if rule["impact"] in ("serious", "critical")]
    assert not serious, [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in serious]
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 2")
