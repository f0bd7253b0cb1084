"""The page on reusing features: the comparison, and a head on classes of one's own."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from cnnviz.figures import encode_png
from cnnviz.training.transfer_comparison import NETWORKS
from cnnviz.ui.shell import jobs
from tests.conftest import REPOSITORY
from tests.pages.test_pages import finished, has_result, open_page, texts

PAGE = "pages/transfer.py"


def shown(**query: str) -> AppTest:
    app = finished(open_page(PAGE, **query))
    assert not app.exception
    assert not app.error
    return app


def test_the_first_look_is_never_empty() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert "73.4%" in texts(app)


@pytest.mark.slow
def test_all_five_networks_answer_for_the_image() -> None:
    app = shown(view="heat-maps")
    assert len(app.image) == len(NETWORKS)
    assert texts(app).count("** predicts “cat”") == len(NETWORKS)


def test_fine_tuning_leaves_frozen_weights_as_they_are() -> None:
    app = shown(view="weight-changes")
    assert "46 of 51 layers were frozen and did not change" in texts(app)


@pytest.mark.slow
def test_the_evidence_for_a_class_that_is_not_there_is_none() -> None:
    app = shown(view="heat-maps")
    app.radio(key="reuse_class").set_value("dog").run()
    assert not app.exception
    assert "Heat map for “dog”" in texts(app)
    assert "no region supports it" in texts(app)


def test_settings_change_nothing_but_the_look() -> None:
    app = shown(view="heat-maps")
    app.toggle(key="reuse_shared").set_value(True).run()
    assert not app.exception
    assert len(app.image) == len(NETWORKS)
    app = shown(view="learning-curves")
    app.slider(key="reuse_smoothing").set_value(0.9).run()
    app.radio(key="reuse_curves").set_value("loss").run()
    assert not app.exception


@pytest.mark.slow
def test_another_image_is_asked_about_anew() -> None:
    app = shown(view="heat-maps")
    app.selectbox(key="source").select("fashion-mnist").run()
    finished(app)
    assert not app.exception
    assert not app.error
    assert len(app.image) == 1 + len(NETWORKS)


def test_a_broken_upload_is_explained_beside_the_example() -> None:
    app = shown(view="heat-maps")
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not an image", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    assert has_result(app)


def test_the_page_stands_alone() -> None:
    app = AppTest.from_file(str(REPOSITORY / PAGE), default_timeout=120).run()
    assert not app.exception
    assert has_result(app)


OWN = {"view": "own-classes"}


def images(first: int, count: int, color: int) -> list[tuple[str, bytes, str]]:
    """Draw noise in one color: files that a network tells apart."""
    files = []
    for seed in range(first, first + count):
        pixels = np.zeros((64, 64, 3), np.uint8)
        pixels[..., color] = np.random.default_rng(seed).integers(100, 256, (64, 64))
        files.append((f"{seed}.png", encode_png(pixels), "image/png"))
    return files


def add(app: AppTest, name: str, files: list[tuple[str, bytes, str]]) -> AppTest:
    app.text_input[0].set_value(name)
    app.file_uploader[0].set_value(files)
    next(button for button in app.button if button.label == "Add these images").click()
    return finished(finished(app.run()))


def test_the_bundled_example_is_trained_at_once() -> None:
    app = shown(**OWN)
    assert "59 of 60" in texts(app)
    assert "3,843" in texts(app)
    assert len(app.image) == 1  # what is misclassified
    app.segmented_control(key="own_part").set_value("images").run()
    assert "The first 8 images of each class" in texts(app)


def test_too_few_or_too_many_kinds_are_explained() -> None:
    app = shown(**OWN)
    for name in ("Sneaker", "Shirt"):
        app.checkbox(key=f"own_bundled {name}").set_value(False)
    app.run()
    assert not app.exception
    assert "There is 1 class. Add 2 to 5 in all." in texts(finished(app))
    app.checkbox(key="own_bundled Sneaker").set_value(True).run()
    finished(app)
    assert not app.exception
    assert "of 40**" in texts(app)


def test_a_head_on_images_of_ones_own_is_trained_and_opens_on_all_pages() -> None:
    app = shown(**OWN, own_source="own")
    assert "There are 0 classes" in texts(app)
    assert has_result(app)
    broken = ("broken.png", b"not an image", "image/png")
    app = add(app, "red things", [*images(0, 8, 0), broken])
    assert not app.exception
    assert "broken.png: This file cannot be read as an image" in texts(app)
    app = add(app, "blue things", [*images(20, 9, 2), ("again.png", *images(20, 1, 2)[0][1:])])
    app = finished(app)
    assert not app.exception
    assert "again.png (“blue things”) is the same image as 20.png" in texts(app)
    assert "**17 of 17**" in texts(app)
    app.segmented_control(key="own_part").set_value("prediction").run()
    next(button for button in app.button if button.label == "Open it on all pages").click().run()
    app = finished(app)
    assert not app.exception
    assert "is open on every page" in app.success[0].value
    app.switch_page("pages/class_activation.py").run()
    assert not app.exception
    assert not app.error
    assert app.selectbox(key="network").value.startswith("own-head-")
    assert "blue things" in texts(app)


def test_what_is_missing_in_the_form_is_said() -> None:
    app = shown(**OWN, own_source="own")
    app = add(app, "things", [])
    assert "No images were chosen" in texts(app)
    app = add(app, "", images(0, 1, 0))
    assert "The class has no name yet" in texts(app)
    assert not app.exception


def test_a_class_can_be_dropped() -> None:
    app = shown(**OWN, own_source="own")
    app = add(app, "red things", images(0, 3, 0))
    assert "“red things” has 3 usable images" in texts(app)
    next(button for button in app.button if button.label == "Remove").click().run()
    assert not app.exception
    assert "There are 0 classes" in texts(finished(app))


def test_nothing_that_was_brought_stays_with_the_server() -> None:
    app = shown(**OWN, own_source="own")
    app = add(app, "red things", images(40, 8, 0))
    app = finished(add(app, "blue things", images(60, 8, 2)))
    assert "**16 of 16**" in texts(app)
    kinds = {key[0] for key in jobs._jobs}
    assert "own images" not in kinds
    assert sum(key[0] == "own head" for key in jobs._jobs) <= 3  # bundled ones, shared by all
    assert not any(
        "red things" in job.value[0].class_names
        for key, job in jobs._jobs.items()
        if key[0] == "own head"
    )
