from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from tests.model_library import write_library
from tests.model_writers import (
    SD1,
    Unet,
    kohya_lora,
    ldm_unet,
    ldm_vae,
    refiner_checkpoint,
    sd1_checkpoint,
    sd2_checkpoint,
    sdxl_checkpoint,
    under,
    write_model,
)
from webui.core.errors import InvalidRequest, ModelFileError
from webui.core.validation import complete
from webui.services.model_views import library_view
from webui.services.models import ModelLibrary, title_of


def library(models: Path, *folders: Path, **options) -> ModelLibrary:
    return ModelLibrary(models, folders, **options)


def keys(found: ModelLibrary) -> dict[str, str | None]:
    return {row["name"]: row["message"] and row["message"]["key"] for row in others(found)}


def others(found: ModelLibrary) -> list[dict]:
    return library_view(found)["others"]


def test_files_are_offered_by_what_they_hold(tmp_path):
    write_model(tmp_path / "checkpoints" / "sub" / "one.safetensors", sd1_checkpoint())
    write_model(tmp_path / "Stable-diffusion" / "xl.ckpt", sdxl_checkpoint())
    write_model(tmp_path / "two.safetensors", sd2_checkpoint())
    write_model(tmp_path / "checkpoints" / "a_refiner.safetensors", refiner_checkpoint())
    write_model(tmp_path / "checkpoints" / "soft.safetensors", ldm_vae())
    found = library(tmp_path)
    assert found.names() == ("sub/one", "two", "xl", "a_refiner")
    assert found.vaes() == ("soft",)
    sizes = {entry.name: entry.native_size[0] for entry in found.entries()}
    assert sizes == {"sub/one": 512, "two": 768, "xl": 1024, "a_refiner": 1024}
    files = found.files("xl", "soft")
    assert (files.kind, files.family, files.vae_kind) == ("file", "sdxl", "file")
    assert files.vae_path == str(tmp_path / "checkpoints" / "soft.safetensors")
    # SD2's shapes do not tell what it predicts; the worker tries it out.
    assert found.files("two").prediction_type is None
    assert found.files("sub/one").prediction_type == "epsilon"


def test_what_lies_beside_a_file_counts(tmp_path):
    file = write_model(tmp_path / "two.safetensors", sd2_checkpoint())
    write_model(tmp_path / "two.vae.safetensors", ldm_vae())
    found = library(tmp_path)
    before = found.files("two")
    assert before.vae_path == str(tmp_path / "two.vae.safetensors")
    file.with_suffix(".yaml").write_text("model:\n  params:\n    parameterization: eps\n")
    file.with_suffix(".json").write_text('{"defaults": {"steps": 9}, "sd version": "SD2"}')
    assert (found.files("two").prediction_type, found.files("two").basis) == ("epsilon", "sidecar")
    assert found.entry("two").native_size == (512, 512)
    assert found.entry("two").defaults == {"steps": 9}
    write_model(file, sd2_checkpoint(), metadata={"changed": "yes"})
    assert found.files("two").stamp != before.stamp


def test_what_cannot_be_used_is_told_and_not_offered(tmp_path):
    home = tmp_path / "checkpoints"
    write_model(home / "lora.safetensors", kohya_lora(SD1))
    write_model(tmp_path / "lora" / "fine.safetensors", kohya_lora(SD1))
    unet = write_model(home / "unet.safetensors", under("model.diffusion_model.", ldm_unet(SD1)))
    (home / "old.ckpt").write_bytes(b"\x80\x02}q\x00.")
    (home / "page.safetensors").write_text("<!doctype html><html>")
    with unet.open("rb") as file:
        (home / "cut.safetensors").write_bytes(file.read(4000))
    (tmp_path / "upscalers").mkdir()
    (tmp_path / "upscalers" / "x4.pth").write_bytes(b"\x80\x02}q\x00.")
    found = library(tmp_path)
    assert found.names() == ()
    assert keys(found) == {
        "lora": "misplaced.lora",
        "fine": None,
        "unet": "library.no_text_encoder",
        "old": "error.model_pickle",
        "page": "error.content_html",
        "cut": "error.content_truncated",
    }
    # Among upscalers a pickle is as good as any; the process that opens it tells.
    assert [entry.name for entry in found.upscalers()] == ["x4"]
    assert found.offered().known("upscalers", "X4.pth") == "x4"
    with pytest.raises(InvalidRequest) as caught:
        complete({"checkpoint": "old"}, found.offered())
    assert caught.value.message.key == "error.model_pickle"
    assert caught.value.message.field == "checkpoint"
    with pytest.raises(ModelFileError, match="content_html"):
        found.files("page")


