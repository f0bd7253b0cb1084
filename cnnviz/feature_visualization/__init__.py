"""Images that activate a filter: objectives, bases, transforms and the optimizer.

The names are loaded when they are used: recipes and atlases can be read without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
