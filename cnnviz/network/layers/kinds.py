"""What an operation of a network is, told by its class and not by its name. Loads no Keras."""

from typing import Any

_GENERAL = {"Layer", "Operation", "Model"}  # classes of Keras that compute nothing themselves


def kind_of(operation: Any) -> str:
    """Name the class of Keras that says what an operation computes; empty if Keras has none.

    A class of somebody's own counts as the Keras class it extends unless it computes in its own
    way, whatever it is called.

    Examples
    --------
    >>> import keras
    >>> class Dense(keras.layers.Layer):
    ...     pass
    >>> kind_of(keras.layers.Dense(1)), kind_of(Dense())
    ('Dense', '')
    """
    for ancestor in type(operation).__mro__:
        if ancestor.__module__.partition(".")[0] == "keras":
            return "" if ancestor.__name__ in _GENERAL else ancestor.__name__
        if {"call", "__call__"} & vars(ancestor).keys():
            return ""
    return ""


def is_foreign(operation: Any) -> bool:
    """Whether an operation runs code that is not of Keras: a layer of one's own, or a Lambda."""
    return kind_of(operation) in ("", "Lambda")
