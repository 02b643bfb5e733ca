"""The port answers before the application is there."""

from __future__ import annotations

import threading

from fastapi import FastAPI
from starlette.testclient import TestClient

from webui.core.errors import Message
from webui.http.stage import Stage
from webui.services.localisation import Localiser


def test_a_page_says_what_is_loading_until_the_application_is_presented():
    stage = Stage(Localiser())
    lived = []
    app = FastAPI(lifespan=lambda _: _Lifespan(lived))

    @app.get("/")
    def home():
        return "the application"

    with TestClient(stage) as browser:
        page = browser.get("/", headers={"accept": "text/html"})
        assert page.status_code == 200
        assert 'http-equiv="refresh"' in page.text
        assert browser.get("/api/session").status_code == 503
        stage.say(Message("loading.interface"))
        assert Localiser().text("loading.interface", "en") in browser.get("/").text
        thread = threading.Thread(target=stage.present, args=(app,))
        thread.start()
        thread.join()
        assert browser.get("/").json() == "the application"
        assert browser.get("/?opening").json() == "the application"
        assert lived == ["began"]
    assert lived == ["began", "ended"]


def test_a_page_that_asks_again_waits_for_news_and_is_sent_on():
    stage = Stage(Localiser())
    app = FastAPI()
    answers = []
    with TestClient(stage) as browser:

        def wait():
            answers.append(browser.get("/?opening", follow_redirects=False))

        first = threading.Thread(target=wait)
        first.start()
        first.join(0.3)
        assert first.is_alive(), "it answered although there was no news"
        stage.say(Message("loading.interface"))
        first.join(30)
        assert Localiser().text("loading.interface", "en") in answers[0].text
        second = threading.Thread(target=wait)
        second.start()
        second.join(0.3)
        threading.Thread(target=stage.present, args=(app,)).start()
        second.join(30)
    assert (answers[1].status_code, answers[1].headers["location"]) == (303, "/")


def test_a_failed_start_stays_on_the_page():
    stage = Stage(Localiser())
    stage.say(Message("error.port_taken", {"port": 1, "next": 2}), failed=True)
    with TestClient(stage) as browser:
        page = browser.get("/")
    assert page.status_code == 500
    assert "refresh" not in page.text
    assert "--port 2" in page.text


class _Lifespan:
    def __init__(self, lived):
        self.lived = lived

    async def __aenter__(self):
        self.lived.append("began")

    async def __aexit__(self, *_):
        self.lived.append("ended")
