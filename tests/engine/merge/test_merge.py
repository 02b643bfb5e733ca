"""Merges of narrow checkpoints in the real formats, against the formulas."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load as load_bytes
from safetensors.torch import save_file

from tests.tiny_checkpoints import write_checkpoint
from webui.core.errors import InvalidRequest, ModelFileError
from webui.core.merging import MergeJob, MergeOrder, MergeSource, read_blocks
from webui.core.model_files.recognise import recognise_file
from webui.engine.merge.__main__ import merge as run
from webui.engine.single_file.unet_names import ema_name

PREFIX = "model.diffusion_model."
CLIP = "cond_stage_model."
VAE = "first_stage_model."

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Files "a", "b" and "c" of one family, "paint" for inpainting, and one of another family."""
    folder = tmp_path_factory.mktemp("models")
    write_checkpoint(folder / "a.safetensors", "sd1", seed=1, metadata={"author": "A", "x": "1"})
    write_checkpoint(folder / "b.safetensors", "sd1", seed=2, vae=False)
    write_checkpoint(folder / "c.safetensors", "sd1", seed=3, dtype=torch.float32)
    write_checkpoint(folder / "paint.safetensors", "sd1", seed=4, in_channels=9)
    write_checkpoint(folder / "two.safetensors", "sd2", seed=5, vae=False)
    return folder


def merge(folder: Path, *names: str, vae: str = "", **order: Any) -> tuple[State, dict[str, str]]:
    """The tensors and the metadata of a merge of these files."""
    target = folder / "out.part"
    values = dict(zip(("primary", "secondary", "tertiary"), names, strict=False))
    method = {1: "none", 2: "weighted_sum", 3: "add_difference"}[len(names)]
    job = MergeJob(
        order=MergeOrder(**{"name": "out", "method": method, **values, **order}, vae=vae),
        models=tuple(source(folder, name) for name in names),
        vae=source(folder, vae) if vae else None,
        target=str(target),
    )
    said: list[dict[str, int]] = []
    merge.notes = {note.key: note for note in run(job, lambda **row: said.append(row))}  # type: ignore[attr-defined]
    assert said[-1]["done"] == said[-1]["total"]
    with safe_open(target, "pt") as file:
        metadata = file.metadata()
    return load_bytes(target.read_bytes()), metadata


def source(folder: Path, name: str) -> MergeSource:
    path = folder / f"{name}.safetensors"
    return MergeSource(name=name, path=str(path))


def load(folder: Path, name: str) -> State:
    return load_bytes((folder / f"{name}.safetensors").read_bytes())


def same(found: State, wanted: Callable[[str], torch.Tensor]) -> None:
    wrong = [name for name in found if not torch.equal(found[name], wanted(name))]
    assert not wrong


def test_weighted_sum(models: Path) -> None:
    a, b = load(models, "a"), load(models, "b")
    out, metadata = merge(models, "a", "b", multiplier=0.3)

    def wanted(name: str) -> torch.Tensor:
        if name not in b or "." not in name or not a[name].is_floating_point():
            return a[name]
        return (a[name].float() * 0.7 + b[name].float() * 0.3).half()

    assert out.keys() == a.keys()
    same(out, wanted)
    assert any(torch.ne(out[name], a[name]).any() for name in out)
    note = merge.notes["merge.kept"]  # type: ignore[attr-defined]
    assert note.values["count"] == sum(name.startswith(VAE) for name in a)
    assert recognise_file(models / "out.part").family == "sd1"
    assert (metadata["author"], metadata["format"]) == ("A", "pt")


def test_the_recipe_is_written_and_carried_on(models: Path) -> None:
    _, metadata = merge(models, "a", "b", multiplier=0.3)
    recipe, parents = (json.loads(metadata[f"sd_merge_{n}"]) for n in ("recipe", "models"))
    assert (recipe["interp_method"], recipe["multiplier"]) == ("Weighted sum", 0.3)
    assert recipe["tertiary_model_hash"] is None
    assert parents[recipe["primary_model_hash"]]["name"] == "a"
    assert re.fullmatch("[0-9a-f]{64}", recipe["secondary_model_hash"])
    first = models / "child.safetensors"
    first.write_bytes((models / "out.part").read_bytes())
    _, metadata = merge(models, "child", "c", copy_metadata=False)
    again = json.loads(metadata["sd_merge_models"])
    assert {row["name"] for row in again.values()} == {"child", "c", "a", "b"}
    assert "author" not in metadata
    assert merge(models, "a", recipe=False, copy_metadata=False)[1] == {"format": "pt"}


def test_add_difference_of_an_inpainting_model(models: Path) -> None:
    paint, a, c = (load(models, name) for name in ("paint", "a", "c"))
    out, metadata = merge(models, "paint", "a", "c", multiplier=1.0, precision="fp32")
    first = f"{PREFIX}input_blocks.0.0.weight"
    assert out[first].shape[1] == 9
    assert torch.equal(out[first][:, 4:], paint[first][:, 4:].float())
    paint[first] = paint[first][:, :4]
    difference = paint[first].float() + (a[first].float() - c[first])
    assert torch.equal(out.pop(first)[:, :4], difference)

    def wanted(name: str) -> torch.Tensor:
        if "." not in name or not paint[name].is_floating_point():
            return paint[name]
        return paint[name].float() + (a[name].float() - c[name].float())

    same(out, wanted)
    assert json.loads(metadata["sd_merge_recipe"])["is_inpainting"] is True
    with pytest.raises(ModelFileError, match="merge_inpainting"):
        merge(models, "a", "paint")


