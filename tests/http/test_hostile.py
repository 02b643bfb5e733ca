"""Hostile requests over real connections; docs/hostile-inputs.md says what is checked where."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from PIL import Image

from tests.hostile_pictures import gradient, hostile, saved
from tests.model_writers import ldm_vae, write_model
from tests.running_server import PATIENCE, Answer, running
from tests.services.metadata.pictures import png

ANN, BOB = "ann:secret", "bob:hidden"
EVIL = "<!--<script>x\" onerror='a' & 1"
SMALL = {"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 1}
SPEECH = "猫 \U0001f408‍⬛ \u202eesrever\u202c ﷽ e\u0301 <b>&amp;</b>"
NAN, INFINITE = float("nan"), float("inf")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    vaes = folder / "more" / "models" / "VAE"
    for name in (EVIL, "a\nb"):
        if os.name != "nt":
            write_model(vaes / f"{name}.safetensors", ldm_vae())
    options = ("--auth", ANN, "--auth", BOB, "--rate-limit", "0")
    options += ("--model-folder", str(folder / "more"))
    with running(folder / "data", *options) as started:
        yield started.ready(ANN)


@pytest.fixture(scope="module")
def anns(server):
    """The names of a job, a picture and an input of Ann's."""
    done = ended(server, server.ask("/api/jobs", {**SMALL, "prompt": "a secret"}, auth=ANN).json)
    [picture] = server.ask(f"/api/jobs/{done['id']}/pictures", auth=ANN).json["pictures"]
    taken = server.ask(f"/api/pictures/{picture['id']}/input", {}, auth=ANN).json
    return {"job": done["id"], "picture": picture["id"], "input": taken["id"]}


def ended(server, job):
    while job["state"] in ("queued", "running"):
        job = server.ask(f"/api/jobs/{job['id']}", auth=ANN).json
    assert job["state"] == "done", job
    return job


def login(auth):
    return {"authorization": "Basic " + base64.b64encode(auth.encode()).decode()}


