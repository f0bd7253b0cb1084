"""Class activation and saliency maps of three shipped networks, computed by PyTorch libraries.

    python -m pip install torch torchvision grad-cam torchcam captum
    python benchmarks/cam_reference.py [--output tests/builders/cam_reference.npz]

Builds the networks once more in PyTorch, layer by layer and in float64, with the weights of the
``.keras`` files, and stops if a logit differs by more than 1e-4. The libraries then compute each
map on the grid of its layer, before they enlarge or rescale it. The maps are written to a file for
`tests/attribution/test_cam_reference.py`; those of methods that cnnviz has are compared at once.

The file holds float32 arrays under the keys ``network|image|layer|class|method``, such as
``fashion-cnn-gap|fashion-mnist/ankle-boot-1|conv3|9|grad-cam``. The image is the source and the
name for `cnnviz.datasets.picture`. Every map has the scale of its paper's formula and is
signed: the ReLU in which a method ends is left to whoever compares (``np.maximum(values, 0)``).
The text array ``about`` says which program computed each method, and with which versions.

==============  =====================  ========================================================
method          computed by            remarks
==============  =====================  ========================================================
cam             torch-cam              only where the mean of each map meets one dense layer
grad-cam        pytorch-grad-cam       torch-cam gives the same
grad-cam++      pytorch-grad-cam       in units in which its fixed 1e-6 vanishes; the alpha of
                                       torch-cam is divided in a copy and so never divided
hires-cam       pytorch-grad-cam       torch-cam has none
layer-cam       pytorch-grad-cam       torch-cam gives the same
xgrad-cam       pytorch-grad-cam       in units in which its fixed 1e-7 vanishes; torch-cam
                                       with eps 0 gives the same
eigen-cam       this file              pytorch-grad-cam centers the channels, the paper does
                                       not, and leaves the sign to chance; torch-cam has none
score-cam       this file              both libraries weight with a softmax over the channels
                                       of logits; torch-cam scales before it enlarges, and
                                       pytorch-grad-cam enlarges from corner to corner
ablation-cam    pytorch-grad-cam       weight (S - S without the channel)/S; it ablates to zero
                                       only if the layer's smallest value is 0: checked
==============  =====================  ========================================================

Where the layer is ``input`` the array has the shape (h, w, C) of the network's input, and the
method is one of these, for the logit (captum, except the first):

=====================================  ========================================================
gradient                               d(logit)/d(input), by autograd
gradient-x-input                       that times the input
integrated-gradients                   from the black image; 64 intervals, trapezoid: 65
                                       points, both ends half. The weights of captum's 65
                                       points sum to 64/65, which is put right here
guided-backpropagation, deconvnet      gradient with the ReLU's backward rule replaced
occlusion-5-1-black                    drop of the logit when a patch of 5 × 5 pixels, moved by
                                       1, is black; mean over the patches that cover a pixel
occlusion-5-1-mean                     the same with the mean of the image instead of black
occlusion-5-2-mean                     moved by 2; the last patch of a row or column begins at
                                       24 and is cut off at the border (4 pixels of 28)
=====================================  ========================================================
"""

import argparse
import os
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TQDM_DISABLE", "1")  # pytorch-grad-cam draws a bar for every map

# before TensorFlow: the other way round the compilers inside both end the process
try:
    import captum.attr
    import pytorch_grad_cam
    import torch
    import torchcam.methods
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
    from torch import nn
except ImportError as error:
    raise SystemExit(
        f"This needs PyTorch and three libraries, and {error.name!r} is missing: "
        "python -m pip install torch torchvision grad-cam torchcam captum"
    ) from error

from cnnviz import class_activation_map, datasets, load_model
from cnnviz.attribution.cam import METHODS
from cnnviz.images import ImageInput, image_from_pixels
from cnnviz.network.inspected_model import LoadedModel

LOGIT_TOLERANCE = 1e-4
AGREEMENT = 1e-6  # of two libraries, relative to the largest value
INTERVALS = 64
OUTPUT = Path(__file__).parents[1] / "tests" / "unit" / "cam_reference.npz"

