from cnnviz.ui import router

router.show("timeline")
