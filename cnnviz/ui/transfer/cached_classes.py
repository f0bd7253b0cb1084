"""Classes of a visitor's own: images read, a head trained, its network put together."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cnnviz.images import ImageInput
from cnnviz.training.head.labeled_images import BASE, CheckedClasses, NamedImage, read_files
from cnnviz.ui.shared.networks import model
from cnnviz.ui.shell import jobs
from cnnviz.ui.shell.cache import remembered
from cnnviz.ui.shell.server import keep_server_fast

if TYPE_CHECKING:
    from cnnviz.training.head.fitting import TrainedHead


def own_images(
    token: str, class_name: str, files: Sequence[tuple[str, bytes]]
) -> tuple[dict[str, list[NamedImage]], list[str]] | None:
    """Images that a visitor brought, and what is wrong with others; None while they are read.

    They are handed over: nothing of them stays with the server.
    """
    key = ("own images", token)
    result = jobs.result_of(
        key, "Reading your images", lambda report: read_files(class_name, files, report)
    )
    if result is not None:
        jobs.forget(key)
    return result


def own_head(
    classes: CheckedClasses, known: Mapping[str, np.ndarray], is_shared: bool
) -> "tuple[TrainedHead, dict[str, np.ndarray]] | None":
    """A head for some classes, and the features by the images' digests; None while it learns.

    What is not `is_shared` is handed over: nothing of it stays with the server.
    """

    def work(report: jobs.Report) -> "tuple[TrainedHead, dict[str, np.ndarray]]":
        keep_server_fast()
        from cnnviz.network.loading import load_model
        from cnnviz.training.head.fitting import features, train_head

        report(0, len(classes.images))
        images = {shown.image.digest: shown.image for shown in classes.images}
        new = [image for digest, image in images.items() if digest not in known]
        feature_rows = features(load_model(BASE), new, report)
        rows = {digest: known[digest] for digest in images if digest in known}
        rows |= {image.digest: row for image, row in zip(new, feature_rows, strict=True)}
        matrix = np.stack([rows[shown.image.digest] for shown in classes.images])
        return train_head(matrix, classes.labels, classes.class_names), rows

    key = ("own head", classes.digest)
    result = jobs.result_of(key, "Extracting features and training the head", work)
    if result is not None and not is_shared:
        jobs.forget(key)
    return result


@remembered(32)
def image_features(image: ImageInput) -> np.ndarray:
    """What the base says about an image, float32 (1, 1280)."""
    network = model(BASE)
    from cnnviz.training.head.fitting import features

    return features(network, [image])


def own_network(head: "TrainedHead") -> Any:
    """Make the network of a head known to all pages of the session that holds it."""

    def work(report: jobs.Report) -> Any:
        keep_server_fast()
        from cnnviz.network.loading import adopt
        from cnnviz.training.head.fitting import build_with_head, head_card

        network = build_with_head(head)
        return adopt(network, head_card(head, network.count_params()))

    key = ("own network", head.name)
    result = jobs.result_of(key, "Assembling the network", work)
    if result is not None:
        jobs.forget(key)
    return result
