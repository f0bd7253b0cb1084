from cnnviz.ui import home

home.show()