def raw(server, method, path, body=None, *, auth=ANN, **headers):
    """As it stands: paths are not tidied, bodies not encoded; iterators go without a length."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    sent |= login(auth) if auth else {}
    connection.putrequest(method, path, skip_accept_encoding=True)
    chunked = body is not None and not isinstance(body, bytes)
    if chunked:
        connection.putheader("transfer-encoding", "chunked")
    elif body is not None:
        connection.putheader("content-length", str(len(body)))
    for name, value in sent.items():
        connection.putheader(name, value)
    with suppress(ConnectionError):  # an answer may come before the end of the body
        connection.endheaders(body, encode_chunked=chunked)
    answer = connection.getresponse()
    names = {name.lower(): value for name, value in answer.getheaders()}
    return Answer(answer.status, names, answer.read())


BAD = [
    ("width", 100_000, "width"),
    ("width", 513, "width"),
    ("width", 0, "width"),
    ("height", -64, "height"),
    ("height", "512px", "height"),
    ("width", NAN, "width"),
    ("steps", 10**6, "steps"),
    ("cfg_scale", INFINITE, "cfg_scale"),
    ("seed", 2**64, "seed"),
    ("seed", -2, "seed"),
    ("seed", "abc", "seed"),
    ("prompt", "x" * 1_500_000, "prompt"),
    ("prompt", "(" * 10_000, "prompt"),
    ("prompt", " AND ".join(map(str, range(1001))), "prompt"),
    ("prompt", "a\0b", "prompt"),
    ("prompt", "a\ud800b", "prompt"),
    ("sampler", "\ud800", "sampler_name"),
    ("styles", ["../../etc/passwd"], "styles"),
    ("checkpoint", "../../etc/passwd", "override_settings.sd_model_checkpoint"),
    ("checkpoint", "C:\\models\\x.safetensors", "override_settings.sd_model_checkpoint"),
]


@pytest.mark.parametrize(
    ("field", "value", "entry"), BAD, ids=[f"{f}-{v!r:.20}" for f, v, _ in BAD]
)
def test_bad_values_are_named_in_both_apis_and_nothing_is_queued(server, field, value, entry):
    own = server.ask("/api/jobs", {**SMALL, field: value}, auth=ANN)
    assert (own.status, [row["field"] for row in own.json["problems"]]) == (422, [field])
    body = {**SMALL, entry: value}
    if "." in entry:
        table, name = entry.split(".")
        body = {**SMALL, table: {name: value}}
    client = server.ask("/sdapi/v1/txt2img", body, auth=ANN)
    named = [row["field"] for row in client.json["problems"]]
    # NaN and Infinity are no JSON; that API's bodies are refused as a whole.
    no_json = isinstance(value, float)
    assert (client.status, named) == (422, [None if no_json else entry])
    assert server.ask("/api/jobs?scope=all", auth=ANN).json["jobs"] == []


def test_a_prompt_of_megabytes_is_not_read(server):
    body = {"prompt": "x" * 5_000_000}
    assert server.ask("/api/jobs", body, auth=ANN).status == 413
    assert server.ask("/api/tokens", {"text": body["prompt"]}, auth=ANN).status == 413
    told = server.ask("/sdapi/v1/txt2img", body, auth=ANN)
    assert (told.status, told.json["problems"][0]["field"]) == (422, "prompt")


@pytest.mark.parametrize("value", [NAN, -INFINITE, "\ud800", "\0", 10**400, [[[{}]]]], ids=repr)
def test_whatever_stands_in_a_body_the_answer_is_one(server, value):
    rows = [
        ("/api/extras", {"picture": "a", "factor": value}),
        ("/api/extras", {"picture": value}),
        ("/api/infotext", {"text": "a\nSteps: 3", "current": {"steps": value, "prompt": value}}),
        ("/api/merge", {"name": value, "primary": value, "multiplier": value}),
        ("/api/tokens", {"text": value, "checkpoint": value, "styles": [value]}),
        ("/api/jobs/x/move", {"before": value}),
        ("/api/inputs/folder", {"path": value}),
        ("/api/downloads/look", {"what": value}),
        ("/sdapi/v1/options", {"sd_vae": value, "s_churn": value}),
        ("/sdapi/v1/png-info", {"image": value}),
        ("/sdapi/v1/interrogate", {"image": value, "model": value}),
        ("/internal/progress", {"id_task": value}),
    ]
    for path, body in rows:
        answer = server.ask(path, body, auth=ANN)
        assert answer.status < 500, (path, answer.body)
        assert isinstance(answer.json, dict | None), path
    style = {"name": "odd", "prompt": value}
    answer = server.ask("/api/styles", style, method="PUT", auth=ANN)
    assert answer.status in (200, 422)
    assert server.ask("/sdapi/v1/prompt-styles", auth=ANN).status == 200


def test_all_languages_come_back_as_they_went(server):
    body = {**SMALL, "prompt": SPEECH, "send_images": True, "save_images": True}
    answer = server.ask("/sdapi/v1/txt2img", body, auth=ANN).json
    info = json.loads(answer["info"])
    assert info["prompt"] == SPEECH
    file = base64.b64decode(answer["images"][0])
    [picture] = server.ask("/api/pictures?size=1", auth=ANN).json["items"]
    assert picture["settings"]["prompt"] == SPEECH
    again = server.ask("/api/jobs", {**SMALL, "prompt": SPEECH}, auth=ANN).json
    ended(server, again)
    [row] = server.ask(f"/api/jobs/{again['id']}/pictures", auth=ANN).json["pictures"]
    for data in (file, server.ask(row["url"], auth=ANN).body):
        with Image.open(io.BytesIO(data)) as image:
            assert image.info["parameters"].startswith(SPEECH + "\nSteps: 1,")
        read = raw(server, "POST", "/api/picture-info", data).json
        assert read["values"]["prompt"] == SPEECH
    found = server.ask("/api/pictures?search=%E7%8C%AB", auth=ANN).json
    assert found["total"] == 2


def test_infotext_is_data(server):
    text = (
        "x\nSteps: 9, Sampler: Hack, Size: 9e9x1, Model: ../../x, VAE: /etc/passwd, outdir: /, "
        'Override settings: "outdir_samples=/, sd_model_checkpoint=../x"'
    )
    pasted = server.ask("/api/infotext", {"text": text}, auth=ANN).json
    dropped = raw(server, "POST", "/api/picture-info", png(parameters=text)).json
    for said in (pasted, dropped):
        unknown = {row["key"] for row in said["unknown"]}
        assert unknown == {"Size", "outdir", "Override settings"}
        assert {row["field"] for row in said["problems"]} >= {"sampler", "checkpoint", "vae"}
        assert said["values"]["steps"] == 9
        assert not {"width", "height", "outdir"} & said["values"].keys()
    long = server.ask("/api/infotext", {"text": "a: 1, " * 170_000}, auth=ANN)
    assert long.status in (200, 422)
    set_there = {**SMALL, "override_settings": {"outdir_samples": "/", "do_not_save": 1}}
    warned = server.ask("/sdapi/v1/txt2img", set_there, auth=ANN).json
    assert len(warned["warnings"]) == 2


DOT = base64.b64encode(saved(gradient((64, 64)), "PNG")).decode()
ODD = [
    (f"data:image/png;base64,{DOT}", 200),
    (f"  {DOT[:40]}\r\n\t{DOT[40:]}\n", 200),
    (DOT.rstrip("="), 200),
    (DOT + "====", 200),
    (DOT.replace("+", "-").replace("/", "_"), 200),
    (DOT[:-9], 422),
    ("not base64!", 422),
    ("data:image/png;base64,", 422),
    ("file:/etc/passwd", 422),
    ("C:\\Windows\\win.ini", 422),
    ("http://169.254.169.254/latest", 422),
    ("https://2130706433/", 422),
    ("https://0x7f.1/a.png", 422),
    ("https://[::ffff:127.0.0.1]/", 422),
]


@pytest.mark.parametrize(("text", "status"), ODD, ids=[repr(text)[:24] for text, _ in ODD])
def test_pictures_in_bodies_are_base64_and_nothing_else(server, text, status):
    body = {**SMALL, "init_images": [text], "denoising_strength": 0.1}
    answer = server.ask("/sdapi/v1/img2img", body, auth=ANN)
    assert answer.status == status, answer.body
    if status == 422:
        assert answer.json["problems"][0]["field"] == "init_images"


def test_a_picture_of_200_megabytes_is_refused(server):
    """Announced, it is not read; without an announcement it is read up to the limit."""
    started = b'{"init_images": ["'
    announced = raw(server, "POST", "/sdapi/v1/img2img", None, content_length=str(300 * 2**20))
    assert announced.status == 413
    pieces = (started, *(b"A" * 2**20 for _ in range(90)), b'"]}')
    assert raw(server, "POST", "/sdapi/v1/img2img", iter(pieces)).status == 413


def test_hostile_pictures_are_refused_in_bodies_too(server):
    for bad in hostile():
        if bad.data:
            body = {**SMALL, "init_images": [base64.b64encode(bad.data).decode()]}
            answer = server.ask("/sdapi/v1/img2img", body, auth=ANN)
            assert answer.status == (413 if bad.status == 413 else 422), bad.name
            [problem] = answer.json["problems"]
            assert (problem["key"], problem["field"]) == (bad.key, "init_images"), bad.name


def test_names_in_addresses_lead_nowhere_else(server, anns):
    name = anns["picture"]
    for path in (
        f"/pictures/{name}.png/../../inkstone.sqlite3",
        f"/pictures/{name}.png/..%2f..%2finkstone.sqlite3",
        f"/pictures/%2e%2e%2f{name}.png",
        "/pictures/..%5c..%5cx.png",
        f"/pictures/{name}%00.png",
        f"/pictures/{name}/../../accounts.json",
        "/api/inputs/..%2f..%2faccounts.json",
        "/ink/../../../pyproject.toml",
        "/ink/..%2f..%2f..%2fpyproject.toml",
        "/ink//etc/passwd",
        "/ink/main.js%00.png",
        "//etc/passwd",
        "/assets/..%2f..%2f..%2fetc/passwd",
        "/static/../../../../etc/passwd",
        "/gradio_api%2ffile=/etc/passwd",
    ):
        answer = raw(server, "GET", path)
        assert answer.status in (403, 404), path
        assert b"root:" not in answer.body
        assert b"ann" not in answer.body


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_link_in_the_outputs_is_not_followed(server):
    done = ended(server, server.ask("/api/jobs", {**SMALL, "seed": 2}, auth=ANN).json)
    [row] = server.ask(f"/api/jobs/{done['id']}/pictures", auth=ANN).json["pictures"]
    assert server.ask(row["url"], auth=ANN).status == 200
    [file] = server.data_dir.glob("outputs/*/*/*-2.png")
    file.unlink()
    file.symlink_to(server.data_dir / "accounts.json")
    assert server.ask(row["url"], auth=ANN).status == 404
    assert server.ask(f"/pictures/{row['id']}/thumb.webp", auth=ANN).status == 404


def test_many_ranges_are_one_file(server, anns):
    ranges = "bytes=" + ",".join(f"{n}-{n + 1}" for n in range(5_000))
    for path in (
        f"/pictures/{anns['picture']}.png",
        f"/api/inputs/{anns['input']}",
        "/ink/main.js",
    ):
        whole = raw(server, "GET", path)
        answer = raw(server, "GET", path, range=ranges)
        assert answer.status in (200, 400, 416), path
        assert answer.status != 200 or answer.body == whole.body


def test_somebody_elses_names_are_nobodys(server, anns):
    job, picture = f"/api/jobs/{anns['job']}", f"/api/pictures/{anns['picture']}"
    rows = [
        ("GET", job), ("GET", f"{job}/events"), ("GET", f"{job}/pictures"),
        *(("POST", f"{job}/{act}") for act in ("cancel", "skip", "rerun", "move")),
        ("GET", picture), ("POST", f"{picture}/hires"), ("POST", f"{picture}/input"),
        ("GET", f"/pictures/{anns['picture']}.png"),
        ("GET", f"/pictures/{anns['picture']}/thumb.webp"),
        ("GET", f"/api/inputs/{anns['input']}"),
    ]  # fmt: skip
    for method, path in rows:
        body = None if method == "GET" else {}
        mine = server.ask(path, body, method=method, auth=BOB)
        unknown = path.replace(anns["job"], "f" * 16).replace(anns["picture"], "f" * 16)
        nobodys = server.ask(
            unknown.replace(anns["input"], "f" * 64), body, method=method, auth=BOB
        )
        assert (mine.status, nobodys.status) == (404, 404), path
        keys = [row["key"] for row in mine.json["problems"]]
        assert keys == [row["key"] for row in nobodys.json["problems"]], path
    asked = server.ask("/internal/progress", {"id_task": anns["job"]}, auth=BOB).json
    assert (asked["active"], asked["completed"]) == (False, False)
    assert server.ask("/api/jobs?scope=all", auth=BOB).body.count(b"secret") == 0
    wanted = {**SMALL, "init_image": anns["input"]}
    assert server.ask("/api/jobs", wanted, auth=BOB).status == 422


@pytest.mark.skipif(os.name == "nt", reason="no such file names there")
def test_names_of_models_are_text(server):
    names = [row["name"] for row in server.ask("/api/models", auth=ANN).json["vaes"]]
    assert EVIL in names
    assert "a\nb" not in names
    page = server.ask("/", accept="text/html", auth=ANN).body.decode()
    assert "<!--<script" not in page
    drawn = ended(
        server, server.ask("/api/jobs", {**SMALL, "checkpoint": "starter"}, auth=ANN).json
    )
    assert drawn["request"]["checkpoint"] == "starter"


def test_clicks_upon_clicks_are_one_job_and_others_have_their_turn(server):
    long = {**SMALL, "steps": 150, "batch_count": 100}

    def click(number):
        return server.ask("/api/jobs", long, auth=ANN, idempotency_key=str(number // 4)).json["id"]

    with ThreadPoolExecutor(8) as threads:
        jobs = set(threads.map(click, range(16)))
    assert len(jobs) == 4
    bobs = server.ask("/api/jobs", SMALL, auth=BOB).json
    assert bobs["state"] == "running" or bobs["position"] == 1
    for job in jobs:
        server.ask(f"/api/jobs/{job}/cancel", {}, auth=ANN)


FORM = "multipart/form-data; boundary=b"
PART = b'--b\r\nContent-Disposition: form-data; name="f%d"\r\n\r\n\r\n'
LINES = {
    "boundary": (b"--b" + b"x" * 1_900_000, FORM),
    "long": (b"--b\r\n" + b"x" * 10_000_000, FORM),
    "file name": (
        b'--b\r\nContent-Disposition: form-data; name="f"; filename="' + b"x" * 1_000_000 + b'"'
        b"\r\n\r\nx\r\n--b--\r\n",
        FORM,
    ),
    "parts": (b"".join(PART % n for n in range(25_000)) + b"--b--\r\n", FORM),
    "100000 parts": (b"".join(PART % n for n in range(100_000)) + b"--b--\r\n", FORM),
    "fields": (b"a=&" * 600_000, "application/x-www-form-urlencoded"),
    "nested": (b"[" * 1_900_000, "application/json"),
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("path", ["/login", "/api/jobs", "/sdapi/v1/options"])
def test_bodies_that_cost_are_refused(server, name, path):
    body, kind = LINES[name]
    auth = "" if path == "/login" else ANN
    assert raw(server, "POST", path, body, auth=auth, content_type=kind).status in (413, 422)


def test_others_are_served_while_bodies_without_an_end_come(server):
    """No length is announced, and the bodies go on for as long as somebody reads them."""
    over = threading.Event()

    def endless():
        while not over.is_set():
            yield b" " * 2**16

    paths = ("/login", "/api/jobs", "/api/inputs", "/sdapi/v1/options") * 2
    with ThreadPoolExecutor(len(paths)) as threads:
        try:
            crowd = [threads.submit(raw, server, "POST", path, endless()) for path in paths]
            for _ in range(20):
                assert server.ask("/api/session", auth=BOB).status == 200
            assert server.ask("/api/language", {"lang": "en"}, auth=BOB).status == 200
            statuses = [one.result(timeout=PATIENCE).status for one in crowd]
        finally:
            over.set()
    assert set(statuses) <= {413, 415, 422}
