"""Classes of a visitor's own: bring images, train a head, see what it is worth, take it along.

What is brought stays in the session: nothing is written to disk.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np
import streamlit as st

from cnnviz import datasets, figures
from cnnviz.statistics import wilson_interval
from cnnviz.training.head.labeled_images import (
    MAX_CLASSES,
    MAX_IMAGES,
    MIN_CLASSES,
    MIN_IMAGES,
    CheckedClasses,
    NamedImage,
    bundled_classes,
    check_classes,
    plain_name,
)
from cnnviz.ui import shared
from cnnviz.ui.controls import IMAGE_TYPES, NETWORK, USER_MODEL, PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import download, show_chart, show_image
from cnnviz.ui.transfer import cached_classes

if TYPE_CHECKING:
    from cnnviz.training.head.fitting import TrainedHead

_SOURCES = {"bundled": "bundled clothing", "own": "your own images"}
_EXAMPLE = ("Sneaker", "Bag", "Shirt")
_A_ROW = 8  # images of a class in the overview
_MAX_WRONG = 16
_MAX_PROBLEMS = 10  # that are written out
_PARTS = {
    "accuracy": "Accuracy",
    "prediction": "Prediction and download",
    "images": "Training images",
}
_CLASSES, _PROBLEMS = "own_classes", "own_class_problems"  # session keys: what was brought
_PENDING = "own_classes_pending"  # session key: files that are being read
_FEATURES, _HEAD = "own_class_features", "own_class_head"  # session keys: what was computed
_OPENING = "own_head_opening"  # session key: the head that is being put on its base


def show(picked: PickedImage) -> None:
    """Train a head on classes of one's own."""
    column, stage = frame.columns()
    with column:
        classes = chosen_classes()
    with stage:
        show_head(classes, picked)


def chosen_classes() -> CheckedClasses:
    """Ask for the training images of the head."""
    if address.radio("Train on", _SOURCES, key="own_source") == "own":
        return _own_classes()
    st.markdown(f"{MIN_CLASSES} to {MAX_CLASSES} classes of clothing, 20 images each")
    places = st.columns(2)
    names = [
        name
        for number, name in enumerate(datasets.FASHION_CLASSES)
        if places[number % 2].checkbox(name, name in _EXAMPLE, key=f"own_bundled {name}")
    ]
    return bundled_classes(names)


def _own_classes() -> CheckedClasses:
    """Take images class by class, and list them."""
    with st.form("own class", clear_on_submit=True):
        name = st.text_input("Class name", placeholder="for example: mugs", max_chars=40)
        files = st.file_uploader(
            "Images",
            type=[*IMAGE_TYPES, "zip"],
            accept_multiple_files=True,
            help=f"{MIN_IMAGES} to {MAX_IMAGES} per class; 20 or more are better. Or a ZIP "
            "with one folder per class: then no name is needed.",
        )
        if st.form_submit_button("Add these images", width="stretch"):
            _take(plain_name(name), [(file.name, file.getvalue()) for file in files])
    _finish_reading()
    classes = check_classes(st.session_state.get(_CLASSES, {}))
    _list_classes(classes)
    st.markdown(
        ":small[Your images stay in this session and are never written to disk. They are deleted "
        "when you close the page.]"
    )
    return classes


def _take(name: str, files: list[tuple[str, bytes]]) -> None:
    needs_name = any(not file_name.lower().endswith(".zip") for file_name, _ in files)
    problem = ""
    if not files:
        problem = "No images were chosen. Drop some, then press the button."
    elif needs_name and not name:
        problem = "The class has no name yet. Write what the images show, then add them again."
    else:
        st.session_state[_PENDING] = (uuid4().hex, name, files)
    st.session_state[_PROBLEMS] = [problem] if problem else []


def _finish_reading() -> None:
    """Add the images that were read; what is wrong with the rest is kept as sentences."""
    if _PENDING not in st.session_state:
        return
    result = cached_classes.own_images(*st.session_state[_PENDING])
    if result is None:
        return
    del st.session_state[_PENDING]
    found, problems = result
    classes: dict[str, Sequence[NamedImage]] = dict(st.session_state.get(_CLASSES, {}))
    for name, images in found.items():
        classes[name] = [*classes.get(name, ()), *images]
    checked = check_classes(classes)
    st.session_state[_CLASSES] = {
        name: checked.of_class(label) for label, name in enumerate(checked.class_names)
    }
    st.session_state[_PROBLEMS] = [*problems, *checked.refused]


