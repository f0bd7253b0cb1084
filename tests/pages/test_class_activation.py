"""Class activation in every view, with every method; its Python gives the same map."""

import io
import re
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

import cnnviz
from cnnviz.attribution.registry import METHODS
from cnnviz.attribution.targets import one_class
from cnnviz.figures import encode_png
from cnnviz.network.inspected_model import LoadedModel
from cnnviz.ui.class_activation import cached, controls, heat_map
from cnnviz.ui.controls import pickers
from cnnviz.ui.pages import BY_NAME
from cnnviz.ui.shell import jobs
from tests.conftest import slow_unless
from tests.pages.test_pages import finished, open_page, texts

PAGE = "pages/class_activation.py"
VIEWS = tuple(view.slug for view in BY_NAME["class_activation"].views)
MODELS = ("svhn-gabor", "fashion-cnn")


@pytest.mark.parametrize(
    ("view", "model"),
    slow_unless(
        [(view, model) for view in VIEWS for model in MODELS]
        + [(view, "efficientnet-lite0") for view in ("heat-map", "decomposition", "sanity-check")],
        [(view, model) for view in VIEWS for model in (*MODELS, "efficientnet-lite0")],
    ),
)
@pytest.mark.sample(5)
def test_every_view_shows_a_finished_example(view: str, model: str) -> None:
    app = finished(open_page(PAGE, view=view, network=model))
    assert not app.exception
    assert not app.error
    assert app.image
    assert "**What you see.**" in texts(app) or "**How it works.**" in texts(app)


# the first network fits all methods, the second has no head for CAM
CLOSER_VIEWS = ("faithfulness", "sanity-check")
QUICK = (
    *((method, "heat-map", MODELS[method == "cam"]) for method in METHODS),
    *(("cam", view, MODELS[1]) for view in CLOSER_VIEWS),
    *(("occlusion", view, MODELS[0]) for view in CLOSER_VIEWS),
)


@pytest.mark.parametrize(
    ("method", "view", "model"),
    slow_unless(
        QUICK,
        [
            (method, view, model)
            for method in METHODS
            for view in ("heat-map", *CLOSER_VIEWS)
            for model in MODELS
        ],
    ),
)
@pytest.mark.sample(5)
def test_every_method_works_in_every_view(method: str, view: str, model: str) -> None:
    app = finished(open_page(PAGE, view=view, network=model, method=method))
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="method").value == method
    if method == "cam" and model == MODELS[1]:
        assert "ends differently" in texts(app)


@pytest.mark.parametrize("kind", controls.TARGETS)
def test_anything_can_be_argued_for(kind: str) -> None:
    app = open_page(PAGE, network="svhn-gabor", target=kind)
    assert not app.exception
    assert not app.error
    said = {
        "class": "Target of the map: “",
        "contrast": "” versus “",
        "sum": "” + “",
        "probability": "the probability of “",
    }
    assert said[kind] in texts(app)


def test_the_settings_of_a_method_are_offered_and_matter() -> None:
    app = finished(open_page(PAGE, network="svhn-gabor", method="smoothgrad"))
    for setting in METHODS["smoothgrad"].settings:
        key = f"smoothgrad_{setting.name}"
        number = app.number_input if setting.high > controls.MAX_SLIDER else app.slider
        kind = {bool: app.toggle, str: app.selectbox}.get(type(setting.default), number)
        assert kind(key=key).value == setting.default
    app.slider(key="smoothgrad_samples").set_value(3).run()
    app = finished(app)
    assert not app.exception
    assert "samples=3" in app.code[0].value


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"method": "hires-cam", "hires_cam_signed": "true"},
        {"method": "score-cam", "network": "fashion-cnn", "target": "contrast"},
        {"method": "integrated-gradients", "network": "svhn-gabor"},
        {"method": "guided-grad-cam", "target": "sum"},
    ],
    ids=lambda query: query.get("method", "default"),
)
@pytest.mark.sample(2)
def test_the_python_on_the_page_gives_the_same_map(
    query: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Any] = []
    before = heat_map._show_maps

    def remember(model: str, picked: Any, request: Any, heatmap: Any, look: Any) -> None:
        shown.append(heatmap)
        before(model, picked, request, heatmap, look)

    monkeypatch.setattr(heat_map, "_show_maps", remember)
    app = finished(open_page(PAGE, **query))
    names: dict[str, Any] = {}
    exec(app.code[0].value, names)
    np.testing.assert_allclose(names["heatmap"].values, shown[-1].values, atol=1e-6)
    assert names["heatmap"].target == shown[-1].target


def test_the_python_of_fused_layers_gives_the_same_map() -> None:
    request = controls.AttributionRequest(
        METHODS["layer-cam"], "conv3", one_class(9), (), fused_with=("conv2",)
    )
    picked = pickers._from_source("fashion-mnist", "ankle-boot-1")
    names: dict[str, Any] = {}
    exec(heat_map.python_for("fashion-cnn", picked, request), names)
    expected = cached.fused_map("fashion-cnn", picked.image, ("conv3", "conv2"), request.target)
    np.testing.assert_allclose(names["heatmap"].values, expected.values, atol=1e-6)


