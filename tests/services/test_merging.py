"""Merges in a process of their own: whole or not at all, in bounded memory."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.model_writers import SD1, ldm_unet, under, write_model
from tests.tiny_models import build_tiny_model
from webui.core.errors import Cancelled, InvalidRequest, ModelFileError
from webui.core.merging import MergeJob, MergeOrder, MergeSource, check_order, good_name
from webui.core.model_files.folders import recognise_folder
from webui.services.merging import MergeProcess, MergeService, job_of
from webui.services.models import ModelLibrary

UNET = "model.diffusion_model."
WIDE = 2**26
"""Numbers of one tensor: 128 MB in half precision."""

PEAK = """
import sys
from pathlib import Path
from webui.engine.merge.__main__ import main
main()
status = Path("/proc/self/status").read_text()
sys.stderr.write(status.partition("VmHWM:")[2].split()[0])
"""


def make_pair(folder: Path, wide: int = 0) -> list[Path]:
    """Two files with a UNet whose data is a hole, and one tensor of any size."""
    shapes = {**under(UNET, ldm_unet(SD1)), "model.extra.weight": (wide,)}
    narrow = {name: tuple(min(n, 4) for n in shape) for name, shape in shapes.items()}
    narrow |= {"model.extra.weight": (wide,)}
    narrow |= {name: shapes[name] for name in shapes if "attn2.to_k" in name or "0.0." in name}
    return [write_model(folder / f"{name}.safetensors", narrow) for name in ("a", "b")]


def job(folder: Path, paths: list[Path], **order: object) -> MergeJob:
    return MergeJob(
        order=MergeOrder(name="out", primary="a", secondary="b", **order),  # type: ignore[arg-type]
        models=tuple(MergeSource(name=path.stem, path=str(path)) for path in paths),
        target=str(folder / "out.safetensors"),
    )


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
def test_memory_does_not_grow_with_the_models(tmp_path: Path) -> None:
    peaks = []
    for name, wide in (("small", 1), ("large", WIDE)):
        task = job(tmp_path, make_pair(tmp_path / name, wide), recipe=False)
        command = [sys.executable, "-c", PEAK]
        text = task.model_dump_json()
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout.splitlines()[-1])["notes"] == []
        peaks.append(int(done.stderr) * 1024)
    assert (tmp_path / "out.safetensors").stat().st_size > 2 * WIDE
    assert peaks[1] - peaks[0] < 64 * 2**20


def test_a_cancelled_merge_leaves_nothing(tmp_path: Path) -> None:
    paths = make_pair(tmp_path, WIDE)
    process = MergeProcess(job(tmp_path, paths))
    seen: list[int] = []

    def progress(done: int, total: int) -> None:
        if not seen:
            threading.Thread(target=process.cancel).start()
        seen.append(done)

    with pytest.raises(Cancelled):
        process.run(progress)
    assert seen
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_a_failed_merge_leaves_nothing_and_names_the_tensor(tmp_path: Path) -> None:
    paths = make_pair(tmp_path)
    state = load_file(paths[1])
    state[f"{UNET}out.2.bias"] = torch.full_like(state[f"{UNET}out.2.bias"], torch.nan)
    save_file(state, paths[1])
    with pytest.raises(ModelFileError, match=r"model_not_finite.*out\.2\.bias"):
        MergeProcess(job(tmp_path, paths)).run(lambda *_: None)
    target = tmp_path / "out.safetensors"
    assert sorted(tmp_path.iterdir()) == sorted(paths)
    target.write_bytes(b"mine")
    with pytest.raises(ModelFileError, match="convert_exists"):
        MergeProcess(job(tmp_path, paths)).run(lambda *_: None)
    assert target.read_bytes() == b"mine"


def test_folders_become_a_folder_that_the_library_takes(tmp_path: Path) -> None:
    models = tmp_path / "models"
    for name in ("a", "b"):
        build_tiny_model(models / "checkpoints" / name)
    other = next((models / "checkpoints" / "b" / "unet").glob("*.safetensors"))
    state = load_file(other)
    save_file({name: tensor + 1 for name, tensor in state.items()}, other)
    library = ModelLibrary(models)
    service = MergeService(library)
    order = MergeOrder(name="mix", primary="a", secondary="b", multiplier=0.5, precision="fp32")
    assert service.start(order)["state"] == "running"
    with pytest.raises(InvalidRequest, match="merge_busy"):
        service.start(order)
    thread = service._thread
    assert thread
    thread.join()
    assert service.view()["state"] == "done", service.view()
    merged = models / "checkpoints" / "mix"
    assert recognise_folder(merged).family == "sd1"
    assert "mix" in library.names()
    out = load_file(next((merged / "unet").glob("*.safetensors")))
    assert all(torch.equal(out[name], state[name] * 0.5 + (state[name] + 1) * 0.5) for name in out)
    with pytest.raises(ModelFileError, match="convert_exists"):
        service.start(order)
    service.close()


@pytest.mark.parametrize(
    "name", ["", "../x", "a/b", "a\\b", "C:x", ".hidden", "x.", "con", "a\n", "x" * 130, "\ud800"]
)
def test_names_that_are_no_file_names(name: str) -> None:
    assert not good_name(name)
    with pytest.raises(InvalidRequest, match="merge_name"):
        check_order(
            MergeOrder(name="x", primary="a", secondary="b").model_copy(update={"name": name})
        )


def test_missing_models_are_named(tmp_path: Path) -> None:
    library = ModelLibrary(tmp_path)
    order = MergeOrder(name="好 模型-1.0", primary="a", method="add_difference")
    with pytest.raises(InvalidRequest) as refused:
        check_order(order)
    assert [problem.field for problem in refused.value.problems] == ["secondary", "tertiary"]
    with pytest.raises(ModelFileError, match="model_gone"):
        job_of(order.model_copy(update={"method": "none"}), library)
