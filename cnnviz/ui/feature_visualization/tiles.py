"""What the views of feature visualization share: an atlas, and the size of its tiles."""

from cnnviz.feature_visualization.atlas import LayerAtlas, find_atlas

GRID_COLUMNS = 10


def layer_atlas(model_name: str, layer_name: str) -> LayerAtlas | None:
    """Find the images of all filters of a layer, if somebody made them."""
    atlas = find_atlas(model_name)
    return atlas.layers.get(layer_name) if atlas else None


def tile_px(size_px: int) -> int:
    """Return the tile side in pixels: an integer multiple of the image side, without padding."""
    return size_px * max(1, 128 // size_px)
