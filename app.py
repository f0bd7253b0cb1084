"""Entry of the app: asks for the image that goes along to every page, and routes."""

from cnnviz.ui import router

router.run()
