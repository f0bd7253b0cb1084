"""The parts of the template view: a picture times a template, the scores, and all templates."""

import numpy as np
import streamlit as st
from scipy.special import softmax

from cnnviz import figures
from cnnviz.classifiers.linear import DATA, MAX_SHIFT_PX, LinearClassifier, shifted
from cnnviz.ui.basics import cached
from cnnviz.ui.controls import DIGIT, PHOTOGRAPH, Picked
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import (
    number,
    show_chart,
    show_map,
    show_painted,
    show_picture,
    show_scale,
)

_TITLES = {
    "fashion-mnist": "Fashion-MNIST",
    "cifar-10": "CIFAR-10",
    "svhn": "SVHN digits",
}
_EXAMPLES = {
    "fashion-mnist": ("fashion-mnist", "ankle-boot-1"),
    "cifar-10": PHOTOGRAPH,
    "svhn": DIGIT,
}
_BEST = -1  # stands for the most probable class
_COLUMNS = 5
_STORIES = {  # of each data set: why its templates look as they do, and what to try
    "fashion-mnist": (
        "Clothes lie in the middle and point the same way, so one template for each kind is not "
        "bad.",
        "Shift the picture to the right, pixel by pixel: to you it stays the same thing, to the "
        "templates it does not. Then choose CIFAR-10 in the sidebar and look at the horse.",
    ),
    "cifar-10": (
        "Some horses look to the left and some to the right, but there is one template only: it "
        "takes the mean of both, and the horse gets a head at either end. Below it lies the "
        "yellow-green of the mean meadow: mostly colours are matched, hardly shapes.",
        "Ask for the ship and for the deer: which colours do they wait for? Find a blue picture "
        "that is taken for a ship.",
    ),
    "svhn": (
        "Some digits are light on dark, others dark on light: in the mean of both little is left. "
        "There is no way out with one template a class.",
        "Compare the numbers at the colour bar with those of Fashion-MNIST. Then look at the same "
        "digits on the page «Class activation», where a network with several layers reads them.",
    ),
}
_EXPECTED_SHIFT_PX = 3  # named in the text
_FALLS = 0.8  # share of the accuracy that is left


def example() -> tuple[str, str]:
    """Give an image that suits the classifier that is about to be shown."""
    return _EXAMPLES[address.next_choice("data", [*DATA], next(iter(DATA)), key="data")]


def show(picked: Picked) -> None:
    """Show how a linear classifier comes to its answer, and what it compares with."""
    left, right = frame.columns()
    with left:
        data_name = _choose_data()
        classifier = cached.linear_classifier(data_name)
        unshifted = classifier.view(picked.image)
        chosen = _choose_class(classifier)
        to_the_right, down = _choose_shift()
        is_common = st.toggle(
            "One scale for all",
            True,
            key="shared_templates",
            bind="query-params",
            help="Of the ten templates. Off: each is stretched to its own largest weight.",
        )
    view = shifted(unshifted, to_the_right, down)
    scores = classifier.scores(view)
    before = classifier.scores(unshifted) if to_the_right or down else None
    class_index = int(scores.argmax()) if chosen == _BEST else chosen
    with left:
        _say_answer(classifier, scores, before)
    with right:
        _show_product(classifier, view, class_index, picked.label)
        _show_scores(classifier, scores, before, class_index)
        _show_all(classifier, class_index, is_common)
        _explain(classifier, data_name, class_index)
        _show_shifts(classifier, to_the_right)


def _choose_data() -> str:
    return address.choice(
        "data",
        [*DATA],
        next(iter(DATA)),
        lambda key: st.selectbox("Trained on", [*DATA], format_func=_TITLES.__getitem__, key=key),
        key="data",
    )