def test_recoloring_computes_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    app = open_page(PAGE, network="svhn-gabor")

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(LoadedModel, "compute", forbidden)
    app.selectbox(key="colors").select("viridis").run()
    app.slider(key="threshold").set_value(50).run()
    app.toggle(key="contour").set_value(True).run()
    app.toggle(key="smooth").set_value(False).run()
    app.slider(key="opacity").set_value(0.9).run()
    assert not app.exception
    assert app.image


def test_another_share_of_pixels_measures_nothing_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    query = {"view": "faithfulness", "network": "svhn-gabor"}
    app = finished(open_page(PAGE, **query))
    app.slider(key="gone_share").set_value(50).run()

    def forbidden(*_: Any, **__: Any) -> None:
        raise AssertionError("computed again")

    monkeypatch.setattr(LoadedModel, "compute", forbidden)
    monkeypatch.setattr(cnnviz.attribution.evaluation.faithfulness, "image_without", forbidden)
    app.slider(key="gone_share").set_value(20).run()  # seen before
    assert not app.exception
    monkeypatch.undo()
    app.slider(key="gone_share").set_value(35).run()
    assert not app.exception


@pytest.mark.parametrize("against", ["layers", "classes", "networks"])
@pytest.mark.sample(1)
def test_methods_stand_side_by_side(against: str) -> None:
    app = finished(open_page(PAGE, view="compare", network="svhn-gabor", against=against))
    assert not app.exception
    assert not app.error
    assert app.image
    app.toggle(key="method_scale").set_value(True).run()
    assert "the method's largest map" in texts(app)
    app.multiselect(key="methods").set_value([]).run()
    assert "at least one method" in texts(app)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("road", "the mask itself is invisible"),
        ("pointing", r"lies in the correct quadrant|not sure of four"),
        ("mean", r"10 images, each .*; removed pixels are blurred\. The method (is|cannot be)"),
    ],
)
@pytest.mark.sample(1)
def test_a_map_is_evaluated_in_several_ways(part: str, expected: str) -> None:
    app = open_page(PAGE, view="faithfulness", network="svhn-gabor", show=part)
    app = finished(finished(app))
    assert not app.exception
    assert re.search(expected, texts(app))
    share, kind = app.slider(key="gone_share"), app.selectbox(key="gone")
    assert (share.disabled, kind.disabled) == (part != "road", part != "mean")
    if part == "road":
        share.set_value(100).run()
    elif part == "mean":
        kind.select("noise").run()
    app = finished(app)
    assert not app.exception
    assert not [error for error in app.error if "not sure of four" not in error.value]


def test_the_lever_of_weight_randomization_moves() -> None:
    app = finished(open_page(PAGE, view="sanity-check", network="fashion-cnn"))
    lever = app.select_slider(key="randomized")
    assert list(lever.options) == ["0", "1", "2", "3", "4", "5"]
    lever.set_value(5).run()
    assert not app.exception
    assert "5 layers, down to `conv1`" in texts(app)


def test_stress_moves_the_image_and_says_what_becomes_of_the_answer() -> None:
    app = open_page(PAGE, view="robustness", network="svhn-gabor", source="svhn")
    app.slider(key="stress_noise").set_value(0.6).run()
    app.slider(key="stress_turn").set_value(180.0).run()
    app.slider(key="stress_square").set_value(0.9).run()
    assert not app.exception
    assert not app.error
    assert "The predicted class **" in texts(app)


@pytest.mark.parametrize("view", slow_unless(["heat-map", "faithfulness", "robustness"], VIEWS))
def test_an_upload_works_in_every_view(view: str) -> None:
    app = open_page(PAGE, view=view, network="svhn-gabor", source="upload")
    pixels = np.random.default_rng(2).integers(0, 256, (50, 90, 3), dtype=np.uint8)
    app.file_uploader[0].set_value(("mine.png", encode_png(pixels), "image/png")).run()
    app = finished(app)
    assert not app.exception
    assert not app.error
    if view == "heat-map":
        assert 'cnnviz.read_image("your-image.jpg")' in app.code[0].value


def test_a_slow_method_can_be_stopped() -> None:
    jobs._jobs.clear()
    app = open_page(PAGE, method="rise", rise_masks="4000")
    stop = [button for button in app.button if button.label == "Stop"]
    assert stop, "a slow method must offer to stop"
    stop[0].click().run()
    app = finished(app)
    assert not app.exception
    assert "stopped" in texts(app)


