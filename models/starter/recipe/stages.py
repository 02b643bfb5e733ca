"""The stages from icon sets to a judged model. Each leaves files, and is done when they exist."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers.models.attention_processor import AttnProcessor
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from torch import nn

from recipe import compose, parts, pool, render, sources, subjects, tokenizer
from recipe import judge as judges
from recipe.captions import caption
from recipe.hogwild import Helpers
from recipe.loop import Task, Trainer
from recipe.profiles import Plan
from recipe.scenes import SceneMaker
from recipe.text import TextTask, build_heads
from recipe.unet import UnetTask
from recipe.vae import CHUNK, DecoderTask, VaeTask, encode, normalise
from recipe.workshop import (
    Workshop,
    load_text_encoder,
    load_vae,
    placed_on,
    read_tokenizer,
    save_part,
)

RENDER_SIZE = 256
NORMALISED_ON = 256
NORMAL_WITHIN = 0.1
TOKENIZER_SCENES = 3000


def write_data(folder: Path, data: Path, on_icon: Callable[[str], None]) -> int:
    """Fetches the sets and renders them into the zip file `data`; returns how many pictures."""
    npm = folder / "npm"
    sources.fetch(npm)
    chosen = subjects.choose(
        sources.read(npm, sources.NAMES, "en/data.json"),
        sources.read(npm, sources.NAMES, "zh/data.json"),
        sources.read(npm, sources.NAMES, "meta/groups.json")["subgroups"],
    )
    sets = {style: sources.read(npm, s, "icons.json") for style, s in sources.ICON_SETS.items()}
    return render.write_pack(data, chosen, sets, size=RENDER_SIZE, quality=80, on_icon=on_icon)


def train_tokenizer(shop: Workshop) -> None:
    """From every name, keyword and many captions."""
    if (shop.folder / "tokenizer" / "merges.txt").is_file():
        return
    icons = shop.icons()
    rng = random.Random(0)
    maker = SceneMaker(icons, composed=True)
    texts = [
        text for s in icons.subjects.values() for text in (*s.en, *s.zh, *s.en_tags, *s.zh_tags)
    ]
    made = (maker.make(rng) for _ in range(TOKENIZER_SCENES))
    texts += [caption(scene, icons.subjects, rng) for scene in made]
    trained = tokenizer.train(texts, english_merges=shop.profile.english_merges)
    tokenizer.save(trained, shop.folder / "tokenizer")


def train_vae(shop: Workshop) -> bool:
    """The autoencoder, then its latents' normalisation. Returns whether it is finished."""
    if shop.part("vae").is_file():
        return True
    icons = shop.icons()
    vae = parts.build_vae(shop.profile)
    _start(vae, shop, "vae", parts.DIFFUSERS_WEIGHTS)
    maker = SceneMaker(icons, composed=shop.profile.composed)
    modules = placed_on({"vae": vae}, shop.device)
    task = VaeTask(modules, icons, maker, shop.profile.crop)
    # On a CPU it sees crops and whole pictures: two compilations that take longer than they save.
    compiled = () if shop.device.type == "cpu" else ("vae.encoder", "vae.decoder")
    trainer = _train(shop, task, shop.profile.vae, compiled)
    if trainer is None:
        return False
    averaged: Any = _averages(trainer)["vae"]
    normalise(averaged, _pictures_to_normalise(shop))
    save_part(averaged, shop.part("vae"))
    return True


def train_decoder(shop: Workshop) -> bool:
    """The decoder alone, if the profile wants it. Returns whether it is finished.

    What the decoder sees are few pictures beside all those it could draw: it can know them better
    than together with an encoder that still changes. The latents stay, and so does the UNet.
    """
    plan, kept = shop.profile.decoder, shop.part("decoder")
    if plan is None or kept.is_file():
        return True
    vae = load_vae(shop, shop.part("vae"))
    task = DecoderTask(placed_on({"vae": vae}, shop.device), shop.icons(), shop.profile.moved)
    trainer = _train(shop, task, plan)
    if trainer is None:
        return False
    save_part(_averages(trainer)["vae"], kept)
    return True


def restore(shop: Workshop, model: Path) -> None:
    """Takes tokenizer, autoencoder and text encoder of an exported model as finished.

    With `start` the same model, the UNet then goes on where it was exported.
    """
    tokens = tokenizer.load(model / "tokenizer")
    tokenizer.save(tokens, shop.folder / "tokenizer")
    vae = parts.build_vae(shop.profile)
    encoder = parts.build_text_encoder(shop.profile, tokens.get_vocab_size())
    for module, name, file in (
        (vae, "vae", parts.DIFFUSERS_WEIGHTS),
        (encoder, "text_encoder", parts.TEXT_WEIGHTS),
    ):
        fitting = parts.start_from(module, model / name / file)
        if fitting < len(module.state_dict()):
            raise ValueError(f"{model / name} is of another profile: only {fitting} tensors fit")
        if name == "vae":
            _normalise_if_needed(vae, shop)
            save_part(module, shop.part("decoder"))
        save_part(module, shop.part(name))


