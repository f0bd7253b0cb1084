"""Images: made smaller, and the ones that a network can be asked about."""

from cnnviz import datasets, zoo
from cnnviz.datasets import Collection, LabeledImages
from cnnviz.errors import DatasetError
from cnnviz.images import ImageInput, shrink_to_fit
from cnnviz.ui.shared.networks import model, training_record
from cnnviz.ui.shell.cache import remembered

_EXAMPLE_BYTES, _LEAST_IMAGES = 48 << 20, 20  # what is kept of all filters' responses to images


@remembered(32)
def smaller(image: ImageInput, max_side_px: int) -> ImageInput:
    """Reduce an image so that its longer side fits."""
    return shrink_to_fit(image, max_side_px)


def collection_for(model_name: str, full: bool) -> Collection:
    """Images of the kind that a network was made for: bundled ones, or the test set.

    Raises
    ------
    DatasetError
        If the test set is not on this computer.
    """
    is_known = zoo.has_training_record(model_name)
    data_name = training_record(model_name).facts["data"] if is_known else ""
    if full:
        images = _test_set_collection(data_name)
    else:
        known = datasets.DATA_SETS.get(data_name)
        images = datasets.collection(known.collection if known else "photographs")
    num_channels = sum(shape[2] for shape in model(model_name).map_shapes.values())
    return images.thinned(max(_LEAST_IMAGES, _EXAMPLE_BYTES // (16 * num_channels)))


def independent_images(model_name: str) -> Collection:
    """Return bundled images that do not overlap, of the kind that a network was made for."""
    images = collection_for(model_name, full=False)
    if images.name != "photographs":
        return images
    names = datasets.sample_names("natural")
    whole = tuple(datasets.sample_image("natural", name) for name in names)
    labels = tuple(datasets.sample_label("natural", name) for name in names)
    return Collection("whole photographs", f"{len(names)} bundled photographs", whole, labels)


@remembered(2, "Reading the test images…", is_shared=True)
def _test_set_collection(data_name: str) -> Collection:
    if not data_name:
        raise DatasetError(
            "This network was not trained here, so its test images are not known. Use the "
            "bundled ones."
        )
    return datasets.collection_of(data_name, test_images(data_name))


@remembered(1, "Reading the test images…", is_shared=True)
def test_images(data_name: str) -> LabeledImages:
    """Read the images of a data set that networks here are measured on: shared, read-only."""
    return datasets.data_set(data_name).load("test")
