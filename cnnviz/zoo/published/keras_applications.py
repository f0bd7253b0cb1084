"""The well-known ImageNet networks of keras.applications, fetched when they are first wanted.

The weights go to the place where Keras itself keeps and looks for them, under the same names, so
neither of the two downloads what the other has already brought. Addresses and checksums are those
in the source of Keras 3.15.
"""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from cnnviz.errors import ModelLoadError
from cnnviz.files import fetch
from cnnviz.zoo.cards import CAFFE, RAW, TF, TORCH, ModelCard

if TYPE_CHECKING:
    import keras

ADDRESS = "https://storage.googleapis.com/tensorflow/keras-applications/"

_imagenet_card = partial(
    ModelCard, input_height=224, input_width=224, channels=3, class_names_key="imagenet"
)

# The first EfficientNet-B0 is left out: given a path instead of "imagenet", Keras 3.15 builds it
# without one of its scaling layers, and its predictions are wrong.
CARDS = (
    _imagenet_card(
        name="vgg16",
        title="VGG16",
        summary=(
            "Thirteen 3 × 3 convolutions, then three wide dense layers: a plain deep network with "
            "clear feature visualizations."
        ),
        year=2014,
        paper=(
            "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
            "Recognition, ICLR 2015, arXiv:1409.1556"
        ),
        license="CC BY 4.0",
        origin="Visual Geometry Group, University of Oxford; converted for keras.applications",
        num_parameters=138_357_544,
        preprocessing=CAFFE,
        download_url=f"{ADDRESS}vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:64373286793e3c8b2b4e3219cbf3544b",
        download_bytes=553_467_096,
    ),
    _imagenet_card(
        name="vgg19",
        title="VGG19",
        summary="VGG16 with three more convolutions; often used for style transfer.",
        year=2014,
        paper=(
            "Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image "
            "Recognition, ICLR 2015, arXiv:1409.1556"
        ),
        license="CC BY 4.0",
        origin="Visual Geometry Group, University of Oxford; converted for keras.applications",
        num_parameters=143_667_240,
        preprocessing=CAFFE,
        download_url=f"{ADDRESS}vgg19/vgg19_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:cbe5617147190e668d6c5d5026f83318",
        download_bytes=574_710_816,
    ),
    _imagenet_card(
        name="resnet50",
        title="ResNet50",
        summary=(
            "Every block adds a residual to its input. Skip connections make networks of fifty and "
            "more layers trainable."
        ),
        year=2015,
        paper=(
            "He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385"
        ),
        license="MIT",
        origin="Kaiming He and colleagues; converted for keras.applications",
        num_parameters=25_636_712,
        preprocessing=CAFFE,
        download_url=f"{ADDRESS}resnet/resnet50_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:2cb95161c43110f7111970584f804107",
        download_bytes=102_967_424,
    ),
    _imagenet_card(
        name="inception-v3",
        title="InceptionV3",
        summary=(
            "Each block applies small and large kernels in parallel and concatenates their maps. "
            "Many well-known feature visualizations show this family."
        ),
        year=2015,
        paper=(
            "Szegedy et al., Rethinking the Inception Architecture for Computer Vision, CVPR 2016, "
            "arXiv:1512.00567"
        ),
        license="Apache-2.0",
        origin="keras.applications",
        num_parameters=23_851_784,
        input_height=299,
        input_width=299,
        preprocessing=TF,
        download_url=f"{ADDRESS}inception_v3/inception_v3_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:9a0d58056eeedaa3f26cb7ebd46da564",
        download_bytes=96_112_376,
    ),
    _imagenet_card(
        name="xception",
        title="Xception",
        summary=(
            "Depthwise separable convolutions: each channel is filtered separately, then 1 × 1 "
            "convolutions mix the channels."
        ),
        year=2016,
        paper=(
            "Chollet, Xception: Deep Learning with Depthwise Separable Convolutions, CVPR 2017, "
            "arXiv:1610.02357"
        ),
        license="MIT",
        origin="Trained by the author of Keras; keras.applications",
        num_parameters=22_910_480,
        input_height=299,
        input_width=299,
        preprocessing=TF,
        download_url=f"{ADDRESS}xception/xception_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:0a58e3b7378bc2990ea3b43d5981f1f6",
        download_bytes=91_884_032,
    ),
    _imagenet_card(
        name="densenet121",
        title="DenseNet121",
        summary=(
            "Every layer of a block receives the maps of all layers before it, so few parameters "
            "suffice."
        ),
        year=2016,
        paper=(
            "Huang et al., Densely Connected Convolutional Networks, CVPR 2017, arXiv:1608.06993"
        ),
        license="BSD-3-Clause",
        origin="Authors of the paper; converted for keras.applications",
        num_parameters=8_062_504,
        preprocessing=TORCH,
        download_url=f"{ADDRESS}densenet/densenet121_weights_tf_dim_ordering_tf_kernels.h5",
        download_hash="md5:9d60b8095a5708f2dcce2bca79d332c7",
        download_bytes=33_188_688,
    ),
    _imagenet_card(
        name="mobilenet",
        title="MobileNet",
        summary=(
            "A network for phones. A depthwise convolution and a 1 × 1 convolution cost about a "
            "ninth of a 3 × 3 convolution."
        ),
        year=2017,
        paper=(
            "Howard et al., MobileNets: Efficient Convolutional Neural Networks for Mobile Vision "
            "Applications, arXiv:1704.04861"
        ),
        license="Apache-2.0",
        origin="Trained by Google; converted for keras.applications",
        num_parameters=4_253_864,
        preprocessing=TF,
        download_url=f"{ADDRESS}mobilenet/mobilenet_1_0_224_tf.h5",
        download_bytes=17_225_924,
    ),
    _imagenet_card(
        name="mobilenet-v2",
        title="MobileNetV2",
        summary=(
            "Inverted residuals: wide inside a block, narrow between blocks. EfficientNet-Lite0 "
            "uses the same blocks."
        ),
        year=2018,
        paper=(
            "Sandler et al., MobileNetV2: Inverted Residuals and Linear Bottlenecks, CVPR 2018, "
            "arXiv:1801.04381"
        ),
        license="Apache-2.0",
        origin="Trained by Google; converted for keras.applications",
        num_parameters=3_538_984,
        preprocessing=TF,
        download_url=(
            f"{ADDRESS}mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
        ),
        download_bytes=14_536_120,
    ),
    _imagenet_card(
        name="efficientnet-v2-b0",
        title="EfficientNetV2-B0",
        summary=(
            "Found by architecture search for fast training: convolutions in early blocks, "
            "inverted residuals with squeeze-and-excitation in late ones."
        ),
        year=2021,
        paper=(
            "Tan and Le, EfficientNetV2: Smaller Models and Faster Training, ICML 2021, "
            "arXiv:2104.00298"
        ),
        license="Apache-2.0",
        origin="Trained by Google; converted for keras.applications",
        num_parameters=7_200_312,
        preprocessing=RAW,  # the network itself brings the pixels to its range
        download_url=f"{ADDRESS}efficientnet_v2/efficientnetv2-b0.h5",
        download_hash="md5:21ecbf6da12460d5c40bb2f29ceb2188",
        download_bytes=29_403_144,
    ),
)

