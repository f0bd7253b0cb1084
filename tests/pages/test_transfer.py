"""The page on re-using features: the comparison, and a head on classes of one's own."""

from streamlit.testing.v1 import AppTest

from cnnviz.reuse import NETWORKS
from tests.pages.test_pages import finished, open_page, texts

PAGE = "pages/transfer.py"


def shown(**query: str) -> AppTest:
    app = finished(open_page(PAGE, **query))
    assert not app.exception
    assert not app.error
    return app


def test_the_first_look_is_never_empty() -> None:
    app = open_page(PAGE)
    assert not app.exception
    assert len(app.image) >= 1
    assert "73.4%" in texts(app)


def test_all_five_networks_answer_for_the_picture() -> None:
    app = shown()
    assert len(app.image) == 1 + len(NETWORKS)
    assert texts(app).count("says «cat»") == len(NETWORKS)
    assert "46 of 51 layers with kernels did not move at all" in texts(app)


def test_the_evidence_for_a_class_that_is_not_there_is_none() -> None:
    app = shown()
    app.radio(key="reuse_class").set_value("dog").run()
    assert not app.exception
    assert "Evidence for «dog»" in texts(app)
    assert "nothing speaks for it" in texts(app)


def test_settings_change_nothing_but_the_look() -> None:
    app = shown()
    app.toggle(key="reuse_shared").set_value(True).run()
    app.slider(key="reuse_smoothing").set_value(0.9).run()
    app.radio(key="reuse_curves").set_value("loss").run()
    assert not app.exception
    assert len(app.image) == 1 + len(NETWORKS)


def test_another_picture_is_asked_about_anew() -> None:
    app = shown()
    app.selectbox(key="source").select("fashion-mnist").run()
    finished(app)
    assert not app.exception
    assert not app.error
    assert len(app.image) == 1 + len(NETWORKS)


def test_a_broken_upload_is_explained_beside_the_example() -> None:
    app = shown()
    app.selectbox(key="source").select("upload").run()
    app.file_uploader[0].set_value(("cat.png", b"not a picture", "image/png")).run()
    assert not app.exception
    assert len(app.error) == 1
    assert len(app.image) >= 1


def test_the_page_stands_alone() -> None:
    from tests.conftest import REPOSITORY

    app = AppTest.from_file(str(REPOSITORY / PAGE), default_timeout=120).run()
    assert not app.exception
    assert len(app.image) >= 1
