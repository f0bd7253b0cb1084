from cnnviz.ui import router

router.show("feature_maps")
