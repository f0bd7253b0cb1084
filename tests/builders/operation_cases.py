"""One call of every operation that a file may ask for, on small tensors with values from a seed."""

import importlib
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from cnnviz.zoo.admission.operations import OPERATIONS

SHAPES = {"x": (4, 4), "image": (8, 8, 3)}  # the inputs, without the batch


@dataclass(frozen=True)
class Tensor:
    """Stands for a tensor of `tensors`."""

    name: str


X, N, B, IMAGE = Tensor("x"), Tensor("n"), Tensor("b"), Tensor("image")  # float, int, bool, image
SYMMETRIC, COMPLEX = Tensor("symmetric"), Tensor("complex")


@dataclass(frozen=True)
class Case:
    """Settings of an operation's constructor and the arguments of one call."""

    args: tuple[Any, ...] = (X,)
    settings: dict[str, Any] = field(default_factory=dict)
    kwargs: dict[str, Any] = field(default_factory=dict)


def on(*args: Any, **settings: Any) -> Case:
    return Case(args or (X,), settings)


_BINARY = """
Add AllClose Arctan2 CDist Divide DivideNoNan Equal FloorDivide Fmax Fmin Fmod Greater GreaterEqual
Heaviside Hypot Isclose Less LessEqual Logaddexp Logaddexp2 Matmul Maximum Minimum Mod Multiply
Nextafter NotEqual Polar Power Subtract TrueDivide Vdot Dot Inner Outer
"""
_INTEGERS = """
BitwiseAnd BitwiseLeftShift BitwiseOr BitwiseRightShift BitwiseXor Gcd Lcm LeftShift RightShift
"""
_IMAGES = "HSVToRGB RGBToGrayscale RGBToHSV SobelEdges"

