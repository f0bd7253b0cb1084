"""Photograph a page of a running app: `python tools/screenshot.py URL FILE [--dark] [--phone]`."""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

SIZES = {False: (1280, 720), True: (390, 844)}  # of a projector and of a phone
STILL = 4  # times that nothing changes
_STATE = """() => [
  document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState,
  document.body.innerText.length,
  [...document.images].filter((image) => image.complete).length,
]"""


def settle(page: Page) -> None:
    """Wait until the script has ended and text and images stop changing; at most a minute."""
    page.get_by_role("heading", level=1).wait_for()
    before, still = None, 0
    for _ in range(200):
        page.wait_for_timeout(300)
        now = page.evaluate(_STATE)
        still = still + 1 if now == before and now[0] == "notRunning" else 0
        if still == STILL:
            return
        before = now


def main() -> None:
    """Read the command line and take the image."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("file", type=Path)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--phone", action="store_true")
    chosen = parser.parse_args()
    width, height = SIZES[chosen.phone]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = browser.new_page(
            viewport={"width": width, "height": height},
            color_scheme="dark" if chosen.dark else "light",
        )
        page.goto(chosen.url)
        settle(page)
        page.screenshot(path=chosen.file)
        browser.close()


if __name__ == "__main__":
    main()
