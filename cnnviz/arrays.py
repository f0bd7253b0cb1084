"""Arrays that nobody can write to, their fingerprints, and maps enlarged to images."""

from collections.abc import Callable
from hashlib import blake2b
from typing import Any, TypeVar

import cv2
import numpy as np

_Record = TypeVar("_Record", bound=type)


def read_only(values: Any, dtype: type = np.float32) -> np.ndarray:
    """Make `values` an array of `dtype` that nobody can write to; copied only where needed."""
    if isinstance(values, np.ndarray) and values.dtype == dtype and _is_frozen(values):
        return values
    array: np.ndarray = np.array(values, dtype=dtype)
    array.flags.writeable = False
    return array


def _is_frozen(values: Any) -> bool:
    """Whether neither an array nor what it is a view of can be written to."""
    while isinstance(values, np.ndarray):
        if values.flags.writeable:
            return False
        values = values.base
    return True


def frozen_arrays(**dtypes: type) -> Callable[[_Record], _Record]:
    """Make fields of a frozen dataclass read-only arrays of the types given; None stays None.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, eq=False)
    ... @frozen_arrays(values=np.float32)
    ... class Map:
    ...     values: np.ndarray
    >>> Map([[1, 2]]).values
    array([[1., 2.]], dtype=float32)
    """

    def decorate(record: _Record) -> _Record:
        def freeze(self: Any) -> None:
            for name, dtype in dtypes.items():
                value = getattr(self, name)
                if value is not None:
                    object.__setattr__(self, name, read_only(value, dtype))

        record.__post_init__ = freeze  # type: ignore[attr-defined]
        return record

    return decorate


def digest(values: np.ndarray) -> str:
    """Compute a fingerprint of an array's shape, type and values; equal arrays have equal ones."""
    fingerprint = blake2b(f"{values.shape} {values.dtype.str}".encode(), digest_size=16)
    fingerprint.update(np.ascontiguousarray(values).data)
    return fingerprint.hexdigest()


def upsample(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Enlarge a map (h, w) to (height, width), bilinear with half-pixel centers, float32.

    A position of the map covers its own part of the image, so a maximum stays in the middle of the
    part that it stands for. Beyond the outermost centers the value stays constant.

    Examples
    --------
    >>> upsample(np.float32([[0, 4]]), 1, 4)
    array([[0., 1., 3., 4.]], dtype=float32)
    """
    values = np.ascontiguousarray(values, np.float32)
    return cv2.resize(values, (width, height), interpolation=cv2.INTER_LINEAR)