NETWORKS = {
    "fashion-cnn-gap": ("conv2", "conv3"),
    "fashion-cnn": ("conv2", "conv3"),
    "svhn-gabor": ("relu4", "relu5"),
}
IMAGES = {
    "fashion-cnn-gap": ("fashion-mnist/ankle-boot-1", "fashion-mnist/coat-3"),
    "fashion-cnn": ("fashion-mnist/ankle-boot-1", "fashion-mnist/coat-3"),
    "svhn-gabor": ("svhn/digit-2-1", "svhn/digit-5-1"),
}
SALIENCY_IMAGE = "fashion-mnist/ankle-boot-1"

# method -> (class of pytorch-grad-cam, unit of the activations in which its epsilon vanishes)
GRAD_CAM_PACKAGE = {
    "grad-cam": (pytorch_grad_cam.GradCAM, 1.0),
    "grad-cam++": (pytorch_grad_cam.GradCAMPlusPlus, 1e4),
    "hires-cam": (pytorch_grad_cam.HiResCAM, 1.0),
    "layer-cam": (pytorch_grad_cam.LayerCAM, 1.0),
    "xgrad-cam": (pytorch_grad_cam.XGradCAM, 1e-6),
    "ablation-cam": (pytorch_grad_cam.AblationCAM, 1.0),
}
COMPUTED_BY = dict.fromkeys(GRAD_CAM_PACKAGE, "pytorch-grad-cam") | {
    "cam": "torch-cam",
    "eigen-cam": "the paper's formula",
    "score-cam": "the paper's formula",
}
# method -> (class of torch-cam, its options); they end in a ReLU
TORCH_CAM = {
    "grad-cam": (torchcam.methods.GradCAM, {}),
    "layer-cam": (torchcam.methods.LayerCAM, {}),
    "xgrad-cam": (torchcam.methods.XGradCAM, {"eps": 0.0}),
}


@dataclass(frozen=True)
class Case:
    """One class of one image at one layer of a network and of its twin in PyTorch."""

    network: str
    image: str
    layer: str
    class_index: int
    model: LoadedModel
    twin: nn.Sequential

    @property
    def image(self) -> ImageInput:
        """The image itself."""
        return datasets.sample_image(*self.image.split("/"))

    @property
    def inputs(self) -> torch.Tensor:
        """What both networks are given, (1, C, h, w)."""
        return _channels_first(self.model.preprocess(self.image))

    @property
    def module(self) -> nn.Module:
        """The layer of the twin."""
        return self.twin.get_submodule(self.layer)

    def key(self, method: str) -> str:
        """Name of the array in the file."""
        return f"{self.network}|{self.image}|{self.layer}|{self.class_index}|{method}"


class FlattenAsKeras(nn.Module):
    """Flatten row by row with the channels last, the order in which Keras keeps them."""

    def forward(self, maps: torch.Tensor) -> torch.Tensor:
        """Turn (n, K, h, w) into (n, h·w·K)."""
        return maps.permute(0, 2, 3, 1).flatten(1)


