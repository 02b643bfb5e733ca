"""Training: exact resumption, the learning rate, the VAE's normalisation, several processes."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from recipe import parts, stages
from recipe.compose import render
from recipe.evaluate import LIST
from recipe.export import scheduler_settings, write_model
from recipe.hogwild import Helpers
from recipe.loop import Deadline, Dice, Trainer, rate
from recipe.pool import Texts, make_scenes, make_texts, plain_scenes
from recipe.profiles import PROFILES, Plan
from recipe.render import Icons
from recipe.text import SHORT, TextTask, build_heads, end_positions, shortened
from recipe.tokenizer import POSITIONS, Tokenizer, train
from recipe.unet import UnetTask, kept_signal, weights
from recipe.vae import DecoderTask, decode, encode, normalise, psnr
from recipe.workshop import Workshop, assemble, load_text_encoder, load_vae
from torch import nn

from tests.recipe.conftest import make_workshop, weights_of
from webui.engine.model_levels import model_sigmas

CPU = torch.device("cpu")
TINY = PROFILES["tiny"]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train(["cat dog apple 狗 猫"] * 3, english_merges=20)


@pytest.fixture
def texts(icons: Icons, tokenizer: Tokenizer) -> Texts:
    return make_texts(make_scenes(icons, 32, composed=True), icons, tokenizer, 2)


def unet_task(texts: Texts, tokenizer: Tokenizer) -> UnetTask:
    torch.manual_seed(1)
    modules: dict[str, nn.Module] = {
        "unet": parts.build_unet(TINY),
        "text_encoder": parts.build_text_encoder(TINY, tokenizer.get_vocab_size()),
    }
    latents = torch.randn(32, 4, 8, 8, generator=torch.Generator().manual_seed(2))
    return UnetTask(nn.ModuleDict(modules), latents, texts)


@pytest.mark.parametrize("muon", [False, True])
def test_a_stopped_stage_goes_on_exactly(
    texts: Texts, tokenizer: Tokenizer, tmp_path: Path, muon: bool
) -> None:
    plan = replace(TINY.unet, steps=6, muon=muon)
    straight = Trainer(unet_task(texts, tokenizer), plan, CPU)
    assert straight.run(tmp_path / "a.pt", Deadline(None))

    first = Trainer(unet_task(texts, tokenizer), plan, CPU)
    for _ in range(3):
        first.step(first.progress)
    first.save(tmp_path / "b.pt")
    second = Trainer(unet_task(texts, tokenizer), plan, CPU, seed=99)
    second.load(tmp_path / "b.pt")
    assert second.record.step == 3
    assert second.run(tmp_path / "b.pt", Deadline(None))

    for one, other in zip(weights_of(straight), weights_of(second), strict=True):
        assert torch.equal(one, other)
    assert straight.averages is not None
    assert second.averages is not None
    pairs = zip(straight.averages.parameters(), second.averages.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)
    assert straight.record.step == second.record.step == 6


def test_time_that_is_over_leaves_a_checkpoint_and_an_unfinished_stage(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path, minutes=0)
    stages.train_tokenizer(shop)
    assert not stages.train_vae(shop)
    assert shop.checkpoint("vae").is_file()
    assert not shop.part("vae").exists()


def test_training_learns_and_a_broken_loss_is_said(
    texts: Texts, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    plan = Plan(batch=8, peak=3e-3, steps=60, warmup=1)
    encoder = parts.build_text_encoder(TINY, tokenizer.get_vocab_size())
    heads = build_heads(texts, TINY.text_width)
    modules = nn.ModuleDict({"text_encoder": encoder, "heads": heads})
    trainer = Trainer(TextTask(modules, texts), plan, CPU)
    trainer.run(tmp_path / "text.pt", Deadline(None))
    losses = [loss for _, _, loss in trainer.record.losses]
    assert losses[-1] < 0.7 * losses[0]

    heads[0].weight.data.fill_(float("nan"))
    broken = Trainer(TextTask(modules, texts), plan, CPU)
    with pytest.raises(FloatingPointError, match="peak rate"):
        broken.run(tmp_path / "broken.pt", Deadline(None))


def test_the_rate_rises_stays_and_falls() -> None:
    plan = Plan(batch=1, peak=1.0, steps=100, warmup=10, decay_from=0.5, floor=0.01)
    assert rate(plan, 0, 0.0) == pytest.approx(0.1)
    assert rate(plan, 10, 0.1) == rate(plan, 50, 0.5) == 1.0
    assert 0.01 < rate(plan, 80, 0.8) < 1.0
    assert rate(plan, 100, 1.0) == pytest.approx(0.01)


def test_noise_levels_are_the_products() -> None:
    abar = kept_signal().double()
    assert torch.allclose(((1 - abar) / abar).sqrt(), model_sigmas(scheduler_settings()))
    assert float(weights(abar, None).min()) == 1
    snr = abar / (1 - abar)
    assert torch.allclose(weights(abar, 5.0), torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))


def test_normalising_moves_latents_and_leaves_pictures(icons: Icons) -> None:
    vae = parts.build_vae(TINY).eval()
    pictures = render(icons, make_scenes(icons, 24, composed=True))
    before = decode(vae, encode(vae, pictures))
    moments = vae.encode(pictures).latent_dist
    deviation = encode(vae, pictures).std((0, 2, 3))
    normalise(vae, pictures)
    latents = encode(vae, pictures)
    assert torch.allclose(latents.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(latents.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(decode(vae, latents), before, atol=1e-3)
    wanted = moments.std / deviation[None, :, None, None]
    assert torch.allclose(vae.encode(pictures).latent_dist.std, wanted, rtol=1e-3)


def test_psnr_is_in_decibels() -> None:
    picture = torch.zeros(2, 3, 8, 8)
    assert torch.allclose(psnr(picture + 0.2, picture), torch.full((2,), 20.0))


def test_short_batches_keep_every_word(texts: Texts) -> None:
    tokens = texts.tokens.flatten(0, 1).long()
    eos = int(texts.empty[-1])
    ends = end_positions(tokens, eos)
    dice = Dice(0, CPU)
    brief = tokens[ends < SHORT - 1]
    cut = [shortened(brief, texts, dice) for _ in range(30)]
    assert {len(c[0]) for c in cut} == {SHORT, POSITIONS}
    assert all(torch.equal(end_positions(c, eos), end_positions(brief, eos)) for c in cut)
    long = tokens[ends >= SHORT - 1]
    assert len(long)
    assert all(torch.equal(shortened(long, texts, dice), long) for _ in range(9))


def test_an_older_model_is_a_start_where_it_fits(trained: Workshop, tmp_path: Path) -> None:
    write_model(assemble(trained), tmp_path / "model")
    again = parts.build_unet(trained.profile)
    file = tmp_path / "model" / "unet" / parts.DIFFUSERS_WEIGHTS
    assert parts.start_from(again, file) == len(again.state_dict())
    wider = parts.build_unet(replace(trained.profile, unet_channels=(16, 64)))
    assert 0 < parts.start_from(wider, file) < len(wider.state_dict())
    text = parts.build_text_encoder(TINY, trained_tokens(trained))
    stored = tmp_path / "model" / "text_encoder" / parts.TEXT_WEIGHTS
    assert parts.start_from(text, stored) == len(text.state_dict())


def test_a_work_folder_begins_from_an_exported_model(trained: Workshop, tmp_path: Path) -> None:
    write_model(assemble(trained), tmp_path / "model")
    shop = replace(make_workshop(tmp_path / "work"), start=tmp_path / "model")
    stages.restore(shop, tmp_path / "model")
    stages.train_tokenizer(shop)
    assert stages.train_vae(shop)
    assert stages.train_decoder(shop)
    assert stages.train_text(shop)
    old, new = (load_vae(s, s.best_vae) for s in (trained, shop))
    pairs = zip(old.parameters(), new.parameters(), strict=True)
    assert all(torch.allclose(one, other, atol=2e-3) for one, other in pairs)
    other = replace(shop, profile=replace(TINY, vae_channels=(8, 8, 16, 16)))
    with pytest.raises(ValueError, match="another profile"):
        stages.restore(other, tmp_path / "model")


def trained_tokens(shop: Workshop) -> int:
    return load_text_encoder(shop).config.vocab_size


def test_processes_train_the_same_weights(texts: Texts, tokenizer: Tokenizer) -> None:
    task: Any = unet_task(texts, tokenizer)
    plan = replace(TINY.unet, steps=10**6)
    before = copy.deepcopy(list(task.modules.parameters()))
    with Helpers(task, plan, 1) as helpers:
        while all(
            torch.equal(one, other)
            for one, other in zip(before, task.modules.parameters(), strict=True)
        ):
            helpers.tell(0.0)  # raises if the process dies; nothing here moves the weights


def test_plain_scenes_come_first(texts: Texts, tokenizer: Tokenizer) -> None:
    whole = unet_task(texts, tokenizer)
    plain = set(plain_scenes(texts).tolist())
    assert 0 < len(plain) < len(whole.latents)
    task = replace(whole, composed_from=0.5)
    marks = torch.arange(len(task.latents))[:, None, None, None]
    task.latents = marks.expand_as(whole.latents).float()
    dice = Dice(0, CPU)

    def seen(progress: float) -> set[int]:
        return {int(x) for _ in range(30) for x in task._batch(8, dice, progress)[0][:, 0, 0, 0]}

    assert seen(0.2) <= plain
    assert seen(0.7) - plain


def test_favoured_subjects_are_shown_twice_as_often(texts: Texts) -> None:
    plain = plain_scenes(texts)
    subject = int(texts.labels[plain[0], 0])
    counted = plain_scenes(texts, [subject]).bincount()
    for scene in plain.tolist():
        assert counted[scene] == (2 if int(texts.labels[scene, 0]) == subject else 1)


def test_the_subjects_that_people_ask_for_first_are_favoured(trained: Workshop) -> None:
    listed = json.loads(LIST.read_text(encoding="utf-8"))["subjects"]
    here = [slug for slug in listed if slug in trained.icons().subjects]
    shop = replace(trained, profile=replace(TINY, favoured=listed.index(here[1]) + 1))
    slugs = list(trained.icons().subjects)
    assert [slugs[number] for number in shop.favoured()] == here[:2]
    assert trained.favoured() == []


def test_the_decoder_alone_gets_sharper_and_latents_stay(trained: Workshop, tmp_path: Path) -> None:
    icons = trained.icons()
    before, after = (load_vae(trained, path) for path in (trained.part("vae"), trained.best_vae))
    assert trained.best_vae == trained.part("decoder")
    pictures = render(icons, make_scenes(icons, 8, composed=True))
    assert torch.equal(encode(before, pictures), encode(after, pictures))
    assert not torch.equal(before.decoder.conv_in.weight, after.decoder.conv_in.weight)

    vae = load_vae(trained, trained.part("vae"))
    task = DecoderTask(nn.ModuleDict({"vae": vae}), icons, moved=False)
    trainer = Trainer(task, Plan(batch=4, peak=3e-3, steps=60, warmup=1, muon=True), CPU)
    trainer.run(tmp_path / "decoder.pt", Deadline(None))
    losses = [loss for _, _, loss in trainer.record.losses]
    assert losses[-1] < 0.9 * losses[0]


def test_a_profile_without_a_second_decoder_uses_the_first(tmp_path: Path) -> None:
    shop = make_workshop(tmp_path)
    shop = replace(shop, profile=replace(TINY, decoder=None))
    assert stages.train_decoder(shop)
    assert shop.best_vae == shop.part("vae")
