"""The augmentation page: its recipe, its draws and answers, its learning curves."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
import skimage.data
from streamlit.testing.v1 import AppTest

from cnnviz import datasets, figures, zoo
from cnnviz.figures import encode_png
from cnnviz.images import image_from_pixels
from cnnviz.network.loading import load_model
from cnnviz.training import LECTURE, RECIPES, draws
from cnnviz.ui import shared
from cnnviz.ui.augmentation import controls, curves
from cnnviz.ui.shell import address
from tests.conftest import REPOSITORY, slow_unless
from tests.pages.test_pages import open_page, texts

PATH = "pages/augmentation.py"
CURVES = "learning-curves"


def shown(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def press(app: AppTest, label: str) -> AppTest:
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    assert not app.error
    return app


def test_the_page_begins_with_the_lectures_recipe_and_finished_draws() -> None:
    app = open_page(PATH)
    assert not app.exception
    assert not app.error
    assert len(app.image) == 2  # the image and its samples
    assert "Now: The lecture's, seed 1" in texts(app)
    assert "rotation ±40°, shift ±20 %, shear ±11.5°, zoom ±20 %, flip" in texts(app)
    assert "**What you see.**" in texts(app)


def test_the_page_stands_alone_without_app_py() -> None:
    app = AppTest.from_file(str(REPOSITORY / PATH), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) == 2


def test_the_numbers_shown_are_those_of_the_network_for_these_very_draws() -> None:
    app = open_page(PATH, augmentation_seed="5", num_draws="16")
    image = datasets.sample_image("natural", "chelsea")
    model = load_model("efficientnet-lite0")
    versions = draws(zoo.model_view(model.card, image), LECTURE, 16, seed=5)
    best = int(model.logits(image).argmax())
    scores = [model.logits(image_from_pixels(pixels)) for pixels in versions]
    same = sum(int(one.argmax()) == best for one in scores)
    probabilities = [float(model.probabilities(one)[best]) for one in scores]
    assert shown(app) == {
        "Same prediction": f"{same}/16",
        "Mean": f"{np.mean(probabilities):.0%}",
        "Spread": f"±{100 * np.std(probabilities):.0f}%",
    }


def test_a_moved_slider_is_the_visitors_own_recipe() -> None:
    app = open_page(PATH)
    app.slider(key="rotation").set_value(120.0).run()
    assert not app.exception
    assert "Now: your own, seed 1" in texts(app)
    assert "rotation ±120°" in texts(app)
    app.segmented_control(key="augmentation_view").set_value("each-transform").run()
    assert app.slider(key="rotation").value == 120
    assert len(app.image) == 5
    assert "120° clockwise and counterclockwise" in texts(app)


def test_draw_again_takes_the_next_seed_and_other_draws() -> None:
    app = press(open_page(PATH), "New samples")
    assert app.number_input(key="augmentation_seed").value == 2
    assert "Now: The lecture's, seed 2" in texts(app)
    app = press(open_page(PATH, augmentation_seed="9999"), "New samples")
    assert app.number_input(key="augmentation_seed").value == 0


@pytest.mark.parametrize("title", [*controls.presets()])
@pytest.mark.sample(2)
def test_every_recipe_sets_all_its_numbers(title: str) -> None:
    app = press(open_page(PATH, more_contrast="0.3", fill="black"), title)
    assert f"Now: {title}, seed 1" in texts(app)
    recipe = controls.presets()[title]
    values = {name: app.session_state[key] for name, key in controls.KEYS.items()}
    assert values == asdict(recipe)


def test_the_recipes_are_the_lectures_and_all_that_networks_were_trained_with() -> None:
    offered = [*controls.presets().values()]
    assert offered[0] == LECTURE
    assert {recipe.augmentation for recipe in RECIPES.values()} <= {*offered}
    assert len({*offered}) == len(offered)


def test_without_any_change_every_draw_is_the_image() -> None:
    app = press(open_page(PATH), "None")
    assert shown(app)["Same prediction"] == "12/12"
    assert shown(app)["Spread"] == "±0%"
    app = press(open_page(PATH, view="each-transform"), "None")
    assert "No augmentation: every sample is the image itself" in texts(app)


@pytest.mark.parametrize("model", ["cats-dogs-150-augmented", "svhn-gabor", "mnist-cnn"])
def test_a_network_trained_here_says_what_it_was_trained_with(model: str) -> None:
    app = open_page(PATH, network=model)
    assert not app.exception
    assert not app.error
    assert f"{zoo.find_card(model).title} was trained with: rotation ±" in texts(app)


@pytest.mark.parametrize(
    "source", slow_unless(["svhn", "upload"], ["svhn", "house-numbers", "fashion-mnist", "upload"])
)
@pytest.mark.sample(1)
def test_every_source_of_images_works(source: str) -> None:
    app = open_page(PATH)
    app.selectbox(key="source").select(source).run()
    assert not app.exception
    assert not app.error
    assert len(app.image) == 2


def test_a_broken_upload_is_explained_and_nothing_breaks() -> None:
    app = open_page(PATH)
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not an image", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    good = encode_png(skimage.data.coffee())
    app.file_uploader[0].set_value(("coffee.png", good, "image/png")).run()
    assert not app.exception
    assert not app.error
    assert "espresso" in texts(app)


def test_wrong_settings_in_a_link_fall_back_to_the_lectures() -> None:
    app = open_page(PATH, rotation="999", shift="zzz", augmentation_seed="-3", num_draws="13")
    assert not app.exception
    assert not app.error
    assert "The lecture's" in texts(app)


@pytest.mark.parametrize("ends", [{"rotation": 180.0, "zoom": 0.9}, {"shear": 45.0, "shift": 0.5}])
def test_the_ends_of_the_sliders_work(ends: dict[str, Any]) -> None:
    app = open_page(PATH)
    for key, value in ends.items():
        app.slider(key=key).set_value(value)
    app.slider(key="more_contrast").set_value(0.9)
    app.slider(key="brightness").set_value(0.9).run()
    assert not app.exception
    assert not app.error
    assert "brightness ±90 %" in texts(app)


@pytest.mark.parametrize("pair", [*curves.PAIRS])
@pytest.mark.parametrize("curve", ["accuracy", "loss"])
def test_the_gap_named_is_that_between_the_ends_of_the_curves(pair: str, curve: str) -> None:
    app = open_page(
        PATH, view=CURVES, curves_of=address.slug(pair), curve=curve, curve_smoothing="0.3"
    )
    assert not app.exception
    assert not app.error
    for name in curves.PAIRS[pair]:
        history = shared.training_record(name).history
        ends = [figures.smoothed(history[key], 0.3)[-1] for key in (curve, f"val_{curve}")]
        gap = abs(ends[0] - ends[1])
        written = f"{100 * gap:.1f} percentage points" if curve == "accuracy" else f"{gap:.3g}"
        assert f"**{written}**" in texts(app)


def test_the_page_says_in_what_two_trainings_differ_besides_augmentation() -> None:
    app = open_page(PATH, view=CURVES)
    assert "| epochs | 20 | 64 |" in texts(app)
    assert "| architecture | cats-dogs-150 | cats-dogs-150-dropout |" in texts(app)
    app.selectbox(key="curves_of").select("cats-vs-dogs-frozen-base").run()
    assert "| epochs | 20 | 12 |" in texts(app)
    assert "| architecture |" not in texts(app)
