from __future__ import annotations

import json
import shutil

import pytest

from tests.model_writers import sd1_checkpoint, sdxl_checkpoint, write_model
from webui.core.errors import ModelFileError
from webui.services.models import ModelLibrary
from webui.services.tokens import TokenCounter


@pytest.fixture
def library(tmp_path, starter_models):
    shutil.copytree(starter_models / "starter", tmp_path / "starter")
    (tmp_path / "checkpoints").mkdir()
    found = ModelLibrary(tmp_path)
    yield found
    found.close()


def test_the_starter_brings_its_size_and_defaults(library):
    entry = library.entry("starter")
    assert entry.native_size == (128, 128)
    assert entry.defaults["sampler"] == "DPM++ 2M"
    assert entry.defaults["cfg_scale"] == 5


def test_new_folders_appear_without_a_restart_and_come_before_the_starter(library):
    assert library.names() == ("starter",)
    shutil.copytree(library.models_dir / "starter", library.models_dir / "checkpoints" / "Mine")
    assert library.names() == ("Mine", "starter")
    shutil.rmtree(library.models_dir / "checkpoints" / "Mine")
    with pytest.raises(ModelFileError):
        library.files("Mine")


def test_separate_vaes_are_found(library):
    vae = library.models_dir / "vae" / "soft"
    shutil.copytree(library.models_dir / "starter" / "vae", vae)
    assert library.vaes() == ("soft",)
    assert library.files("starter", "soft").vae_path == str(vae)
    assert len(library.vae_hash_of("soft")) == 10
    with pytest.raises(ModelFileError):
        library.files("starter", "../starter")


def test_the_hash_is_of_the_weights_and_changes_with_them(library):
    before = library.hash_of("starter")
    assert len(before) == 10
    assert library.hash_of("none") is None
    weights = library.models_dir / "starter" / "unet" / "diffusion_pytorch_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert library.hash_of("starter") != before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"defaults": 5}', '{"defaults": {"evil": 1}}'])
def test_damaged_metadata_gives_the_defaults(library, text):
    (library.models_dir / "starter" / "inkstone.json").write_text(text)
    entry = library.entry("starter")
    assert entry.defaults == {}
    assert entry.native_size == (128, 128)
    (library.models_dir / "starter" / "unet" / "config.json").write_text(json.dumps([1]))
    assert library.entry("starter").native_size == (512, 512)


def test_a_folder_that_is_not_there_is_an_empty_library(tmp_path):
    assert ModelLibrary(tmp_path / "none").names() == ()


def test_tokens_are_counted_without_brackets_and_weights(library):
    counter, folder = TokenCounter(), library.entry("starter").tokenizer
    plain = counter.count(folder, "a red apple")
    assert plain == (3, 75)
    assert counter.count(folder, "((a)) (red:1.3) [apple]") == plain
    assert counter.count(folder, "") == (0, 75)
    assert counter.count(folder, "a BREAK b") == (76, 150)
    assert counter.count(folder / "none", "a red apple") == (3, 75)


def test_the_longest_reading_of_a_prompt_is_counted(library):
    counter, folder = TokenCounter(), library.entry("starter").tokenizer
    assert counter.count(folder, "a [red:red red red:0.5]") == (4, 75)
    assert counter.count(folder, "a [red|red red red|]") == (4, 75)
    assert counter.count(folder, "red AND red red AND red") == (2, 75)
    assert counter.count(folder, "red # red red\nred") == (2, 75)
    assert counter.count(folder, "red <lora:red red:1> red") == (2, 75)
    assert counter.count(folder, "[red:red red:15]", steps=10) == (1, 75)
    assert counter.count(folder, "[red:red red:15]", steps=20) == (2, 75)
    literal = counter.count(folder, "red AND red", negative=True)
    assert literal == counter.count(folder, "red and red")
    assert counter.count(folder, "[|" * 5_000 + "]" * 5_000) == (0, 75)


def test_a_taesd_makes_the_previews_of_the_models_that_it_is_for(tmp_path):
    """One for SDXL has it in its name; one that says nothing is for SD1."""
    write_model(tmp_path / "checkpoints" / "one.safetensors", sd1_checkpoint())
    write_model(tmp_path / "checkpoints" / "two.safetensors", sdxl_checkpoint())
    decoder = {"1.weight": (64, 4, 3, 3), "1.bias": (64,)}
    library = ModelLibrary(tmp_path)
    assert library.files("one").preview is None
    plain = write_model(tmp_path / "vae_approx" / "taesd_decoder.safetensors", decoder)
    library.refresh()
    assert (library.files("one").preview, library.files("two").preview) == (str(plain), None)
    large = write_model(tmp_path / "vae_approx" / "taesdxl_decoder.safetensors", decoder)
    library.refresh()
    assert library.files("one").preview == str(plain)
    assert library.files("two").preview == str(large)
    library.close()
