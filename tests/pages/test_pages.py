"""Every page from app.py: first look, one change, one mistake of a user; never an exception."""

import io
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import pytest
import skimage.data
from PIL import Image
from streamlit.testing.v1 import AppTest

from cnnviz import zoo
from cnnviz.feature_visualization.objectives import TARGETS
from cnnviz.features.feature_maps import ORDERS
from cnnviz.figures import encode_png
from cnnviz.filter_banks import BANKS, KERNELS
from cnnviz.images import image_from_pixels
from cnnviz.network.loading import load_model
from cnnviz.ui import controls, shared
from cnnviz.ui.feature_visualization import cached
from cnnviz.ui.pages import BY_NAME, Page
from cnnviz.ui.pages import PAGES as TABLE
from cnnviz.ui.shell import address, downloads, jobs
from tests.builders.data_sets import put_fashion, put_idx, put_npz
from tests.builders.hostile_models import good_parts, packed
from tests.conftest import REPOSITORY, slow_unless

PAGES = ("pages/home.py", *(f"pages/{page.name}.py" for page in TABLE))
# these are brought other images in the slow tests only, to keep the run short
SLOW_PAGES = ("pages/train.py", "pages/timeline.py", "pages/transfer.py")
IMAGE_PAGES = slow_unless([path for path in PAGES if path not in SLOW_PAGES], PAGES)
SHAPES = ((8, 8), (8, 2000), (2000, 8), (61, 500), (500, 61))


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


def has_result(app: AppTest) -> bool:
    """Whether the page shows an image, a chart or a table."""
    return bool(app.image) or bool(app.get("plotly_chart")) or bool(app.dataframe)


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_a_finished_example_at_once(path: str) -> None:
    app = open_page(path)
    assert not app.exception
    assert not app.error
    assert len(app.title) == 1
    assert has_result(app)


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.sample(4)
def test_a_page_stands_alone_without_app_py(path: str) -> None:
    app = AppTest.from_file(str(REPOSITORY / path), default_timeout=120).run()
    assert not app.exception
    assert has_result(app)


@pytest.mark.parametrize("path", IMAGE_PAGES)
@pytest.mark.parametrize(
    "source",
    slow_unless(["svhn", "fashion-mnist"], ["svhn", "fashion-mnist", "upload", "house-numbers"]),
)
@pytest.mark.sample(5)
def test_every_source_of_images_works_on_every_page(path: str, source: str) -> None:
    app = open_page(path)
    app.selectbox(key="source").select(source).run()
    assert not app.exception
    assert not app.error
    assert has_result(app)


@pytest.mark.parametrize("path", IMAGE_PAGES)
@pytest.mark.sample(3)
def test_a_broken_upload_is_explained_and_nothing_breaks(path: str) -> None:
    app = open_page(path)
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not an image", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    good = encode_png(skimage.data.coffee())
    app.file_uploader[0].set_value(("coffee.png", good, "image/png")).run()
    assert not app.exception
    assert not app.error


def test_a_removed_upload_is_gone_and_a_broken_one_is_not_shown() -> None:
    app = open_page("pages/gabor.py", source="upload")
    good = encode_png(skimage.data.coffee())
    app.file_uploader[0].set_value(("coffee.png", good, "image/png")).run()
    assert "your image" in texts(app)
    app.file_uploader[0].set_value(("broken.png", b"no image", "image/png")).run()
    assert len(app.error) == 1
    assert "your image" not in texts(app)
    app.file_uploader[0].set_value(("coffee.png", good, "image/png")).run()
    assert "your image" in texts(app)
    app.file_uploader[0].set_value(None).run()
    assert not app.exception
    assert "your image" not in texts(app)
    assert "uploaded_image" not in app.session_state


def test_a_page_that_cannot_show_a_wanted_network_leaves_it_to_the_next() -> None:
    def script() -> None:
        import streamlit as st

        from cnnviz.ui import controls

        controls.choose_image()
        controls.model_picker(st.session_state["among"])

    app = AppTest.from_function(script, default_timeout=120)
    app.session_state["among"] = ["svhn-gabor"]
    app.session_state[address.wanted(controls.NETWORK)] = "fashion-cnn"
    assert app.run().selectbox(key="suitable_network").value == "svhn-gabor"
    app.session_state["among"] = None
    assert app.run().selectbox(key="network").value == "fashion-cnn"
    assert address.wanted(controls.NETWORK) not in app.session_state


def test_every_page_file_has_a_row_in_the_table_and_shows_it() -> None:
    files = {path.stem: path.read_text() for path in (REPOSITORY / "pages").glob("*.py")}
    assert files.keys() == {"home", *BY_NAME}
    for name in BY_NAME:
        assert files[name] == f'from cnnviz.ui import router\n\nrouter.show("{name}")\n'


@pytest.mark.parametrize("page", [page for page in TABLE if len(page.views) > 1])
def test_titles_and_slugs_of_views_are_unambiguous(page: Page) -> None:
    for texts_of in ("slug", "title", "question"):
        assert len({getattr(view, texts_of) for view in page.views}) == len(page.views)


