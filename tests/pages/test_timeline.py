"""The training timeline: its words, its files, its second network, and what cannot be shown."""

import io

import numpy as np
import pytest
from PIL import Image
from streamlit.testing.v1 import AppTest

from cnnviz import datasets, figures, zoo
from cnnviz.training.timeline import KernelFits, kernel_fits, training_timeline
from cnnviz.ui.timeline import cached, frames
from tests.conftest import REPOSITORY
from tests.pages.test_pages import finished, open_page, texts

PAGE = "pages/timeline.py"


def opened(**query: str) -> AppTest:
    app = finished(open_page(PAGE, **query))
    assert not app.exception
    assert not app.error
    return app


def test_the_first_look_is_a_finished_timeline_with_its_story_and_its_files() -> None:
    app = opened(network="svhn-gabor")
    said = texts(app)
    assert "**What you see: SVHN Gabor CNN" in said
    assert "on it is “5”, finally with" in said
    assert "weights of `conv1` changed most, by 6.2 times" in said
    assert "lVert w - w_0" in said
    assert [button.label for button in app.get("download_button")] == [
        "Timeline (GIF)",
        "Numbers (NPZ)",
        "Image (PNG)",
    ]
    assert len(app.image) == 1


def test_the_page_alone_and_before_the_timeline_is_ready_shows_the_image() -> None:
    app = AppTest.from_file(str(REPOSITORY / PAGE), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) >= 1


@pytest.mark.slow
def test_other_layers_classes_and_a_second_network_can_be_chosen() -> None:
    app = opened(network="svhn-gabor")
    app.selectbox(key="timeline_layer").select("relu5").run()
    app.selectbox(key="timeline_cam_layer").select("relu2").run()
    app.selectbox(key="class").select(3).run()
    assert "The heat map is for “3”" in texts(finished(app))
    app.selectbox(key="beside").select("fashion-gabor").run()
    said = texts(finished(app))
    assert not app.exception
    assert "**What you see: SVHN Gabor CNN, Digit 5, street view." in said
    assert "**What you see: Fashion Gabor CNN, Ankle boot 1." in said
    assert "The heat map is for “Ankle boot”" in said
    assert len(app.image) == 2
    app.selectbox(key="source").select("natural").run()
    said = texts(finished(app))
    assert said.count("**What you see") == 2
    assert "**What you see: Fashion Gabor CNN, Ankle boot" not in said


def test_a_ready_pair_differs_in_one_thing_and_the_page_says_in_what() -> None:
    app = opened(network="fashion-gabor")
    wanted = "With and without augmentation"
    next(button for button in app.button if button.label == wanted).click().run()
    app = finished(app)
    assert app.selectbox(key="suitable_network").value == "svhn-few"
    assert app.selectbox(key="beside").value == "svhn-few-augmented"
    said = texts(app)
    assert not app.exception
    assert said.count("**What you see") == 2
    assert "| | SVHN few | SVHN few, augmented |" in said
    assert (
        "| augmentation | no augmentation | rotation ±10°, shift ±8 %, shear ±8°, zoom ±15 % |"
        in said
    )
    assert "| architecture |" not in said
    assert "| data |" not in said


@pytest.mark.slow
def test_a_layer_that_the_second_network_lacks_is_replaced() -> None:
    app = opened(network="svhn-gabor", beside="fashion-gabor")
    app.selectbox(key="timeline_layer").select("dropout5").run()
    assert not finished(app).exception
    assert not app.error
    assert "Fashion Gabor CNN" in texts(app)


@pytest.mark.parametrize("model", ["efficientnet-lite0", "nothing"])
def test_a_network_without_checkpoints_is_not_offered(model: str) -> None:
    app = opened(network=model, beside="nothing")
    assert app.selectbox(key="suitable_network").options == [
        "Fashion Gabor CNN",
        "SVHN few",
        "SVHN few, augmented",
        "SVHN Gabor CNN",
        "SVHN small",
        "SVHN small, noisy",
    ]
    assert "**What you see: Fashion Gabor CNN" in texts(app)


