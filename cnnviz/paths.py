"""Where networks, pages and the configuration of the app lie: in a checkout, or installed."""

from pathlib import Path

_PACKAGE = Path(__file__).parent
_INSTALLED = _PACKAGE / "share"  # a wheel puts there what lies beside the package in a checkout

IMPORT_FOLDER = _PACKAGE.parent
ROOT = _INSTALLED if _INSTALLED.is_dir() else IMPORT_FOLDER
APP = ROOT / "app.py"
PAGES = ROOT / "pages"
MODELS = ROOT / "models"
ATLASES = MODELS / "atlas"
# New networks go into a checkout, or into the current folder, never into an installed package.
NEW_MODELS = Path("models") if ROOT == _INSTALLED else MODELS