def test_an_unknown_view_or_network_is_named_and_replaced() -> None:
    app = open_page("pages/class_activation.py", view="nowhere", network="nothing")
    assert not app.exception
    assert {warning.value for warning in app.warning} >= {
        "The address asks for view “nowhere”, which is not a choice here.",
        "The address asks for network “nothing”, which is not a choice here.",
    }
    assert app.segmented_control(key="class_activation_view").value == "heat-map"
    assert app.selectbox(key="network").value == "efficientnet-lite0"


def test_a_page_of_one_view_names_an_unknown_one_too() -> None:
    app = open_page("pages/train.py", view="nowhere")
    assert not app.exception
    assert "asks for view “nowhere”" in app.warning[0].value
    assert not open_page("pages/train.py", view="train").warning


def test_a_chosen_network_goes_along_to_the_next_page_and_back() -> None:
    app = open_page("pages/class_activation.py")
    app.selectbox(key="network").select("svhn-gabor").run()
    assert app.query_params["network"] == "svhn-gabor"
    app.switch_page("pages/feature_maps.py").run()
    assert app.selectbox(key="network").value == "svhn-gabor"
    app.selectbox(key="network").select("fashion-cnn").run()
    app.segmented_control(key="feature_maps_view").set_value("ablation").run()
    assert app.query_params["view"] == "ablation"
    app.switch_page("pages/class_activation.py").run()
    assert "view" not in app.query_params
    assert app.selectbox(key="network").value == "fashion-cnn"
    assert not app.warning


def test_a_view_that_most_networks_cannot_show_begins_with_one_that_can() -> None:
    app = open_page("pages/gabor.py", view="learned-kernels")
    assert app.selectbox(key="network").value == "svhn-gabor"
    assert not app.error
    app.selectbox(key="network").select("efficientnet-lite0").run()
    assert "3 × 3" in texts(app)


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


def test_the_prediction_and_its_map_are_for_the_picked_image() -> None:
    app = open_page("pages/class_activation.py")
    app.selectbox(key="source").select("natural").run()
    app.selectbox(key="image_natural").select("coffee").run()
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
    app.selectbox(key="network").select("vgg16").run()
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
    app.selectbox(key="network").select("mobilenet").run()
    app.button(key="download mobilenet").click().run()
    downloads._jobs["mobilenet"].wait(60)
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
    app = open_page("pages/gabor.py", view="filter-bank")
    assert not app.exception
    assert "32 responses" in texts(app)
    app.selectbox(key="enlarged").select(31).run()
    assert "Filter 31" in texts(app)
    app.toggle(key="by_energy").set_value(True).run()
    assert "Sorted by energy" in texts(app)
    app.slider(key="frequencies").set_value(1).run()
    app.slider(key="directions").set_value(2).run()
    assert not app.exception
    assert "2 responses" in texts(app)
    app.radio(key="tiles").set_value("kernels").run()
    app.toggle(key="shared").set_value(False).run()
    assert not app.exception
    assert "2 kernels" in texts(app)


@pytest.mark.parametrize(("height", "width"), slow_unless([(8, 2000)], SHAPES))
@pytest.mark.parametrize("path", IMAGE_PAGES)
@pytest.mark.sample(3)
def test_images_of_any_shape_work(path: str, height: int, width: int) -> None:
    app = open_page(path, source="upload")
    pixels = np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)
    app.file_uploader[0].set_value(("odd.png", encode_png(pixels), "image/png")).run()
    assert not app.exception
    assert not app.error
    assert has_result(app)


def test_a_class_that_nothing_speaks_for_is_said() -> None:
    app = open_page("pages/class_activation.py", source="upload")
    black = np.zeros((224, 224, 3), np.uint8)
    app.file_uploader[0].set_value(("black.png", encode_png(black), "image/png")).run()
    for class_index in range(0, 1000, 97):
        app.selectbox(key="class").select(class_index).run()
        assert not app.exception
        if "No region supports" in texts(app):
            return
    pytest.fail("no class without evidence found")


BANK_VIEWS = (
    ("filter-bank", "redundancy", "about as much information as"),
    ("filter-bank", "responses", "Magnitude of the"),
    ("filter-bank", "strongest", "Frequency of the strongest response"),
    ("ten-images", "", "differs most between the ten images"),
)


@pytest.mark.parametrize(
    ("bank", "view", "part", "text"),
    slow_unless(
        [(bank, *BANK_VIEWS[0]) for bank in BANKS]
        + [(bank, *view) for bank in ("gabor", "blobs") for view in BANK_VIEWS[1:]],
        [(bank, *view) for bank in BANKS for view in BANK_VIEWS],
    ),
)
def test_every_bank_works_in_every_view(bank: str, view: str, part: str, text: str) -> None:
    app = open_page("pages/gabor.py", view=view, bank=bank, **({"show": part} if part else {}))
    assert not app.exception
    assert not app.error
    assert not app.warning
    assert text in texts(app)
    if view == "ten-images":
        app.radio(key="ten_images").set_value("digits").run()
        assert not app.exception
        assert "Columns: 0, 1" in texts(app)


