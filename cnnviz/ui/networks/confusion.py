"""The confusion matrix of a network, and images that it takes for another class."""

from collections.abc import Collection, Sequence

import numpy as np
import streamlit as st

from cnnviz import figures
from cnnviz.ui import shared
from cnnviz.ui.shared import ConfusionExamples
from cnnviz.ui.shell.display import show_chart, show_image
from cnnviz.zoo import TrainingRecord

ANY = -1  # in place of a class: the page chooses
Cell = tuple[int, int]  # true class, predicted class


def show_confusion(model_name: str, record: TrainingRecord) -> None:
    """Show the confusion matrix, and example images for one of its cells."""
    st.subheader("Confusion matrix")
    matrix, cell = st.columns([1.9, 1], gap="medium")
    with matrix:
        figure = figures.confusion_figure(record.confusion, record.class_names)
        show_chart(figure, "Confusion matrix", key="confusion")
    with cell:
        _show_cell(record, shared.confusion_examples(model_name))


def _show_cell(record: TrainingRecord, examples: ConfusionExamples) -> None:
    """Ask for a cell, and show how many images it counts and what they look like."""
    names = record.class_names
    wanted = (
        _class_picker("True class", "any class", names, "true_class"),
        _class_picker("Predicted class", "any other class", names, "predicted_class"),
    )
    most_frequent = most_frequent_cell(record.confusion, *wanted)
    if most_frequent is None:
        st.markdown("No test image was misclassified this way.")
        return
    shown = most_frequent_cell(record.confusion, *wanted, examples.positions) or most_frequent
    true, predicted = shown
    st.markdown(
        f"**{record.confusion[shown]:,}** of {record.confusion[true].sum():,} images of "
        f"*{names[true]}* were classified as *{names[predicted]}*."
    )
    if not record.confusion[shown]:
        return
    _show_examples(examples, shown, names)
    if shown != most_frequent:
        true, predicted = most_frequent
        st.markdown(
            f":small[More frequent, but without an example here: *{names[true]}* classified "
            f"as *{names[predicted]}* ({record.confusion[most_frequent]:,}).]"
        )
    if examples.advice:
        st.markdown(f":small[{examples.advice}]")


def _class_picker(label: str, any_label: str, names: Sequence[str], key: str) -> int:
    return st.selectbox(
        label,
        [ANY, *range(len(names))],
        format_func=lambda index: any_label if index == ANY else names[index],
        key=key,
        bind="query-params",
        help=f"With “{any_label}”, the most frequent confusion that has an example image is shown.",
    )


def _show_examples(examples: ConfusionExamples, cell: Cell, names: Sequence[str]) -> None:
    """Show the images of a cell, or say that there are none in what was searched."""
    true, predicted = (names[index] for index in cell)
    images = examples.of(*cell)
    if images:
        sheet = figures.mosaic(
            images,
            [None] * len(images),
            columns=min(3, len(images)),
            tile_px=112,
            first_number=None,
        )
        caption = f"{_images(len(images))} from {examples.source}."
        show_image(sheet, caption, f"Images of {true} classified as {predicted}")
    elif examples.source:
        st.markdown(f":small[No example in {examples.source}.]")


def _images(count: int) -> str:
    return "1 image" if count == 1 else f"{count} images"


def most_frequent_cell(
    confusion: np.ndarray, true: int, predicted: int, among: Collection[Cell] | None = None
) -> Cell | None:
    """Choose the cell of a confusion matrix to show.

    Parameters
    ----------
    confusion : int64 ndarray of shape (K, K)
        A row for each true class, a column for each predicted class.
    true, predicted : int
        The classes asked for; `ANY` leaves the choice open, to misclassified images.
    among : collection of (true, predicted), optional
        Only these cells count, unless both classes are asked for.

    Returns
    -------
    (true, predicted) or None
        None if no cell that counts has an image.
    """
    if ANY not in (true, predicted):
        return true, predicted
    cells = [
        (row, column)
        for row, column in np.argwhere(confusion).tolist()
        if row != column and true in (ANY, row) and predicted in (ANY, column)
    ]
    cells = [cell for cell in cells if among is None or cell in among]
    return max(cells, key=lambda cell: confusion[cell], default=None)
