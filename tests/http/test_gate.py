"""The one authentication layer, in front of everything that the server answers."""

from __future__ import annotations

import re

import pytest

from tests.running_server import running, wait_for

NAME_PASSWORD = "bob:s3cret:with-colon"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    with running(folder / "data", "--auth", NAME_PASSWORD) as server:
        yield server.ready(NAME_PASSWORD)


PATHS = (
    "/",
    "/config",
    "/gradio_api/info",
    "/gradio_api/queue/join",
    "/api/session",
    "/api/events",
    "/api/jobs",
    "/api/pictures",
    "/api/inputs",
    "/sdapi/v1/txt2img",
    "/sdapi/v1/cmd-flags",
    "/internal/progress",
    "/internal/ping",
    "/api/docs",
    "/api/openapi.json",
    "/api/messages/en",
    "/pictures/x.png",
    "/pictures/x/thumb.webp",
    "/ink/main.js",
    "/nothing",
    "/logout",
)


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_stranger_gets_nothing(guarded, path, method):
    body = {} if method == "POST" else None
    answer = guarded.ask(path, body)
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_a_wrong_password_is_a_strangers(guarded):
    assert guarded.ask("/api/session", auth="bob:wrong").status == 401


def test_a_browser_is_sent_to_the_login_page_and_comes_back_with_a_session(guarded):
    sent = guarded.ask("/", accept="text/html")
    assert (sent.status, sent.headers["location"]) == (303, "/login")
    assert "<form" in guarded.ask("/login", accept="text/html").body.decode()
    form = {"content_type": "application/x-www-form-urlencoded", "accept": "text/html"}

    def log_in(password):
        import urllib.parse
        import urllib.request

        data = urllib.parse.urlencode({"name": "bob", "password": password}).encode()
        request = urllib.request.Request(guarded.url + "/login", data)
        request.add_header("content-type", form["content_type"])
        from tests.running_server import _NoRedirect

        try:
            urllib.request.build_opener(_NoRedirect).open(request)
        except urllib.error.HTTPError as error:
            return error
        raise AssertionError("an answer without redirect")

    assert log_in("wrong").code == 401
    cookie = log_in("s3cret:with-colon").headers["set-cookie"]
    assert "httponly" in cookie.lower()
    session = cookie.split(";")[0]
    assert guarded.ask("/api/session", cookie=session).json["owner"] == "bob"
    forged = session[:-1] + ("0" if session[-1] != "0" else "1")
    assert guarded.ask("/api/session", cookie=forged).status == 401


def test_the_owner_cannot_be_claimed_by_a_header(guarded):
    answer = guarded.ask("/api/session", auth=NAME_PASSWORD, x_inkstone_owner="admin")
    assert answer.json["owner"] == "bob"


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_pages_of_other_sites_cannot_change_anything(server, origin):
    answer = server.ask("/api/jobs", {"prompt": "x"}, origin=origin)
    assert answer.status == 403
    assert server.ask("/gradio_api/queue/join", {}, origin=origin).status == 403
    assert server.ask("/api/language", {"lang": "en"}, sec_fetch_site="cross-site").status == 403
    log = (server.data_dir / "logs" / "server.log").read_text(encoding="utf-8")
    assert f"/api/jobs refused: asked from {origin}" in log


def test_our_own_page_may(server):
    answer = server.ask("/api/language", {"lang": "en"}, origin=server.url)
    assert answer.status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7860", "", "127.0.0.1.evil.com"])
def test_a_rebound_name_is_refused(server, host):
    assert server.ask("/api/session", host=host).status in (400, 403)


def test_answers_carry_the_security_headers(server):
    headers = server.ask("/api/session").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["content-security-policy"].startswith("default-src 'none'")


def test_listening_makes_a_password_and_prints_it_once(tmp_path):
    data = tmp_path / "data"
    with running(data, "--listen") as first:
        wait_for(lambda: "password:" in first.console() or first.process.poll() is not None)
        password = re.search(r"password: (\S+)", first.console())[1]
        first.ready(f"admin:{password}")
        assert first.ask("/api/session").status == 401
        assert first.ask("/api/session", host=f"192.168.1.5:{first.port}").status == 401
        assert first.ask("/api/session", host="evil.example").status == 403
    with running(data, "--listen") as second:
        second.ready(f"admin:{password}")
        assert "password" not in second.console()
    assert password not in (data / "accounts.json").read_text()


def test_a_malformed_account_is_named(tmp_path):
    with running(tmp_path / "data", "--auth", "nopassword") as server:
        assert server.process.wait(60) != 0
        assert "NAME:PASSWORD" in server.console()


def test_a_taken_port_is_said_plainly(server, tmp_path):
    with running(tmp_path / "data", "--port", str(server.port)) as second:
        assert second.process.wait(60) != 0
        assert f"--port {server.port + 1}" in second.console()
        assert "Traceback" not in second.console()


def test_a_second_server_on_the_same_folder_is_refused(server):
    with running(server.data_dir) as second:
        assert second.process.wait(60) != 0
        assert "Traceback" not in second.console()


def test_a_data_folder_that_cannot_be_used_is_said_plainly(tmp_path):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "fine").mkdir()
    from tests.running_server import RunningServer

    server = RunningServer(tmp_path / "fine" / "data", "--data-dir", str(tmp_path / "file"))
    assert server.process.wait(60) != 0
    assert str(tmp_path / "file") in server.console()
    assert "Traceback" not in server.console()
