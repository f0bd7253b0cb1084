"""Entry of the app: asks for the picture that goes along to every page, and routes."""

from cnnviz.ui import controls, frame

page = frame.navigation()
controls.choose_picture()
page.run()