class Rescale(nn.Module):
    """The same line for every pixel: scale · x + offset."""

    def __init__(self, scale: float, offset: float) -> None:
        super().__init__()
        self.scale, self.offset = scale, offset

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Give an array of the same shape."""
        return self.scale * pixels + self.offset


def torch_twin(model: LoadedModel) -> nn.Sequential:
    """Build a chain of Keras layers once more in PyTorch, in float64 and ready for inference.

    Each part is named after the Keras layer and ends with its activation. The softmax at the end
    is left out: the twin gives logits.
    """
    parts = OrderedDict(
        (layer.name, _part(layer))
        for layer in model.keras_model.layers
        if type(layer).__name__ != "InputLayer"
    )
    return nn.Sequential(parts).double().eval()


def _part(layer: Any) -> nn.Module:
    """Translate one Keras layer, weights included."""
    builders: dict[str, Callable[[Any], nn.Module]] = {
        "Conv2D": _convolution,
        "Dense": _dense,
        "BatchNormalization": _batch_norm,
        "MaxPooling2D": _max_pooling,
        "GlobalAveragePooling2D": lambda _: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        "Flatten": lambda _: FlattenAsKeras(),
        "ReLU": lambda _: nn.ReLU(),
        "Rescaling": lambda layer: Rescale(layer.scale, layer.offset),
        "Dropout": lambda _: nn.Identity(),
        "SpatialDropout2D": lambda _: nn.Identity(),
    }
    kind = type(layer).__name__
    if kind not in builders:
        raise SystemExit(f"Layer {layer.name!r} is a {kind}, for which there is no translation.")
    return builders[kind](layer)


def _convolution(layer: Any) -> nn.Module:
    kernel = layer.get_weights()[0]
    if layer.strides != (1, 1) or any(size % 2 == 0 for size in kernel.shape[:2]):
        raise SystemExit(f"{layer.name!r}: 'same' would pad unevenly, which is not translated.")
    height, width, inputs, outputs = kernel.shape
    part = nn.Conv2d(inputs, outputs, (height, width), padding=layer.padding, bias=layer.use_bias)
    return _filled(part, layer, kernel.transpose(3, 2, 0, 1))


def _dense(layer: Any) -> nn.Module:
    kernel = layer.get_weights()[0]
    return _filled(nn.Linear(*kernel.shape), layer, kernel.T)


def _filled(part: Any, layer: Any, kernel: np.ndarray) -> nn.Module:
    """Copy kernel and bias, and append the activation unless it makes logits to probabilities."""
    part.double()
    part.weight.data.copy_(torch.from_numpy(kernel.astype(np.float64)))
    if layer.use_bias:
        part.bias.data.copy_(torch.from_numpy(layer.get_weights()[1].astype(np.float64)))
    activation = layer.activation.__name__
    if activation not in ("linear", "relu", "softmax"):
        raise SystemExit(f"{layer.name!r} has the activation {activation!r}: not translated.")
    return nn.Sequential(part, nn.ReLU()) if activation == "relu" else part


def _batch_norm(layer: Any) -> nn.Module:
    gamma, beta, mean, variance = (torch.from_numpy(w).double() for w in layer.get_weights())
    part = nn.BatchNorm2d(len(gamma), eps=layer.epsilon).double()
    part.load_state_dict(
        {"weight": gamma, "bias": beta, "running_mean": mean, "running_var": variance},
        strict=False,
    )
    return part


def _max_pooling(layer: Any) -> nn.Module:
    if layer.padding != "valid":
        raise SystemExit(f"{layer.name!r}: pooling that pads is not translated.")
    return nn.MaxPool2d(layer.pool_size, layer.strides)


def _channels_first(batch: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float64))


def cases() -> Iterator[Case]:
    """Give the two most probable classes of every image at every layer, logits compared."""
    for network, layers in NETWORKS.items():
        model = load_model(network)
        twin = torch_twin(model)
        for image in IMAGES[network]:
            top = model.predict(datasets.sample_image(*image.split("/")), top=2)
            both = [
                Case(network, image, layer, prediction.class_index, model, twin)
                for layer in layers
                for prediction in top
            ]
            check_logits(both[0])
            yield from both


def check_logits(case: Case) -> None:
    """Stop the program unless Keras and PyTorch give the same logits."""
    with torch.no_grad():
        theirs = case.twin(case.inputs)[0].numpy()
    difference = float(np.abs(theirs - case.model.logits(case.image)).max())
    print(f"{case.network}, {case.image}: logits differ by at most {difference:.1e}")
    if difference > LOGIT_TOLERANCE:
        raise SystemExit(f"That is more than {LOGIT_TOLERANCE}: the twin is another network.")


def grad_cam_package(case: Case, method: str) -> np.ndarray:
    """Compute a map with pytorch-grad-cam as far as the layer's own grid, before its ReLU.

    The maps do not change when activations are measured in another unit (A/u, and so u·G), but
    the constants that the library adds to denominators do: in these units they are nothing.
    """
    kind, unit = GRAD_CAM_PACKAGE[method]
    target = ClassifierOutputTarget(case.class_index)
    with kind(model=case.twin, target_layers=[case.module]) as extractor:
        record = extractor.activations_and_grads
        target(record(case.inputs)[0]).backward()
        activations, gradients = (
            record.activations[0].numpy() / unit,
            record.gradients[0].numpy() * unit,
        )
        if method == "ablation-cam" and activations.min() != 0:
            raise SystemExit(f"{case.layer!r} is never 0: pytorch-grad-cam would not ablate to 0.")
        values = extractor.get_cam_image(
            case.inputs, case.module, [target], activations, gradients, False
        )
    return np.asarray(values)[0]


def torch_cam(case: Case, method: str) -> np.ndarray:
    """Compute a map with torch-cam on the layer's own grid, after its ReLU, not rescaled."""
    kind, options = TORCH_CAM[method]
    with kind(case.twin, case.module) as extractor:
        scores = case.twin(case.inputs)
        (values,) = extractor(case.class_index, scores, normalized=False, **options)
    return values[0].numpy()