def test_a_bank_can_combine_several_sigmas_and_haar_takes_images_apart() -> None:
    app = open_page("pages/gabor.py", view="filter-bank")
    app.multiselect(key="sigmas").select(2.0).select(4.0).run()
    assert not app.exception
    assert "64 responses" in texts(app)
    app.selectbox(key="bank").select("haar").run()
    app.segmented_control(key="bank_part").set_value("decomposition").run()
    assert not app.exception
    assert app.query_params["show"] == "decomposition"
    assert "no pixel differs by more than" in texts(app)


def test_the_part_of_a_view_stands_in_the_address_while_the_view_is_shown() -> None:
    app = open_page("pages/gabor.py", view="filter-bank", show="redundancy")
    assert app.segmented_control(key="bank_part").value == "redundancy"
    app.segmented_control(key="gabor_view").set_value("frequency-domain").run()
    assert "show" not in app.query_params
    app.segmented_control(key="gabor_view").set_value("filter-bank").run()
    assert app.segmented_control(key="bank_part").value == "redundancy"
    assert app.query_params["show"] == "redundancy"
    app = open_page("pages/gabor.py", view="filter-bank", show="nothing")
    assert "The address asks for show “nothing”, which is not a choice here." in texts(app)


def test_filters_as_features_are_compared_with_a_network() -> None:
    app = open_page("pages/gabor.py", view="features")
    assert not app.exception
    assert not app.error
    assert app.metric[0].value.endswith("accuracy")
    app.segmented_control(key="features_part").set_value("neighbors").run()
    app.selectbox(key="like").select(150).run()
    assert not app.exception
    assert "of the 7 nearest neighbors have the same class" in texts(app)


def test_the_pass_band_is_shown_for_any_filter() -> None:
    app = open_page("pages/gabor.py", view="frequency-domain", frequency="0.45", sigma="8")
    assert not app.exception
    assert "of the image's energy" in texts(app)


@pytest.mark.parametrize("network", ["svhn-gabor", "fashion-cnn", "efficientnet-lite0"])
@pytest.mark.sample(1)
def test_filter_and_channel_are_compared(network: str) -> None:
    app = open_page("pages/gabor.py", view="orientation-tuning", network=network)
    assert not app.exception
    assert not app.error
    app.selectbox(key="tuned_channel").select(3).run()
    assert not app.exception


def test_learned_kernels_are_fitted_and_handed_to_the_sliders() -> None:
    app = open_page("pages/gabor.py", view="learned-kernels", network="svhn-gabor")
    assert not app.exception
    app.segmented_control(key="learned_part").set_value("all-kernels").run()
    assert "kernels are Gabor functions for more than 80 %" in texts(app)
    app.segmented_control(key="learned_part").set_value("one-kernel").run()
    app.button(key="hand_over").click().run()
    assert not app.exception
    assert app.segmented_control(key="gabor_view").value == "one-filter"
    assert app.slider(key="frequency").value != 0.2


def test_small_kernels_are_not_fitted_and_the_reason_is_given() -> None:
    app = open_page("pages/gabor.py", view="learned-kernels", network="fashion-cnn")
    assert not app.exception
    assert "3 × 3 = 9 numbers" in app.error[0].value


@pytest.mark.parametrize(
    ("kernel", "view"),
    slow_unless(
        [(kernel.name, "step-by-step") for kernel in KERNELS]
        + [("box", view.slug) for view in BY_NAME["convolution"].views[1:]],
        [(kernel.name, view.slug) for kernel in KERNELS for view in BY_NAME["convolution"].views],
    ),
)
@pytest.mark.sample(4)
def test_every_kernel_works_in_every_view(kernel: str, view: str) -> None:
    app = open_page("pages/convolution.py", kernel=kernel, view=view)
    assert not app.exception
    assert not app.error


def test_the_lectures_demonstrations_set_everything() -> None:
    app = open_page("pages/convolution.py", stride="3", bias="7")
    for label, expected in {
        "5 × 5 with a 3 × 3 filter": "Output, 3 × 3, from 2 to 4",
        "The same with zero padding": "Output, 5 × 5, from 0 to 4",
        "2 × 2 max pooling": "After max pooling, 15 × 15",
        "Stride 2": "Output, 15 × 15",
        "Edge detect on the digit": "Output, 30 × 30",
    }.items():
        next(button for button in app.button if button.label == label).click().run()
        assert not app.exception
        assert expected in texts(app)