def _normalise_if_needed(vae: AutoencoderKL, shop: Workshop) -> None:
    """A model of another recipe may have latents of another mean and deviation."""
    vae.to(shop.device).eval()  # type: ignore[arg-type]
    pictures = _pictures_to_normalise(shop)
    latents = torch.cat([encode(vae, part) for part in pictures.split(CHUNK)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    if max(float(mean.abs().max()), float((deviation - 1).abs().max())) > NORMAL_WITHIN:
        normalise(vae, pictures)


def _pictures_to_normalise(shop: Workshop) -> torch.Tensor:
    icons = shop.icons()
    maker = SceneMaker(icons, composed=shop.profile.composed)
    rng = random.Random(1)
    return compose.render(icons, [maker.make(rng) for _ in range(NORMALISED_ON)], rng)


def train_text(shop: Workshop) -> bool:
    """Pre-training of the text encoder. Returns whether it is finished."""
    if shop.part("text_encoder").is_file():
        return True
    texts = _texts(shop)
    encoder = parts.build_text_encoder(shop.profile, read_tokenizer(shop).get_vocab_size())
    _start(encoder, shop, "text_encoder", parts.TEXT_WEIGHTS)
    heads = build_heads(texts, shop.profile.text_width)
    modules = placed_on({"text_encoder": encoder, "heads": heads}, shop.device)
    trainer = _train(shop, TextTask(modules, texts), shop.profile.text)
    if trainer is None:
        return False
    save_part(_averages(trainer)["text_encoder"], shop.part("text_encoder"))
    return True


def encode_pool(shop: Workshop) -> None:
    """The latents of all scenes."""
    path = shop.folder / "latents.safetensors"
    if path.is_file():
        return
    icons = shop.icons()
    vae = load_vae(shop, shop.part("vae"))
    scenes = pool.make_scenes(icons, shop.profile.scenes, composed=shop.profile.composed)
    pool.save_latents(pool.make_latents(scenes, icons, vae, moved=shop.profile.moved), path)


def train_unet(shop: Workshop) -> bool:
    """The UNet, told by the text encoder. Returns whether it is finished.

    The text encoder stays as its own training left it: while the UNet does not listen yet, its
    gradients are noise, under which all captions become alike within some thousand steps (their
    mean cosine rose from 0.2 to 0.8), and then there is nothing left to listen to.
    """
    unet = parts.build_unet(shop.profile)
    text = load_text_encoder(shop)
    text.requires_grad_(False)
    model = {"unet": unet, "text_encoder": text}
    _start(unet, shop, "unet", parts.DIFFUSERS_WEIGHTS)
    modules = placed_on(model, shop.device)
    if shop.device.type == "cpu":
        # torch's flash attention takes a quarter of a step here; products and a softmax, little.
        unet.set_attn_processor(AttnProcessor())
    gamma, later = shop.profile.snr_gamma, shop.profile.composed_from
    task = UnetTask(modules, *_unet_data(shop), gamma, later, shop.favoured())
    return _train(shop, task, shop.profile.unet, ("unet",)) is not None


def _unet_data(shop: Workshop) -> tuple[torch.Tensor, pool.Texts]:
    latents = pool.load_latents(shop.folder / "latents.safetensors").to(shop.device)
    return latents, _texts(shop)


def train_judge(shop: Workshop) -> bool:
    """The independent eye. Returns whether it is finished."""
    if shop.part("judge").is_file():
        return True
    icons = shop.icons(judges.SIDE)
    judge = judges.Judge(len(icons.subjects), shop.profile.judge_width)
    task = judges.JudgeTask(placed_on({"judge": judge}, shop.device), icons)
    trainer = _train(shop, task, shop.profile.judge)
    if trainer is None:
        return False
    averaged: Any = _averages(trainer)["judge"]
    shop.part("judge").parent.mkdir(parents=True, exist_ok=True)
    judges.save(averaged, shop.part("judge"))
    return True


def _texts(shop: Workshop) -> pool.Texts:
    path = shop.folder / "texts.safetensors"
    if not path.is_file():
        icons = shop.icons()
        scenes = pool.make_scenes(icons, shop.profile.scenes, composed=shop.profile.composed)
        made = pool.make_texts(scenes, icons, read_tokenizer(shop), shop.profile.captions)
        pool.save_texts(made, path)
    return pool.load_texts(path).to(shop.device)


def _start(module: nn.Module, shop: Workshop, folder: str, name: str) -> None:
    if shop.start is not None:
        parts.start_from(module, shop.start / folder / name)


def _averages(trainer: Trainer) -> nn.ModuleDict:
    if trainer.averages is None:
        raise ValueError("this trainer keeps no averages")
    return trainer.averages


def _train(shop: Workshop, task: Task, plan: Plan, compiled: Sequence[str] = ()) -> Trainer | None:
    """Trains a task, resumed if it was begun; None if the time was over first."""
    helpers = 0 if shop.device.type == "cuda" else shop.workers - 1
    compiled = compiled if shop.compiled else ()
    with Helpers(task, plan, helpers, compiled) as beside:
        trainer = Trainer(task, plan, shop.device)
        path = shop.checkpoint(task.name)
        if path.is_file():
            trainer.load(path)
        for name in compiled:
            task.modules.get_submodule(name).compile()

        def report(now: Trainer, loss: float) -> None:
            beside.tell(now.progress)
            shop.watch(task.name, now, loss)

        done = trainer.run(
            path,
            shop.deadline,
            on_report=report,
            on_checkpoint=lambda now: shop.checkpointed(shop, now),
        )
    return trainer if done else None
