"""A merge against a real server."""

from __future__ import annotations

from pathlib import Path

from tests.running_server import running, wait_for
from tests.tiny_models import build_tiny_model


def test_a_merge_from_its_order_to_the_new_model(tmp_path: Path) -> None:
    models = tmp_path / "models"
    build_tiny_model(models / "a")
    build_tiny_model(models / "b")
    options = ("--auth", "boss:a long password", "--auth", "eve:another password")
    boss, eve = "boss:a long password", "eve:another password"
    with running(tmp_path / "data", *options, models_dir=models) as server:
        server.ready(auth=boss)
        order = {"name": "mix", "primary": "a", "secondary": "b", "precision": "keep"}
        assert server.ask("/api/merge", order, auth=eve).status == 403
        assert server.ask("/api/merge", method="DELETE", auth=eve).status == 403
        assert server.ask("/api/models/convert", {"path": "x"}, auth=eve).status == 403
        assert server.ask("/api/merge", auth=boss).json["state"] == "idle"
        for values, key in (
            ({"name": "../mix"}, "error.merge_name"),
            ({"secondary": ""}, "error.merge_model"),
            ({"secondary": "/etc/passwd"}, "error.model_gone"),
            ({"blocks": "1,x"}, "error.merge_block"),
            ({"multiplier": 7}, "error.body"),
        ):
            refused = server.ask("/api/merge", {**order, **values}, auth=boss).json
            assert refused["problems"][0]["key"] == key
        assert server.ask("/api/merge", order, auth=boss).json["state"] == "running"

        def over() -> bool:
            return bool(server.ask("/api/merge", auth=boss).json["state"] != "running")

        wait_for(over)
        done = server.ask("/api/merge", auth=boss).json
        assert done["state"] == "done", done
        assert Path(done["path"]) == models / "checkpoints" / "mix"
        listed = server.ask("/api/models", auth=boss).json["checkpoints"]
        assert "mix" in [row["name"] for row in listed]

        wrong = {**order, "name": "other", "blocks": "0,1"}
        server.ask("/api/merge", wrong, auth=boss)
        wait_for(over)
        failed = server.ask("/api/merge", auth=boss, accept_language="zh-CN").json
        assert failed["state"] == "failed"
        assert "分层权重" in failed["message"]["text"]
        assert server.ask("/api/merge", method="DELETE", auth=boss).status == 200
