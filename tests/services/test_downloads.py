"""Downloads against a real server on this machine that breaks, redirects and lies."""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.model_writers import SD1, kohya_lora, ldm_vae, write_model
from tests.running_server import wait_for
from tests.tiny_models import build_tiny_model
from tests.web_server import Remote, serving
from webui.core.errors import Cancelled, InkstoneError
from webui.services.downloads import fetch
from webui.services.downloads.addresses import check_url, is_public, shown
from webui.services.downloads.asked import Asked, read_asked
from webui.services.downloads.keep import keep
from webui.services.downloads.look import look
from webui.services.downloads.offer import Offer
from webui.services.downloads.service import Downloads
from webui.services.downloads.starters import starters
from webui.services.downloads.web import Network, Web
from webui.services.models import ModelLibrary
from webui.services.settings import Settings

HUB = "https://huggingface.co"


def impatient(_: float) -> bool:
    """Waits for nothing and stops nothing."""
    return False


def deaf(_: int) -> None:
    pass


@pytest.fixture(scope="module")
def lora(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("lora")
    return write_model(folder / "x.safetensors", kohya_lora(SD1, rank=1)).read_bytes()


@pytest.fixture
def remote() -> Iterator[Remote]:
    with serving() as started:
        yield started


@pytest.fixture
def web(remote: Remote) -> Web:
    return Web(Network(hub=remote.url, token="secret-token", private=True, limit=10**15))


def fails(web: Web, what: str, folder: Path, **options: str) -> str:
    """The key of the message with which a look or a download ends."""
    with pytest.raises(InkstoneError) as caught:
        keep(web, look(web, what, folder, **options), deaf, impatient)
    left = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".")]
    assert left == []
    return caught.value.message.key


def test_what_people_type_is_read() -> None:
    file = Asked("", "a/b", "main", "v/x.safetensors")
    for what in ("a/b/v/x.safetensors", f"{HUB}/a/b/blob/main/v/x.safetensors?x=1"):
        assert read_asked(what, HUB) == file
    assert read_asked("a/b@refs/pr/1", HUB) == Asked("", "a/b", "refs/pr/1")
    assert read_asked("https://hf.co/a/b/tree/fp16", HUB) == Asked("", "a/b", "fp16")
    assert read_asked("https://x.org/y", HUB) == Asked(url="https://x.org/y")
    for wrong in ("", "a", "a/../b", "a/b/../../c", "a/b@../x", "a b/c", "/etc/passwd"):
        with pytest.raises(InkstoneError, match="download_what"):
            read_asked(wrong, HUB)
    for row in starters():
        assert read_asked(row["what"], HUB).file.endswith(".safetensors")


