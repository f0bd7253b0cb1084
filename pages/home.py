from cnnviz.ui.home import gallery

gallery.show()