ARCHITECTURES = {
    "vgg16": "VGG16",
    "vgg19": "VGG19",
    "resnet50": "ResNet50",
    "inception-v3": "InceptionV3",
    "xception": "Xception",
    "densenet121": "DenseNet121",
    "mobilenet": "MobileNet",
    "mobilenet-v2": "MobileNetV2",
    "efficientnet-v2-b0": "EfficientNetV2B0",
}


def weights_file(card: ModelCard) -> Path:
    """Say where Keras keeps the weights of a card, whether they are there or not."""
    assert card.download_url is not None
    return _keras_home() / "models" / card.download_url.rsplit("/", 1)[-1]


def fetch_weights(card: ModelCard, on_progress: Callable[[int, int], None] | None) -> Path:
    """Fetch the weights of a card if they are not on this machine, and say where they are.

    Raises
    ------
    DownloadError
        If they are not here and cannot be fetched.
    DownloadCancelled
        If `on_progress` raised it.
    """
    assert card.download_url is not None
    return fetch(
        card.download_url,
        weights_file(card),
        known_hash=card.download_hash,
        size_bytes=None if card.download_hash else card.download_bytes,  # one check is enough
        on_progress=on_progress,
    )


def build(card: ModelCard) -> "keras.Model":
    """Build one of `CARDS` with the weights that `fetch_weights` brought."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    return with_weights(card, getattr(keras.applications, ARCHITECTURES[card.name]))


def with_weights(card: ModelCard, architecture: Callable[..., "keras.Model"]) -> "keras.Model":
    """Build a network with the weights of its card.

    Parameters
    ----------
    card : ModelCard
    architecture : callable
        Builds the network; called with ``weights=`` and the path of the weights.

    Raises
    ------
    ModelLoadError
        If the weights do not fit the network. A file whose checksum nobody has published is
        deleted then, so that the next attempt fetches it again.
    """
    path = weights_file(card)
    try:
        return architecture(weights=str(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if card.download_hash is None:
            path.unlink(missing_ok=True)
        raise ModelLoadError(
            f"The downloaded weights of {card.title} do not fit the network, so the file "
            f"{path.name!r} is damaged or was exchanged. Try again to download it anew.",
            path=path,
        ) from error


def _keras_home() -> Path:
    """Find Keras' own folder by Keras' own rule, without importing Keras."""
    chosen = os.environ.get("KERAS_HOME")
    if chosen:
        return Path(chosen).expanduser()
    home = Path.home()
    return (home if os.access(home, os.W_OK) else Path("/tmp")) / ".keras"