CASES: dict[str, Case] = {
    **{name: on(X, SYMMETRIC) for name in _BINARY.split()},
    **{name: on(N, N) for name in _INTEGERS.split()},
    **{name: on(N) for name in ("BitwiseInvert", "BitwiseNot", "Sign")},
    **{name: on(B, B) for name in ("LogicalAnd", "LogicalOr", "LogicalXor")},
    **{name: on(IMAGE) for name in _IMAGES.split()},
    **{name: on(COMPLEX) for name in ("Angle", "Conj", "Conjugate", "Imag", "Real", "ViewAsReal")},
    **{
        name: on(SYMMETRIC)
        for name in ("Cholesky", "CholeskyInverse", "Eigh", "Inv", "Det", "Logdet", "Slogdet")
    },
    **{name: on(X, axis=-1) for name in ("Cumprod", "Cumsum", "Nancumprod", "Nancumsum", "Glu")},
    **{
        name: on(X, axis=[1, 2], keepdims=True)
        for name in (
            *("All", "Any", "Amax", "Amin", "Max", "Mean", "Min", "Prod", "Ptp", "Std", "Sum"),
            *("Var", "Nanmax", "Nanmean", "Nanmin", "Nanprod", "Nanstd", "Nansum", "Nanvar"),
            *("Median", "Nanmedian", "Logsumexp"),
        )
    },
    **{name: on(X, axis=-1) for name in ("Argmax", "Argmin", "Nanargmax", "Nanargmin", "Argsort")},
    **{
        name: on(X, 0.3, axis=-1)
        for name in ("Quantile", "Nanquantile", "Percentile", "Nanpercentile")
    },
    "AffineTransform": on(IMAGE, np.float32([[1, 0, 1, 0, 1, 0.5, 0, 0]] * 2)),
    "Append": on(X, X, axis=1),
    "Argpartition": on(Tensor("vector"), kth=2),
    "Array": on(X, dtype="float16"),
    "ArraySplit": on(X, indices_or_sections=3, axis=1),
    "Average": Case((X,), {"axis": 1}, {"weights": np.float32([1, 2, 3, 4])}),
    "AveragePool": on(IMAGE, pool_size=[2, 2], strides=1, padding="same"),
    "BatchNorm": on(
        IMAGE, *np.float32([[0.1, 0.2, 0.3], [1, 2, 3], [0, 1, 2], [1, 1, 2]]), axis=-1
    ),
    "BroadcastTo": on(Tensor("one"), shape=[5, 3]),
    "Cast": on(X, dtype="float16"),
    "Clip": on(X, x_min=0.2, x_max=0.5),
    "Concatenate": on([X, SYMMETRIC], axis=-1),
    "Conv": on(IMAGE, np.full((3, 3, 3, 2), 0.1, "float32"), strides=2, padding="same"),
    "ConvertToTensor": on(X),
    "Corrcoef": on(Tensor("matrix")),
    "Correlate": on(Tensor("vector"), np.float32([0.5, 1, 2]), mode="same"),
    "CountNonzero": on(X, axis=1),
    "CropImages": on(IMAGE, top_cropping=1, left_cropping=2, target_height=4, target_width=5),
    "Cross": on(IMAGE, IMAGE),
    "DepthToSpace": on(Tensor("deep"), block_size=2),
    "DepthwiseConv": on(IMAGE, np.full((3, 3, 3, 2), 0.1, "float32"), dilation_rate=2),
    "Diag": on(Tensor("vector"), k=1),
    "Diagflat": on(Tensor("vector"), k=1),
    "Diagonal": on(X, offset=1, axis1=1, axis2=2),
    "Diff": on(X, n=2),
    "Digitize": on(X, np.float32([0.2, 0.4, 0.6])),
    "DotProductAttention": on(Tensor("heads"), Tensor("heads"), Tensor("heads"), is_causal=True),
    "Dsplit": on(IMAGE, indices_or_sections=2),
    "Dstack": on([X, X]),
    "Einsum": on(X, SYMMETRIC, subscripts="bij,bjk->bik"),
    "ExpandDims": on(X, axis=1),
    "ExtractPatches": on(IMAGE, size=[2, 2], strides=[2, 2]),
    "FFT": on([X, X]),
    "FFT2": on([X, X]),
    "Flip": on(X, axis=-1),
    "Fold": on(Tensor("unfolded"), output_size=[4, 4], kernel_size=2, stride=2),
    "Full": on(Tensor("scalar"), shape=[2, 3]),
    "FullLike": on(X, 7.0),
    "GaussianBlur": on(IMAGE, kernel_size=[3, 3], sigma=[1.0, 1.0]),
    "Gelu": on(X, approximate=False),
    "Geomspace": on(1.0, Tensor("scalar"), num=5),
    "GetItem": on(IMAGE, (Ellipsis, slice(1, -1, 2), None, 0)),
    "Hsplit": on(X, indices_or_sections=[1, 3]),
    "Hstack": on([X, X]),
    "IFFT2": on([X, X]),
    "IRFFT": on([X, X], fft_length=6),
    "IsIn": on(N, [1, 2, 5]),
    "Kron": on(Tensor("matrix"), np.float32([[1, 2]])),
    "LayerNorm": on(X, *np.float32([[1, 2, 3, 4], [0, 1, 0, 2]]), axis=-1),
    "Ldexp": on(X, N),
    "Linspace": on(0.0, Tensor("scalar"), num=5),
    "Logspace": on(0.0, Tensor("scalar"), num=5),
    "Lstsq": on(Tensor("matrix"), Tensor("matrix")),
    "LuFactor": on(Tensor("matrix")),
    "MapCoordinates": on(
        Tensor("matrix"), np.float32([[0.5, 1.5, 2], [1, 0.25, 3]]), order=1, fill_mode="nearest"
    ),
    "MaxPool": on(IMAGE, pool_size=[3, 3], strides=[2, 2]),
    "Meshgrid": on(Tensor("vector"), np.float32([1, 2]), indexing="ij"),
    "Moments": on(X, axes=[1, 2], keepdims=True),
    "Moveaxis": on(IMAGE, source=[1, 3], destination=[3, 1]),
    "MultiHot": on(N, num_classes=10),
    "NanToNum": on(X, nan=1.0),
    "Norm": on(X, ord="fro", axis=[1, 2]),
    "Normalize": on(X, axis=-1, order=2),
    "OneHot": on(N, num_classes=10),
    "Pad": Case((X,), {"pad_width": [[0, 0], [1, 2], [0, 1]]}, {"constant_values": 3.0}),
    "PadImages": on(IMAGE, top_padding=1, left_padding=2, target_height=12, target_width=12),
    "PerspectiveTransform": on(
        IMAGE,
        np.float32([[[0, 0], [0, 7], [7, 0], [7, 7]]] * 2),
        np.float32([[[0, 1], [0, 6], [7, 1], [7, 7]]] * 2),
    ),
    "RFFT": on(X, fft_length=6),
    "Rearrange": Case((IMAGE, "b (h s) w c -> b h (w s) c"), {}, {"s": 2}),
    "Repeat": on(X, repeats=2, axis=-1),
    "RMSNorm": on(X, np.float32([1, 2, 3, 4])),
    "Reshape": on(X, newshape=[-1, 8, 2]),
    "Resize": on(IMAGE, size=[5, 11], interpolation="bicubic", antialias=True),
    "Roll": on(X, shift=[1, 2], axis=[1, 2]),
    "Rot90": on(X, k=3, axes=[1, 2]),
    "Round": on(X, decimals=1),
    "SVD": on(X, compute_uv=False),
    "SaturateCast": on(IMAGE, dtype="uint8"),
    "Scatter": on([[0], [3]], Tensor("pair"), shape=[5]),
    "ScatterUpdate": on(Tensor("vector"), [[0], [3]], [7.0, 8.0], reduction="add"),
    "SearchSorted": on(np.float32([0.2, 0.4, 0.6]), Tensor("vector")),
    "Select": on([B, B], [X, SYMMETRIC], 0.0),
    "SeparableConv": on(
        *(IMAGE, np.full((3, 3, 3, 2), 0.1, "float32"), np.full((1, 1, 6, 4), 0.2, "float32"))
    ),
    "Slice": on(Tensor("matrix"), [1, 2], shape=[2, 2]),
    "SliceUpdate": on(Tensor("matrix"), [1, 2], [[7.0, 8.0]]),
    "Solve": on(SYMMETRIC, X),
    "SolveTriangular": on(SYMMETRIC, X, lower=True),
    "SpaceToDepth": on(IMAGE, block_size=2),
    "Split": on(X, indices_or_sections=[1, 3], axis=-1),
    "Squeeze": on(Tensor("one"), axis=0),
    "Stack": on([X, X], axis=1),
    "Swapaxes": on(X, axis1=1, axis2=2),
    "Take": on(X, [2, 0], axis=1),
    "TakeAlongAxis": on(X, Tensor("order"), axis=1),
    "Tensordot": on(X, SYMMETRIC, axes=[[2], [1]]),
    "Threshold": on(X, threshold=0.5, default_value=-1.0),
    "Tile": on(X, repeats=[1, 2, 3]),
    "TopK": on(X, k=2),
    "Trace": on(X, axis1=1, axis2=2),
    "Transpose": on(X, axes=[0, 2, 1]),
    "Trapezoid": on(X, dx=0.5),
    "Unfold": on(Tensor("channels_first"), kernel_size=2, stride=2),
    "UnravelIndex": on(Tensor("places"), shape=[4, 4]),
    "Unstack": on(X, num=4, axis=1),
    "Vander": on(Tensor("vector"), N=3),
    "View": on(X, dtype="int32"),
    "Vsplit": on(X, indices_or_sections=1),
    "Vstack": on([X, X]),
    "Where": on(B, X, -1.0),
}
NAMES = [(module, name) for module, names in OPERATIONS.items() for name in sorted(names)]


