from .errors import CnnvizError as CnnvizError
from .results import ClassHeatmap as ClassHeatmap
from .results import FeatureMaps as FeatureMaps
from .results import GaborResponse as GaborResponse
from .results import ImageInput as ImageInput
from .results import Prediction as Prediction

__version__: str
