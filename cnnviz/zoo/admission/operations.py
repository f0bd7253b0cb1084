"""The operations of ``keras.ops`` that a file may ask for: an explicit list, all else is refused.

Keras saves ``x / 255``, ``preprocess_input(x)`` and calls of ``keras.ops`` in a functional model as
operations: a module of Keras, the name of a class, the settings of its constructor, and the
arguments of each call. None of those listed here can run code from the file:

- Each is a pure function of arrays. No parameter of its constructor or of its call is a function,
  and it calls nothing back: a test gives each of them a function in place of every argument.
- Keras passes the settings from JSON to the constructor as they stand: numbers, text, lists. The
  arguments of a call are checked apart (`cnnviz.zoo.admission.rules`): tensors, numbers, slices.
- They run kernels of the backend only. None opens a file or a connection, imports a module, looks
  up a name that the file chooses, or draws random numbers.

They can ask for much memory or time, as layers can; the trial of a file in a process of its own
bounds that (`cnnviz.zoo.vetting.checking.try_in_child`). The trial sees a black image only, so
operations are left out whose result grows with the values in the image (``bincount``,
``segment_sum``).
"""

from collections.abc import Mapping

_NUMPY = """
Abs Absolute Add All AllClose Amax Amin Angle Any Append Arccos Arccosh Arcsin Arcsinh Arctan
Arctan2 Arctanh Argmax Argmin Argpartition Argsort Array ArraySplit Average BitwiseAnd BitwiseInvert
BitwiseLeftShift BitwiseNot BitwiseOr BitwiseRightShift BitwiseXor BroadcastTo Cbrt Ceil Clip
Concatenate Conj Conjugate Copy Corrcoef Correlate Cos Cosh CountNonzero Cross Cumprod Cumsum
Deg2rad Diag Diagflat Diagonal Diff Digitize Divide DivideNoNan Dot Dsplit Dstack Einsum EmptyLike
Equal Exp Exp2 ExpandDims Expm1 Fabs Flip Fliplr Flipud Floor FloorDivide Fmax Fmin Fmod Full
FullLike Gcd Geomspace GetItem Greater GreaterEqual Heaviside Hsplit Hstack Hypot I0 Imag Inner IsIn
Isclose Isfinite Isinf Isnan Isneginf Isposinf Isreal Kron Lcm Ldexp LeftShift Less LessEqual
Linspace Log Log10 Log1p Log2 Logaddexp Logaddexp2 LogicalAnd LogicalNot LogicalOr LogicalXor
Logspace Matmul Max Maximum Mean Median Meshgrid Min Minimum Mod Moveaxis Multiply NanToNum
Nanargmax Nanargmin Nancumprod Nancumsum Nanmax Nanmean Nanmedian Nanmin Nanpercentile Nanprod
Nanquantile Nanstd Nansum Nanvar Negative Nextafter NotEqual OnesLike Outer Pad Percentile Power
Prod Ptp Quantile Rad2deg Ravel Real Reciprocal Repeat Reshape RightShift Roll Rot90 Round
SearchSorted Select Sign Signbit Sin Sinc Sinh Slogdet Sort Split Sqrt Square Squeeze Stack Std
Subtract Sum Swapaxes Take TakeAlongAxis Tan Tanh Tensordot Tile Trace Transpose Trapezoid Tril Triu
TrueDivide Trunc UnravelIndex Vander Var Vdot View Vsplit Vstack Where ZerosLike
"""
_NN = """
AveragePool BatchNorm Celu Conv DepthToSpace DepthwiseConv DotProductAttention Elu Fold Gelu Glu
HardShrink HardSigmoid HardSilu HardTanh LayerNorm LeakyRelu LogSigmoid LogSoftmax MaxPool Moments
MultiHot Normalize OneHot Polar RMSNorm Relu Relu6 Selu SeparableConv Sigmoid Silu SoftShrink
Softmax Softplus Softsign SpaceToDepth SparsePlus SparseSigmoid Sparsemax Squareplus TanhShrink
Threshold Unfold
"""
_MATH = """
CDist Erf Erfc Erfinv FFT FFT2 IFFT2 IRFFT Logdet Logsumexp RFFT Rsqrt TopK ViewAsReal
"""
_LINALG = """
Cholesky CholeskyInverse Det Eig Eigh Inv Lstsq LuFactor MatrixRank Norm Pinv Qr SVD Solve
SolveTriangular
"""
_IMAGE = """
AffineTransform CropImages ExtractPatches GaussianBlur HSVToRGB MapCoordinates PadImages
PerspectiveTransform RGBToGrayscale RGBToHSV Resize SobelEdges
"""
_CORE = """
Cast ConvertToTensor SaturateCast Scatter ScatterUpdate Slice SliceUpdate StopGradient Unstack
"""

OPERATIONS: Mapping[str, frozenset[str]] = {
    "keras.src.ops.numpy": frozenset(_NUMPY.split()),
    "keras.src.ops.nn": frozenset(_NN.split()),
    "keras.src.ops.math": frozenset(_MATH.split()),
    "keras.src.ops.linalg": frozenset(_LINALG.split()),
    "keras.src.ops.image": frozenset(_IMAGE.split()),
    "keras.src.ops.core": frozenset(_CORE.split()),
    "keras.src.ops.einops": frozenset({"Rearrange"}),
    "keras.src.activations.activations": frozenset({"Mish", "ReLU"}),
}

CALLING_BACK: Mapping[str, str] = {  # class -> the function of keras.ops; these call functions
    "AssociativeScan": "associative_scan",
    "Cond": "cond",
    "ForiLoop": "fori_loop",
    "JVP": "jvp",
    "Map": "map",
    "Scan": "scan",
    "Switch": "switch",
    "VectorizedMap": "vectorized_map",
    "WhileLoop": "while_loop",
}


def is_operation_module(module: str) -> bool:
    """Whether Keras keeps operations in this module of its own."""
    return module in OPERATIONS or module.startswith("keras.src.ops.")


def module_of_operation(name: str) -> str | None:
    """Find the module of an admitted operation; no two have the same name but ``ReLU``'s kind."""
    return next((module for module, names in OPERATIONS.items() if name in names), None)