def _list_classes(classes: CheckedClasses) -> None:
    problems = st.session_state.get(_PROBLEMS, [])
    if problems:
        more = len(problems) - _MAX_PROBLEMS
        rest = [f"And {more} more."] if more > 0 else []
        st.error("\n\n".join([*problems[:_MAX_PROBLEMS], *rest]))
    for label, name in enumerate(classes.class_names):
        told, button = st.columns([2.2, 1], vertical_alignment="center")
        told.markdown(f"**{name}**: {len(classes.of_class(label))}")
        button.button("Remove", on_click=_drop, args=(name,), key=f"drop {name}", width="stretch")


def _drop(name: str) -> None:
    st.session_state[_CLASSES].pop(name, None)
    st.session_state[_PROBLEMS] = []


def show_head(classes: CheckedClasses, picked: PickedImage) -> None:
    """Show the training images, the result, and how to keep it."""
    is_own = st.session_state.get("own_source") == "own" and classes.is_complete
    if not classes.is_complete:
        lines = "\n".join(f"- {sentence}" for sentence in classes.missing)
        st.info(
            f"To train a head, add more:\n\n{lines}\n\nUntil then, the bundled example is shown."
        )
        classes = bundled_classes(_EXAMPLE)
    part = address.tabs(_PARTS, key="own_part")
    if part == "images":
        _show_images(classes)
    head = _own_head(classes) if is_own else _bundled_head(classes)
    if head is None:
        return
    if part == "accuracy":
        _show_result(classes, head)
        _explain(classes, head)
    elif part == "prediction":
        _show_prediction(head, picked)
        _take_along(head)


def _bundled_head(classes: CheckedClasses) -> "TrainedHead | None":
    result = cached_classes.own_head(classes, {}, is_shared=True)
    return None if result is None else result[0]


def _own_head(classes: CheckedClasses) -> "TrainedHead | None":
    """Train a head on a visitor's classes, or give the one that this session has."""
    kept = st.session_state.get(_HEAD)
    if kept is not None and kept[0] == classes.digest:
        return kept[1]
    result = cached_classes.own_head(classes, st.session_state.get(_FEATURES, {}), is_shared=False)
    if result is None:
        return None
    head, st.session_state[_FEATURES] = result
    st.session_state[_HEAD] = (classes.digest, head)
    return head


def _show_images(classes: CheckedClasses) -> None:
    rows = [classes.of_class(label)[:_A_ROW] for label in range(len(classes.class_names))]
    views = [image.image.pixels for row in rows for image in row]
    sheet = figures.mosaic(
        views, [None] * len(views), columns=_A_ROW, tile_px=112, first_number=None
    )
    counts = ", ".join(
        f"{name} ({len(classes.of_class(label))})" for label, name in enumerate(classes.class_names)
    )
    show_image(
        sheet,
        f"The first {_A_ROW} images of each class, from top to bottom: {counts}.",
        f"Images of {', '.join(classes.class_names)}",
    )


def _show_result(classes: CheckedClasses, head: "TrainedHead") -> None:
    low, high = wilson_interval(head.num_right, len(head.predictions))
    st.markdown(
        f"**{head.num_right} of {len(head.predictions)}** validation images "
        f"(**{head.accuracy:.1%}**) are classified correctly; "
        f"95 % interval **{low:.1%} to {high:.1%}** (Wilson)."
    )
    matrix, wrong = st.columns([1.5, 1], gap="medium")
    with matrix:
        show_chart(
            figures.confusion_figure(head.confusion, head.class_names),
            "Confusion matrix of the head on validation images",
            key="own confusion",
        )
    with wrong:
        _show_wrong(classes, head)


