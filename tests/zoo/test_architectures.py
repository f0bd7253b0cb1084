"""Each network has the number of parameters and the shapes that the lecture gives."""

import numpy as np
import pytest

from cnnviz.errors import ModelLoadError
from cnnviz.network.inspection import wrap_model
from cnnviz.zoo import card_for_model
from cnnviz.zoo.architectures import ARCHITECTURES, build_architecture

NUM_PARAMETERS = {
    "mnist-dense": 407_050,
    "mnist-cnn": 93_322,
    "mnist-cnn-without-pooling": 55_744,
    "mnist-cnn-gap": 56_394,
    "fashion-cnn": 93_322,
    "fashion-cnn-without-pooling": 55_744,
    "fashion-cnn-gap": 56_394,
    "cifar-cnn": 703_594,
    "cifar-cnn-gmp": 179_306,
    "cats-dogs-150": 3_453_121,
    "cats-dogs-150-dropout": 3_453_121,
    "cats-dogs-180": 991_041,
    # 24·(7·7·C + 1), then 9·C_in·C_out and 4·C_out of batch normalization a block, then 129·10
    "fashion-gabor": 24 * 50 + 9 * (24 * 64 + 64 * 64 + 64 * 96 + 96 * 128) + 4 * 352 + 1290,
    "lite0-head": 1280 * 256 + 256 + 257,
    # expand, depthwise and project with their batch normalization, then the head convolution
    "lite0-last-block": (192 + 9) * 1152
    + 4 * 1152 * 2
    + 1152 * 320
    + 4 * 320
    + 320 * 1280
    + 4 * 1280
    + 1280 * 256
    + 256
    + 257,
    "mobilenet-head": 1024 * 256 + 256 + 257,
    "vgg16-head": 2_097_665,
    "svhn-gabor": 24 * 148 + 9 * (24 * 64 + 64 * 64 + 64 * 96 + 96 * 128) + 4 * 352 + 1290,
    **dict.fromkeys(
        ("svhn-small", "svhn-small-noisy"),
        16 * 148 + 9 * (16 * 24 + 24 * 24 + 24 * 32 + 32 * 32) + 4 * 112 + 330,
    ),
}
DIGITS_BODY = [(26, 26, 32), (13, 13, 32), (11, 11, 64), (5, 5, 64), (3, 3, 64)]
CIFAR_BODY = [
    *[(30, 30, 32), (28, 28, 32), (14, 14, 32)],
    *[(12, 12, 64), (10, 10, 64), (5, 5, 64), (3, 3, 64)],
]
CATS_150 = [
    *[(148, 148, 32), (74, 74, 32), (72, 72, 64), (36, 36, 64)],
    *[(34, 34, 128), (17, 17, 128), (15, 15, 128), (7, 7, 128), (6272,)],
]
SHAPES = {
    "mnist-dense": [(784,), (512,), (10,)],
    "mnist-cnn": [*DIGITS_BODY, (576,), (64,), (10,)],
    "mnist-cnn-without-pooling": [(26, 26, 32), (24, 24, 64), (22, 22, 64)],
    "mnist-cnn-gap": [*DIGITS_BODY, (64,), (10,)],
    "cifar-cnn": [*CIFAR_BODY, (576,), (1024,), (10,)],
    "cifar-cnn-gmp": [*CIFAR_BODY, (64,), (1024,), (10,)],
    "cats-dogs-150": [*CATS_150, (512,), (1,)],
    "cats-dogs-150-dropout": [*CATS_150, (6272,), (512,), (1,)],
    "cats-dogs-180": [
        *[(180, 180, 3), (178, 178, 32), (89, 89, 32), (87, 87, 64), (43, 43, 64)],
        *[(41, 41, 128), (20, 20, 128), (18, 18, 256), (9, 9, 256), (7, 7, 256), (12544,), (1,)],
    ],
}
HEAD = [(256,), (256,), (1,)]
LAST_BLOCK = [*[(7, 7, 1152)] * 6, *[(7, 7, 320)] * 2, *[(7, 7, 1280)] * 3]
SHAPES |= {
    "lite0-head": [(1280,), *HEAD],
    "lite0-last-block": [*LAST_BLOCK, (1280,), *HEAD],
    "mobilenet-head": [(1024,), *HEAD],
    "vgg16-head": [(8192,), *HEAD],
}
SHAPES |= {name.replace("mnist", "fashion"): SHAPES[name] for name in SHAPES if "cnn" in name}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_number_of_parameters_is_exact(name: str) -> None:
    assert build_architecture(name).count_params() == NUM_PARAMETERS[name]


@pytest.mark.parametrize("name", SHAPES)
def test_every_layer_has_the_shape_of_the_lecture(name: str) -> None:
    layers = build_architecture(name).layers
    assert [layer.output.shape[1:] for layer in layers] == SHAPES[name]


@pytest.mark.parametrize(("name", "channels"), [("fashion-gabor", 1), ("svhn-gabor", 3)])
def test_the_wide_networks_take_any_size_and_keep_their_maps_large(
    name: str, channels: int
) -> None:
    network = build_architecture(name)
    assert network.count_params() < 300_000
    assert network.get_layer("conv1").kernel.shape == (7, 7, channels, 24)
    assert network.get_layer("conv1").strides == (1, 1)
    for side in (28, 32, 64):
        batch = np.zeros((2, side, side, channels), np.float32)
        assert network(batch, training=False).shape == (2, 10)
    model = wrap_model(network, card_for_model(network, name))
    assert model.layer_shapes[model.default_cam_layer] == (56, 56, 128)


def test_noise_can_die_in_the_first_wide_layer() -> None:
    first, second, *_ = build_architecture("svhn-gabor").layers[2:]
    assert np.std(first.get_weights()[0]) == pytest.approx(0.005, rel=0.1)
    assert float(first.kernel_regularizer.l2) == pytest.approx(0.002)
    assert "pool" in second.name  # and no batch normalization behind it


def test_without_the_cure_only_the_start_and_the_decay_of_the_first_layer_differ() -> None:
    cured, noisy = (build_architecture(name) for name in ("svhn-small", "svhn-small-noisy"))
    settings = [[layer.get_config() for layer in network.layers] for network in (cured, noisy)]
    different = [
        (one["name"], key)
        for one, other in zip(*settings, strict=True)
        for key in one
        if one[key] != other[key]
    ]
    assert different == [("conv1", "kernel_initializer"), ("conv1", "kernel_regularizer")]
    glorot = np.sqrt(2 / (7 * 7 * (3 + 16)))
    assert np.std(noisy.get_layer("conv1").get_weights()[0]) == pytest.approx(glorot, rel=0.05)


def test_an_unknown_name_is_answered_with_those_there_are() -> None:
    with pytest.raises(ModelLoadError, match=r"no architecture 'lenet'.*mnist-cnn"):
        build_architecture("lenet")