def test_a_cell_is_written_out_and_equals_the_answer() -> None:
    app = open_page(
        "pages/convolution.py",
        view="one-position",
        conv_input="table",
        kernel="cross",
    )
    app.number_input(key="cell_row").set_value(0).run()
    app.number_input(key="cell_column").set_value(1).run()
    assert "1 + 0 + 0 + 0 + 1 + 0 + 0 + 0 + 1 = 3" in texts(app)
    assert "row 0, column 1: **3**" in texts(app)
    app.toggle(key="relu").set_value(True).run()
    app.number_input(key="bias").set_value(-5.0).run()
    assert "bias (−5) = −2, and after the ReLU max(0, −2) = 0" in texts(app)
    app.radio(key="conv_input").set_value("color").run()
    assert not app.exception
    assert "Under the window of blue" in texts(app)


def test_a_cell_of_a_larger_answer_is_moved_into_the_smaller_one() -> None:
    app = open_page("pages/convolution.py", view="one-position")
    app.number_input(key="cell_row").set_value(29).run()
    app.slider(key="stride").set_value(8).run()
    assert not app.exception
    assert app.number_input(key="cell_row").value == 3


def test_a_kernel_can_be_resized_turned_and_reset() -> None:
    app = open_page("pages/convolution.py")
    app.selectbox(key="kernel_side").select(11).run()
    assert not app.exception
    assert "Your kernel, based on Horizontal edge. Sum 0" in texts(app)
    for label in ("Rotate", "Flip", "Zero mean", "Normalize"):
        app.button(key=label).click().run()
        assert not app.exception
    app.selectbox(key="kernel").select("box").run()
    assert "Box blur: the mean of nine pixels. Sum 1" in texts(app)


def test_a_kernel_of_ones_own_is_in_the_address_and_comes_back_from_it() -> None:
    app = open_page("pages/convolution.py", cells="0,0,0;0,7,0;0,0,0")
    assert not app.exception
    assert "Your kernel, based on Horizontal edge. Sum 7" in texts(app)
    app.button(key="Normalize").click().run()
    assert app.query_params["cells"] == "0,0,0;0,1,0;0,0,0"
    app.selectbox(key="kernel").select("sharpen").run()
    assert "cells" not in app.query_params
    for nonsense in ("x", "1,2;3,4", "1,2,3", "nan", "1e9", ";"):
        app = open_page("pages/convolution.py", cells=nonsense)
        assert not app.exception
        assert "Horizontal edge: bright above" in texts(app)


def test_a_kernel_that_does_not_fit_is_explained() -> None:
    app = open_page("pages/convolution.py", conv_input="table", dilation="8", kernel="sharpen")
    assert not app.exception
    assert "does not fit into 5" in app.error[0].value


NETWORKS = [card.name for card in zoo.list_models() if zoo.is_ready(card)]
LOOKED_INTO = ("efficientnet-lite0", "svhn-gabor", "fashion-cnn")
LARGE = ("cats-dogs-features", "cats-dogs-fine-tuned")  # heads on EfficientNet-Lite0


@pytest.mark.parametrize(
    ("network", "view"),
    slow_unless(
        [(network, "training") for network in NETWORKS if not network.startswith(LARGE)]
        + [(network, view) for network in LOOKED_INTO for view in ("layers", "weights")],
        [(network, view) for network in NETWORKS for view in ("layers", "training", "weights")],
    ),
)
@pytest.mark.sample(4)
def test_every_network_can_be_looked_into(view: str, network: str) -> None:
    app = open_page("pages/models.py", view=view, network=network)
    assert not app.exception
    assert not app.error
    if view == "layers":
        assert len(app.get("plotly_chart")) == 1
        app.segmented_control(key="layers_part").set_value("table").run()
        assert len(app.dataframe) == 1
        app.segmented_control(key="layers_part").set_value("formulas").run()
        assert "Parameters of" in texts(app)
    elif view == "training" and zoo.has_training_record(network):
        assert "classified correctly" in texts(app)
        assert "SHA-256" in texts(app)
        app.slider(key="smoothing").set_value(0.9).run()
        assert not app.exception


def test_the_numbers_of_a_layer_are_written_out() -> None:
    app = open_page("pages/models.py", network="fashion-cnn", show="formulas")
    assert "3·3·1·32 + 32 = **320**" in texts(app)
    assert "3·3·1·26·26·32 = **194,688**" in texts(app)
    app.selectbox(key="written_out").select("conv3").run()
    assert "3·3·64·64 + 64 = **36,928**" in texts(app)
    assert "18 × 18 pixels" in texts(app)


def test_the_first_view_shows_a_misclassified_image_of_the_bundled_samples() -> None:
    app = open_page("pages/models.py", view="training", network="fashion-cnn")
    assert not app.exception
    assert len(app.image) == 1
    assert "**88** of 1,000 images of *T-shirt/top* were classified as *Shirt*" in texts(app)
    assert "1 image from the bundled samples" in texts(app)
    assert "without an example here: *Shirt* classified as *T-shirt/top* (109)" in texts(app)
    assert "add the whole test set" in texts(app)
    assert "dataset-fashion-mnist" in texts(app)


