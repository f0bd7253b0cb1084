"""How long a moved slider takes until its image stands in the browser.

    python benchmarks/slider.py http://127.0.0.1:8501 [--moves 30]

Needs a running app (`cnnviz app`) and Chromium. Moves the frequency slider of the Gabor page, on a
photograph reduced to 512 pixels, and waits each time until the new image of the magnitude is
loaded; then does the same with banks of 8 to 48 filters on a digit of 32 pixels, and with the
opacity slider of the class activation page, and with the rotation of twelve draws of the
augmentation page, through a large and a small network (the second half of the moves goes back over
draws that are kept). Browser and server share the machine. Prints median and slowest; asserts
nothing.
"""

import argparse
import shutil
import statistics

from playwright.sync_api import Page, sync_playwright

IMAGE = "source=Photographs&natural=Astronaut Eileen Collins"
WAIT_FOR_NEW_IMAGE = """
([alt, before]) => new Promise(done => {
    const start = performance.now();
    const look = () => {
        const image = [...document.images].find(image => image.alt.includes(alt));
        if (image && image.src !== before && image.complete) done(performance.now() - start);
        else requestAnimationFrame(look);
    };
    look();
})
"""


def moves(page: Page, address: str, slider: str, alt: str, count: int) -> list[float]:
    """Press an arrow key `count` times; gives the milliseconds until each new image."""
    page.goto(address)
    page.get_by_role("slider", name=slider).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.get_by_role("slider", name=slider).focus()
    times = []
    for move in range(count):
        before = page.get_by_alt_text(alt).first.get_attribute("src") or ""
        before = page.evaluate("path => new URL(path, location.href).href", before)
        page.keyboard.press("ArrowRight" if move < count / 2 else "ArrowLeft")
        times.append(page.evaluate(WAIT_FOR_NEW_IMAGE, [alt, before]))
        page.wait_for_timeout(300)
    return times


def main() -> None:
    """Measure both sliders and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("--moves", type=int, default=20)
    options = parser.parse_args()
    bank = "gabor?view=filter-bank&directions=8&frequencies=1"  # then 16, 24, … 48 filters
    sliders = [
        (f"gabor?{IMAGE}", "Frequency", "Magnitude of the response", options.moves),
        (bank, "Frequencies", "Magnitude of the", 10),
        (f"class_activation?{IMAGE}", "Opacity", "with the heat map for", options.moves),
        ("augmentation", "Rotation", "changed versions of", options.moves),
        ("augmentation?network=svhn-gabor", "Rotation", "changed versions of", options.moves),
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        for path, slider, alt, count in sliders:
            times = moves(page, f"{options.url}/{path}", slider, alt, count)
            print(
                f"{path[:30]:30} {slider:10} median {statistics.median(times):4.0f} ms, "
                f"slowest {max(times):4.0f} ms of {len(times)} moves"
            )
        browser.close()


if __name__ == "__main__":
    main()
