"""What TensorFlow and Keras raise when a network cannot be computed, and how to say it briefly."""

import re

import tensorflow as tf

TF_ERRORS = (
    *(tf.errors.OpError, ValueError, TypeError, AttributeError, NotImplementedError),
    *(ArithmeticError, MemoryError, LookupError),
)


_NOISE = (  # how Keras and TensorFlow begin their messages
    *("Exception encountered", "Graph execution error", "Detected at", "<stack traces", "File "),
    *("[[", "Stack trace", "error detected"),
)


def brief(error: BaseException) -> str:
    """Return the first sentence of a library's message, of at most 200 characters."""
    if isinstance(error, (MemoryError, tf.errors.ResourceExhaustedError)):
        return "there is not enough memory."
    text = re.sub(r"\x1b\[[0-9;]*m", "", str(error))  # Keras prints some lines in bold
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    text = next((line for line in lines if not line.startswith(_NOISE)), "")
    plain = "".join(character for character in text if character.isprintable())[:200].strip()
    return f"{plain or type(error).__name__}{'' if plain.endswith('.') else '.'}"
