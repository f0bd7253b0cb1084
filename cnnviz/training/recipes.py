"""The table of recipes: what is trained on what, how long, and with which seed."""

from dataclasses import dataclass, replace

from cnnviz import datasets
from cnnviz.datasets import LabeledImages
from cnnviz.errors import InvalidParameterError
from cnnviz.training.augmentation import UNCHANGED, Augmentation


@dataclass(frozen=True, slots=True)
class Base:
    """The frozen part of a transfer: the network `model` up to `layer`, for `size_px` squares."""

    model: str
    layer: str
    size_px: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides how a network comes out.

    Attributes
    ----------
    name, title, summary : str
        Name of the network and of its files; what people call it; what is special about it.
    architecture : str
        One of `cnnviz.zoo.architectures.ARCHITECTURES`: what is trained.
    data : str
        One of `cnnviz.datasets.DATA_SETS`.
    epochs, batch_size : int
    augmentation : Augmentation
        How the training images are changed by chance.
    optimizer : str
        One of `OPTIMIZERS`.
    learning_rate : float
        At the start.
    schedule : {"cosine", "constant"}
        Whether the learning rate falls to zero along a cosine, or stays.
    seed : int
        Of the first weights, the order of the images, augmentation and dropout.
    most_images : int or None
        Learn from no more training images than so many, the first ones.
    validation : str
        The part of the data that is measured after every epoch. Final figures are always those of
        the part ``test``.
    keeps_checkpoints : bool
        Whether the weights are also kept on the way, densely at the beginning.
    base : Base or None
        The frozen network whose maps the architecture takes.
    starts_from : str or None
        Recipe whose network, lying beside, gives the first weights of layers of the same name.
    """

    name: str
    title: str
    summary: str
    architecture: str
    data: str
    epochs: int
    augmentation: Augmentation = UNCHANGED
    batch_size: int = 64
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    schedule: str = "cosine"
    seed: int = 1
    most_images: int | None = None
    validation: str = "test"
    keeps_checkpoints: bool = False
    base: Base | None = None
    starts_from: str | None = None


OPTIMIZERS = {"adam": "Adam", "rmsprop": "RMSprop", "sgd": "SGD"}  # and their names in Keras

CLOTHES = Augmentation(shift=0.04, flip=True, fill="constant")
DIGITS = Augmentation(rotation_degrees=8, shift=0.06, zoom=0.08, fill="constant")
_PETS = Augmentation(rotation_degrees=15, shift=0.1, shear_degrees=8, zoom=0.2, flip=True)
_STREET = Augmentation(rotation_degrees=10, shift=0.08, shear_degrees=8, zoom=0.15)
_LITE0 = Base("efficientnet-lite0", "head_relu6", 224)

RECIPES = {
    recipe.name: recipe
    for recipe in [
        Recipe(
            name="mnist-cnn",
            title="Digits CNN",
            summary=(
                "The lecture's first network: three convolutional layers classify handwritten "
                "digits."
            ),
            architecture="mnist-cnn",
            data="mnist",
            epochs=24,
            augmentation=DIGITS,
            learning_rate=2e-3,
            batch_size=128,
        ),
        Recipe(
            name="fashion-cnn",
            title="Fashion CNN",
            summary="The same three convolutional layers, trained on ten kinds of clothing.",
            architecture="fashion-cnn",
            data="fashion-mnist",
            epochs=20,
            augmentation=Augmentation(flip=True),
        ),
        Recipe(
            name="fashion-cnn-gap",
            title="Fashion CNN (GAP)",
            summary=(
                "Global average pooling replaces the dense layers: its class activation map is "
                "exact."
            ),
            architecture="fashion-cnn-gap",
            data="fashion-mnist",
            epochs=12,
        ),
        Recipe(
            name="fashion-gabor",
            title="Fashion Gabor CNN",
            summary="Its first kernels are 7 × 7, large enough to show edges and bars.",
            architecture="fashion-gabor",
            data="fashion-mnist",
            epochs=20,
            augmentation=CLOTHES,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="svhn-gabor",
            title="SVHN Gabor CNN",
            summary=(
                "Classifies street-view digits. Its first kernels are 7 × 7 × 3: edges, bars and "
                "blobs."
            ),
            architecture="svhn-gabor",
            data="svhn",
            epochs=45,
            augmentation=_STREET,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="svhn-small",
            title="SVHN small",
            summary="An eighth of the parameters of SVHN Gabor CNN, and no dropout.",
            architecture="svhn-small",
            data="svhn",
            epochs=30,
            augmentation=_STREET,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="svhn-small-noisy",
            title="SVHN small, noisy",
            summary=(
                "Initialized as usual and trained without weight decay: its first kernels stay "
                "noisy."
            ),
            architecture="svhn-small-noisy",
            data="svhn",
            epochs=30,
            augmentation=_STREET,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="svhn-few",
            title="SVHN few",
            summary="Trained on only a thousand images: it overfits.",
            architecture="svhn-small",
            data="svhn",
            most_images=1000,
            epochs=120,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="svhn-few-augmented",
            title="SVHN few, augmented",
            summary="Trained on the same thousand images with random augmentation.",
            architecture="svhn-small",
            data="svhn",
            most_images=1000,
            epochs=120,
            augmentation=_STREET,
            keeps_checkpoints=True,
        ),
        Recipe(
            name="cats-dogs-150",
            title="Cats vs. dogs CNN",
            summary="Trained from scratch on two thousand photos: it overfits.",
            architecture="cats-dogs-150",
            data="cats-dogs-150",
            epochs=20,
            batch_size=32,
            learning_rate=5e-4,
            validation="validation",
        ),
        Recipe(
            name="cats-dogs-150-augmented",
            title="Cats vs. dogs CNN, augmented",
            summary="The same network with dropout and random augmentation.",
            architecture="cats-dogs-150-dropout",
            data="cats-dogs-150",
            epochs=64,
            augmentation=Augmentation(rotation_degrees=10, shift=0.1, zoom=0.2, flip=True),
            batch_size=32,
            validation="validation",
        ),
        Recipe(
            name="cats-dogs-features",
            title="Cats vs. dogs, frozen base",
            summary=(
                "A new head on the frozen EfficientNet-Lite0, whose features were computed once."
            ),
            architecture="lite0-head",
            data="cats-dogs-224",
            epochs=20,
            batch_size=32,
            learning_rate=3e-4,
            validation="validation",
            base=_LITE0,
        ),
        Recipe(
            name="cats-dogs-features-augmented",
            title="Cats vs. dogs, frozen base, augmented",
            summary="The same head, trained on augmented photos through the frozen base.",
            architecture="lite0-head",
            data="cats-dogs-224",
            epochs=12,
            augmentation=_PETS,
            batch_size=32,
            learning_rate=3e-4,
            validation="validation",
            base=_LITE0,
        ),
        Recipe(
            name="cats-dogs-fine-tuned",
            title="Cats vs. dogs, fine-tuned",
            summary=(
                "The head was trained first, then with it the last block of EfficientNet-Lite0."
            ),
            architecture="lite0-last-block",
            data="cats-dogs-224",
            epochs=10,
            augmentation=_PETS,
            batch_size=32,
            learning_rate=2e-5,
            validation="validation",
            base=Base("efficientnet-lite0", "block6d_add", 224),
            starts_from="cats-dogs-features-augmented",
        ),
        Recipe(
            name="cats-dogs-mobilenet",
            title="Cats vs. dogs on MobileNet",
            summary="A head on MobileNet, for a computer that has its weights.",
            architecture="mobilenet-head",
            data="cats-dogs-224",
            epochs=20,
            batch_size=32,
            learning_rate=3e-4,
            validation="validation",
            base=Base("mobilenet", "conv_pw_13_relu", 224),
        ),
        Recipe(
            name="cats-dogs-vgg16",
            title="Cats vs. dogs on VGG16",
            summary=(
                "The lecture's head on VGG16 at 150 × 150, for a computer that has its weights."
            ),
            architecture="vgg16-head",
            data="cats-dogs-150",
            epochs=30,
            batch_size=32,
            optimizer="rmsprop",
            learning_rate=2e-5,
            schedule="constant",
            validation="validation",
            base=Base("vgg16", "block5_pool", 150),
        ),
    ]
}


def training_images(recipe: Recipe) -> LabeledImages:
    """Return the images that a recipe learns from.

    Raises
    ------
    DatasetError
        If they are not there.
    """
    labeled = datasets.data_set(recipe.data).load("train")
    return replace(
        labeled,
        images=labeled.images[: recipe.most_images],
        labels=labeled.labels[: recipe.most_images],
    )


def find_recipe(name: str) -> Recipe:
    """Find a recipe by its name.

    Raises
    ------
    InvalidParameterError
        If there is none; the message lists those there are.
    """
    if name not in RECIPES:
        raise InvalidParameterError(
            f"There is no recipe {name!r}. Choose one of: {', '.join(RECIPES)}."
        )
    return RECIPES[name]
