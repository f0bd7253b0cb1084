"""Template matching: an image times a template, the logits, and all templates."""

import numpy as np
import streamlit as st
from scipy.special import softmax

from cnnviz import figures
from cnnviz.classifiers.linear import MAX_SHIFT_PX, PENALTIES, LinearClassifier, shifted
from cnnviz.datasets import DATA_SETS
from cnnviz.ui.basics import cached
from cnnviz.ui.controls import PickedImage
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    number,
    show_chart,
    show_image,
    show_map,
    show_painted,
    show_scale,
)

_BEST = -1  # stands for the most probable class
_COLUMNS = 5
_STORIES = {  # of each data set: why its templates look as they do, and what to try
    "fashion-mnist": (
        "Clothes are centered and have the same orientation, so one template per class works.",
        "Shift the image to the right, pixel by pixel: the object stays the same, the product with "
        "its template does not. Then choose CIFAR-10 and look at the horse.",
    ),
    "cifar-10": (
        "Some horses face left and some right; the one template blends both and has two heads. "
        "Below it is the green of an average meadow: mostly colors are matched, hardly shapes.",
        "Choose the classes ship and deer: which colors do their templates match? Find a blue "
        "image that is classified as a ship.",
    ),
    "svhn": (
        "Some digits are light on dark, others dark on light: averaged, little is left. One "
        "template per class cannot represent both.",
        "Compare the numbers at the color bar with those of Fashion-MNIST. Then open the same "
        "digits on *Class activation maps*, with a network of several layers.",
    ),
}
_EXPECTED_SHIFT_PX = 3  # named in the text
_FALLS = 0.8  # share of the accuracy that is left


def example() -> tuple[str, str]:
    """Return an image that suits the classifier that is about to be shown."""
    names = [*PENALTIES]
    return DATA_SETS[address.next_choice("data", names, names[0], key="data")].example


def show(picked: PickedImage) -> None:
    """Show how a linear classifier comes to its prediction, and what it compares with."""
    left, right = frame.columns()
    with left:
        data_name = _choose_data()
        classifier = cached.linear_classifier(data_name)
        unshifted = classifier.view(picked.image)
        chosen = _choose_class(classifier)
        to_the_right, down = _choose_shift()
    view = shifted(unshifted, to_the_right, down)
    scores = classifier.scores(view)
    before = classifier.scores(unshifted) if to_the_right or down else None
    class_index = int(scores.argmax()) if chosen == _BEST else chosen
    with left:
        _show_prediction(classifier, scores, before)
    with right:
        _show_product(classifier, view, class_index, picked.label)
        _show_scores(classifier, scores, before, class_index)
        _explain(classifier, data_name, class_index)


def show_all() -> None:
    """Show the templates of all classes, and what a shift does to the accuracy."""
    column, stage = frame.columns()
    with column:
        classifier = cached.linear_classifier(_choose_data())
        is_common = st.toggle(
            "Common scale for all templates",
            True,
            key="shared_templates",
            bind="query-params",
            help="Off: each template is scaled to its own maximum, so weak ones look strong.",
        )
    with stage:
        _show_all(classifier, -1, is_common)
        _show_shifts(classifier, 0)


def _choose_data() -> str:
    titles = {name: DATA_SETS[name].title for name in PENALTIES}
    return address.selectbox("Trained on", titles, key="data")


def _choose_class(classifier: LinearClassifier) -> int:
    return st.selectbox(
        "Class",
        [_BEST, *range(len(classifier.class_names))],
        format_func=lambda i: "predicted class" if i == _BEST else classifier.class_names[i],
        key="template",
        bind="query-params",
        help="The class of the template.",
    )


def _choose_shift() -> tuple[int, int]:
    right = st.slider(
        "Shift to the right (pixels)",
        -MAX_SHIFT_PX,
        MAX_SHIFT_PX,
        0,
        key="shift_right",
        bind="query-params",
    )
    down = st.slider(
        "Shift down (pixels)", -MAX_SHIFT_PX, MAX_SHIFT_PX, 0, key="shift_down", bind="query-params"
    )
    return right, down


def _show_prediction(
    classifier: LinearClassifier, scores: np.ndarray, before: np.ndarray | None
) -> None:
    names, probabilities = classifier.class_names, softmax(scores)
    best = int(scores.argmax())
    st.markdown(f"**Prediction: {names[best]}** ({probabilities[best]:.0%})")
    if before is None:
        st.markdown(":small[Shift the image by a few pixels and watch the logits.]")
    else:
        first = int(before.argmax())
        st.markdown(f":small[Without the shift: {names[first]} ({softmax(before)[first]:.0%})]")


def _show_product(
    classifier: LinearClassifier, view: np.ndarray, class_index: int, label: str
) -> None:
    """Show image, template and their product, and write out its sum."""
    name = classifier.class_names[class_index]
    height, width, channels = classifier.input_shape
    cells = classifier.products(view, class_index).sum(axis=-1)
    image, template, product = st.columns(3)
    with image:
        show_image(
            np.broadcast_to(view, (height, width, 3)).copy(),
            f"x: {label}, input of {height} × {width}, from 0 (black) to 1 (white)",
            f"The input, {height} × {width} pixels",
        )
    with template:
        _show_template(classifier, class_index, f"× w: the template of **{name}**")
    with product:
        channels_added = ", summed over three channels" if channels == 3 else ""
        show_map(
            cells,
            figures.signed_scale(cells),
            f"= w·x for each pixel{channels_added}: red supports {name}, blue opposes it",
            f"Product of image and template of {name}",
        )
    positive, negative = float(cells[cells > 0].sum()), float(cells[cells < 0].sum())
    bias = float(classifier.bias[class_index])
    st.latex(
        rf"\mathrm{{logit}} = \sum_i w_i x_i + b = \underbrace{{{positive:.2f}}}_{{\text{{red}}}}"
        rf"\;\underbrace{{-\,{-negative:.2f}}}_{{\text{{blue}}}}"
        rf"\;\underbrace{{{'-' if bias < 0 else '+'}\,{abs(bias):.2f}}}_{{\text{{bias}}}}"
        rf" = {positive + negative + bias:.2f}"
    )


