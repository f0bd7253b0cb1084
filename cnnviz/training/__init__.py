"""How networks come about: recipes, the run that follows one, and small networks trained live.

The names are loaded when they are used: recipes and settings can be read without TensorFlow.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