def has_cam(case: Case) -> bool:
    """Tell whether the mean of each map of this layer meets the one dense layer."""
    names = [name for name, part in case.twin.named_children() if not isinstance(part, nn.Identity)]
    return names[-3:] == [case.layer, "avg_pool", "predictions"]


def cam(case: Case) -> np.ndarray:
    """Compute the class activation map with torch-cam, which leaves out the ReLU."""
    with torchcam.methods.CAM(case.twin, case.module, "predictions") as extractor:
        case.twin(case.inputs)
        (values,) = extractor(case.class_index, normalized=False)
    return values[0].numpy()


def _activations(case: Case) -> torch.Tensor:
    """Give the layer's maps for the image, (K, h, w)."""
    kept = []
    hook = case.module.register_forward_hook(lambda _module, _inputs, output: kept.append(output))
    with torch.no_grad():
        case.twin(case.inputs)
    hook.remove()
    return kept[0][0]


def eigen_cam(case: Case) -> np.ndarray:
    """Project the channels at each place on their first principal axis, without centring.

    Muhammad & Yeasin 2020, arXiv:2008.00299: A = UΣVᵀ for A of shape (h·w, K), map = A·v₁. The
    sign is that in which the map goes with the sum of the channels.
    """
    maps = _activations(case)
    table = maps.flatten(1).T
    _, _, axes = torch.linalg.svd(table, full_matrices=False)
    projection = table @ axes[0]
    if torch.dot(projection, table.sum(1)) < 0:
        projection = -projection
    return projection.reshape(maps.shape[1:]).numpy()


def score_cam(case: Case) -> np.ndarray:
    """Weight each channel with the probability that its places alone give to the class.

    Wang et al. 2020, arXiv:1910.01279, without the softmax over channels: the channel is enlarged
    to the image, scaled to 0..1, and multiplied with the image, for which black is 0 (all
    three networks take pixels of 0..1). Weight = relu(p(masked) - p(black)).
    """
    maps = _activations(case)
    masks = nn.functional.interpolate(
        maps[:, None], case.inputs.shape[2:], mode="bilinear", align_corners=False
    )
    low, high = masks.amin((1, 2, 3), True), masks.amax((1, 2, 3), True)
    spread = torch.where(high > low, high - low, 1.0)
    images = torch.cat([case.inputs * (masks - low) / spread, 0 * case.inputs])
    with torch.no_grad():
        probabilities = case.twin(images).softmax(1)[:, case.class_index]
    weights = (probabilities[:-1] - probabilities[-1]).relu()
    return torch.einsum("k,khw->hw", weights, maps).numpy()


def class_maps(case: Case) -> dict[str, np.ndarray]:
    """Compute every method for a case; where both libraries have it right they must agree."""
    maps = {method: grad_cam_package(case, method) for method in GRAD_CAM_PACKAGE}
    for method in TORCH_CAM:
        difference = relative_difference(torch_cam(case, method), maps[method])
        if difference > AGREEMENT:
            raise SystemExit(f"{case.key(method)}: the libraries differ by {difference:.1e}.")
    maps |= {"eigen-cam": eigen_cam(case), "score-cam": score_cam(case)}
    return maps | {"cam": cam(case)} if has_cam(case) else maps