def _choose_class(classifier: LinearClassifier) -> int:
    return st.selectbox(
        "Class",
        [_BEST, *range(len(classifier.class_names))],
        format_func=lambda i: "the most probable" if i == _BEST else classifier.class_names[i],
        key="template",
        bind="query-params",
        help="Whose template is laid on the picture.",
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


def _say_answer(
    classifier: LinearClassifier, scores: np.ndarray, before: np.ndarray | None
) -> None:
    names, chances = classifier.class_names, softmax(scores)
    best = int(scores.argmax())
    st.markdown(f"**Answer: {names[best]}** ({chances[best]:.0%})")
    if before is None:
        st.markdown(":small[Move the picture by a few pixels and watch the scores.]")
    else:
        first = int(before.argmax())
        st.markdown(f":small[Not shifted: {names[first]} ({softmax(before)[first]:.0%})]")


def _show_product(
    classifier: LinearClassifier, view: np.ndarray, class_index: int, label: str
) -> None:
    """Show picture, template and their product, and write its sum out."""
    name = classifier.class_names[class_index]
    height, width, channels = classifier.input_shape
    cells = classifier.products(view, class_index).sum(axis=-1)
    picture, template, product = st.columns(3)
    with picture:
        show_picture(
            np.broadcast_to(view, (height, width, 3)).copy(),
            f"x: {label}, as the classifier sees it, {height} × {width}, 0 black to 1 white",
            f"The picture, {height} × {width} pixels",
        )
    with template:
        _show_template(classifier, class_index, f"× w: the template of **{name}**")
    with product:
        colours = ", three colours added" if channels == 3 else ""
        show_map(
            cells,
            figures.signed_scale(cells),
            f"= w·x, cell by cell{colours}: red argues for {name}, blue against",
            f"Product of picture and template of {name}",
        )
    positive, negative = float(cells[cells > 0].sum()), float(cells[cells < 0].sum())
    bias = float(classifier.bias[class_index])
    st.latex(
        rf"\mathrm{{score}} = \sum_i w_i x_i + b = \underbrace{{{positive:.2f}}}_{{\text{{red}}}}"
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
    """Paint one template: red and blue about zero, or in its own colours with grey as zero."""
    scale = scale or figures.signed_scale(weights)
    if weights.shape[-1] == 1:
        return figures.colourize(weights[..., 0], scale), scale
    in_grey = figures.Scale(scale.low, scale.high, "gray")
    values = 255 * (weights - scale.low) / (scale.high - scale.low)
    return np.rint(values).astype(np.uint8), in_grey


def _show_scores(
    classifier: LinearClassifier, scores: np.ndarray, before: np.ndarray | None, class_index: int
) -> None:
    names = classifier.class_names
    left, right = st.columns(2)
    with left:
        show_chart(
            figures.class_bars_figure(names, scores, before, class_index),
            "Score of every class",
            key="template_scores",
            has_tools=False,
        )
    with right:
        chances = softmax(scores)
        earlier = None if before is None else softmax(before)
        show_chart(
            figures.class_bars_figure(names, chances, earlier, class_index, is_share=True),
            "Probability of every class",
            key="template_probabilities",
            has_tools=False,
        )
    total = float(np.exp(scores).sum())
    own = float(scores[class_index])
    st.markdown(
        "The softmax makes probabilities of the scores: "
        rf"$\;e^{{{own:.2f}}} \,/\, \sum_k e^{{s_k}} = {np.exp(own):.3g} \,/\, {total:.3g}"
        rf" = {np.exp(own) / total:.3f}\;$ for {names[class_index]}."
    )


def _show_all(classifier: LinearClassifier, class_index: int, is_common: bool) -> None:
    """Show the rows of W as pictures, each with the name of its class."""
    num_classes, height, width, channels = classifier.weights.shape
    st.markdown(
        f"**The {num_classes} templates**: W has {num_classes} rows of "
        f"{height * width * channels:,} weights, and each row is a picture."
    )
    scale = figures.signed_scale(classifier.weights) if is_common else None
    columns = st.columns(_COLUMNS)
    shown = scale
    for place, name in enumerate(classifier.class_names):
        painted, shown = _painted(classifier.weights[place], scale)
        caption = f"**{name}**" if place == class_index else name
        with columns[place % _COLUMNS]:
            if is_common:
                show_picture(painted, caption, f"Template of {name}")
            else:
                show_painted(painted, shown, caption, f"Template of {name}")
    if is_common and shown is not None:
        show_scale(shown)
    meaning = (
        "Red: light pixels here argue for the class; blue: against it; white: of no matter."
        if channels == 1
        else "Grey is zero. Each colour that a cell shows argues for the class where the picture "
        "has it; the bar holds for red, green and blue alike."
    )
    st.markdown(f":small[{meaning} Numbers are for pixels from 0 to 1.]")


def _explain(classifier: LinearClassifier, data_name: str, class_index: int) -> None:
    name, weights = classifier.class_names[class_index], classifier.weights[class_index]
    alike = float(np.corrcoef(weights.ravel(), weights[:, ::-1].ravel())[0, 1])
    story, to_try = _STORIES[data_name]
    st.markdown(
        f"**What you see.** The classifier knows one picture for each class. Laid on yours, it "
        f"multiplies cell by cell and adds up: how well do they match? {story} The template of "
        f"{name} and its own mirror image correlate with {number(alike, 2)} (1: the same both "
        f"ways).\n\n**Try this.** {to_try}\n\n"
        f":small[Softmax regression with L2 penalty λ = {classifier.penalty:g}, trained on "
        f"{classifier.num_training:,} pictures (`python -m cnnviz linear {data_name}`). The "
        "penalty keeps the templates smooth and costs a few points of accuracy. After Stanford's "
        f"CS231n, «Linear classification». {classifier.origin}]"
    )


def _show_shifts(classifier: LinearClassifier, to_the_right: int) -> None:
    """Show how accuracy falls when pictures are shifted: measured, not guessed."""
    shares = classifier.accuracies
    shifts = range(-MAX_SHIFT_PX, MAX_SHIFT_PX + 1)
    st.markdown("**How many pictures does it name rightly?**")
    show_chart(
        figures.shift_figure(shifts, shares, to_the_right, classifier.commonest),
        "Share of held-out pictures named rightly, against the shift",
        key="template_shifts",
        has_tools=False,
    )
    later = float(shares[MAX_SHIFT_PX + _EXPECTED_SHIFT_PX])
    falls = later < _FALLS * classifier.accuracy
    lesson = (
        "A template fits in one place only. A convolution slides its small templates over the "
        "whole picture: they find a thing wherever it is."
        if falls
        else "These templates are so blurred that a few pixels do not matter to them; for the same "
        "reason they tell little."
    )
    st.markdown(
        f"**What you see.** Of {classifier.num_held_out:,} held-out pictures "
        f"({classifier.held_out_title}) **{classifier.accuracy:.1%}** are named rightly; all "
        f"shifted by {_EXPECTED_SHIFT_PX} pixels to the right, {later:.1%}. Who always names the "
        f"class that is commonest in training gets {classifier.commonest:.1%}. {lesson}"
    )
