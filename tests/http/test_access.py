"""Who comes in by what: tokens, --api-auth, other origins, and what happens to those who guess."""

from __future__ import annotations

import asyncio
import http.client
import subprocess
import sys
from base64 import b64encode

import pytest
from starlette.datastructures import Headers

from tests.running_server import PATIENCE, REPOSITORY, running
from webui.http.authentication import Access, Authentication
from webui.services.access_tokens import AccessTokens
from webui.services.accounts import Accounts
from webui.services.throttle import FREE_GUESSES, Throttle

BOB, ANN = "bob:s3cret", "ann:hidden"
CLIENT, SITE = "krita:p:w", "https://friend.example"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("access")
    options = ("--auth", BOB, "--auth", ANN, "--api-auth", f"x:y,{CLIENT}", "--cors-origin", SITE)
    options += ("--rate-limit", "1")
    with running(folder / "data", *options) as started:
        yield started.ready(BOB)


def bearer(token):
    return {"authorization": f"Bearer {token}"}


def test_a_token_works_as_its_account_everywhere_but_for_tokens(server):
    made = server.ask("/api/access-tokens", {"note": "a bot"}, auth=ANN).json
    with_token = bearer(made["token"])
    for path in ("/api/session", "/sdapi/v1/samplers", "/"):
        assert server.ask(path, **with_token).status == 200
    assert server.ask("/api/session", **with_token).json["owner"] == "ann"
    assert server.ask("/api/access-tokens", **with_token).status == 403
    assert server.ask("/api/access-tokens", {"note": ""}, **with_token).status == 403
    listed = server.ask("/api/access-tokens", auth=ANN).json["tokens"]
    assert [(row["id"], row["note"]) for row in listed] == [(made["id"], "a bot")]
    assert made["token"] not in str(listed)
    path = f"/api/access-tokens/{made['id']}"
    assert server.ask("/api/access-tokens", auth=BOB).json["tokens"] == []
    assert server.ask(path, method="DELETE", auth=BOB).status == 404
    assert server.ask(path, method="DELETE", auth=ANN).status == 204
    assert server.ask("/api/session", **with_token).status == 401


def test_a_token_of_the_command_line_counts_at_once(server):
    def token(*arguments):
        command = [sys.executable, "-m", "webui.cli", "token", *arguments]
        command += ["--data-dir", str(server.data_dir), "--lang", "en"]
        return subprocess.run(command, check=False, cwd=REPOSITORY, capture_output=True, text=True)

    text = token("make", "bob", "--note", "cron").stdout.strip()
    assert server.ask("/api/session", **bearer(text)).json["owner"] == "bob"
    listed = token("list").stdout
    assert "bob" in listed
    assert "cron" in listed
    assert text.split("_")[2] not in listed
    assert token("revoke", listed.split()[0]).returncode == 0
    assert server.ask("/api/session", **bearer(text)).status == 401
    assert token("revoke", "none").returncode != 0
    assert token("make").returncode == 2
    stranger = token("make", "nobody").stdout.strip()
    assert server.ask("/api/session", **bearer(stranger)).status == 401


def test_api_auth_opens_the_api_of_clients_and_nothing_else(server):
    assert server.ask("/sdapi/v1/samplers", auth=CLIENT).status == 200
    assert server.ask("/internal/ping", auth=CLIENT).status == 200
    assert server.ask("/sdapi/v1/samplers", auth=BOB).status == 200
    for path in ("/api/session", "/api/jobs", "/", "/pictures/x.png"):
        assert server.ask(path, auth=CLIENT).status == 401
    stop = server.ask("/sdapi/v1/unload-checkpoint", {}, auth=CLIENT)
    assert stop.status == 403


def test_a_site_that_was_named_may_ask_with_credentials_of_its_own(server):
    asked = {
        "access_control_request_method": "POST",
        "access_control_request_headers": "authorization",
    }
    preflight = server.ask("/api/jobs", method="OPTIONS", origin=SITE, **asked)
    assert preflight.status == 204
    assert preflight.headers["access-control-allow-origin"] == SITE
    assert preflight.headers["access-control-allow-headers"] == "authorization"
    assert "access-control-allow-credentials" not in preflight.headers
    answer = server.ask("/api/language", {"lang": "en"}, origin=SITE, auth=BOB)
    assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, SITE)
    assert answer.headers["vary"] == "Origin"
    assert server.ask("/api/session", origin=SITE).status == 401
    other = server.ask("/api/jobs", method="OPTIONS", origin="https://evil.example", **asked)
    assert other.status == 403
    assert "access-control-allow-origin" not in other.headers


def test_a_server_without_accounts_asks_clients_alone(tmp_path):
    access = Access(Accounts(tmp_path), AccessTokens(tmp_path), Throttle())
    door = Authentication(access, [CLIENT])

    def who(path, pair=""):
        said = {"authorization": "Basic " + b64encode(pair.encode()).decode()} if pair else {}
        visitor = asyncio.run(door.visitor(path, Headers(said), "10.0.0.1"))
        return visitor.owner if visitor else None

    assert who("/sdapi/v1/samplers") is None
    assert who("/sdapi/v1/samplers", "krita:p") is None
    assert who("/sdapi/v1/samplers", CLIENT) == "local"
    assert who("/api/session") == "local"


def test_a_burst_gets_429_and_others_do_not(server):
    answers = [server.ask("/api/language", {"lang": "en"}, auth=ANN) for _ in range(40)]
    assert {answer.status for answer in answers} == {200, 429}
    refused = next(answer for answer in answers if answer.status == 429)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json["problems"][0]["key"] == "error.rate"
    assert server.ask("/api/language", {"lang": "en"}, auth=BOB).status == 200
    assert server.ask("/api/session", auth=ANN).status == 200


@pytest.mark.parametrize("path", ["/api/jobs", "/api/tokens", "/gradio_api/run/predict", "/login"])
def test_a_long_body_is_refused_before_it_is_read(server, path):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.putrequest("POST", path)
    connection.putheader("content-length", str(200 * 2**20))
    connection.putheader("authorization", "Basic " + b64encode(BOB.encode()).decode())
    connection.endheaders()
    answer = connection.getresponse()
    assert (answer.status, answer.headers["connection"]) == (413, "close")


def test_those_who_guess_have_to_pause_and_learn_nothing(server):
    """The last test: from then on this machine has to pause."""
    token = server.ask("/api/access-tokens", {"note": ""}, auth=BOB).json["token"]
    paused = server.ask("/api/session", auth=BOB)
    while paused.status == 200:  # the first pauses are short
        for number in range(FREE_GUESSES):
            assert server.ask("/api/session", auth=f"bob:{number}").status in (401, 429)
        paused = server.ask("/api/session", auth=BOB)
    assert paused.status == 429
    assert int(paused.headers["retry-after"]) >= 1
    assert paused.json["problems"][0]["key"] == "error.guesses"
    assert server.ask("/api/session", **bearer(token)).status == 200
