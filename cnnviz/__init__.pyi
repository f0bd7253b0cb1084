from .ablation import ablated_scores as ablated_scores
from .ascent import visualize_filter as visualize_filter
from .cam import class_activation_map as class_activation_map
from .convolution import LayerSettings as LayerSettings
from .convolution import apply_layer as apply_layer
from .errors import CnnvizError as CnnvizError
from .feature_maps import feature_maps as feature_maps
from .filter_banks import FilterBank as FilterBank
from .filter_banks import gabor_bank as gabor_bank
from .filter_banks import gabor_kernel as gabor_kernel
from .filter_banks import gabor_response as gabor_response
from .gabor_fit import fit_gabor as fit_gabor
from .images import read_image as read_image
from .layer_table import layer_table as layer_table
from .probe import LoadedModel as LoadedModel
from .probe import load_model as load_model
from .receptive_field import receptive_fields as receptive_fields
from .results import ClassHeatmap as ClassHeatmap
from .results import FeatureMaps as FeatureMaps
from .results import FilterImage as FilterImage
from .results import GaborResponse as GaborResponse
from .results import ImageInput as ImageInput
from .results import Prediction as Prediction
from .trace import trace_cell as trace_cell
from .zoo import ModelCard as ModelCard
from .zoo import list_models as list_models

__version__: str
