"""The page of the basics: three views, each finished at once, each with today's numbers."""

import io
import re

import numpy as np
import pytest
from PIL import Image
from scipy.special import softmax
from streamlit.testing.v1 import AppTest

from cnnviz import datasets
from cnnviz.classifiers.linear import load_linear, shifted
from cnnviz.figures import encode_png
from tests.conftest import REPOSITORY
from tests.pages.test_pages import open_page, texts

PAGE = "pages/basics.py"


def latex(app: AppTest) -> str:
    return "\n".join(element.value for element in app.latex)


def test_the_page_stands_alone_without_app_py() -> None:
    app = AppTest.from_file(str(REPOSITORY / PAGE), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) == 3  # image, template, product


@pytest.mark.parametrize("data", ["fashion-mnist", "cifar-10", "svhn"])
def test_each_classifier_is_shown_with_its_templates_and_its_accuracy(data: str) -> None:
    app = open_page(PAGE, view="all-templates", data=data)
    assert not app.exception
    assert not app.error
    assert len(app.image) == 10
    assert app.selectbox(key="data").value == data
    classifier = load_linear(data)
    assert f"**{classifier.accuracy:.1%}**" in texts(app)
    assert f"{classifier.num_test_images:,} test images" in texts(app)
    for class_name in classifier.class_names:
        assert class_name in texts(app)


def test_a_shift_changes_the_scores_as_it_should() -> None:
    classifier = load_linear("fashion-mnist")
    boot = datasets.sample_image("fashion-mnist", "ankle-boot-1")
    app = open_page(PAGE)
    app.slider(key="shift_right").set_value(5).run()
    app.slider(key="shift_down").set_value(-3).run()
    app.selectbox(key="template").select(7).run()
    assert not app.exception
    scores = classifier.scores(shifted(classifier.view(boot), 5, -3))
    best = int(scores.argmax())
    answer = f"Prediction: {classifier.class_names[best]}** ({softmax(scores)[best]:.0%})"
    assert answer in texts(app)
    *parts, total = [float(x) for x in re.findall(r"(?<![_\w])-?\d+\.\d\d", latex(app))]
    assert total == pytest.approx(scores[7], abs=0.006)
    signs = np.sign([1, -1, classifier.bias[7]])
    assert float(signs @ np.abs(parts)) == pytest.approx(total, abs=0.02)


def test_each_template_can_have_its_own_scale() -> None:
    app = open_page(PAGE, view="all-templates", shared_templates="false")
    assert not app.exception
    assert not app.toggle(key="shared_templates").value
    bars = [element for element in app.get("html") if "linear-gradient" in element.proto.body]
    assert len(bars) == 10


@pytest.mark.parametrize("source", ["svhn", "house-numbers", "fashion-mnist", "natural"])
def test_every_source_of_images_is_matched(source: str) -> None:
    app = open_page(PAGE)
    app.selectbox(key="source").select(source).run()
    assert not app.exception
    assert not app.error


def test_a_broken_upload_is_explained() -> None:
    app = open_page(PAGE)
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not an image", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    black = encode_png(np.zeros((40, 50, 3), np.uint8))
    app.file_uploader[0].set_value(("black.png", black, "image/png")).run()
    assert not app.exception
    assert not app.error
    classifier = load_linear("fashion-mnist")
    assert classifier.class_names[int(classifier.bias.argmax())] in texts(app)


def test_what_was_done_to_an_upload_is_said_below_it() -> None:
    app = open_page(PAGE)
    app.selectbox(key="source").select("upload").run()
    buffer = io.BytesIO()
    Image.fromarray(np.full((40, 50), 4000, np.uint16)).save(buffer, "TIFF")
    app.file_uploader[0].set_value(("deep.tif", buffer.getvalue(), "image/tiff")).run()
    assert not app.exception
    (caption,) = [text.value for text in app.caption if "40 × 50 pixels." in text.value]
    assert "Values 0 to 4095 were mapped to black and white" in caption


LINE = "one-dimension"


def test_a_line_shows_one_cell_as_a_sum_of_products() -> None:
    app = open_page(PAGE, view=LINE)
    assert not app.exception
    assert "**Position 10**: (−1)·0 + 0·4 + 1·4 = 0 + 0 + 4 = **4**" in texts(app)
    app.radio(key="line_operation").set_value("convolve").run()
    assert "1·0 + 0·4 + (−1)·4 = 0 + 0 − 4 = **−4**" in texts(app)
    assert "It is the negative." in texts(app)
    app.slider(key="line_cell").set_value(0).run()
    app.slider(key="line_stride").set_value(3).run()
    app.slider(key="line_dilation").set_value(4).run()
    assert not app.exception
    assert r"\frac{20 - 9 + 2\cdot1}{3}" in latex(app)
    assert r"\Rightarrow\; 5,\ \text{1 left over}" in latex(app)