def tensors(x: Any, image: Any) -> dict[str, Any]:
    """Derive what the cases take from a batch of matrices and one of images; in 0 to 1."""
    ops = keras.ops
    product = ops.matmul(x, ops.transpose(x, (0, 2, 1)))
    whole = ops.cast(x * 9, "int32")
    row = ops.reshape(x, (-1, 16))[0]
    return {
        "x": x,
        "image": image,
        "n": whole,
        "b": x > 0.5,
        "symmetric": product + ops.eye(4),  # positive definite
        "complex": keras.ops.polar(x, x),
        "order": ops.argsort(x, axis=1),
        "scalar": row[0] + 3.0,
        "one": ops.reshape(ops.take(row, [0, 1, 2]), (1, 3)),
        "vector": ops.take(row, [0, 1, 2, 3, 4]),
        "pair": ops.take(row, [3, 4]),
        "matrix": ops.reshape(row, (4, 4)),
        "places": ops.cast(row * 9, "int32"),
        "deep": ops.concatenate([image, image[..., :1]], -1),
        "heads": ops.reshape(image, (-1, 8, 2, 12)),
        "channels_first": ops.transpose(image, (0, 3, 1, 2))[:, :, :4, :4],
        "unfolded": ops.reshape(image[:, :4, :4], (-1, 12, 4)),
    }


def operation(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def called(module: str, name: str, given: dict[str, Any]) -> Any:
    """Call an operation as its case says; the batch of `given` may be symbolic."""
    case = CASES.get(name, Case())
    put = lambda value: given[value.name] if isinstance(value, Tensor) else value  # noqa: E731
    args = keras.tree.map_structure(put, case.args)
    kwargs = keras.tree.map_structure(put, case.kwargs)
    return operation(module, name)(**case.settings)(*args, **kwargs)
