"""What a visitor does: upload, move a slider, follow a link; no foreign host, no barrier."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse

import pytest
import skimage.data
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, Request, expect

from tests.browser.conftest import Server
from tests.builders.hostile_models import good_parts, packed, static_corpus
from tests.conftest import REPOSITORY, slow_unless

pytestmark = pytest.mark.browser
PATHS = (
    *("/", "/convolution", "/gabor", "/basics", "/feature_maps", "/filters", "/class_activation"),
    *("/train", "/timeline", "/augmentation", "/transfer", "/models"),
)
VIEWS = (
    "/filters?view=during-training&network=svhn-gabor",
    "/feature_maps?view=one-filter&network=svhn-gabor",
    "/feature_maps?view=trace&network=svhn-gabor",
    "/feature_maps?view=ablation&network=svhn-gabor",
    "/feature_maps?view=whole-network&network=svhn-gabor",
    "/gabor?view=filter-bank",
    "/gabor?view=learned-kernels&network=svhn-gabor",
    "/convolution?view=one-position",
    "/convolution?view=sliding-kernel",
    "/class_activation?view=compare&network=svhn-gabor",
    "/class_activation?view=faithfulness&network=svhn-gabor",
    "/class_activation?view=robustness&network=svhn-gabor",
    "/models?view=training&network=svhn-gabor",
    "/models?view=weights&network=svhn-gabor",
    "/models?view=own-network",
)
MORE_VIEWS = (
    "/filters?view=whole-layer&network=svhn-gabor",
    "/feature_maps?view=compare-images&network=svhn-gabor",
    "/feature_maps?view=embedding&network=svhn-gabor",
    "/gabor?view=features",
    "/gabor?view=orientation-tuning&network=svhn-gabor",
    "/class_activation?view=decomposition&network=svhn-gabor",
    "/class_activation?view=sanity-check&network=svhn-gabor",
    "/models?view=calculator",
)


@pytest.fixture
def foreign(page: Page) -> Iterator[set[str]]:
    """Collect the hosts other than this machine that the browser asks for anything."""
    hosts: set[str] = set()

    def note(request: Request) -> None:
        address = urlparse(request.url)
        if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "127.0.0.1":
            hosts.add(address.hostname or request.url)

    page.on("request", note)
    yield hosts
    assert not hosts


def open_page(page: Page, url: str) -> None:
    """Go there and wait until the app stands still."""
    page.goto(url)
    page.set_default_timeout(60_000)
    page.get_by_role("heading", level=1).wait_for()
    settle(page)


def settle(page: Page) -> None:
    """Wait until the script has ended, with any run it asked for, and widgets replace skeletons."""
    app = page.get_by_test_id("stApp")
    for _ in range(2):
        page.wait_for_timeout(300)
        expect(app).to_have_attribute("data-test-script-state", "notRunning", timeout=60_000)
        expect(page.get_by_test_id("stSkeleton")).to_have_count(0, timeout=60_000)


def upload_image(page: Page, path: Path) -> None:
    """Bring an image by the menu in the bar."""
    page.get_by_role("button", name="Upload an image").click()
    page.set_input_files("input[type=file]", path)


def go_to(page: Page, section: str, title: str) -> None:
    """Open another page by the navigation."""
    page.get_by_test_id("stTopNavSection").filter(has_text=section).click()
    page.get_by_test_id("stTopNavDropdownLink").filter(has_text=title).click()


def photograph(tmp_path: Path) -> Path:
    """A cup of coffee as a JPEG file that a phone could have taken: turned, with EXIF."""
    image = Image.fromarray(skimage.data.coffee()).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "my photo.jpg"
    image.save(path, exif=exif, quality=95)
    return path


# each of these starts a server of its own
@pytest.mark.parametrize(
    "path",
    slow_unless(["/class_activation"], PATHS),
)
@pytest.mark.sample(3)
def test_every_page_opens_alone_on_a_fresh_server(
    fresh_server: Server, page: Page, foreign: set[str], path: str
) -> None:
    open_page(page, fresh_server.url + path)
    expect(page.get_by_test_id("stException")).to_have_count(0)
    # a fresh server loads TensorFlow first, which takes seconds on a busy machine
    expect(page.get_by_alt_text(re.compile("."))).not_to_have_count(0, timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 2")


def test_an_unknown_address_leads_home_with_a_sentence(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, server.url)  # the very first visit of a server is Streamlit's own affair
    open_page(page, f"{server.url}/no-such-page")
    expect(page.get_by_text("There is no page “no-such-page” here.")).to_be_visible()
    assert page.get_by_role("dialog").count() == 0
    open_page(page, f"{server.url}/home")
    expect(page.get_by_text("What does a convolutional network see?")).to_be_visible()
    assert page.get_by_text("There is no page").count() == 0
    assert page.get_by_role("dialog").count() == 0


def test_an_uploaded_photograph_is_named_and_explained(
    server: Server, page: Page, foreign: set[str], tmp_path: Path
) -> None:
    open_page(page, f"{server.url}/class_activation?source=upload")
    upload_image(page, photograph(tmp_path))
    expect(page.get_by_text(re.compile(r"espresso: 9\d"))).to_be_visible(timeout=60_000)
    expect(page.get_by_alt_text(re.compile("heat map for “espresso”"))).to_be_visible()


def test_a_broken_upload_gets_a_sentence_and_the_page_lives(
    server: Server, page: Page, foreign: set[str], tmp_path: Path
) -> None:
    open_page(page, f"{server.url}/class_activation?source=upload")
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    upload_image(page, broken)
    expect(page.get_by_test_id("stAlertContentError")).to_be_visible()
    expect(page.get_by_test_id("stException")).to_have_count(0)
    page.set_input_files("input[type=file]", photograph(tmp_path))
    expect(page.get_by_text(re.compile(r"espresso: 9\d"))).to_be_visible(timeout=60_000)


def test_a_moved_slider_changes_the_image_and_the_address(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/gabor")
    response = page.get_by_alt_text(re.compile("Magnitude of the response"))
    before = response.get_attribute("src")
    page.get_by_role("slider", name="Frequency").focus()
    page.keyboard.press("ArrowRight")
    expect(response).not_to_have_attribute("src", before or "")
    expect(page).to_have_url(re.compile("frequency=0.21"))


def test_a_copied_link_opens_the_same_view(server: Server, page: Page, foreign: set[str]) -> None:
    address = "/gabor?frequency=0.31&sigma=3.6&theta=1.2"
    open_page(page, server.url + address)
    for name, value in [("Frequency", "0.31"), ("Sigma", "3.6"), ("Theta", "1.2")]:
        assert float(page.get_by_role("slider", name=name).input_value()) == float(value)


def test_the_picked_image_goes_along_to_the_next_page(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/?source=natural&image=coffee")
    go_to(page, "Inside a network", "Class activation maps")
    expect(page.get_by_text(re.compile(r"espresso: \d"))).to_be_visible(timeout=60_000)
    expect(page).to_have_url(re.compile("/class_activation.*image=coffee"))
    go_to(page, "Filters", "Gabor filters")
    expect(page.get_by_alt_text("The input: Cup of coffee")).to_be_visible()


@pytest.mark.parametrize("path", slow_unless(PATHS, PATHS + VIEWS + MORE_VIEWS))
@pytest.mark.sample(5)
def test_no_serious_barrier_of_our_own_making(
    server: Server, page: Page, foreign: set[str], path: str
) -> None:
    page.emulate_media(color_scheme="dark")
    open_page(page, server.url + path)
    backgrounds = set()
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        settle(page)
        backgrounds.add(
            page.evaluate("getComputedStyle(document.querySelector('.stApp')).backgroundColor")
        )
        found = Axe().run(page).response["violations"]
        serious = {rule["id"] for rule in found if rule["impact"] in ("serious", "critical")}
        assert not serious, [
            (scheme, rule["id"], [node["html"][:200] for node in rule["nodes"]])
            for rule in found
            if rule["id"] in serious
        ]
    assert len(backgrounds) == 2  # the page followed from dark to light


def test_a_network_of_ones_own_is_tried_and_opened_and_a_hostile_one_refused(
    server: Server, page: Page, foreign: set[str], tmp_path: Path
) -> None:
    open_page(page, f"{server.url}/models?view=own-network")
    hostile = tmp_path / "hostile.keras"
    hostile.write_bytes(static_corpus(tmp_path / "trap")["Lambda"]())
    page.set_input_files("input[type=file]", hostile)
    expect(page.get_by_text("that is, Python code")).to_be_visible(timeout=60_000)
    honest = tmp_path / "honest.keras"
    honest.write_bytes(packed(good_parts()))
    page.set_input_files("input[type=file]", honest)
    expect(page.get_by_text("honest is open")).to_be_visible(timeout=60_000)
    go_to(page, "Inside a network", "Class activation maps")
    expect(page.get_by_text(re.compile(r"class [01]: \d"))).to_have_count(2, timeout=60_000)
    assert not (tmp_path / "trap").exists()


def test_the_kernel_slides_stops_and_steps_without_asking_the_server(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/convolution?view=sliding-kernel")
    where = page.locator(".sum")
    expect(where).not_to_contain_text("Row 0, column 0", timeout=10_000)  # it moves by itself
    page.get_by_role("button", name="Pause").click()
    before = where.inner_text()
    page.wait_for_timeout(500)
    assert where.inner_text() == before
    page.get_by_role("button", name="Step", exact=True).click()
    expect(where).not_to_have_text(before)
    page.get_by_role("button", name="Step back").click()
    expect(where).to_have_text(before)
    page.locator(".output").click(position={"x": 3, "y": 3})
    expect(where).to_contain_text("Row 0, column 0")


def test_a_changed_setting_neither_starts_a_paused_kernel_nor_leaves_the_old_one_running(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/convolution?view=sliding-kernel")
    where, play = page.locator(".sum"), page.locator(".slide .play")
    page.get_by_role("slider", name="Speed").press("Home")  # one position a second
    page.get_by_role("slider", name="Stride").press("ArrowRight")
    settle(page)
    expect(play).to_have_text("Pause")
    seen = set()
    for _ in range(10):
        seen.add(where.inner_text())
        page.wait_for_timeout(200)
    assert len(seen) <= 4  # two seconds: a second animation beside it would show twice as many
    play.click()
    page.get_by_role("slider", name="Stride").press("ArrowRight")
    settle(page)
    expect(play).to_have_text("Play")
    before = where.inner_text()
    page.wait_for_timeout(2500)
    assert where.inner_text() == before


def test_a_printed_page_shows_the_result_without_controls(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/gabor")
    result = page.get_by_alt_text(re.compile("Magnitude of the response"))
    page.emulate_media(media="print")
    expect(page.locator(".st-key-bar")).to_be_hidden()
    expect(page.locator(".st-key-controls")).to_be_hidden()
    expect(result).to_be_visible()


def test_a_map_is_picked_with_the_mouse_and_with_the_keyboard(
    server: Server, page: Page, foreign: set[str]
) -> None:
    open_page(page, f"{server.url}/feature_maps?network=svhn-gabor")
    sheet = page.get_by_role("slider", name="All maps of conv1")
    box = sheet.locator("img").bounding_box()
    assert box is not None
    columns = 8
    page.mouse.click(box["x"] + box["width"] * 2.5 / columns, box["y"] + box["height"] / 6)
    expect(page.get_by_text(re.compile(r"^Channel 2 of"))).to_be_visible()
    expect(page).to_have_url(re.compile("channel=2"))
    sheet.press("ArrowRight")
    sheet.press("ArrowDown")
    sheet.press("Enter")
    expect(page.get_by_text(re.compile(r"^Channel 11 of"))).to_be_visible()
    strip = page.get_by_role("slider", name=re.compile("^The most active map of each layer"))
    strip.press("ArrowRight")
    strip.press("Enter")
    expect(page).to_have_url(re.compile("[?&]layer=(?!conv1)"))


def test_a_image_grows_before_ones_eyes_and_can_be_stopped(
    server: Server, page: Page, foreign: set[str]
) -> None:
    # the last layer: a step takes long, on any machine
    open_page(page, f"{server.url}/filters?steps=512&size=224&seed=77&layer=head_relu6")
    growing = page.get_by_text(re.compile(r"^After step \d+ of 512"))
    growing.wait_for()
    first = growing.inner_text()
    expect(growing).not_to_have_text(first)
    page.get_by_role("button", name="Stop", exact=True).press("Enter")
    page.get_by_text("Optimizing the image: stopped.").wait_for()
    page.get_by_role("button", name="Try again").click()
    growing.wait_for()


def test_the_screenshot_tool_photographs_a_page(server: Server, tmp_path: Path) -> None:
    tool = REPOSITORY / "tools" / "screenshot.py"
    for options, size in ((["--dark"], (1280, 720)), (["--phone"], (390, 844))):
        file = tmp_path / "page.png"
        command = [sys.executable, str(tool), f"{server.url}/convolution", str(file), *options]
        subprocess.run(command, check=True, timeout=120)
        with Image.open(file) as image:
            assert image.size == size
