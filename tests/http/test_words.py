"""Styles, embeddings and token counts against a real server with a tiny model."""

from __future__ import annotations

import io
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.running_server import RunningServer, running
from tests.tiny_models import build_tiny_model
from webui.core import infotext

SMALL = {"steps": 1, "width": 64, "height": 64, "seed": 1, "sampler": "Euler"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("words")
    build_tiny_model(folder / "models" / "tiny")
    embeddings = folder / "models" / "embeddings" / "mine"
    embeddings.mkdir(parents=True)
    save_file({"emb_params": torch.ones(3, 32)}, embeddings / "inkcat.safetensors")
    save_file({"emb_params": torch.ones(3, 768)}, embeddings / "wide.safetensors")
    torch.save({"string_to_param": {"*": torch.ones(40, 32)}}, embeddings / "older.pt")
    trees = {"webui": Path("embeddings"), "comfy": Path("models", "embeddings")}
    for vectors, (tree, where) in enumerate(trees.items(), 4):
        (folder / tree / "models").mkdir(parents=True)
        (folder / tree / where).mkdir(exist_ok=True)
        for name in (f"of-{tree}", "shared", "inkcat"):
            rows = torch.full((vectors, 32), float(vectors))
            save_file({"emb_params": rows}, folder / tree / where / f"{name}.safetensors")
    further = [part for tree in trees for part in ("--model-folder", str(folder / tree))]
    with running(folder / "data", *further, models_dir=folder / "models") as started:
        yield started.ready()


def test_styles_are_listed_saved_applied_found_and_deleted(server: RunningServer) -> None:
    assert server.ask("/api/styles").json == {"styles": []}
    oil = {"name": "oil / 油画", "prompt": "{prompt} in oil", "negative_prompt": "photo"}
    assert server.ask("/api/styles", oil, method="PUT").json == {"styles": [oil]}
    refused = server.ask("/api/styles", {"name": " "}, method="PUT", accept_language="zh-CN")
    assert refused.status == 422
    assert "预设样式" in refused.json["detail"]
    pair = {"prompt": "a cat", "negative_prompt": "text", "styles": [oil["name"]]}
    applied = server.ask("/api/styles/apply", pair).json
    assert applied == {"prompt": "a cat in oil", "negative_prompt": "text, photo"}
    assert server.ask("/api/styles/extract", applied).json == pair
    counted = {"text": "cat", "styles": [oil["name"], "gone"]}
    plain = server.ask("/api/tokens", {"text": "cat"}).json["used"]
    assert server.ask("/api/tokens", counted).json["used"] > plain
    job = server.submit(**SMALL, prompt="a cat", styles=[oil["name"]])
    assert job["request"]["prompt"] == "a cat in oil"
    assert job["request"]["negative_prompt"] == "photo"
    unknown = server.ask("/api/jobs", {"prompt": "x", "styles": ["oil / 油"]})
    assert unknown.status == 422
    assert unknown.json["problems"][0]["field"] == "styles"
    assert oil["name"] in unknown.json["detail"]
    assert server.ask("/api/styles?name=oil%20/%20%E6%B2%B9%E7%94%BB", method="DELETE").json == {
        "styles": []
    }
    assert server.ask("/api/styles?name=oil", method="DELETE").status == 404


def test_embeddings_are_listed_and_counted(server: RunningServer) -> None:
    assert server.ask("/api/embeddings").json["embeddings"] == [
        {"name": "inkcat", "vectors": 3, "width": 32},
        {"name": "of-comfy", "vectors": 5, "width": 32},
        {"name": "of-webui", "vectors": 4, "width": 32},
        {"name": "older", "vectors": 40, "width": 32},
        {"name": "shared", "vectors": 4, "width": 32},
        {"name": "wide", "vectors": 3, "width": 768},
    ]


def test_a_picture_tells_which_embeddings_it_used_and_the_job_which_it_could_not(
    server: RunningServer,
) -> None:
    job = server.submit(**SMALL, prompt="older wide dog", negative_prompt="(inkcat:1.2)")
    done = server.finished(job["id"])
    assert done["state"] == "done"
    assert [remark["values"] for remark in done["remarks"]] == [
        {"name": "wide", "got": 768, "wanted": 32}
    ]
    assert "wide" in done["remarks"][0]["text"]
    picture = next(p for p in server.ask("/api/pictures").json["items"] if p["job_id"] == job["id"])
    folder = server.data_dir.parent / "models" / "embeddings" / "mine"
    hashes = [
        f"{path.stem}: {sha256(path.read_bytes()).hexdigest()[:12]}"
        for path in (folder / "inkcat.safetensors", folder / "older.pt")
    ]
    with Image.open(io.BytesIO(server.ask(picture["url"]).body)) as image:
        text = image.info["parameters"]
    assert f'TI hashes: "{", ".join(hashes)}"' in text
    assert infotext.parse(text).values()["prompt"] == "older wide dog"


def test_prompts_may_name_embeddings_of_other_trees(server: RunningServer) -> None:
    job = server.submit(**SMALL, prompt="shared of-comfy dog")
    done = server.finished(job["id"])
    assert (done["state"], done["remarks"]) == ("done", [])
    picture = next(p for p in server.ask("/api/pictures").json["items"] if p["job_id"] == job["id"])
    root = server.data_dir.parent
    first = root / "comfy" / "models" / "embeddings" / "of-comfy.safetensors"
    second = root / "webui" / "embeddings" / "shared.safetensors"
    hashes = [
        f"{path.stem}: {sha256(path.read_bytes()).hexdigest()[:12]}" for path in (first, second)
    ]
    assert f'TI hashes: "{", ".join(hashes)}"' in picture["infotext"]


def test_a_new_file_is_used_without_a_restart(server: RunningServer) -> None:
    pictures = []
    for _ in range(2):
        job = server.submit(**SMALL, prompt="late dog")
        assert server.finished(job["id"])["state"] == "done"
        items = server.ask("/api/pictures").json["items"]
        pictures.append(next(p for p in items if p["job_id"] == job["id"]))
        save_file(
            {"emb_params": torch.ones(2, 32)},
            server.data_dir.parent / "models" / "embeddings" / "late.safetensors",
        )
    assert "TI hashes" not in pictures[0]["infotext"]
    assert "TI hashes" in pictures[1]["infotext"]
    first, second = (server.ask(p["url"]).body for p in pictures)
    with Image.open(io.BytesIO(first)) as one, Image.open(io.BytesIO(second)) as two:
        assert one.tobytes() != two.tobytes()