def _show_template(classifier: LinearClassifier, class_index: int, caption: str) -> None:
    weights = classifier.weights[class_index]
    alt = f"Template of {classifier.class_names[class_index]}"
    show_painted(*_painted(weights), caption, alt)


def _painted(
    weights: np.ndarray, scale: figures.Scale | None = None
) -> tuple[np.ndarray, figures.Scale]:
    """Paint one template: red and blue about zero, or in its own colors with gray as zero."""
    scale = scale or figures.signed_scale(weights)
    if weights.shape[-1] == 1:
        return figures.colorize(weights[..., 0], scale), scale
    in_gray = figures.Scale(scale.low, scale.high, "gray")
    values = 255 * (weights - scale.low) / (scale.high - scale.low)
    return np.rint(values).astype(np.uint8), in_gray


def _show_scores(
    classifier: LinearClassifier, scores: np.ndarray, before: np.ndarray | None, class_index: int
) -> None:
    names = classifier.class_names
    left, right = st.columns(2)
    with left:
        show_chart(
            figures.class_bars_figure(names, scores, before, class_index),
            "Logit of every class",
            key="template_scores",
            has_tools=False,
        )
    with right:
        probabilities = softmax(scores)
        earlier = None if before is None else softmax(before)
        show_chart(
            figures.class_bars_figure(names, probabilities, earlier, class_index, is_share=True),
            "Probability of every class",
            key="template_probabilities",
            has_tools=False,
        )
    total = float(np.exp(scores).sum())
    own = float(scores[class_index])
    st.markdown(
        "Softmax turns logits into probabilities: "
        rf"$\;e^{{{own:.2f}}} \,/\, \sum_k e^{{s_k}} = {np.exp(own):.3g} \,/\, {total:.3g}"
        rf" = {np.exp(own) / total:.3f}\;$ for {names[class_index]}."
    )


def _show_all(classifier: LinearClassifier, class_index: int, is_common: bool) -> None:
    """Show the rows of W as images, each with its class."""
    num_classes, height, width, channels = classifier.weights.shape
    st.markdown(
        f"**The {num_classes} templates**: W has {num_classes} rows of "
        f"{height * width * channels:,} weights, each shown as an image."
    )
    scale = figures.signed_scale(classifier.weights) if is_common else None
    columns = st.columns(_COLUMNS)
    shown = scale
    for place, name in enumerate(classifier.class_names):
        painted, shown = _painted(classifier.weights[place], scale)
        caption = f"**{name}**" if place == class_index else name
        with columns[place % _COLUMNS]:
            if is_common:
                show_image(painted, caption, f"Template of {name}")
            else:
                show_painted(painted, shown, caption, f"Template of {name}")
    if is_common and shown is not None:
        show_scale(shown)
    meaning = (
        "Red: bright pixels here support the class; blue: they oppose it; white: no effect."
        if channels == 1
        else "Gray is zero. The same color at the same place of the image supports the class; the "
        "color bar holds for red, green and blue."
    )
    st.markdown(f":small[{meaning} Weights are for pixel values from 0 to 1.]")


def _explain(classifier: LinearClassifier, data_name: str, class_index: int) -> None:
    name, weights = classifier.class_names[class_index], classifier.weights[class_index]
    alike = float(np.corrcoef(weights.ravel(), weights[:, ::-1].ravel())[0, 1])
    story, to_try = _STORIES[data_name]
    frame.explain(
        f"**What you see.** A linear classifier has one template per class. The logit is the sum "
        f"of the products of pixels and weights: a measure of match. {story} The template of "
        f"{name} and its mirror image have correlation {number(alike, 2)}.\n\n"
        f"**Try this.** {to_try}\n\n"
        f":small[Softmax regression with L2 penalty λ = {classifier.penalty:g}, trained on "
        f"{classifier.num_training:,} images (`python -m cnnviz linear {data_name}`). The "
        "penalty keeps the templates smooth and costs a few percentage points of accuracy. After "
        f"Stanford's CS231n, “Linear classification”. {classifier.origin}]"
    )


def _show_shifts(classifier: LinearClassifier, to_the_right: int) -> None:
    """Show how accuracy depends on a shift of the images, measured on test images."""
    shares = classifier.accuracies
    shifts = range(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1)
    st.markdown("**Accuracy on shifted images**")
    show_chart(
        figures.shift_figure(shifts, shares, to_the_right, classifier.commonest),
        "Accuracy on test images by shift",
        key="template_shifts",
        has_tools=False,
    )
    later = float(shares[MAX_SHIFT_PX + _EXPECTED_SHIFT_PX])
    falls = later < _FALLS * classifier.accuracy
    lesson = (
        "A template matches in one place only. A convolution slides small templates over the whole "
        "image and finds a pattern anywhere."
        if falls
        else "These templates are so blurred that a few pixels do not matter, and that they match "
        "little."
    )
    frame.explain(
        f"**What you see.** Of {classifier.num_test_images:,} test images "
        f"({classifier.test_title}), **{classifier.accuracy:.1%}** are classified correctly; "
        f"shifted by {_EXPECTED_SHIFT_PX} pixels to the right, {later:.1%}. Always predicting the "
        f"most frequent training class gives {classifier.commonest:.1%}. {lesson}"
    )
