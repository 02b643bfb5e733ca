"""The routes of downloads: a model comes while the server runs, for administrators alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.model_writers import ldm_vae, write_model
from tests.running_server import running, wait_for
from tests.web_server import serving


def test_an_administrator_fetches_a_model_and_others_may_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vae = write_model(tmp_path / "vae", ldm_vae()).read_bytes()
    models = tmp_path / "models"
    accounts = ("--auth", "ann:secret", "--auth", "bob:hidden")
    with serving() as remote:
        remote.repository("o/soft", {"soft.safetensors": vae})
        monkeypatch.setenv("INKSTONE_HUB_URL", remote.url)
        monkeypatch.setenv("INKSTONE_DOWNLOAD_PRIVATE", "1")
        with running(tmp_path / "data", *accounts, models_dir=models) as server:
            server.ready("ann:secret")
            refused = server.ask("/api/downloads", {"what": "o/soft"}, auth="bob:hidden")
            assert (refused.status, refused.json["problems"][0]["key"]) == (
                403,
                "error.download_admin",
            )
            assert server.ask("/api/downloads", auth="bob:hidden").status == 403
            assert remote.asked == []

            wanted = {"what": "o/soft"}
            offer = server.ask("/api/downloads/look", wanted, auth="ann:secret").json
            assert (offer["kind"], offer["folder"], offer["checksum"]) == ("vae", "vae", True)
            assert offer["licence"] == "mit"
            assert not models.exists()
            begun = server.ask("/api/downloads", wanted, auth="ann:secret").json

            def state() -> str:
                [row] = server.ask("/api/downloads", auth="ann:secret").json["downloads"]
                return str(row["state"])

            wait_for(lambda: state() == "done")
            listed = server.ask("/api/models", auth="ann:secret").json
            assert [row["name"] for row in listed["vaes"]] == ["soft"]
            path = f"/api/downloads/{begun['id']}"
            assert server.ask(path, method="DELETE", auth="ann:secret").status == 204
            assert server.ask(path, method="DELETE", auth="ann:secret").status == 404
            again = server.ask("/api/downloads", wanted, auth="ann:secret", accept_language="zh-CN")
            assert again.status == 409
            assert "已存在" in again.json["problems"][0]["text"]
