"""The command line of the recipe. Every command goes on where the last one was stopped."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console

from recipe import stages
from recipe.card import COLUMNS, SHEET, write_card
from recipe.draw import load as load_model
from recipe.evaluate import LIMITS, as_json, evaluate, model_painter, picture_count, read_prompts
from recipe.export import join as join_pieces
from recipe.export import split
from recipe.loop import Deadline
from recipe.narrator import Narrator
from recipe.profiles import PROFILES, Profile
from recipe.sheets import write_sheet
from recipe.speed import measure
from recipe.workshop import Workshop, assemble, load_judge, with_minutes

WORK = Path(__file__).with_name("work")
PICTURES = 3736
"""How many icons the pinned sets give, for the progress bar."""

GO_ON = "time is over: run the same command again to go on"
app = typer.Typer(add_completion=False, no_args_is_help=True, help="Makes the starter model.")

Work = Annotated[Path, typer.Option(help="Where everything is kept between calls, by profile.")]
Out = Annotated[Path | None, typer.Option(help="Where sheets, curves and pieces go [WORK/out].")]
Which = Annotated[str, typer.Option(help="gpu, cpu or tiny [gpu if there is one].")]
Minutes = Annotated[float | None, typer.Option(help="How long this call may train.")]
Total = Annotated[float | None, typer.Option(help="How long the UNet trains in all its calls.")]
Workers = Annotated[int | None, typer.Option(help="Training processes on a CPU.")]
Start = Annotated[Path | None, typer.Option(help="A model to begin from, models/starter say.")]
Data = Annotated[Path | None, typer.Option(help="The rendered icons [WORK/data.zip].")]
Compile = Annotated[bool, typer.Option(help="Compile the networks.")]


def main() -> None:
    """Runs the command line."""
    app()


@app.command("data")
def make_data(work: Work = WORK, data: Data = None) -> None:
    """Fetches the icon sets with npm and renders them into data.zip."""
    with Narrator(work / "out", Console()) as narrator:
        _data(narrator, work, data or work / "data.zip")


@app.command()
def train(
    work: Work = WORK,
    out: Out = None,
    profile: Which = "",
    minutes: Minutes = None,
    unet_minutes: Total = None,
    workers: Workers = None,
    start: Start = None,
    data: Data = None,
    compiled: Compile = True,
) -> None:
    """Trains, or goes on training, for at most MINUTES; leaves a checkpoint and a sheet."""
    with Narrator(out or work / "out", Console()) as narrator:
        options = (profile, minutes, unet_minutes, workers, start, data, compiled)
        shop = _workshop(narrator, work, *options)
        if not _train(shop, narrator):
            narrator.say(GO_ON)


@app.command("all")
def everything(
    work: Work = WORK,
    out: Out = None,
    profile: Which = "",
    minutes: Minutes = None,
    unet_minutes: Total = None,
    workers: Workers = None,
    start: Start = None,
    data: Data = None,
    compiled: Compile = True,
) -> None:
    """Data, training, export and evaluation. Exits with 1 if the model is not good enough."""
    place = out or work / "out"
    with Narrator(place, Console()) as narrator:
        _data(narrator, work, data or work / "data.zip")
        options = (profile, minutes, unet_minutes, workers, start, data, compiled)
        shop = _workshop(narrator, work, *options)
        if not _train(shop, narrator):
            narrator.say(GO_ON)
            return
        made = shop.folder / "model"
        good = _evaluate(shop, narrator, made, made, _name(profile))
        split(made, place)
    raise typer.Exit(0 if good else 1)


@app.command("evaluate")
def judge_model(
    model: Annotated[Path, typer.Argument(help="An exported model.")],
    work: Work = WORK,
    out: Out = None,
    profile: Which = "",
    data: Data = None,
) -> None:
    """Draws the fixed list with a model and measures it. Exits with 1 below the limits."""
    place = out or work / "out"
    with Narrator(place, Console()) as narrator:
        shop = _workshop(narrator, work, profile, None, None, 1, None, data, False)
        good = _evaluate(shop, narrator, model, place, _name(profile))
    raise typer.Exit(0 if good else 1)


@app.command()
def restore(
    model: Annotated[Path, typer.Argument(help="An exported model of the same profile.")],
    work: Work = WORK,
    profile: Which = "",
) -> None:
    """Begins a work folder from an exported model; then train with --start MODEL."""
    with Narrator(work / "out", Console()) as narrator:
        stages.restore(_workshop(narrator, work, profile, None, None, 1, None, None, False), model)


@app.command()
def speed(
    work: Work = WORK, profile: Which = "", data: Data = None, compiled: Compile = True
) -> None:
    """Measures training steps a second, before minutes are spent on them."""
    with Narrator(work / "out", Console()) as narrator:
        shop = _workshop(narrator, work, profile, None, None, 1, None, data, compiled)
        for line in measure(shop):
            narrator.say(line)


@app.command()
def join(
    pieces: Annotated[Path, typer.Argument(help="The folder with model.tar.0, …")],
    folder: Annotated[Path, typer.Argument(help="Where the model goes.")],
) -> None:
    """Puts the pieces of a model together again."""
    join_pieces(pieces, folder)


def _name(profile: str) -> str:
    return profile or ("gpu" if torch.cuda.is_available() else "cpu")


def _workshop(
    narrator: Narrator,
    work: Path,
    profile: str,
    minutes: float | None,
    unet_minutes: float | None,
    workers: int | None,
    start: Path | None,
    data: Path | None,
    compiled: bool,
) -> Workshop:
    name = _name(profile)
    if name not in PROFILES:
        raise typer.BadParameter(f"{name}: there are {', '.join(PROFILES)}", param_hint="--profile")
    chosen: Profile = PROFILES[name]
    if unet_minutes is not None:
        chosen = with_minutes(chosen, "unet", unet_minutes)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cuda":
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        # Kernels compiled in one call are there in the next.
        os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(work / "inductor"))
    else:
        torch.set_num_threads(1)
    return Workshop(
        folder=work / name,
        profile=replace(chosen, workers=workers or chosen.workers),
        device=device,
        deadline=Deadline(minutes),
        workers=workers or chosen.workers,
        compiled=compiled,
        start=start,
        watch=narrator.watch,
        checkpointed=narrator.checkpointed,
        data=data or work / "data.zip",
    )


def _data(narrator: Narrator, work: Path, data: Path) -> None:
    if data.is_file():
        return
    done = 0

    def count(_: str) -> None:
        nonlocal done
        done += 1
        narrator.bar("icons", min(done / PICTURES, 1.0))

    written = stages.write_data(work, data, count)
    narrator.say(f"{written} pictures in {data}, {data.stat().st_size / 1e6:.1f} MB")


def _train(shop: Workshop, narrator: Narrator) -> bool:
    """Every stage in order; whether all are finished. What there is of the model is exported."""
    if not shop.data.is_file():
        raise typer.BadParameter(f"{shop.data} is missing: run the command data first")
    stages.train_tokenizer(shop)
    ready = stages.train_vae(shop) and stages.train_decoder(shop) and stages.train_text(shop)
    if not ready:
        return False
    stages.encode_pool(shop)
    done = stages.train_unet(shop)
    model = assemble(shop)
    narrator.sheet(model)
    narrator.model(model, shop.folder / "model", pieces=True)
    return done and stages.train_judge(shop)


def _evaluate(shop: Workshop, narrator: Narrator, model: Path, out: Path, name: str) -> bool:
    stages.train_judge(shop)
    loaded = load_model(model, shop.device)
    icons = shop.icons(loaded.size)
    judge = load_judge(shop, len(icons.subjects))
    prompts = read_prompts(icons)
    total, done = picture_count(prompts), 0

    def drawn(count: int) -> None:
        nonlocal done
        done += count
        narrator.bar("evaluation", done / total)

    outcome = evaluate(model_painter(loaded, on_picture=drawn), loaded.vae, judge, icons, prompts)
    failures = outcome.report.failures(LIMITS[name])
    out.mkdir(parents=True, exist_ok=True)
    (out / "report.json").write_text(as_json(outcome, failures), encoding="utf-8")
    write_sheet(list(outcome.pictures), out / SHEET, columns=COLUMNS)
    write_card(outcome, failures, loaded, icons, out / "CARD.md")
    for failure in failures:
        narrator.say(f"not good enough: {failure}")
    narrator.say((out / "report.json").read_text(encoding="utf-8").split('"failures"')[0])
    return not failures
