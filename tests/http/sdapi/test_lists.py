"""The lists and settings of the contract, row by row."""

from __future__ import annotations

import pytest

ROWS = {
    "/sdapi/v1/samplers": {"name", "aliases", "options"},
    "/sdapi/v1/schedulers": {"name", "label", "aliases", "default_rho", "need_inner_model"},
    "/sdapi/v1/upscalers": {"name", "model_name", "model_path", "model_url", "scale"},
    "/sdapi/v1/latent-upscale-modes": {"name"},
    "/sdapi/v1/sd-models": {"title", "model_name", "hash", "sha256", "filename", "config"},
    "/sdapi/v1/script-info": {"name", "is_alwayson", "is_img2img", "args"},
}


@pytest.mark.parametrize("path", ROWS)
def test_lists_have_the_rows_that_clients_read(client, path):
    rows = client.get(path)
    assert rows
    assert all(set(row) == ROWS[path] for row in rows)


def test_checkpoints_are_told_with_their_hashes(client):
    [starter] = client.get("/sdapi/v1/sd-models")
    assert starter["title"] == f"starter [{starter['hash']}]"
    assert starter["sha256"].startswith(starter["hash"])
    assert (len(starter["sha256"]), starter["model_name"]) == (64, "starter")


def test_samplers_and_schedulers_are_told_as_they_are_understood(client):
    samplers = {row["name"]: row for row in client.get("/sdapi/v1/samplers")}
    assert next(iter(samplers)) == "DPM++ 2M"
    assert samplers["DPM++ 2M"]["options"] == {"scheduler": "karras"}
    assert samplers["DPM++ SDE"]["options"]["brownian_noise"] == "True"
    schedulers = {row["label"]: row for row in client.get("/sdapi/v1/schedulers")}
    assert schedulers["Karras"] == {
        "name": "karras", "label": "Karras", "aliases": None, "default_rho": 7.0,
        "need_inner_model": False,
    }  # fmt: skip
    assert schedulers["Automatic"]["name"] == "automatic"


def test_upscalers(client):
    assert [row["name"] for row in client.get("/sdapi/v1/upscalers")] == [
        "None",
        "Lanczos",
        "Nearest",
    ]
    latent = [row["name"] for row in client.get("/sdapi/v1/latent-upscale-modes")]
    assert latent[0] == "Latent"
    assert "Lanczos" not in latent


@pytest.mark.parametrize(
    "path",
    ["/sdapi/v1/hypernetworks", "/sdapi/v1/face-restorers", "/sdapi/v1/realesrgan-models",
     "/sdapi/v1/extensions", "/sdapi/v1/loras", "/sdapi/v1/sd-vae", "/sdapi/v1/sd-modules"],
)  # fmt: skip
def test_lists_of_what_there_is_none_of(client, path):
    answer = client.server.ask(path)
    assert (answer.status, answer.json) == (200, [])


def test_embeddings_and_scripts(client):
    assert client.get("/sdapi/v1/embeddings") == {"loaded": {}, "skipped": {}}
    scripts = client.get("/sdapi/v1/scripts")
    assert "soft inpainting" in scripts["img2img"]
    assert "soft inpainting" not in scripts["txt2img"]
    assert ("sd upscale" in scripts["img2img"], "sd upscale" in scripts["txt2img"]) == (True, False)
    tiles = next(r for r in client.get("/sdapi/v1/script-info") if r["name"] == "sd upscale")
    assert (tiles["is_alwayson"], tiles["is_img2img"]) == (False, True)
    assert [row["value"] for row in tiles["args"]] == ["", 64, "None", 2.0]
    listed = [row["name"] for row in client.get("/sdapi/v1/upscalers")]
    assert tiles["args"][2]["choices"] == listed
    seeds = next(row for row in client.get("/sdapi/v1/script-info") if row["name"] == "seed")
    assert [arg["label"] for arg in seeds["args"]][:2] == ["Seed", "Variation and seed resize"]
    assert set(seeds["args"][0]) == {"label", "value", "minimum", "maximum", "step", "choices"}