def _show_wrong(classes: CheckedClasses, head: "TrainedHead") -> None:
    places = np.flatnonzero(head.predictions != classes.labels)[:_MAX_WRONG]
    if not len(places):
        st.markdown("No image is misclassified.")
        return
    views = [classes.images[place].image.pixels for place in places]
    names = head.class_names
    lines = [
        f"{number}: {classes.images[place].file_name}, “{names[classes.labels[place]]}”, "
        f"predicted “{names[head.predictions[place]]}”"
        for number, place in enumerate(places, start=1)
    ]
    sheet = figures.mosaic(
        views, [None] * len(views), columns=min(len(views), 3), tile_px=168, first_number=1
    )
    show_image(sheet, "  \n".join(lines), "Misclassified images")


def _show_prediction(head: "TrainedHead", picked: PickedImage) -> None:
    shares = head.probabilities(cached_classes.image_features(picked.image))[0]
    image, prediction = st.columns([1, 2.2], gap="medium")
    with image:
        pixels = shared.smaller(picked.image, 512).pixels
        show_image(pixels, picked.label, picked.label)
    with prediction:
        for place in np.argsort(-shares):
            share = float(shares[place])
            st.progress(share, f"{head.class_names[place]}: {share:.1%}")
        st.markdown(
            ":small[The probabilities add up to 100 % over these classes for any image, even one "
            "of something else.]"
        )


def _take_along(head: "TrainedHead") -> None:
    """Open the network on all pages, or save it."""
    st.subheader("Keep the network")
    user_model = st.session_state.get(USER_MODEL)
    if user_model is not None and user_model.name == head.name:
        st.success(f"“{user_model.card.title}” is open on every page, under **Network**.")
        frame.link("class_activation", "Class activation maps")
        st.button("Close this network", on_click=_close)
    elif st.session_state.get(_OPENING) == head.name:
        model = cached_classes.own_network(head)
        if model is not None:
            st.session_state[USER_MODEL] = model
            st.session_state[address.wanted(NETWORK)] = model.name
            del st.session_state[_OPENING]
            st.rerun()
    else:
        st.button("Open it on all pages", on_click=_open, args=(head.name,))
    download("Network and card (ZIP, 14 MB)", "own-head.zip", lambda: _archive(head))
    st.markdown(
        ":small[The ZIP holds own-head.keras and own-head.json. In the folder of "
        "`CNNVIZ_MODELS_DIR` they appear on every page; Keras 3 opens the first one.]"
    )


def _open(head_name: str) -> None:
    st.session_state[_OPENING] = head_name


def _close() -> None:
    st.session_state.pop(USER_MODEL, None)


def _archive(head: "TrainedHead") -> bytes:
    from cnnviz.training.head.fitting import head_archive

    return head_archive(head)


def _explain(classes: CheckedClasses, head: "TrainedHead") -> None:
    num_features, num_classes = head.kernel.shape
    trained = head.kernel.size + head.bias.size
    frame.explain(
        f"**What you see.** The frozen EfficientNet-Lite0 describes each image by {num_features:,} "
        "features, the means of its last feature maps. Only the head is trained, one weight per "
        f"feature and class and one bias per class: {num_features:,} · {num_classes} + "
        f"{num_classes} = **{trained:,}** parameters. Accuracy is measured by 4-fold "
        "cross-validation, so each image is tested once.\n\n"
        "**Try this.** Take two similar classes, such as Shirt and Pullover. Photograph two "
        "objects on two different tables, and look at the heat map: does the head use the table?"
    )
    st.expander("How it works").markdown(
        "$$P(\\text{class}) = \\mathrm{softmax}(W^\\top f + b), \\qquad f \\in "
        f"\\mathbb{{R}}^{{{num_features}}},\\; W \\in \\mathbb{{R}}^{{{num_features} \\times "
        f"{num_classes}}}$$\n\n"
        "The interval assumes independent images. If all of yours show one object on one table, "
        "accuracy on others may be lower.\n\n"
        ":small[Donahue et al. 2014, “DeCAF”, arXiv:1310.1531; Razavian et al. 2014, “CNN features "
        "off-the-shelf”, arXiv:1403.6382. Head: logistic regression of scikit-learn, C = 1. "
        "Bundled images: Fashion-MNIST (Zalando, MIT).]"
    )
