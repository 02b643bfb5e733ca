"""A server under a prefix that speaks https, and the page there in a real Chromium."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
import urllib.request
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import sync_playwright

from tests.running_server import PATIENCE, RunningServer

MILLISECONDS = 1000


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate")
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj",
         "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", str(files[0]), "-keyout", str(files[1])],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@pytest.fixture(scope="module")
def address(tmp_path_factory, certificate):
    cert, key = map(str, certificate)
    options = ("--auth", "bob:pw", "--subpath", "/studio", "--tls-cert", cert, "--tls-key", key)
    server = RunningServer(tmp_path_factory.mktemp("subpath") / "data", *options)
    url = f"https://127.0.0.1:{server.port}"
    trusted = ssl.create_default_context(cafile=cert)
    end = time.monotonic() + PATIENCE
    while "Ready" not in server.console():
        assert time.monotonic() < end, server.console()
        assert server.process.poll() is None, server.console()
        time.sleep(0.1)
    with urllib.request.urlopen(url + "/studio/login", context=trusted, timeout=PATIENCE) as answer:
        assert answer.status == 200
    assert f"{url}/studio/" in server.console()
    yield url
    server.stop()


@pytest.mark.browser
def test_the_page_works_under_a_prefix_and_asks_for_nothing_outside(
    address, chromium_path, chromium_flags
):
    complaints, paths = [], set()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path, args=chromium_flags)
        page = browser.new_context(ignore_https_errors=True, locale="en-US").new_page()
        page.set_default_timeout(PATIENCE * MILLISECONDS)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: paths.add(urlsplit(request.url)))
        page.goto(address + "/studio")
        page.fill("[name=name]", "bob")
        page.fill("[name=password]", "pw")
        page.click("button")
        page.wait_for_selector('body[data-ready="1"]')
        cookie = next(c for c in page.context.cookies() if c["name"] == "inkstone_session")
        assert (cookie["path"], cookie["secure"], cookie["httpOnly"]) == ("/studio/", True, True)
        page.fill("#ink-steps input:not([type=range])", "2")
        page.fill("#ink-prompt textarea", "a cat")
        page.click("#ink-generate")
        page.wait_for_function(
            "() => [...document.querySelectorAll('#ink-gallery img')]"
            ".some(image => image.complete && image.naturalWidth > 0)"
        )
        page.click("#ink-account")
        page.fill("#ink-tokens [name=note]", "a bot")
        page.click("#ink-tokens [data-part=make]")
        assert page.locator("#ink-tokens code").inner_text().startswith("ink_")
        page.locator("#ink-tokens li button").click()
        page.wait_for_function("() => !document.querySelector('#ink-tokens li')")
        inline = "() => { const s = document.createElement('script');"
        inline += (
            "s.textContent = 'window.broken = 1'; document.head.append(s); return window.broken }"
        )
        assert page.evaluate(inline) is None
        page.keyboard.press("Escape")
        page.click("#ink-leave")
        page.wait_for_selector("[name=password]")
        browser.close()
    outside = {
        p.path for p in paths if p.scheme.startswith("http") and not p.path.startswith("/studio")
    }
    assert outside == set()
    assert [text for text in complaints if "Content Security Policy" not in text] == []
    assert len(complaints) == 1  # the script that this test put in


def test_files_for_tls_that_cannot_be_used_are_named(tmp_path, certificate):
    for options in (("--tls-cert", "none.pem", "--tls-key", "none.pem"),
                    ("--tls-cert", str(certificate[0]))):  # fmt: skip
        server = RunningServer(tmp_path / "data", *options)
        assert server.process.wait(PATIENCE) != 0
        assert "Traceback" not in server.console()
        assert "tls_cert" in server.console() or "none.pem" in server.console()
