"""How fast a training timeline is prepared, and how fast its frames come in the browser.

    python benchmarks/timeline.py [http://127.0.0.1:8501] [--moves 60]

First prepares all frames of one digit for SVHN Gabor CNN in this process: once with building the
network and compiling, then for other images, numbers and painting apart. With the address of a
running app (`cnnviz app`), and Chromium, moves the timeline's slider and takes the time until the
task after the next animation frame, when the new frame has been painted; for one network and for
two beside each other. Prints median and slowest; asserts nothing.
"""

import argparse
import shutil
import statistics
import time

from playwright.sync_api import Page, sync_playwright

from cnnviz import datasets, load_model, zoo
from cnnviz.training.timeline import kernel_fits, training_timeline
from cnnviz.ui.timeline.frames import make_frames

NAME = "svhn-gabor"
MOVE = """
([place]) => new Promise(done => {
    const timeline = [...document.querySelectorAll("*")].map(one => one.shadowRoot)
        .find(root => root && root.querySelector(".time"));
    const slider = timeline.querySelector(".time");
    requestAnimationFrame(() => {
        const start = performance.now();
        slider.value = place;
        slider.dispatchEvent(new Event("input"));
        const drawn = performance.now() - start;
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => done([drawn, performance.now() - start]);
            channel.port2.postMessage(0);
        });
    });
})
"""


def preparation() -> None:
    """Time the frames of three images in this process."""
    load_model(NAME)  # which a server has done already, with importing TensorFlow
    card, record = zoo.find_card(NAME), zoo.training_record(NAME)
    for digit in datasets.sample_names("svhn")[:3]:
        image = datasets.sample_image("svhn", digit)
        start = time.perf_counter()
        timeline = training_timeline(NAME, image, "conv1")
        made = time.perf_counter()
        fits = kernel_fits(NAME)
        fitted = time.perf_counter()
        frames = make_frames(timeline, card, record, image, fits)
        done = time.perf_counter()
        size = sum(len(one) for panel in frames["panels"] for one in panel.get("frames", ()))
        print(
            f"{len(timeline.frames)} checkpoints, image {digit}: numbers {made - start:.2f} s, "
            f"fits {fitted - made:.2f} s, painting {done - fitted:.2f} s, {size / 1e3:.0f} kB"
        )


def frames(page: Page, address: str, moves: int) -> None:
    """Move the slider back and forth and print how long each frame took."""
    page.goto(address)
    page.locator(".quality").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2000)
    last = int(page.locator(".time").get_attribute("max") or 0)
    times = []
    for move in range(moves):
        times.append(page.evaluate(MOVE, [(7 * move) % (last + 1)]))
        page.wait_for_timeout(30)
    for what, place in (("drawn by the script", 0), ("on the screen", 1)):
        values = [one[place] for one in times]
        print(
            f"{what:20} median {statistics.median(values):5.1f} ms, slowest {max(values):5.1f} ms "
            f"of {moves} frames"
        )


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url", nargs="?")
    parser.add_argument("--moves", type=int, default=60)
    options = parser.parse_args()
    preparation()
    if options.url is None:
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        for beside in ("", "&beside=fashion-gabor"):
            print("two networks" if beside else "one network")
            frames(page, f"{options.url}/timeline?network=svhn-gabor{beside}", options.moves)
        browser.close()


if __name__ == "__main__":
    main()
