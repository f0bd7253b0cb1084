"""Read the numbers out of a PyTorch file of the old format, without PyTorch.

Such a file is five pickles (a magic number, a protocol number, facts about the machine, the
tensors by name, the keys of their storages), then for each storage its count as int64 and its
values, little-endian. A tensor is a view of a storage: offset, shape and strides.

A pickle can name any function and have it called. The reader here admits the few names that
tensors need, and none of them does anything.
"""

import io
import math
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from cnnviz.errors import ModelLoadError

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001


class _Storage(NamedTuple):
    dtype: str
    key: str


class _Tensor(NamedTuple):
    """What PyTorch's ``_rebuild_tensor_v2`` would be called with."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    requires_grad: bool
    hooks: Any


_ADMITTED: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _Tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}


class _TensorUnpickler(pickle.Unpickler):
    """An unpickler that knows tensors and ordered dictionaries and nothing else."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:
        """Admit what is listed; everything else stops the reading."""
        try:
            return _ADMITTED[module_name, global_name]
        except KeyError:
            message = f"it names {module_name}.{global_name}, which weights have no use for"
            raise pickle.UnpicklingError(message) from None

    def persistent_load(self, pid: Any) -> _Storage:
        """Take the note that stands for a storage."""
        kind, dtype, key, *_ = pid
        if kind != "storage":
            raise pickle.UnpicklingError(f"it stores something called {kind!r}")
        return _Storage(dtype, key)


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """Read all tensors of a PyTorch file of the old format (before version 1.6).

    Parameters
    ----------
    path : str or Path
        A file that ``torch.save`` wrote with the weights of a network, float32 or int64.

    Returns
    -------
    dict of ndarray
        The tensors by name, in PyTorch's order of axes.

    Raises
    ------
    ModelLoadError
        If the file is missing, damaged or something else, or asks for a function to be called.
    """
    path = Path(path)
    try:
        content = path.read_bytes()
        return _read(io.BytesIO(content))
    except OSError as error:
        message = (
            f"The weights {path.name!r} cannot be read ({error.strerror}). Install them again."
        )
        raise ModelLoadError(message, path=path) from error
    except Exception as error:  # a hostile pickle can make any exception appear
        raise ModelLoadError(
            f"{path.name!r} is not a whole PyTorch file of the old format: {error}. "
            "Install or download it again.",
            path=path,
        ) from error


def _read(file: io.BytesIO) -> dict[str, np.ndarray]:
    if _unpickled(file) != MAGIC_NUMBER or _unpickled(file) != PROTOCOL_VERSION:
        raise ValueError("it begins with other numbers")
    if not _unpickled(file)["little_endian"]:
        raise ValueError("it was written on a big-endian machine")
    tensors: dict[str, _Tensor] = _unpickled(file)
    dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
    keys = _unpickled(file)
    storages = {key: _read_storage(file, np.dtype(dtypes[key])) for key in keys}
    return {name: _values(tensor, storages) for name, tensor in tensors.items()}


def _unpickled(file: io.BytesIO) -> Any:
    return _TensorUnpickler(file).load()


def _read_storage(file: io.BytesIO, dtype: np.dtype) -> np.ndarray:
    count = int.from_bytes(file.read(8), "little", signed=True)
    num_left = (file.getbuffer().nbytes - file.tell()) // dtype.itemsize
    if not 0 <= count <= num_left:
        raise ValueError(f"{count} values should follow where there are {num_left}")
    return np.frombuffer(file.read(count * dtype.itemsize), dtype)


def _values(tensor: _Tensor, storages: dict[str, np.ndarray]) -> np.ndarray:
    """Pick a tensor's values by index: an index out of bounds raises, unlike a bare stride."""
    values = storages[tensor.storage.key]
    if math.prod(tensor.shape) > values.size or max(tensor.shape, default=0) > values.size:
        raise ValueError(f"a tensor of shape {tensor.shape} views only {values.size} values")
    steps = [np.arange(n) * step for n, step in zip(tensor.shape, tensor.strides, strict=True)]
    return np.asarray(values[sum(np.ix_(*steps), start=tensor.offset)])