def test_a_cell_that_is_gone_is_replaced_by_the_last_one() -> None:
    app = open_page(PAGE, view=LINE)
    app.slider(key="line_cell").set_value(19).run()
    app.slider(key="line_stride").set_value(4).run()
    assert not app.exception
    assert app.slider(key="line_cell").value == 4
    assert not app.warning


def test_own_numbers_begin_with_the_preset_and_may_be_fractions() -> None:
    app = open_page(PAGE, view=LINE, line_kernel="laplace")
    app.selectbox(key="line_kernel").select("own").run()
    assert app.text_input(key="line_kernel_numbers").value == "1 -2 1"
    app.text_input(key="line_kernel_numbers").set_value("1/4, 0.5; −2 8").run()
    assert not app.error
    assert "0.25·0 + 0.5·4 + (−2)·4 + 8·4" in texts(app)


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("1 two 3", "“two” is not a number"),
        ("", "these are 0"),
        ("1 " * 8, "Write 1 to 7 numbers"),
        ("1/0", "“1/0” is not a number"),
        ("nan", "“nan” is not a number"),
        ("1e9", "from −999 to 999"),
    ],
)
def test_what_is_no_row_of_numbers_is_explained(written: str, message: str) -> None:
    app = open_page(PAGE, view=LINE, line_kernel="own")
    app.text_input(key="line_kernel_numbers").set_value(written).run()
    assert not app.exception
    assert [message in error.value for error in app.error] == [True]
    app.text_input(key="line_kernel_numbers").set_value("2").run()
    assert not app.error


def test_a_kernel_that_does_not_fit_is_explained() -> None:
    settings = {
        "line_signal": "own",
        "line_signal_numbers": "1 2",
        "line_padding": "0",
    }
    app = open_page(PAGE, view=LINE, **settings)
    assert not app.exception
    assert "does not fit into 2" in app.error[0].value
    app.slider(key="line_padding").set_value(1).run()
    assert not app.error
    assert "(−1)·1 + 0·2 + 1·0 = −1 + 0 + 0" in texts(app)


def test_a_row_of_the_image_is_a_signal() -> None:
    app = open_page(PAGE, view=LINE, line_signal="row-of-the-image", line_row="3")
    assert not app.exception
    assert app.slider(key="line_row").value == 3
    assert len(app.image) == 1
    assert "Row 3 of Digit 5" in texts(app)
    app.selectbox(key="source").select("fashion-mnist").run()
    assert not app.exception
    shirt = datasets.sample_image("fashion-mnist", "t-shirt-top-1").pixels[3, :, 0]
    assert " · ".join(map(str, shirt.tolist())) in texts(app)


GRADIENT = "shared-weight"


def test_the_gradient_by_hand_is_that_of_automatic_differentiation() -> None:
    app = open_page(PAGE, view=GRADIENT, show="all-weights")
    assert not app.exception
    assert not app.error
    assert "`GradientTape`: the same numbers" in texts(app)
    for loss in ("sum", "middle"):
        app.selectbox(key="gradient_loss").select(loss).run()
        assert not app.exception
        assert "`GradientTape`: the same numbers" in texts(app)


def test_one_weight_is_written_out_with_the_cells_it_met() -> None:
    image = np.random.default_rng(7).integers(0, 10, (5, 5))
    app = open_page(
        PAGE,
        view=GRADIENT,
        gradient_input="random",
        gradient_seed="7",
        gradient_loss="sum",
        weight_row="1",
        weight_column="0",
    )
    assert not app.exception
    met = image[1:4, 0:3].ravel()
    assert f"{' + '.join(map(str, met))} = {met.sum()}" in texts(app)
    assert rf"x_{{i+1,\,j+0}} = {met.sum()}" in latex(app)


def test_the_target_itself_has_a_gradient_of_zero() -> None:
    app = open_page(
        PAGE,
        view=GRADIENT,
        show="all-weights",
        gradient_kernel="emboss",
        gradient_target="emboss",
    )
    assert not app.exception
    assert "the gradient is zero" in texts(app)
    assert "loss 0" in texts(app)


@pytest.mark.parametrize("source", ["fashion-mnist", "natural"])
def test_a_cut_stays_on_the_image_when_size_and_image_change(source: str) -> None:
    app = open_page(PAGE, view=GRADIENT, show="all-weights")
    app.slider(key="gradient_top").set_value(23).run()
    app.slider(key="gradient_side").set_value(7).run()
    assert app.slider(key="gradient_top").value == 21
    app.selectbox(key="source").select(source).run()
    assert not app.exception
    assert not app.error
    assert "`GradientTape`: the same numbers" in texts(app)


@pytest.mark.parametrize("view", [LINE, GRADIENT])
def test_a_narrow_image_is_taken(view: str) -> None:
    app = open_page(PAGE, view=view, line_signal="row-of-the-image")
    app.selectbox(key="source").select("upload").run()
    strip = encode_png(np.full((8, 400, 3), 128, np.uint8))
    app.file_uploader[0].set_value(("strip.png", strip, "image/png")).run()
    assert not app.exception
    assert not app.error
