"""Trainings of several tabs: one at a time, and a closed tab makes room for the next."""

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Server

pytestmark = pytest.mark.browser
SHORT = "/train?live_data=clothing-samples"
LONG = (  # half a minute and more: it must not be over before the test presses Pause
    f"{SHORT}&live_epochs=20&live_blocks=3&live_filters=32&live_kernel=7+×+7&live_batch=16"
    "&live_pooling=none"
)


def started(context: BrowserContext, server: Server, address: str) -> Page:
    page = context.new_page()
    page.set_default_timeout(90_000)
    page.goto(f"{server.url}{address}")
    page.get_by_text("Not trained yet").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    return page


def test_a_closed_tab_ends_its_training_and_the_next_one_begins(
    context: BrowserContext, server: Server
) -> None:
    first = started(context, server, LONG)
    first.get_by_role("button", name="Pause", exact=True).click()
    first.get_by_text("Paused.").wait_for()
    second = started(context, server, SHORT)
    second.get_by_text("1 training run before yours").wait_for()
    first.close()
    expect(second.get_by_text("1 training run before yours")).to_have_count(0, timeout=40_000)
    second.get_by_text("Finished:").wait_for()
    second.close()
