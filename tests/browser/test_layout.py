"""Where things stand on the screen: bar, column of controls and stage, on projector and phone."""

import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from cnnviz.ui.pages import PAGES
from tests.browser.conftest import Server
from tests.browser.test_app import open_page
from tests.conftest import slow_unless

pytestmark = pytest.mark.browser
LONGEST = ["/train?view=train", "/gabor?view=filter-bank", "/feature_maps?view=whole-network"]
VIEWS = [f"/{page.name}?view={view.slug}" for page in PAGES for view in page.views]
FIRST = [f"/{page.name}?view={page.views[0].slug}" for page in PAGES]
BOX = "(name) => document.querySelector(`.st-key-${name}`)?.getBoundingClientRect().toJSON()"
HEIGHT = """() => document.querySelector('[data-testid="stMainBlockContainer"]')
                     .getBoundingClientRect().height"""
IS_CLIPPED = """() => {
  const main = document.querySelector('[data-testid="stMain"]');
  return main.scrollWidth > main.clientWidth + 1;
}"""


def box(page: Page, name: str) -> dict[str, Any] | None:
    """Where a keyed container lies; None if it is not there."""
    found: dict[str, Any] | None = page.evaluate(BOX, name)
    return found


@pytest.mark.parametrize("path", slow_unless(FIRST, VIEWS))
@pytest.mark.sample(4)
def test_the_stage_has_most_of_a_projectors_screen(server: Server, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, server.url + path)
    assert not page.evaluate(IS_CLIPPED)
    bar, stage, controls = (box(page, name) for name in ("bar", "stage", "controls"))
    assert bar is not None
    assert bar["bottom"] < 150
    if stage is None or controls is None:  # a view without controls is a stage altogether
        return
    assert stage["width"] >= 0.6 * 1280
    assert stage["left"] > controls["right"]
    # layer thumbnails above the stage belong to what is looked at
    top = (box(page, "strip") or stage)["top"]
    assert top < 200
    area = 0.5 * 1280 * (720 - bar["bottom"]) - (stage["top"] - top) * 1226
    height = area / stage["width"]
    page.wait_for_function(  # some results take a while
        """(bottom) => document.querySelector('.st-key-stage').getBoundingClientRect().bottom
                       >= bottom""",
        arg=stage["top"] + height,
        timeout=90_000,
    )


@pytest.mark.parametrize("path", slow_unless(FIRST, VIEWS))
@pytest.mark.sample(3)
def test_on_a_phone_the_result_comes_before_the_controls(
    server: Server, page: Page, path: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, server.url + path)
    assert not page.evaluate(IS_CLIPPED)
    stage, controls = box(page, "stage"), box(page, "controls")
    if stage is None or controls is None:
        return
    assert stage["top"] < controls["top"]
    assert stage["top"] < 844 * 0.7
    assert stage["width"] > 340


@pytest.mark.parametrize("path", slow_unless(LONGEST, VIEWS))
def test_a_view_is_at_most_two_screens_long(server: Server, page: Page, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, server.url + path)
    # all of it: what still runs shows that in the header
    expect(page.get_by_test_id("stStatusWidget")).to_have_count(0, timeout=90_000)
    assert page.evaluate(HEIGHT) <= 2 * 720


def test_presenting_is_larger_without_words_and_turns_by_keys(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, f"{server.url}/gabor")
    expect(page.get_by_text("What you see.")).to_have_count(1)
    height = page.locator("h1").bounding_box()
    page.get_by_role("button", name="Present").click()
    expect(page.get_by_text("What you see.")).to_have_count(0)
    taller = page.locator("h1").bounding_box()
    assert height is not None
    assert taller is not None
    assert taller["height"] == pytest.approx(1.33 * height["height"], rel=0.05)
    page.keyboard.press("PageDown")
    expect(page).to_have_url(re.compile("view=frequency-domain"))
    page.keyboard.press("PageUp")
    expect(page).not_to_have_url(re.compile("view="))
    expect(page).to_have_url(re.compile("present=true"))


def test_an_error_of_a_setting_is_seen_without_scrolling(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    kernel = ";".join([",".join(["1"] * 7)] * 7)
    open_page(page, f"{server.url}/convolution?conv_input=table&cells={kernel}")
    message = page.get_by_text("A window of 7 does not fit into 5")
    message.wait_for()
    place = message.bounding_box()
    assert place is not None
    assert place["y"] < 300


def test_a_map_of_many_units_is_whole(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 720})
    open_page(page, f"{server.url}/feature_maps?view=trace")  # 112 × 112 units
    feature_map = page.get_by_role("slider", name="Units of channel").locator("img")
    frame = feature_map.bounding_box()
    assert frame is not None
    assert frame["width"] == pytest.approx(frame["height"], rel=0.02)
    assert frame["y"] + frame["height"] < 720


def test_a_finger_can_hit_the_thumbnail_of_a_layer(server: Server, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    open_page(page, f"{server.url}/feature_maps")
    sheet = page.get_by_role("slider", name="The most active map of each layer")
    tile = sheet.locator(".mark").bounding_box()
    assert tile is not None
    assert tile["width"] >= 24  # pixels, as the Web Content Accessibility Guidelines 2.2 ask
    for _ in range(20):
        sheet.press("ArrowRight")
    frame, tile = sheet.bounding_box(), sheet.locator(".mark").bounding_box()
    assert frame is not None
    assert tile is not None
    assert frame["x"] <= tile["x"] + 1
    assert tile["x"] + tile["width"] <= frame["x"] + frame["width"] + 1  # it scrolled along