def test_examples_of_a_confusion_are_shown_or_explained() -> None:
    app = open_page("pages/models.py", view="training", network="fashion-cnn")
    app.selectbox(key="true_class").select(9).run()
    assert "**31** of 1,000 images of *Ankle boot* were classified as *Sneaker*" in texts(app)
    assert len(app.image) == 1
    app.selectbox(key="predicted_class").select(9).run()
    assert "9 images from the bundled samples" in texts(app)
    assert len(app.image) == 1
    app.selectbox(key="predicted_class").select(0).run()
    assert "**0** of 1,000 images of *Ankle boot*" in texts(app)
    assert not app.image
    app.selectbox(key="true_class").select(6).run()
    assert "No example in the bundled samples" in texts(app)
    assert not app.exception


@pytest.mark.parametrize(
    ("network", "what_to_do"),
    [
        ("cats-dogs-features", "Get 'Dogs vs. Cats' from Kaggle"),
        ("mnist-cnn", "Put mnist.npz into a folder"),
        ("svhn-gabor", "No example in the bundled samples (SVHN, four test digits)"),
        ("svhn-gabor", "Put svhn.npz into a folder"),
    ],
)
@pytest.mark.sample(1)
def test_without_examples_the_page_says_how_to_see_some(network: str, what_to_do: str) -> None:
    app = open_page("pages/models.py", view="training", network=network)
    assert not app.exception
    assert not app.image
    assert "not on this computer" in texts(app)
    assert what_to_do in texts(app)


def test_another_network_begins_with_its_own_most_frequent_confusion() -> None:
    app = open_page("pages/models.py", view="training", network="fashion-cnn")
    for network, count in {"cats-dogs-150": 139, "svhn-gabor": 8, "fashion-gabor": 95}.items():
        app.selectbox(key="network").select(network).run()
        assert not app.exception
        assert f"**{count}** of " in texts(app)


