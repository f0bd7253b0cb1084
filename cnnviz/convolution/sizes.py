"""How large an output is, and how many numbers a layer has to learn."""

from cnnviz.errors import InvalidParameterError


def output_size(length: int, window: int, padding: int, stride: int) -> tuple[int, int]:
    """Compute the length of a convolution's output, (W - F + 2P) / S + 1.

    Parameters
    ----------
    length, window, padding, stride : int
        W, F, P (on each side) and S, in cells along one axis.

    Returns
    -------
    size : int
        How often the window fits.
    left_over : int
        Cells at the far end that no window covers; 0 if the formula gives a whole number.

    Raises
    ------
    InvalidParameterError
        If a number is out of range, or the window is longer than the padded input.

    Examples
    --------
    >>> output_size(7, 3, 1, 2)
    (4, 0)
    >>> output_size(10, 3, 0, 2)
    (4, 1)
    """
    for what, value, least in (
        ("input length", length, 1),
        ("window", window, 1),
        ("padding", padding, 0),
        ("stride", stride, 1),
    ):
        if value < least:
            raise InvalidParameterError(f"The {what} must be at least {least}, got {value}.")
    room = length - window + 2 * padding
    if room < 0:
        raise InvalidParameterError(
            f"A window of {window} does not fit into {length} + 2·{padding} positions. Make the "
            "window smaller or the padding larger."
        )
    return room // stride + 1, room % stride


def convolution_parameters(window: int, depth: int, num_filters: int) -> int:
    """Count the parameters of a convolutional layer: (F·F·D + 1)·K.

    Parameters
    ----------
    window, depth, num_filters : int
        F, the side of a kernel; D, the channels of the input; K, the filters.

    Returns
    -------
    int

    Examples
    --------
    >>> convolution_parameters(5, 3, 20)
    1520
    """
    return (window * window * depth + 1) * num_filters


def dense_parameters(num_inputs: int, num_units: int) -> int:
    """Count the parameters of a dense layer: (inputs + 1)·units.

    Parameters
    ----------
    num_inputs, num_units : int

    Returns
    -------
    int

    Examples
    --------
    >>> dense_parameters(32 * 32 * 3, 20)
    61460
    """
    return (num_inputs + 1) * num_units
