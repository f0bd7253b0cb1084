"""Filter energies as features: a classifier, and the nearest neighbors of an image."""

import numpy as np
import streamlit as st

from cnnviz import datasets, figures
from cnnviz.classifiers.filter_bank import nearest
from cnnviz.datasets import LabeledImages
from cnnviz.ui import shared
from cnnviz.ui.gabor import cached
from cnnviz.ui.shell import address, frame
from cnnviz.ui.shell.display import show_image

_FEATURE_PARTS = {"accuracy": "Accuracy", "neighbors": "Nearest neighbors"}


_RIVAL = "fashion-cnn"


def show_features() -> None:
    """Compare a classifier on filter energies with a trained network, and find neighbors."""
    samples = datasets.fashion_mnist_samples()
    classifier, features = cached.bank_classifier(), cached.sample_features()
    if address.tabs(_FEATURE_PARTS, key="features_part") == "neighbors":
        _show_neighbors(samples, classifier.standardized(features))
        return
    by_bank = classifier.predictions(features)
    by_network = shared.predictions_of_samples(_RIVAL, "fashion-mnist")
    record = shared.training_record(_RIVAL)
    left, right = st.columns(2)
    left.metric("48 filter features", f"{classifier.accuracy:.1%} accuracy")
    right.metric("Trained Fashion CNN", f"{record.accuracy:.1%} accuracy")
    st.markdown(
        f"On {classifier.num_test_images:,} test images. Filter features: logistic regression on "
        f"the mean and variance of 24 Gabor responses, trained on {classifier.num_training:,} "
        "images in seconds. The network learned its filters from "
        f"{record.facts['num_training_images']:,}."
    )
    bank_right, network_right = by_bank == samples.labels, by_network == samples.labels
    st.subheader("Images that only one of them classifies correctly")
    first, second = st.columns(2)
    for column, title, chosen in (
        (first, "Only the filters", bank_right & ~network_right),
        (second, "Only the network", network_right & ~bank_right),
    ):
        with column:
            _show_samples(np.flatnonzero(chosen)[:12], f"{title}: {int(chosen.sum())} of 200", 4)


def _show_neighbors(samples: LabeledImages, described: np.ndarray) -> None:
    """Show an image and its nearest by what the filters say, float (N, K)."""
    titles = [
        f"{samples.class_names[label]} {i % 20 + 1}" for i, label in enumerate(samples.labels)
    ]
    place = st.selectbox(
        "Image",
        range(len(titles)),
        format_func=titles.__getitem__,
        key="like",
        bind="query-params",
    )
    alike = nearest(described, place, 7)
    _show_samples(
        np.array([place, *alike]),
        f"{titles[place]}, then its nearest neighbors: {', '.join(titles[i] for i in alike)}",
        8,
    )
    same = int((samples.labels[alike] == samples.labels[place]).sum())
    frame.explain(
        f"**What you see.** {same} of the 7 nearest neighbors have the same class. The features "
        "describe strokes and their orientations, not their positions: a mean discards position. "
        "The network keeps positions and learned its filters.\n\n"
        "**Try this.** Choose a shirt: its neighbors are the classes that the network confuses it "
        "with. *The 200 images are the bundled test samples; the accuracies are those of the whole "
        "test set.*"
    )


def _show_samples(places: np.ndarray, caption: str, columns: int) -> None:
    images = datasets.fashion_mnist_samples().images[places]
    if not len(images):
        st.markdown(f":small[{caption}]")
        return
    tiles = [np.repeat(image[..., np.newaxis], 3, axis=2) for image in images]
    sheet = figures.mosaic(
        tiles, [None] * len(tiles), columns=columns, tile_px=84, first_number=None
    )
    show_image(sheet, caption, caption)