def test_a_file_is_known_before_it_comes_and_goes_where_it_belongs(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    remote.repository("o/style", {"README.md": b"x", "pytorch_lora_weights.safetensors": lora})
    offer = look(web, "o/style", tmp_path)
    assert (offer.kind, offer.families, offer.licence) == ("lora", ("sd1",), "mit")
    assert offer.size == len(lora)
    assert list(tmp_path.iterdir()) == []
    heard: list[int] = []
    path = keep(web, offer, heard.append, impatient)
    assert path == tmp_path / "lora" / "style.safetensors"
    assert path.read_bytes() == lora
    assert heard == sorted(heard)
    assert heard[-1] == len(lora)
    assert [file.name for file in path.parent.iterdir()] == ["style.safetensors"]
    with pytest.raises(InkstoneError, match="download_exists"):
        keep(web, offer, deaf, impatient)


def test_the_token_goes_to_the_hub_alone(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    remote.repository("o/r", {"x.safetensors": lora})
    with serving() as elsewhere:
        elsewhere.files["/blob"] = lora
        remote.redirects["/o/r/resolve/main/x.safetensors"] = f"{elsewhere.url}/blob?sig=1"
        keep(web, look(web, "o/r", tmp_path), deaf, impatient)
        assert not any("authorization" in headers for _, headers in elsewhere.asked)
    assert all(h["authorization"] == "Bearer secret-token" for _, h in remote.asked)
    assert "secret" not in repr(web.network)
    assert shown("https://u:p@h.org/a?token=secret") == "https://h.org/a"


def test_the_token_stays_out_of_settings_that_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret-token")
    settings = Settings()
    assert settings.network.token == "secret-token"
    assert "secret" not in repr(settings) + repr(settings.network)


def test_a_broken_connection_goes_on_where_it_broke(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    remote.files["/x.safetensors"] = lora
    remote.breaks["/x.safetensors"] = [1000, 5000]
    digest = hashlib.sha256(lora).hexdigest()
    offer = look(web, f"{remote.url}/x.safetensors", tmp_path, sha256=digest)
    path = keep(web, offer, deaf, impatient)
    assert path.read_bytes() == lora
    assert remote.ranges_of("/x.safetensors")[1:] == ["", "bytes=1000-", "bytes=5000-"]


def test_a_stop_keeps_what_came_and_the_next_try_uses_it(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    remote.files["/x.safetensors"] = lora
    offer = look(web, f"{remote.url}/x.safetensors", tmp_path)
    remote.breaks["/x.safetensors"] = [3000]
    with pytest.raises(Cancelled):
        keep(web, offer, deaf, lambda _: True)
    assert list(ModelLibrary(tmp_path).shelf().items) == []
    have = fetch.fetched(fetch.aside(offer.target))
    assert 0 < have < len(lora)
    keep(web, offer, deaf, impatient)
    assert remote.ranges_of("/x.safetensors")[-1] == f"bytes={have}-"
    assert offer.target.read_bytes() == lora


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_that_changed_meanwhile_starts_again(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path, ranges: bool
) -> None:
    remote.files["/x.safetensors"] = lora
    offer = look(web, f"{remote.url}/x.safetensors", tmp_path)
    remote.breaks["/x.safetensors"] = [len(lora) - 10]
    with pytest.raises(Cancelled):
        keep(web, offer, deaf, lambda _: True)
    newer = lora[:-10] + b"\1" * 10
    remote.files["/x.safetensors"] = newer
    remote.ranges = ranges
    assert keep(web, offer, deaf, impatient).read_bytes() == newer


def test_what_is_wrong_is_refused_by_name(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    url, files = remote.url, remote.files
    files["/page"] = b"<!doctype html><title>Log in</title>"
    remote.types["/page"] = "text/html; charset=utf-8"
    files["/lie.safetensors"] = files["/page"]
    files["/old.ckpt"] = b"PK\x03\x04" + b"x" * 30 + b"archive/data.pkl" + b"x" * 100
    files["/cut.safetensors"] = lora[: len(lora) // 2]
    files["/x.safetensors"] = lora
    remote.repository("o/two", {"a.safetensors": lora, "b.safetensors": lora})
    remote.repository("o/none", {"model.bin": b"x"})
    remote.statuses["/denied"] = 403
    remote.redirects["/round"] = "/round"
    remote.redirects["/out"] = "ftp://example.org/x"
    table = {
        f"{url}/page": "error.download_page",
        f"{url}/lie.safetensors": "error.content_html",
        f"{url}/old.ckpt": "error.model_pickle",
        f"{url}/nothing": "error.download_missing",
        f"{url}/denied": "error.download_gated",
        f"{url}/round": "error.download_redirects",
        f"{url}/out": "error.download_https",
        f"{url}/cut.safetensors": "error.model_truncated",
        "o/two": "error.download_choose",
        "o/none": "error.download_no_weights",
        "o/two/c.safetensors": "error.download_no_file",
    }
    assert {what: fails(web, what, tmp_path) for what in table} == table
    wrong = hashlib.sha256(b"other").hexdigest()
    assert fails(web, f"{url}/x.safetensors", tmp_path, sha256=wrong) == "error.download_sum"
    assert fails(web, f"{url}/x.safetensors", tmp_path, sha256="12") == "error.download_sha256"
    assert fails(web, f"{url}/x.safetensors", tmp_path, to="nowhere") == "error.download_to"


def test_a_file_larger_than_the_disk_or_the_limit_is_refused_before_it_comes(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    header, size = with_a_huge_tensor(lora)
    remote.files["/x.safetensors"], remote.sizes["/x.safetensors"] = header, size
    models = tmp_path / "models"
    assert fails(web, f"{remote.url}/x.safetensors", models) == "error.download_room"
    small = Web(Network(remote.url, private=True, limit=10**9))
    assert fails(small, f"{remote.url}/x.safetensors", models) == "error.download_large"
    assert remote.ranges_of("/x.safetensors") == ["bytes=0-1048575"] * 2


def with_a_huge_tensor(model: bytes) -> tuple[bytes, int]:
    """The header of a model of twenty terabytes, and the size of its file."""
    entries = json.loads(model[8 : 8 + int.from_bytes(model[:8], "little")])
    start = max(entry["data_offsets"][1] for entry in entries.values())
    end = start + 2 * 10**13
    shape = [10**7, 10**6]
    entries["lora_x"] = {"dtype": "F16", "shape": shape, "data_offsets": [start, end]}
    text = json.dumps(entries).encode()
    return len(text).to_bytes(8, "little") + text, 8 + len(text) + end


def test_a_disk_that_fills_up_is_named_and_what_came_is_kept(
    web: Web, remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")  # not on Windows
    remote.files["/x.safetensors"] = lora
    offer = look(web, f"{remote.url}/x.safetensors", tmp_path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, hard))
    try:
        with pytest.raises(InkstoneError, match="download_disk"):
            keep(web, offer, deaf, impatient)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert keep(web, offer, deaf, impatient).read_bytes() == lora
    assert remote.ranges_of("/x.safetensors")[-1] == "bytes=500000-"


def test_private_addresses_are_reached_only_where_that_is_allowed(
    remote: Remote, lora: bytes, tmp_path: Path
) -> None:
    remote.files["/x.safetensors"] = lora
    web = Web(Network(remote.url))
    assert fails(web, f"{remote.url}/x.safetensors", tmp_path) == "error.download_https"
    secure = f"{remote.url}/x.safetensors".replace("http:", "https:")
    assert fails(web, secure, tmp_path) == "error.download_private"
    assert (
        fails(web, secure.replace("127.0.0.1", "localhost"), tmp_path) == "error.download_private"
    )
    assert remote.asked == []
    inside = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.1.1.1", "fe80::1%eth0")
    assert not any(map(is_public, (*inside, "0.0.0.0", "100.64.0.1", "fd00::1", "224.0.0.1")))
    assert is_public("1.1.1.1")
    for url in ("https://u:p@x.org/y", "https:///x", "https://x.org:99999/", "https://x.org/\r\nA"):
        with pytest.raises(InkstoneError, match="download_url"):
            check_url(url, private=True)


def test_a_folder_comes_whole_with_one_version_of_its_weights(
    web: Web, remote: Remote, tmp_path: Path
) -> None:
    source = build_tiny_model(tmp_path / "source")
    files = {
        path.relative_to(source).as_posix(): path.read_bytes()
        for path in source.rglob("*")
        if path.is_file()
    }
    unet = next(path for path in files if path.startswith("unet/") and path.endswith("tensors"))
    more = {
        unet.replace(".safetensors", ".fp16.safetensors"): files[unet],
        "unet/diffusion_pytorch_model.bin": b"pickle",
        "unet/../../../escape.json": b"{}",
        "safety_checker/model.safetensors": b"x",
    }
    remote.repository("o/tiny", {**files, **more})
    models = tmp_path / "models"
    offer = look(web, "o/tiny", models)
    assert (offer.form, offer.kind) == ("folder", "checkpoint")
    last = f"/o/tiny/resolve/main/{offer.files[-1].path}"
    remote.statuses[last] = 404
    with pytest.raises(InkstoneError, match="download_missing"):
        keep(web, offer, deaf, impatient)
    assert not offer.target.exists()
    assert ModelLibrary(models).names() == ()
    del remote.statuses[last]
    before = len(remote.ranges_of(f"/o/tiny/resolve/main/{offer.files[0].path}"))
    assert keep(web, offer, deaf, impatient) == models / "checkpoints" / "tiny"
    assert len(remote.ranges_of(f"/o/tiny/resolve/main/{offer.files[0].path}")) == before
    came = {p.relative_to(offer.target).as_posix() for p in offer.target.rglob("*") if p.is_file()}
    assert sorted(p for p in came if p.startswith("unet/")) == [
        "unet/config.json",
        "unet/diffusion_pytorch_model.fp16.safetensors",
    ]
    assert not [p for p in came if p.startswith("safety") or "/." in p]
    assert ModelLibrary(models).names() == ("tiny",)


def test_downloads_run_beside_each_other_and_can_be_stopped(
    remote: Remote, lora: bytes, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    vae = write_model(tmp_path / "vae", ldm_vae()).read_bytes()
    remote.files |= {"/a.safetensors": lora, "/b.safetensors": vae}
    arrived = threading.Event()
    downloads = Downloads(
        tmp_path / "models", Network(remote.url, private=True), arrived=arrived.set
    )
    caplog.set_level(logging.INFO)

    def offer(name: str) -> Offer:
        return downloads.look(f"{remote.url}/{name}.safetensors?token=hidden")

    first = downloads.begin(offer("a"))
    assert arrived.wait(60)
    assert first.state == "done"
    assert first.to_json()["what"] == f"{remote.url}/a.safetensors"
    remote.slow = threading.Event()
    remote.breaks["/b.safetensors"] = [2000]
    second = downloads.begin(offer("b"))
    with pytest.raises(InkstoneError, match="download_going"):
        downloads.begin(offer("b"))
    wait_for(lambda: second.received > 0)
    downloads.end(second.id)
    remote.slow.set()
    wait_for(lambda: second.state == "stopped")
    part = fetch.aside(second.offer.target)
    assert part.is_file()
    downloads.end(second.id)
    assert not part.exists()
    assert [one.id for one in downloads.all()] == [first.id]
    downloads.close()
    assert "hidden" not in caplog.text
