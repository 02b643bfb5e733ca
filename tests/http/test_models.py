"""The list of models against a real server."""

from __future__ import annotations

from pathlib import Path

from tests.model_writers import SD1, kohya_lora, ldm_vae, sdxl_checkpoint, write_model
from tests.running_server import running, wait_for
from tests.tiny_models import build_tiny_model


def test_models_are_listed_with_what_is_wrong_and_new_ones_are_seen(tmp_path: Path) -> None:
    models, tree = tmp_path / "models", tmp_path / "webui"
    build_tiny_model(models / "tiny")
    write_model(models / "checkpoints" / "style.safetensors", kohya_lora(SD1))
    (models / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    write_model(tree / "models" / "VAE" / "soft.safetensors", ldm_vae())
    options = ("--model-folder", str(tree))
    with running(tmp_path / "data", *options, models_dir=models) as server:
        server.ready()
        listed = server.ask("/api/models", accept_language="zh-CN").json
        [tiny] = listed["checkpoints"]
        assert (tiny["name"], tiny["kind"], tiny["family"]) == ("tiny", "folder", "sd1")
        assert [vae["name"] for vae in listed["vaes"]] == ["soft"]
        told = {row["name"]: row["message"] for row in listed["others"]}
        assert "models/lora" in told["style"]["text"]
        assert "safetensors" in told["old"]["text"]
        refused = server.ask("/api/jobs", {"prompt": "x", "checkpoint": "old"})
        assert refused.status == 422
        assert refused.json["problems"][0]["key"] == "error.model_pickle"

        rows = {row["name"]: row for row in listed["others"]}
        assert [name for name, row in rows.items() if row["convertible"]] == ["old"]
        for path in ("/etc/passwd", rows["style"]["path"]):
            unlisted = server.ask("/api/models/convert", {"path": path}).json
            assert unlisted["problems"][0]["key"] == "error.convert_unlisted"
        begun = server.ask("/api/models/convert", {"path": rows["old"]["path"]}).json
        assert (begun["state"], begun["name"]) == ("running", "old")
        wait_for(lambda: server.ask("/api/models/convert").json["state"] != "running")
        ended = server.ask("/api/models/convert", accept_language="zh-CN").json
        assert (ended["state"], ended["message"]["key"]) == ("failed", "error.model_corrupt")
        assert "已损坏" in ended["message"]["text"]

        write_model(models / "Stable-diffusion" / "new.safetensors", sdxl_checkpoint())
        again = server.ask("/api/models/refresh", {}, method="POST").json
        new = again["checkpoints"][0]
        assert (new["title"], new["family"], new["width"]) == ("new.safetensors", "sdxl", 1024)