def test_a_name_is_written_in_many_ways(tmp_path):
    write_model(tmp_path / "checkpoints" / "Sub" / "Model.v1.safetensors", sd1_checkpoint())
    found = library(tmp_path)
    names = found.offered()
    for written in (
        "Sub/Model.v1",
        "sub/model.V1.safetensors",
        "Model.v1",
        "Sub\\Model.v1.safetensors [0123456789]",
        "model.v1.safetensors",
    ):
        assert complete({"checkpoint": written}, names).checkpoint == "Sub/Model.v1"
    with pytest.raises(InvalidRequest):
        complete({"checkpoint": "v1"}, names)


def test_namesakes_are_told_apart(tmp_path):
    for folder in ("checkpoints", "Stable-diffusion", "."):
        write_model(tmp_path / folder / "same.safetensors", sd1_checkpoint())
    found = library(tmp_path)
    assert len(found.names()) == len(set(found.names())) == 3
    assert {Path(found.files(name).path).parent.name for name in found.names()} == {
        "checkpoints",
        "Stable-diffusion",
        tmp_path.name,
    }


def test_a_hash_is_kept_between_runs_and_names_a_model(tmp_path, monkeypatch):
    monkeypatch.setattr("webui.services.library.hashes.SMALL_FILE", 0)
    models, memory = tmp_path / "models", tmp_path / "cache"
    narrow = under("model.diffusion_model.", ldm_unet(Unet(width=32, context=32)))
    write_model(models / "a.safetensors", {**narrow, "cond_stage_model.transformer.x": (1,)})
    found = library(models, memory=memory)
    while (digest := found.hash_of("a")) is None:
        time.sleep(0.05)
    found.close()
    again = library(models, memory=memory)
    entry = again.entry("a")
    assert again.known_hash(entry) == digest
    whole = hashlib.sha256((models / "a.safetensors").read_bytes()).hexdigest()
    assert (again.sha256_of(entry), whole[:10]) == (whole, digest)
    assert title_of(entry, digest) == f"a.safetensors [{digest}]"
    for written in (digest, f"other.ckpt [{digest}]", f"other [{digest.upper()}]"):
        assert complete({"checkpoint": written}, again.offered()).checkpoint == "a"
    again.close()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_stay_within_the_folders_of_the_library(tmp_path):
    models, other = tmp_path / "models", tmp_path / "other"
    write_model(other / "secret.safetensors", sd1_checkpoint())
    write_model(models / "real.safetensors", sd1_checkpoint())
    (models / "in.safetensors").symlink_to(models / "real.safetensors")
    (models / "out.safetensors").symlink_to(other / "secret.safetensors")
    (models / "folder").symlink_to(other)
    (models / "loop").symlink_to(models)
    found = library(models)
    assert found.names() == ("in", "real")
    assert keys(found) == {"out": "error.model_link", "folder": "error.model_link"}
    both = library(models, other)
    assert set(both.names()) == {"in", "real", "out", "folder/secret"}


@pytest.mark.skipif(os.name == "nt", reason="not a name there")
def test_a_name_that_cannot_be_shown_is_not_offered(tmp_path):
    write_model(tmp_path / "a\nb.safetensors", sd1_checkpoint())
    found = library(tmp_path)
    assert found.names() == ()
    [row] = others(found)
    assert row["message"]["values"]["file"] == "a\\nb"


def test_trees_of_other_programs_are_read(tmp_path):
    webui, comfy = tmp_path / "webui", tmp_path / "comfy"
    write_model(webui / "models" / "Stable-diffusion" / "w.safetensors", sd1_checkpoint())
    write_model(webui / "models" / "VAE" / "wv.safetensors", ldm_vae())
    write_model(webui / "models" / "Lora" / "wl.safetensors", kohya_lora(SD1))
    write_model(webui / "embeddings" / "we.safetensors", {"emb_params": (8, 768)})
    write_model(comfy / "models" / "checkpoints" / "c" / "x.safetensors", sdxl_checkpoint())
    write_model(comfy / "models" / "vae" / "cv.safetensors", ldm_vae())
    write_model(comfy / "output" / "no.safetensors", sd1_checkpoint())
    found = library(tmp_path / "models", webui, comfy)
    assert found.names() == ("c/x", "w")
    assert found.vaes() == ("cv", "wv")
    assert keys(found) == {"wl": None, "we": None}


def test_the_second_look_opens_nothing_that_is_known(tmp_path, monkeypatch):
    models, memory = tmp_path / "models", tmp_path / "cache"
    written = write_library(models, share=0.01)
    first = library(models, memory=memory)
    seen = len(first.names()) + len(first.vaes()) + len(others(first))
    assert seen == written
    opened: list[Path] = []
    monkeypatch.setattr("webui.services.library.scan.recognise_file", opened.append)
    assert len(first.names()) > 1
    first.close()
    again = library(models, memory=memory)
    assert again.names() == first.names()
    assert not opened


def test_a_server_waits_only_so_long_for_a_first_look(tmp_path):
    write_library(tmp_path, share=0.02)
    found = library(tmp_path, patience=0.0)
    found.names()
    assert found.files("sd1/0").family == "sd1"  # a job waits for the end of it
    found.close()
    assert "sd1/0" in found.names()