def saliency_maps(case: Case) -> dict[str, np.ndarray]:
    """Compute every method that ends at the pixels, each (h, w, C)."""
    attr, twin, target = captum.attr, case.twin, case.class_index
    x = case.inputs.requires_grad_()
    black = _channels_first(
        case.model.preprocess(image_from_pixels(np.zeros_like(case.image.pixels)))
    )
    (gradient,) = torch.autograd.grad(twin(x)[0, target], x)
    points = INTERVALS + 1
    integrated = attr.IntegratedGradients(twin).attribute(
        x, black, target, n_steps=points, method="riemann_trapezoid"
    )
    maps = {
        "gradient": gradient,
        "gradient-x-input": attr.InputXGradient(twin).attribute(x, target),
        "integrated-gradients": integrated * points / INTERVALS,
        "guided-backpropagation": attr.GuidedBackprop(twin).attribute(x, target),
        "deconvnet": attr.Deconvolution(twin).attribute(x, target),
        "occlusion-5-1-black": occlusion(case, stride=1, fill=black),
        "occlusion-5-1-mean": occlusion(case, stride=1, fill=x.mean().item()),
        "occlusion-5-2-mean": occlusion(case, stride=2, fill=x.mean().item()),
    }
    return {
        method: values.detach()[0].permute(1, 2, 0).float().numpy()
        for method, values in maps.items()
    }


def occlusion(case: Case, *, stride: int, fill: Any) -> torch.Tensor:
    """Hide patches of 5 × 5 pixels, one after the other, and average the drops per pixel."""
    channels = case.inputs.shape[1]
    return captum.attr.Occlusion(case.twin).attribute(
        case.inputs,
        sliding_window_shapes=(channels, 5, 5),
        strides=(channels, stride, stride),
        baselines=fill,
        target=case.class_index,
        perturbations_per_eval=64,
    )


def relative_difference(found: np.ndarray, signed: np.ndarray) -> float:
    """Compare a map with a reference cut at zero: largest difference over largest value."""
    expected = np.maximum(signed, 0)
    largest = expected.max() or np.abs(signed).max() or 1.0
    return float(np.abs(found - expected).max() / largest)


def about() -> np.ndarray:
    """Say for each method which program computed it."""
    packages = ("torch", "grad-cam", "torchcam", "captum")
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    lines = [f"{method}: {program}" for method, program in COMPUTED_BY.items()]
    lines += ["input|gradient: torch", "other methods of input: captum", f"versions: {versions}"]
    return np.array(lines)


def compare(case: Case, maps: dict[str, np.ndarray]) -> None:
    """Print a line for each method of this case: how far cnnviz is from the reference."""
    logit = case.model.logits(case.image)[case.class_index]
    where = f"{case.network:16}{case.image:27}{case.layer:7}{case.class_index:2} {logit:7.2f}  "
    for method, signed in maps.items():
        line = f"{where}{method:13} {COMPUTED_BY[method]:20}"
        if method not in METHODS:
            print(line, "not in cnnviz")
            continue
        found = class_activation_map(
            case.model, case.image, method, layer_name=case.layer, class_index=case.class_index
        )
        print(line, f"{relative_difference(found.values, signed):.1e}")


def main() -> None:
    """Compute all maps, compare those that cnnviz knows, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=OUTPUT)
    options = parser.parse_args()
    warnings.filterwarnings("ignore", "Setting backward hooks on ReLU")  # captum, each time
    arrays: dict[str, np.ndarray] = {"about": about()}
    print("network, image, layer, class, logit, method, computed by, relative difference")
    for case in cases():
        maps = class_maps(case)
        compare(case, maps)
        if case.image == SALIENCY_IMAGE and case.layer == NETWORKS[case.network][0]:
            at_input = replace(case, layer="input")
            arrays |= {at_input.key(name): values for name, values in saliency_maps(case).items()}
        arrays |= {case.key(method): np.float32(values) for method, values in maps.items()}
    np.savez_compressed(options.output, **arrays)
    size = options.output.stat().st_size
    print(f"{len(arrays) - 1} maps, {size / 1000:.0f} kB: {options.output}")


if __name__ == "__main__":
    main()