@pytest.mark.parametrize(
    ("query", "num_images"),
    [
        ({"method": "ablation-cam", "layer": "block2b_depthwise_relu6"}, 144),
        (
            {
                "method": "score-cam",
                "score_cam_channels": "4096",
                "layer": "block6c_add",
            },
            192,
        ),
    ],
    ids=["ablation-cam", "score-cam"],
)
@pytest.mark.sample(1)
def test_a_slow_cam_shows_its_progress_and_ends_with_the_map(
    query: dict[str, str], num_images: int
) -> None:
    jobs._jobs.clear()
    app = open_page(PAGE, **query)
    assert [button.label for button in app.button if button.label == "Stop"] == ["Stop"]
    (job,) = jobs._jobs.values()
    app = finished(app)
    assert not app.exception
    assert not app.error
    assert job._total == num_images
    assert not [button for button in app.button if button.label == "Stop"]
    name = query["method"].lower()
    assert f'"{name}"' in app.code[0].value
    assert job.value.method == name


def test_ablation_cam_can_be_stopped() -> None:
    jobs._jobs.clear()
    app = open_page(PAGE, method="ablation-cam", layer="block3a_depthwise_relu6")
    (job,) = jobs._jobs.values()
    (stop,) = [button for button in app.button if button.label == "Stop"]
    stop.click().run()
    app = finished(app)
    assert job.is_stopped
    assert "stopped" in texts(app)


@pytest.mark.parametrize(
    "query",
    [
        {"method": "grad-cam"},
        {"method": "score-cam"},
        {"method": "ablation-cam"},
        {"method": "smoothgrad"},
        {"method": "guided-grad-cam"},
        {"view": "decomposition"},
        {"view": "robustness"},
    ],
    ids=lambda query: "-".join(query.values()),
)
def test_what_is_quick_on_a_small_network_starts_no_job(query: dict[str, str]) -> None:
    jobs._jobs.clear()
    app = open_page(PAGE, network="svhn-gabor", **query)
    assert not app.exception
    assert app.image
    assert not jobs._jobs


@pytest.mark.parametrize("view", [*VIEWS, "fused"])
@pytest.mark.sample(2)
def test_on_a_network_so_large_that_all_is_slow_every_view_works(
    view: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    jobs._jobs.clear()
    monkeypatch.setattr(cnnviz.network.cost, "SLOW_COST", 1)
    query = {"view": view} if view != "fused" else {"method": "layer-cam"}
    app = open_page(PAGE, network="fashion-cnn", source="fashion-mnist", **query)
    if view == "fused":
        app.selectbox(key="fuse_fashion-cnn").select("conv2").run()
    for _ in range(6):  # one job may follow another
        app = finished(app)
    assert not app.exception
    assert not app.error
    assert not [button for button in app.button if button.label == "Stop"]
    assert app.image
    assert "**What you see.**" in texts(app) or "**How it works.**" in texts(app)
    assert jobs._jobs
    assert "Thread 'Thread" not in caplog.text  # a job must not draw


def test_the_table_marks_methods_that_are_slow_on_this_network() -> None:
    marked = {}
    for model in ("svhn-gabor", "efficientnet-lite0"):
        app = open_page(PAGE, view="compare", network=model)
        for job in jobs._jobs.values():
            job.stop()
        finished(app)
        (note,) = [c.value for c in app.caption if c.value.startswith("Slow on this network")]
        titles = note.removeprefix("Slow on this network: ").removesuffix(".").split(", ")
        marked[model] = {name for name, method in METHODS.items() if method.title in titles}
    many = {"integrated-gradients", "occlusion", "rise"}
    assert marked["svhn-gabor"] == many
    assert marked["efficientnet-lite0"] == many | {"score-cam", "ablation-cam", "smoothgrad"}


def test_the_map_on_the_page_is_the_map_of_the_package() -> None:
    picked = pickers._from_source("natural", "coffee")
    found = cached.heatmap("efficientnet-lite0", picked.image, "cam", "head_relu6", one_class(967))
    assert found is not None
    buffer = io.BytesIO(cnnviz.figures.heatmap_npz(found))
    with np.load(buffer) as arrays:
        expected = cnnviz.class_activation_map(
            cnnviz.load_model("efficientnet-lite0"), picked.image, "cam", class_index=967
        )
        np.testing.assert_allclose(arrays["values"], expected.values, atol=1e-5)


def test_every_download_is_made() -> None:
    app: AppTest = open_page(PAGE, network="svhn-gabor")
    labels = [element.proto.label for element in app.get("download_button")]
    assert [label.split(" (")[0] for label in labels] == [
        "Overlay",
        "Map",
        "Map",
        "All settings",
        "All images",
        "Numbers",
    ]


@pytest.mark.slow
def test_a_map_that_became_empty_is_called_so() -> None:
    app = finished(open_page(PAGE, view="sanity-check"))  # nothing argues for the cat any more
    assert "No position supports the class any more: the map is empty." in texts(app)
    app.select_slider(key="randomized").set_value(0).run()
    assert "the map is empty" not in texts(app)
