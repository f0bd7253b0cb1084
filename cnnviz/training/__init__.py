"""How the networks in ``models/`` come about: recipes, and the run that follows one.

The names are loaded when they are used: recipes can be read without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
