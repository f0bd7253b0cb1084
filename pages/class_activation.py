from cnnviz.ui import router

router.show("class_activation")
