"""Run by `cnnviz.zoo.vetting` in a process of its own: load a file and run it once.

It knows nothing of cnnviz, prints one sentence if the file is no good, and sets its own bounds
before anything else is imported.
"""

import resource
import sys

CPU_SECONDS = 60
MAX_WRITTEN_BYTES = 1 << 20
FREE_SIZE_PX = 224


def main(path: str, memory_mb: int) -> int:
    """Give 0 if the file holds a network that turns a picture into numbers."""
    memory = memory_mb << 20
    resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MAX_WRITTEN_BYTES, MAX_WRITTEN_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    import keras
    import numpy as np
    import tensorflow as tf

    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
        _, *sizes, channels = model.inputs[0].shape
        shape = [size or FREE_SIZE_PX for size in sizes]
        batch = tf.zeros((1, *shape, channels))
        with tf.GradientTape() as tape:
            tape.watch(batch)
            outputs = model(batch, training=False)
        tape.gradient(outputs, batch)
        outputs = np.asarray(outputs)
    except MemoryError:
        print("it needs more memory than is allowed")
        return 1
    except Exception as error:  # noqa: BLE001 - Keras raises all kinds for what a file may hold
        print(f"Keras cannot load and run it ({type(error).__name__})")
        return 1
    if not np.isfinite(outputs).all():
        print("it answers a black picture with values that are no numbers")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
