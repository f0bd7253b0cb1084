from cnnviz.ui import router

router.show("filters")