@pytest.mark.parametrize(
    "path",
    ["/sdapi/v1/refresh-checkpoints", "/sdapi/v1/refresh-vae", "/sdapi/v1/refresh-embeddings",
     "/sdapi/v1/refresh-loras"],
)  # fmt: skip
def test_folders_are_looked_at_anew(client, path):
    answer = client.server.ask(path, method="POST")
    assert (answer.status, answer.json) == (200, None)


def test_settings_are_read_and_changed(client):
    assert client.server.ask("/sdapi/v1/options").json["sd_model_checkpoint"].startswith("starter")
    options = client.get("/sdapi/v1/options")
    assert options["sd_checkpoint_hash"] == client.get("/sdapi/v1/sd-models")[0]["hash"]
    assert (options["samples_format"], options["sd_vae"]) == ("png", "Automatic")
    changed = {"eta_noise_seed_delta": 31337, "sd_model_checkpoint": "starter", "ui_color": "red"}
    assert client.post("/sdapi/v1/options", changed).json is None
    now = client.get("/sdapi/v1/options")
    assert now["eta_noise_seed_delta"] == 31337
    assert "ui_color" not in now
    ancestral = client.draw(sampler_name="Euler a").info
    assert ancestral["extra_generation_params"]["ENSD"] == "31337"
    assert client.post("/sdapi/v1/options", {"eta_noise_seed_delta": None}).status == 200
    assert client.get("/sdapi/v1/options")["eta_noise_seed_delta"] == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"sd_model_checkpoint": "gone"}, "sd_model_checkpoint"),
        ({"CLIP_stop_at_last_layers": 99}, "CLIP_stop_at_last_layers"),
        ({"sd_vae": "../../vae"}, "sd_vae"),
        ({"eta_ancestral": 5}, "eta_ancestral"),
        ({"outdir_samples": "/", "randn_source": "dice"}, "randn_source"),
    ],
)
def test_settings_that_are_not_right_change_nothing(client, body, field):
    before = client.get("/sdapi/v1/options")
    answer = client.post("/sdapi/v1/options", body)
    assert answer.status == 422
    assert [problem["field"] for problem in answer.json["problems"]] == [field]
    assert client.get("/sdapi/v1/options") == before


def test_flags_and_memory(client):
    flags = client.server.ask("/sdapi/v1/cmd-flags").json
    assert (flags["api"], flags["port"]) == (True, client.server.port)
    assert "hub_token" not in flags
    memory = client.server.ask("/sdapi/v1/memory").json
    assert set(memory) == {"ram", "cuda"}
    assert 0 < memory["ram"]["used"] < memory["ram"]["total"]


def test_a_model_can_be_put_out_of_memory_and_back(client, apple):
    assert client.server.ask("/sdapi/v1/unload-checkpoint", method="POST").json == {}
    assert client.draw().pictures[0].tobytes() == apple.pictures[0].tobytes()
    assert client.server.ask("/sdapi/v1/reload-checkpoint", method="POST").json == {}
    assert client.draw().pictures[0].tobytes() == apple.pictures[0].tobytes()


@pytest.mark.parametrize(
    ("path", "body"),
    [("/sdapi/v1/create/embedding", {}), ("/sdapi/v1/create/hypernetwork", {}),
     ("/sdapi/v1/train/embedding", {}), ("/sdapi/v1/train/hypernetwork", {}),
     ("/internal/sysinfo", None), ("/internal/sysinfo-download", None),
     ("/internal/profile-startup", None)],
)  # fmt: skip
def test_what_cannot_be_done_yet_is_said(client, path, body):
    answer = client.server.ask(path, body)
    assert (answer.status, answer.json["error"]) == (501, "NotYet")
    assert answer.json["problems"][0]["values"]["name"] in path


def test_describing_pictures(client):
    path = "/sdapi/v1/interrogate"
    assert client.server.ask(path, {"model": "clip"}).status == 404
    assert client.server.ask(path, {"image": "AAAA", "model": "gpt"}).status == 404
    assert client.server.ask(path, {"image": "AAAA"}).status == 501


@pytest.mark.parametrize(
    "path", ["/sdapi/v1/server-stop", "/sdapi/v1/server-kill", "/sdapi/v1/server-restart"]
)
def test_nobody_stops_a_server_that_was_not_started_for_it(client, path):
    answer = client.server.ask(path, method="POST")
    assert answer.status == 403
    assert "--api-server-stop" in answer.json["detail"]