def test_a_broken_upload_is_explained() -> None:
    app = opened(network="svhn-gabor")
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("digit.png", b"no image", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1


@pytest.mark.parametrize("name", ["svhn-gabor", "fashion-gabor"])
def test_the_reel_has_one_of_everything_for_every_step(name: str) -> None:
    image = datasets.sample_image("svhn", "digit-5-1")
    timeline = training_timeline(name, image, "relu3", 3)
    fits = kernel_fits(name)
    made = cached.timeline_frames(timeline, image, fits)
    kernels, maps, evidence, curves, drift, answers = made["panels"]
    count = len(zoo.checkpoint_steps(name))
    for panel in (kernels, maps, evidence, drift, answers):
        assert len(panel["says"]) == count
    assert len(kernels["fits"]) == len(kernels["kernels"]) == len(kernels["quality"]) == count
    assert drift["shares"][0] == [0] * len(drift["names"])
    assert max(max(row) for row in drift["shares"]) == 1
    assert answers["names"][answers["picked"]] == timeline.class_names[3]
    for row in answers["shares"]:
        assert sum(row) == pytest.approx(1, abs=1e-3)
    history = zoo.training_record(name).history
    assert curves["charts"][0]["lines"][1]["values"] == history["val_accuracy"].tolist()
    assert evidence["frames"][0].startswith("data:image/jpeg;base64,")


def test_colors_mean_the_same_in_every_frame() -> None:
    image = datasets.sample_image("svhn", "digit-5-1")
    timeline = training_timeline("svhn-gabor", image, "conv1", 5)
    card = zoo.find_card("svhn-gabor")
    reach = frames.kernel_reach(timeline)
    assert reach == max(np.abs(frame.kernels).max() for frame in timeline.frames)
    for frame in (timeline.frames[0], timeline.frames[-1]):
        painted = np.stack(frames.painted_kernels(frame.kernels, card, reach), axis=-1)
        back = (painted / 255 - 0.5) * 2 * reach
        np.testing.assert_allclose(back, frame.kernels, atol=reach / 254)
    assert frames.map_scale(timeline).high == max(frame.maps.max() for frame in timeline.frames)
    assert frames.heat_scale(timeline).high == max(frame.heatmap.max() for frame in timeline.frames)


def test_a_kernel_without_a_fit_is_gray_and_has_no_number() -> None:
    image = datasets.sample_image("svhn", "digit-5-1")
    timeline = training_timeline("svhn-gabor", image, "conv1", 5)
    stack = np.stack([frame.kernels for frame in timeline.frames])
    stack[:, ..., 0] = np.nan
    quality = np.full((len(stack), stack.shape[-1]), 0.9)
    quality[:, 0] = np.nan
    fits = KernelFits("svhn-gabor", stack, quality)
    card, record = zoo.find_card("svhn-gabor"), zoo.training_record("svhn-gabor")
    kernels = frames.make_frames(timeline, card, record, image, fits)["panels"][0]
    assert kernels["quality"][0][:2] == [None, 0.9]
    assert "R² ≥ 0.8: 23 of 24" in kernels["says"][0]
    assert (frames.painted_kernels(stack[0], card, 1.0)[0] == 128).all()


def test_the_gif_holds_every_step() -> None:
    image = datasets.sample_image("svhn", "digit-5-1")
    timeline = training_timeline("svhn-gabor", image, "conv1", 5)
    sheets = frames.stills(timeline, zoo.find_card("svhn-gabor"), image)
    with Image.open(io.BytesIO(figures.encode_gif(sheets, 500))) as gif:
        assert gif.n_frames == len(timeline.frames)
        assert gif.size == sheets[0].shape[1::-1]


def test_arrays_come_back_from_their_file() -> None:
    arrays = {"a": np.arange(3), "names": np.array(["x", "y"])}
    with np.load(io.BytesIO(figures.arrays_npz(arrays))) as found:
        for name, values in arrays.items():
            np.testing.assert_array_equal(found[name], values)