@pytest.fixture
def data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A folder for data sets; what the pages read from it is forgotten in the end."""
    monkeypatch.setenv("CNNVIZ_DATA_DIR", str(tmp_path))
    shared.test_images.clear()
    yield tmp_path
    shared.test_images.clear()


def test_with_the_test_set_the_recorded_images_are_shown(data_folder: Path) -> None:
    record = zoo.training_record("fashion-cnn")
    labels = np.zeros(10_000, np.uint8)
    for (true, _), places in record.examples.items():
        labels[list(places)] = true
    images = np.zeros((10_000, 28, 28), np.uint8)
    images[list(record.examples[6, 0])] = 200
    put_idx(data_folder, images, labels)
    app = open_page("pages/models.py", view="training", network="fashion-cnn")
    assert not app.exception
    assert len(app.image) == 1
    assert "**109** of 1,000 images of *Shirt* were classified as *T-shirt/top*" in texts(app)
    assert "8 images from the test set (Fashion-MNIST, test images)" in texts(app)
    assert "add the whole test set" not in texts(app)
    shown = shared.confusion_examples("fashion-cnn").of(6, 0)
    np.testing.assert_array_equal(shown, np.full((8, 28, 28, 3), 200))


def test_positions_in_one_test_set_are_not_looked_up_in_another(data_folder: Path) -> None:
    put_npz(data_folder)  # 20 test images, each of one gray level
    app = open_page("pages/models.py", view="training", network="svhn-gabor")
    assert not app.exception
    assert "20 images of another test set" in texts(app)
    assert "The matrix counts a different test set" in texts(app)
    examples = shared.confusion_examples("svhn-gabor")
    network = load_model("svhn-gabor")
    assert sum(len(places) for places in examples.positions.values()) == 20
    for (true, predicted), places in examples.positions.items():
        for place, image in zip(places, examples.of(true, predicted), strict=True):
            assert place % 10 == true
            assert network.predict(image_from_pixels(image), top=1)[0].class_index == predicted


def test_a_damaged_test_set_is_named_and_the_samples_are_shown(data_folder: Path) -> None:
    put_fashion(data_folder)
    (data_folder / "t10k-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    app = open_page("pages/models.py", view="training", network="fashion-cnn")
    assert not app.exception
    assert len(app.image) == 1
    assert "t10k-images-idx3-ubyte.gz cannot be read" in texts(app)


def test_a_test_set_that_arrives_later_is_used_at_once(data_folder: Path) -> None:
    app = open_page("pages/models.py", view="training", network="svhn-gabor")
    assert not app.image
    put_npz(data_folder)
    app.run()
    assert not app.exception
    assert "another test set" in texts(app)


def test_first_kernels_can_be_watched_while_they_form() -> None:
    app = open_page("pages/models.py", view="weights", network="svhn-gabor")
    assert "All 24 kernels" in texts(app)
    app.select_slider(key="step").set_value(0).run()
    assert not app.exception
    assert "before training" in texts(app)
    app.toggle(key="shared_kernels").set_value(False).run()
    assert "its own scale" in texts(app)


def test_the_calculator_explains_sizes_that_do_not_fit() -> None:
    app = open_page("pages/models.py", view="calculator")
    assert "the output has 3 positions" in app.success[0].value
    app.number_input(key="calc_w").set_value(8).run()
    assert "3.5 is not an integer" in texts(app)
    app.number_input(key="calc_f").set_value(64).run()
    assert not app.exception
    assert "does not fit into 8" in app.error[0].value
    app = open_page("pages/models.py", view="calculator")
    assert [metric.value for metric in app.metric] == ["1,520 parameters", "61,460 parameters"]
    app.number_input(key="cmp_side").set_value(4).run()
    assert "does not fit an input of size 4" in texts(app)


def test_an_upload_of_a_network_is_refused_where_it_is_not_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("CNNVIZ_ALLOW_MODEL_UPLOAD", raising=False)
    app = open_page("pages/models.py", view="own-network")
    assert not app.file_uploader
    assert "Uploading networks is off" in texts(app)


def upload(app: AppTest, name: str, content: bytes) -> None:
    """Hand a file in and wait until it has been tried."""
    app.file_uploader[0].set_value((name, content, "application/octet-stream")).run()
    app.session_state["own_model_trial"].job.wait(90)
    app.run()
    app.run()


def test_a_network_of_a_visitor_works_on_every_page_until_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CNNVIZ_ALLOW_MODEL_UPLOAD", "1")
    app = open_page("pages/models.py", view="own-network")
    upload(app, "my net.keras", packed(good_parts()))
    assert not app.exception
    assert "**my net** is open" in app.success[0].value
    for path in PAGES[1:]:
        app.switch_page(path).run()
        assert not app.exception
        assert not app.error
        for menu in app.selectbox:
            if menu.key == "network":  # it stays chosen until another one is
                assert menu.value.startswith("upload-")
    app.segmented_control(key="models_view").set_value("layers").run()
    assert "my net" in app.selectbox(key="network").proto.options
    assert "3 layers" in texts(app)
    app.segmented_control(key="models_view").set_value("own-network").run()
    next(button for button in app.button if button.label == "Close this network").click().run()
    assert not app.exception
    app.segmented_control(key="models_view").set_value("layers").run()
    assert app.selectbox(key="network").value == "efficientnet-lite0"


def test_a_hostile_upload_is_refused_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CNNVIZ_ALLOW_MODEL_UPLOAD", "1")
    app = open_page("pages/models.py", view="own-network")
    upload(app, "net.keras", b"no network")
    assert not app.exception
    assert "'net.keras' cannot be used" in app.error[0].value
    upload(app, "net.keras", packed(good_parts()))
    assert "**net** is open" in app.success[0].value


def test_the_folder_of_own_networks_is_listed_with_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "good.keras").write_bytes(packed(good_parts()))
    (tmp_path / "bad.keras").write_bytes(b"x")
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    app = open_page("pages/models.py", view="own-network")
    assert "In the folder: **good**" in texts(app)
    assert "'bad.keras' cannot be used" in app.warning[0].value


@pytest.mark.parametrize(
    ("path", "view"),
    [
        ("pages/models.py", {"view": "layers"}),
        ("pages/models.py", {"view": "training"}),
        ("pages/models.py", {"view": "weights"}),
        ("pages/gabor.py", {"view": "orientation-tuning"}),
        ("pages/gabor.py", {"view": "learned-kernels"}),
        ("pages/feature_maps.py", {}),
        ("pages/filters.py", {}),
        ("pages/class_activation.py", {}),
    ],
    ids=lambda value: "-".join(value.values()) if isinstance(value, dict) else value,
)
@pytest.mark.sample(3)
def test_a_network_without_convolutions_is_explained_in_every_view(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, view: dict[str, str]
) -> None:
    keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(2)]).save(
        tmp_path / "dense.keras"
    )
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    app = open_page(path, network="dense", **view)
    assert not app.exception
    assert app.selectbox(key="network").value == "dense"
    for error in app.error:
        assert "no convolution" in error.value or "no layer with" in error.value


def test_the_networks_page_counts_shared_weights_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(3, 3, padding="same", name="conv")
    x = keras.layers.Flatten()(shared(shared(image)))
    keras.Model(image, keras.layers.Dense(2)(x)).save(tmp_path / "twice.keras")
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    app = open_page("pages/models.py", view="layers", network="twice")
    assert not app.exception
    assert "**470** parameters" in texts(app)
    assert "Shared weights are counted once; used again by conv@2." in texts(app)
    app.segmented_control(key="layers_part").set_value("formulas").run()
    app.selectbox(key="written_out").select("conv@2").run()
    assert "shared with `conv` and counted there" in texts(app)
    assert "3·3·3·8·8·3 = **5,184**" in texts(app)


def test_a_network_trained_into_ones_own_folder_keeps_its_history(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for path in (REPOSITORY / "models").glob("fashion-gabor.*"):
        if path.is_dir():
            shutil.copytree(path, tmp_path / path.name.replace("fashion-gabor", "again"))
        else:
            shutil.copy(path, tmp_path / path.name.replace("fashion-gabor", "again"))
    card = tmp_path / "again.json"
    facts = json.loads(card.read_text()) | {"name": "again", "title": "Again"}
    card.write_text(json.dumps(facts))
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    app = open_page("pages/models.py", view="training", network="again")
    assert not app.exception
    assert "images are classified correctly" in texts(app)
    app.segmented_control(key="models_view").set_value("weights").run()
    assert not app.exception
    assert app.select_slider(key="step").value == zoo.checkpoint_steps("fashion-gabor")[-1]


MAPS_VIEWS = tuple(view.slug for view in BY_NAME["feature_maps"].views)


def finished(app: AppTest) -> AppTest:
    """Wait for work outside the script, then draw once more."""
    for job in list(jobs._jobs.values()):
        job.wait(240)
    return app.run()


@pytest.mark.parametrize("view", MAPS_VIEWS)
@pytest.mark.parametrize("model", ["efficientnet-lite0", "svhn-gabor"])
@pytest.mark.sample(5)
def test_every_view_of_the_feature_maps_works(view: str, model: str) -> None:
    app = finished(open_page("pages/feature_maps.py", view=view, network=model))
    assert not app.exception
    assert not app.error
    assert "**What you see.**" in texts(app) or view == "one-filter"


@pytest.mark.parametrize("view", MAPS_VIEWS[:-1])
@pytest.mark.sample(2)
def test_a_channel_and_a_unit_of_a_larger_layer_do_no_harm_in_a_smaller_one(view: str) -> None:
    app = open_page("pages/feature_maps.py", view=view, channel="31", trace_row="111")
    last = app.selectbox(key="maps_layer").options[-1]
    app.selectbox(key="maps_layer").select(last.split(" (")[0]).run()
    app.selectbox(key="network").select("fashion-gabor").run()
    assert not app.exception


SCALES = ("layer", "map", "network", "raw")


@pytest.mark.parametrize(
    ("scale", "order"),
    slow_unless(
        [("layer", order) for order in ORDERS] + [(scale, "number") for scale in SCALES[1:]],
        [(scale, order) for scale in SCALES for order in ORDERS],
    ),
)
@pytest.mark.sample(3)
def test_maps_can_be_sorted_and_scaled(scale: str, order: str) -> None:
    app = open_page("pages/feature_maps.py", network="fashion-gabor")
    app.selectbox(key="scale_by").select(scale)
    app.selectbox(key="sort_by").select(order).run()
    assert not app.exception
    assert ("Sorted by" in texts(app)) == (order != "number")
    assert ("its own scale" in texts(app)) == (scale == "map")


def test_ablating_a_needed_channel_lowers_its_class() -> None:
    app = finished(open_page("pages/feature_maps.py", view="ablation", network="fashion-gabor"))
    assert "With **0** of 24 channels" in texts(app)
    next(button for button in app.button if button.key != "present_button").click().run()
    named = app.text_input(key="switched_off").value
    assert len(named.split(",")) == 5
    assert "With **5** of 24 channels" in texts(app)
    app.radio(key="off_mode").set_value("the only ones kept").run()
    assert "With **19** of 24 channels" in texts(app)
    app.text_input(key="switched_off").set_value("3, x").run()
    assert "'x' is neither a number" in app.error[0].value
    app.text_input(key="switched_off").set_value("5-99").run()
    assert "0 to 23" in app.error[0].value


def test_a_test_set_that_is_not_here_is_explained() -> None:
    app = open_page("pages/feature_maps.py", view="one-filter", show="images", full_search="true")
    assert "not trained here" in app.error[0].value


def test_the_traced_number_is_the_networks_own() -> None:
    app = open_page(
        "pages/feature_maps.py", view="trace", network="fashion-gabor", show="calculation"
    )
    assert "CSV" in app.get("download_button")[0].proto.label
    computed = re.search(r"computed \*\*([\d.]+)\*\* .* result is \*\*([\d.]+)\*\*", texts(app))
    assert computed is not None
    assert float(computed[1]) == pytest.approx(float(computed[2]), rel=1e-5)


@pytest.mark.parametrize(
    "view",
    ["one-filter", "whole-layer", pytest.param("during-training", marks=pytest.mark.slow)],
)
@pytest.mark.sample(1)
def test_every_view_of_feature_visualization_works(view: str) -> None:
    app = finished(open_page("pages/filters.py", view=view, network="svhn-gabor"))
    app = finished(app)  # the second piece of work begins when the first is done
    assert not app.exception
    assert not app.error
    assert "**What you see.**" in texts(app)


@pytest.mark.parametrize(
    ("target", "preset"),
    slow_unless(
        [(target, "good") for target in TARGETS] + [("filter", "lecture")],
        [(target, preset) for target in TARGETS for preset in ("good", "lecture")],
    ),
)
@pytest.mark.sample(2)
def test_every_objective_is_maximized(target: str, preset: str) -> None:
    app = open_page("pages/filters.py", network="svhn-gabor", steps="40", size="32")
    app.selectbox(key="preset").select(preset)
    app.selectbox(key="target").select(address.slug(target)).run()
    app = finished(finished(app))
    assert not app.exception
    assert not app.error
    assert "Maximizes **" in texts(app)


def test_regularizers_can_be_off_and_gradient_ascent_can_start_from_the_image() -> None:
    app = open_page("pages/filters.py", network="svhn-gabor", steps="40", size="32")
    for key in ("fourier", "uncorrelated", "moves"):
        app.toggle(key=key).set_value(False)
    app.toggle(key="from_photograph").set_value(True).run()
    app = finished(finished(app))
    assert not app.exception
    assert "No regularizers" in texts(app)


def test_a_network_without_checkpoints_says_which_have_some() -> None:
    app = open_page("pages/filters.py", view="during-training", network="mnist-cnn")
    assert "SVHN Gabor CNN" in app.error[0].value


def test_a_class_of_a_network_that_flattens_gets_its_own_size() -> None:
    app = open_page("pages/filters.py", network="mnist-cnn", size="64", target="class", steps="40")
    app = finished(finished(app))
    assert not app.error
    assert "Size: 28 × 28 pixels" in texts(app)
    assert "28 × 28, seed 0" in texts(app)


def test_only_sizes_that_work_are_offered() -> None:
    settings = {"network": "cats-dogs-150", "size": "32", "steps": "40"}
    app = open_page("pages/filters.py", **settings)
    app.selectbox(key="maps_layer").select("conv4").run()
    slider = app.select_slider(key="size")
    assert slider.options == ["64", "96", "128", "150", "160", "224"]  # conv4 needs 38 pixels
    assert slider.value == "128"
    app.selectbox(key="maps_layer").select("conv1").run()
    assert app.select_slider(key="size").options[:2] == ["28", "32"]
    assert not app.exception
    assert not app.error


@pytest.mark.slow
def test_a_network_that_is_not_square_gets_class_images_of_its_shape(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    convolution = keras.layers.Conv2D(3, 3, name="conv")
    layers = [convolution, keras.layers.Flatten(), keras.layers.Dense(2)]
    keras.Sequential([keras.Input((48, 24, 3)), *layers]).save(tmp_path / "tall.keras")
    monkeypatch.setenv("CNNVIZ_MODELS_DIR", str(tmp_path))
    app = open_page("pages/filters.py", network="tall", target="class", steps="40")
    app = finished(finished(app))
    assert not app.exception
    assert not app.error
    assert "Size: 48 × 24 (height × width) pixels" in texts(app)
    assert "48 × 24 (height × width), seed 0" in texts(app)
    app.selectbox(key="target").select("filter").run()
    assert "48 × 24" in app.select_slider(key="size").options
    app.select_slider(key="size").set_value("48 × 24").run()
    app = finished(finished(app))
    assert not app.exception
    assert "48 × 24 (height × width), seed 0" in texts(app)
    frames = tuple(np.full((48, 24, 3), gray, np.uint8).tobytes() for gray in (0, 99))
    with Image.open(io.BytesIO(cached.animation(frames, (48, 24)))) as animation:
        assert (animation.width, animation.height, animation.n_frames) == (24, 48, 2)


@pytest.mark.slow
@pytest.mark.parametrize("choice", ["most-active", "random"])
def test_some_filters_of_a_layer_are_drawn_now_or_taken_from_the_atlas(choice: str) -> None:
    app = open_page("pages/filters.py", view="whole-layer", network="fashion-gabor")
    assert "From the atlas" in texts(app)
    app.selectbox(key="maps_layer").select("relu5").run()
    app.number_input(key="grid_first").set_value(64).run()
    assert "64 of the 128 filters" in texts(finished(app))  # beyond the atlas
    app.selectbox(key="grid_choice").select(choice).run()
    app = finished(app)
    assert "16 of the 128 filters" in texts(app)
    app.selectbox(key="maps_layer").select("conv1").run()
    assert not app.exception


@pytest.mark.parametrize(("begins_with_it", "num_files"), [(False, 1), (True, 0)])
@pytest.mark.sample(1)
def test_gradient_ascent_from_a_visitors_image_is_not_kept_on_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, begins_with_it: bool, num_files: int
) -> None:
    jobs._end_all()  # images of earlier tests would be kept in the folder of this one
    monkeypatch.setenv("CNNVIZ_CACHE_DIR", str(tmp_path))
    jobs._jobs.clear()  # what an earlier test made would be taken from memory
    settings = {"steps": "40", "size": "32", "seed": "4711"}
    app = open_page("pages/filters.py", network="fashion-gabor", **settings)
    finished(app)
    kept = set(tmp_path.rglob("*.npz"))
    assert len(kept) == 1
    app.toggle(key="from_photograph").set_value(begins_with_it)
    app.number_input(key="seed").set_value(4712).run()
    finished(app)
    assert "seed 4712" in texts(app)
    assert len(set(tmp_path.rglob("*.npz")) - kept) == num_files
