"""cnnviz shows what a convolutional network sees.

Everything that ``__init__.pyi`` names is loaded when it is first used: ``import cnnviz`` loads
neither TensorFlow nor Streamlit.
"""

import lazy_loader

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
