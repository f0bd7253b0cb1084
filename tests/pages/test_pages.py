"""Every page from app.py: first look, one change, one mistake of a user; never an exception."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data
from streamlit.testing.v1 import AppTest

from cnnviz.figures import encode_png
from cnnviz.ui import downloads
from tests.conftest import REPOSITORY

PAGES = ("pages/home.py", "pages/gabor.py", "pages/class_activation.py")


def open_page(path: str, **query: str) -> AppTest:
    """Open a page the way a link does: through app.py, with settings in the address."""
    app = AppTest.from_file(str(REPOSITORY / "app.py"), default_timeout=120)
    for name, value in query.items():
        app.query_params[name] = value
    return app.run().switch_page(path).run()


def texts(app: AppTest) -> str:
    """All that can be read on the page."""
    elements = [*app.markdown, *app.caption, *app.error, *app.warning, *app.info, *app.title]
    return "\n".join(element.value for element in elements)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_a_finished_example_at_once(path: str) -> None:
    app = open_page(path)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert len(app.image) >= 1


@pytest.mark.parametrize("path", PAGES)
def test_a_page_stands_alone_without_app_py(path: str) -> None:
    app = AppTest.from_file(str(REPOSITORY / path), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) >= 1


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("source", ["svhn", "house-numbers", "fashion-mnist", "upload"])
def test_every_source_of_pictures_works_on_every_page(path: str, source: str) -> None:
    app = open_page(path)
    app.selectbox(key="source").select(source).run()
    assert not app.exception
    assert not app.error
    assert len(app.image) >= 1


@pytest.mark.parametrize("path", PAGES)
def test_a_broken_upload_is_explained_and_nothing_breaks(path: str) -> None:
    app = open_page(path)
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not a picture", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    good = encode_png(skimage.data.coffee())
    app.file_uploader[0].set_value(("coffee.png", good, "image/png")).run()
    assert not app.exception
    assert not app.error


def test_wrong_settings_in_a_link_fall_back_to_the_defaults() -> None:
    app = open_page("pages/gabor.py", frequency="99", theta="zzz", source="nowhere")
    assert not app.exception
    assert app.slider(key="frequency").value == 0.2


def test_a_link_opens_the_view_it_was_copied_from() -> None:
    app = open_page("pages/gabor.py", frequency="0.31", theta="1.2", sigma="3.6")
    values = [app.slider(key=key).value for key in ("frequency", "theta", "sigma")]
    assert values == [0.31, 1.2, 3.6]


def test_the_lectures_presets_set_the_sliders() -> None:
    app = open_page("pages/gabor.py")
    for text, values in {
        "0.16 · 1.2 · 4": [0.16, 1.2, 4.0],
        "0.31 · 0 · 3.6": [0.31, 0.0, 3.6],
        "0.36 · 1.6 · 1.3": [0.36, 1.6, 1.3],
    }.items():
        next(button for button in app.button if button.label == text).click().run()
        assert not app.exception
        assert [app.slider(key=key).value for key in ("frequency", "theta", "sigma")] == values


@pytest.mark.parametrize(
    ("key", "value"),
    [("frequency", 0.45), ("frequency", 0.05), ("theta", 3.1), ("sigma", 8.0), ("sigma", 1.0)],
)
def test_the_ends_of_the_gabor_sliders_work(key: str, value: float) -> None:
    app = open_page("pages/gabor.py")
    app.slider(key=key).set_value(value).run()
    assert not app.exception
    assert not app.error


def test_the_prediction_and_its_map_are_for_the_picked_picture() -> None:
    app = open_page("pages/class_activation.py")
    app.selectbox(key="source").select("natural").run()
    app.selectbox(key="natural").select("coffee").run()
    assert not app.exception
    assert "espresso" in texts(app)
    app.selectbox(key="class").select(285).run()
    assert not app.exception
    assert "Egyptian Mau" in texts(app)


def test_an_early_layer_can_be_asked_for() -> None:
    app = open_page("pages/class_activation.py")
    layer = app.selectbox(key="layer")
    layer.select_index(0).run()
    assert not app.exception
    assert not app.error


def test_a_network_that_is_not_here_is_offered(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    app = open_page("pages/class_activation.py")
    app.selectbox(key="model").select("vgg16").run()
    assert not app.exception
    assert "not on this computer yet" in texts(app)
    assert "Download VGG16 (553 MB)" in [button.label for button in app.button]


def test_a_download_without_a_network_is_explained_and_can_be_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    for variable in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nobody is there
    app = open_page("pages/class_activation.py")
    app.selectbox(key="model").select("mobilenet").run()
    app.button(key="download mobilenet").click().run()
    job = downloads._jobs["mobilenet"]
    assert job.thread is not None
    job.thread.join(60)
    app.run()
    assert not app.exception
    assert "Here without it: efficientnet-lite0" in texts(app)
    assert app.button(key="download mobilenet").label.startswith("Download MobileNet")


def test_more_digits_are_offered_only_where_they_are_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    app = open_page("pages/gabor.py")
    app.selectbox(key="source").select("svhn").run()
    assert not app.exception
    assert app.button(key="download svhn").label == "Download the test set (64 MB)"


def test_the_bank_shows_all_filters_and_enlarges_the_one_asked_for() -> None:
    app = open_page("pages/gabor.py", view="A bank of filters")
    assert not app.exception
    assert "32 responses" in texts(app)
    app.selectbox(key="enlarged").select(31).run()
    assert "Filter 31" in texts(app)
    app.slider(key="frequencies").set_value(1).run()
    app.slider(key="directions").set_value(2).run()
    assert not app.exception
    assert "2 responses" in texts(app)
    app.radio(key="tiles").set_value("kernels").run()
    app.toggle(key="shared").set_value(False).run()
    assert not app.exception
    assert "2 kernels" in texts(app)


@pytest.mark.parametrize(
    "shape", [(8, 8), (8, 2000), (2000, 8), (61, 500)], ids=lambda shape: f"{shape[0]}x{shape[1]}"
)
@pytest.mark.parametrize("path", PAGES)
def test_pictures_of_any_shape_work(path: str, shape: tuple[int, int]) -> None:
    app = open_page(path, source="Your own picture")
    pixels = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    app.file_uploader[0].set_value(("odd.png", encode_png(pixels), "image/png")).run()
    assert not app.exception
    assert not app.error
    assert len(app.image) >= 1


def test_a_class_that_nothing_speaks_for_is_said() -> None:
    app = open_page("pages/class_activation.py", source="Your own picture")
    black = np.zeros((224, 224, 3), np.uint8)
    app.file_uploader[0].set_value(("black.png", encode_png(black), "image/png")).run()
    for class_index in range(0, 1000, 97):
        app.selectbox(key="class").select(class_index).run()
        assert not app.exception
        if "No positive evidence" in texts(app):
            return
    pytest.fail("no class without evidence found")
