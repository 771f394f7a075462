"""A page that opens while the fit runs; one without WebGL2; one whose server goes away."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from deepspace.errors import TrainingError


def fitting(tmp_path, gate, *, epochs=400):
    """A session around a real fit that waits, after its second epoch, until the gate opens."""
    from sklearn.datasets import load_digits

    import deepspace as ds
    from deepspace.server import Session
    from deepspace.server.preview import Previews
    from deepspace.training import TrainConfig

    digits = load_digits()
    source = ((digits.images[:300] * 15.9375).astype(np.uint8), digits.target[:300])

    def start(on_progress, on_epoch, should_stop):
        def epoch(model, number):
            on_epoch(model, number)
            if number >= 2:
                gate.wait(60)

        return ds.fit(
            source,
            modality="image",
            path=tmp_path / "digits.space",
            training=TrainConfig(epochs=epochs, threads=1, patience=epochs),
            on_dataset=lambda dataset: session.preview_with(Previews(dataset), dataset.schema.modality),
            on_progress=on_progress,
            on_epoch=epoch,
            should_stop=should_stop,
        )

    session = Session("digits", start=start)
    return session


def test_the_page_watches_the_fit_stops_it_and_turns_into_the_map(tmp_path, serve, browse):
    gate = threading.Event()
    session = fitting(tmp_path, gate)
    page = browse(serve(session).address)
    session.start()
    page.wait("phase === 'training'", "training to begin")
    page.wait("preview && window.__deepspace.preview.n === 300", "the first preview")
    page.wait("history.length >= 1", "progress")
    page.page.wait_for_timeout(500)
    picture = page.shot()[60:, 420:]
    assert (np.ptp(picture.astype(int), axis=2) > 40).sum() > 300, "the preview is drawn in colour"
    assert "ELBO" in page.words("elbo")
    assert "epoch" in page.words("training")
    page.page.get_by_test_id("stop").click()
    page.page.wait_for_timeout(300)
    assert session.stopping
    gate.set()
    page.wait("ready", "the map, without a reload", timeout=120)
    assert len(session.space) == 300
    assert session.space.history["stopped"] == "user"
    assert page.page.get_by_test_id("training").count() == 0
    x, y = page.ready().spot(3)
    page.page.mouse.move(x, y)
    assert page.wait("decoded")["content"]["kind"] == "image"


def test_a_failed_fit_says_why(serve, browse):
    from deepspace.server import Session

    def start(on_progress, on_epoch, should_stop):
        raise TrainingError("the loss was not finite three times in a row; lower the learning rate.")

    session = Session("numbers", start=start)
    page = browse(serve(session).address)
    session.start()
    page.wait("phase === 'failed'")
    page.page.wait_for_timeout(200)
    assert "the loss was not finite three times in a row; lower the learning rate." in page.words("failure")


@pytest.mark.parametrize("flags", [("--disable-3d-apis",)])
def test_without_webgl2_the_page_says_so(spaces, serve, browse, flags):
    from deepspace.server import Session

    space = spaces("image")
    page = browse(serve(Session(space.name, space=space)).address, flags=flags)
    page.wait("phase === 'ready'")
    said = page.words("blocked")
    assert "WebGL2" in said
    assert "hardware acceleration" in said


def test_a_lost_connection_is_said_and_mended(spaces, serve, browse):
    from deepspace.server import Session

    space = spaces("image")
    server = serve(Session(space.name, space=space))
    page = browse(server.address).ready()
    server.close()
    page.wait("connected === false", "the loss to be noticed")
    page.page.wait_for_timeout(100)
    assert page.visible("The connection to deepspace is lost")
    serve(Session(space.name, space=space), server.port)
    page.wait("connected", "the connection to come back", timeout=60)
    x, y = page.spot(9)
    page.page.mouse.move(x + 2, y)
    assert page.wait("decoded")["hasData"] in (True, False)