def test_blocks_take_weights_of_their_own(models: Path) -> None:
    a, b = load(models, "a"), load(models, "b")
    weights = [number / 32 for number in range(1, 26)]
    out, _ = merge(models, "a", "b", blocks=", ".join(map(str, weights)), base_alpha=0.5)
    places = {"time_embed.": 0, "middle_block.": 12, "out.": 24}
    places |= {f"input_blocks.{n}.": n for n in range(12)}
    places |= {f"output_blocks.{n}.": 13 + n for n in range(12)}

    def wanted(name: str) -> torch.Tensor:
        if name not in b or "." not in name or not a[name].is_floating_point():
            return a[name]
        inner = name.removeprefix(PREFIX)
        at = [place for start, place in places.items() if inner.startswith(start)]
        weight = weights[at[0]] if name.startswith(PREFIX) else 0.5
        return (a[name].float() * (1 - weight) + b[name].float() * weight).half()

    same(out, wanted)
    with_base, _ = merge(models, "a", "b", blocks=",".join(map(str, [0.5, *weights])))
    same(with_base, lambda name: out[name])
    with pytest.raises(ModelFileError, match="merge_blocks"):
        merge(models, "a", "b", blocks="0,1")


def test_a_vae_is_baked_in(models: Path) -> None:
    a, c = load(models, "a"), load(models, "c")
    bare, _ = merge(models, "b", vae="c", precision="keep")
    assert all(torch.equal(bare[name], c[name]) for name in c if name.startswith(VAE))
    assert bare.keys() == a.keys()
    parted = {name.removeprefix(VAE): tensor for name, tensor in c.items() if VAE in name}
    save_file(parted, models / "vae.safetensors")
    baked, _ = merge(models, "a", vae="vae")
    same(baked, lambda name: c[name].half() if name.startswith(VAE) else a[name])
    parted.pop("decoder.conv_out.bias")
    save_file(parted, models / "vae.safetensors")
    with pytest.raises(ModelFileError, match="merge_vae"):
        merge(models, "a", vae="vae")


def test_numbers_that_do_not_fit_are_refused_and_wider_ones_kept(models: Path) -> None:
    large = load(models, "c")
    name = f"{PREFIX}middle_block.0.in_layers.2.weight"
    large[name][0] = 1e6
    save_file(large, models / "large.safetensors")
    with pytest.raises(ModelFileError, match=r"merge_overflow.*middle_block"):
        merge(models, "large", precision="fp16")
    kept, _ = merge(models, "large", precision="bf16")
    assert torch.equal(kept[name], large[name].bfloat16())
    large[name][0] = torch.nan
    save_file(large, models / "large.safetensors")
    with pytest.raises(ModelFileError, match=r"not_finite.*middle_block"):
        merge(models, "a", "large")


def test_models_that_do_not_go_together_are_refused(models: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"merge_families.*sd2"):
        merge(models, "a", "two")
    wide = load(models, "b")
    name = f"{CLIP}transformer.text_model.final_layer_norm.bias"
    wide[name] = torch.zeros(48, dtype=torch.float16)
    save_file(wide, models / "wide.safetensors")
    with pytest.raises(ModelFileError, match=r"merge_shape.*final_layer_norm.*\[32\].*\[48\]"):
        merge(models, "a", "wide")
    (models / "pickle.safetensors").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(ModelFileError, match="model_pickle"):
        merge(models, "a", "pickle")
    whole = (models / "b.safetensors").read_bytes()
    (models / "cut.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFileError, match="model_truncated"):
        merge(models, "a", "cut")


@pytest.mark.parametrize("text", ["nan", "1,inf", "0.5;x", "3", "1," * 80])
def test_block_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="merge_block"):
        read_blocks(text)


def test_hostile_metadata_is_only_text(models: Path) -> None:
    state = load(models, "b")
    nested = "[" * 5000
    for evil in (nested, "[1]", '{"x": NaN}', "no JSON"):
        metadata = {"sd_merge_models": evil, "sd_merge_recipe": evil}
        save_file(state, models / "evil.safetensors", metadata=metadata)
        _, written = merge(models, "evil")
        assert [row["name"] for row in json.loads(written["sd_merge_models"]).values()] == ["evil"]


def test_moving_averages_are_kept_left_out_or_used(models: Path) -> None:
    state = load(models, "a")
    first = "input_blocks.0.0.weight"
    averages = {ema_name(n[len(PREFIX) :]): t + 1 for n, t in state.items() if n.startswith(PREFIX)}
    save_file({**state, **averages}, models / "averaged.safetensors")
    kept, _ = merge(models, "averaged")
    assert kept.keys() == {*state, *averages}
    dropped, _ = merge(models, "averaged", averages="drop")
    assert dropped.keys() == state.keys()
    assert torch.equal(dropped[PREFIX + first], state[PREFIX + first])
    used, _ = merge(models, "averaged", averages="use")
    assert used.keys() == state.keys()
    assert torch.equal(used[PREFIX + first], state[PREFIX + first] + 1)
    assert torch.equal(used[VAE + "quant_conv.bias"], state[VAE + "quant_conv.bias"])
    both, _ = merge(models, "a", "averaged", averages="use", multiplier=0.5)
    a, b = (one[PREFIX + first].float() for one in (state, used))
    assert torch.equal(both[PREFIX + first], (a * 0.5 + b * 0.5).half())
