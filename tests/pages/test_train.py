"""The page that trains: first look, a whole small training, stop, and the way to other pages."""

import json
import time
import zipfile
from collections.abc import Iterator
from io import BytesIO

import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.training import LiveSettings, train_live
from cnnviz.training.live import queue
from cnnviz.ui.live_training.use import zipped
from tests.conftest import REPOSITORY
from tests.pages.test_pages import open_page, texts

PAGE = "pages/train.py"
QUERY = {  # bound widgets write their labels
    "live_data": "clothing-samples",
    "live_few": "50",
    "live_blocks": "1",
    "live_filters": "4",
    "live_kernel": "3 × 3",
}


@pytest.fixture(autouse=True)
def nobody_trains() -> Iterator[None]:
    """Wait until trainings of other tests have left the queue."""
    yield
    end = time.monotonic() + 60
    while len(queue.TURNS) and time.monotonic() < end:
        time.sleep(0.05)
    assert not len(queue.TURNS)


def tiny(epochs: int) -> AppTest:
    app = open_page(PAGE, **QUERY)
    app.slider(key="live_epochs").set_value(epochs).run()
    assert not app.exception
    return app


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def is_disabled(app: AppTest, label: str) -> bool:
    return next(button for button in app.button if button.label == label).disabled


def run_until(app: AppTest, words: str) -> AppTest:
    end = time.monotonic() + 120
    while words not in said(app):
        assert time.monotonic() < end, said(app)
        time.sleep(0.2)
        app.run()
        assert not app.exception
    return app


def said(app: AppTest) -> str:
    progress = "\n".join(element.proto.text for element in app.get("progress"))
    return "\n".join([texts(app), progress, *(one.value for one in app.success)])


def test_the_first_look_says_what_to_do_and_shows_an_untrained_network() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert not app.error
    assert app.title[0].value == "Live training"
    assert "Press **Start**" in app.info[0].value
    assert len(app.image) == 1  # the kernels
    assert len(app.get("plotly_chart")) == 1  # the drawing
    app.segmented_control(key="live_part").set_value("predictions").run()
    assert len(app.image) == 10
    app.segmented_control(key="live_part").set_value("confusion").run()
    assert len(app.get("plotly_chart")) == 1
    app.segmented_control(key="live_part").set_value("runs").run()
    assert "No run has ended yet" in said(app)
    assert (is_disabled(app, "Start"), is_disabled(app, "Pause")) == (False, True)


def test_the_page_stands_alone_without_app_py() -> None:
    app = AppTest.from_file(str(REPOSITORY / PAGE), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) == 1


def test_moved_controls_change_the_number_of_parameters_at_once() -> None:
    app = tiny(1)
    assert f"**{3 * 3 * 4 + 4 + (14 * 14 * 4 + 1) * 10:,}** parameters" in texts(app)
    app.radio(key="live_kernel").set_value(5).run()
    assert f"**{5 * 5 * 4 + 4 + (14 * 14 * 4 + 1) * 10:,}** parameters" in texts(app)
    app.selectbox(key="live_head").set_value("gap").run()
    assert "**154** parameters" in texts(app)  # 5·5·4 + 4, and (4 + 1) · 10
    assert not app.exception


def test_a_whole_training_ends_with_the_commands_figures_and_opens_elsewhere() -> None:
    app = press(tiny(2), "Start")
    run_until(app, "Finished: ")
    run = app.session_state["live_run"]
    assert run.settings == LiveSettings(num_images=50, filters=(4,), kernel_size=3, epochs=2)
    plain = train_live(run.settings)
    assert run.trained.history[-1]["val_loss"] == plain.history[-1]["val_loss"]
    assert "accuracy on validation images after 2 epochs" in said(app)
    assert "Trained on little data" in texts(app)
    app.segmented_control(key="live_part").set_value("runs").run()
    assert len(app.dataframe) == 1
    press(app, "Open on all pages")
    name = run.settings.name
    assert app.session_state["own_model"].name == name
    app.switch_page("pages/feature_maps.py").run()
    assert not app.exception
    assert app.selectbox(key="network").value == name
    assert "Ankle boot" in texts(app)  # an image of the kind that it was trained on
    app.switch_page(PAGE).run()
    assert "Finished: " in said(app)  # the page remembers the run and its settings
    assert app.slider(key="live_epochs").value == 2
    press(app, "Close this network")
    assert "own_model" not in app.session_state


def test_pause_go_on_and_stop() -> None:
    app = press(tiny(20), "Start")
    assert is_disabled(app, "Start")
    assert app.selectbox(key="live_data").disabled
    press(app, "Pause")
    run = app.session_state["live_run"]
    run_until(app, "Paused.")
    assert run.state == queue.PAUSED
    press(app, "Resume")
    press(app, "Stop")
    run.join(30)
    app.run()
    assert run.state in (queue.STOPPED, queue.FINISHED)
    assert not is_disabled(app, "Start")
    assert "Stopped" in said(app) or "Finished" in said(app)


def test_a_second_visitor_waits_in_a_queue_that_can_be_seen() -> None:
    first = press(tiny(20), "Start")
    press(first, "Pause")
    second = press(tiny(1), "Start")
    assert "1 training run before yours" in said(second)
    press(first, "Stop")
    run_until(second, "Finished: ")


def test_a_network_that_is_too_slow_cannot_be_started() -> None:
    app = open_page(PAGE, **(QUERY | {"live_blocks": "3", "live_filters": "32"}))
    app.radio(key="live_kernel").set_value(7)
    app.selectbox(key="live_pooling").set_value("none")
    app.select_slider(key="live_batch").set_value(128).run()
    assert not app.exception
    assert "Choose fewer filters" in app.error[0].value
    assert "Start" not in [button.label for button in app.button]
    app.selectbox(key="live_pooling").set_value("max")
    app.select_slider(key="live_batch").set_value(16).run()
    assert not app.error


def test_wrong_settings_in_a_link_fall_back_to_the_defaults() -> None:
    app = open_page(PAGE, live_epochs="9999", live_kernel="4 × 4", live_data="imagenet")
    assert not app.exception
    assert not app.error
    assert "live_data “imagenet”, which is not a choice here" in app.warning[0].value
    assert app.slider(key="live_epochs").value == 5
    assert app.radio(key="live_kernel").value == 5


def test_the_download_is_a_network_with_its_card() -> None:
    settings = LiveSettings(num_images=50, filters=(4,), epochs=1)
    content = zipped(train_live(settings))
    with zipfile.ZipFile(BytesIO(content)) as archive:
        names = [f"{settings.name}{end}" for end in (".keras", ".json")]
        assert set(names) < set(archive.namelist())
        card = json.loads(archive.read(names[1]))
    assert (card["num_training_images"], card["num_test_images"]) == (50, 50)
