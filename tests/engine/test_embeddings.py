"""Textual-inversion embeddings: every form of file, names in prompts, and hostile files."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save, save_file
from torch import Tensor

from webui.core.embeddings import NameIndex
from webui.core.errors import Message, ModelFileError
from webui.core.prompt.chunks import FILLER, Found, cut_into_chunks
from webui.engine.bundle import ModelBundle
from webui.engine.embedding_formats import ANY_SLOT, read_embedding
from webui.engine.embeddings import Embeddings
from webui.engine.text_encoder import PromptEncoder

WIDTH = 32


@pytest.fixture(autouse=True)
def _inference() -> Iterator[None]:
    with torch.inference_mode():
        yield


def vectors(count: int = 2, width: int = WIDTH) -> Tensor:
    return torch.randn(count, width)


def torch_file(content: object, **options: Any) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def parameters(values: Tensor) -> torch.nn.ParameterDict:
    with torch.inference_mode(mode=False):
        return torch.nn.ParameterDict({"*": torch.nn.Parameter(values.clone())})


FORMS: dict[str, Callable[[Tensor], bytes]] = {
    "webui": lambda v: torch_file({"string_to_token": {"*": 265}, "string_to_param": {"*": v},
                                   "name": "x", "step": 5, "sd_checkpoint": None}),
    "first": lambda v: torch_file({"string_to_token": {"*": torch.tensor(265)},
                                   "string_to_param": parameters(v)}),
    "old zip": lambda v: torch_file({"string_to_param": {"*": v}},
                                    _use_new_zipfile_serialization=False),
    "diffusers": lambda v: torch_file({"<token>": v}),
    "diffusers flat": lambda v: torch_file({"<token>": v[0]}),
    "half": lambda v: torch_file({"<token>": v.half()}),
    "ordered": lambda v: torch_file(OrderedDict({"<token>": v})),
    "safetensors": lambda v: save({"emb_params": v}),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_is_read(tmp_path: Path, form: str) -> None:
    wanted = vectors(1 if form == "diffusers flat" else 2)
    file = tmp_path / "x.bin"  # the suffix says nothing
    file.write_bytes(FORMS[form](wanted))
    found, digest = read_embedding(file, "x")
    assert found[ANY_SLOT].dtype == torch.float32
    assert torch.allclose(found[ANY_SLOT], wanted, atol=1e-3 if form == "half" else 0)
    assert digest == sha256(file.read_bytes()).hexdigest()[:12]


class RunsCode:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.canary),)


def test_a_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    for content in (
        pickle.dumps({"*": RunsCode(canary)}, protocol=2),
        torch_file({"string_to_param": {"*": RunsCode(canary)}}),
    ):
        (tmp_path / "x.pt").write_bytes(content)
        with pytest.raises(ModelFileError) as caught:
            read_embedding(tmp_path / "x.pt", "x")
        assert caught.value.message.key == "remark.embedding_pickle"
    assert not canary.exists()
    pickle.loads(pickle.dumps(RunsCode(canary)))
    assert canary.exists()


def bomb() -> bytes:
    """A file of 200 KB that unpacks to 200 MB."""
    original = zipfile.ZipFile(io.BytesIO(torch_file({"*": vectors()})))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry in original.infolist():
            archive.writestr(entry.filename, original.read(entry))
        archive.writestr("archive/data/1", bytes(200 * 2**20))
    return file.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "uneven": (lambda: save({"clip_l": vectors(2), "clip_g": vectors(3, 40)}), "unreadable"),
    "no vectors": (lambda: save({"emb_params": vectors(0)}), "count"),
    "too many": (lambda: save({"emb_params": vectors(76)}), "count"),
    "millions": (lambda: torch_file({"*": torch.zeros(1).expand(10**6, WIDTH)}), "count"),
    "endless": (lambda: torch_file({"*": torch.zeros(1).expand(10**12, WIDTH)}), "count"),
    "endless width": (lambda: torch_file({"*": torch.zeros(1).expand(2, 10**12)}), "unreadable"),
    "nan": (lambda: save({"emb_params": torch.full((2, WIDTH), torch.nan)}), "numbers"),
    "whole numbers": (lambda: save({"emb_params": torch.ones(2, 3, dtype=torch.int8)}), "unread"),
    "two tensors": (lambda: save({"a": vectors(), "b": vectors()}), "unreadable"),
    "no tensor": (lambda: torch_file({"a": 1}), "unreadable"),
    "list": (lambda: torch_file([vectors()]), "unreadable"),
    "empty": (lambda: b"", "unreadable"),
    "text": (lambda: b"<html>not found</html>", "pickle"),
    "header": (lambda: b"\xff" * 8 + b"{", "unreadable"),
    "bomb": (bomb, "unreadable"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_unusable_files_are_refused_with_a_reason(tmp_path: Path, case: str) -> None:
    content, key = HOSTILE[case]
    (tmp_path / "x.pt").write_bytes(content())
    with pytest.raises(ModelFileError) as caught:
        read_embedding(tmp_path / "x.pt", "x")
    assert caught.value.message.key.startswith("remark.embedding_" + key.split("_")[0])
    assert caught.value.message.values["name"] == "x"


@pytest.mark.parametrize("form", ["webui", "old zip", "safetensors"])
def test_truncated_files_are_refused(tmp_path: Path, form: str) -> None:
    whole = FORMS[form](vectors())
    for cut in range(0, len(whole) - 1, max(1, len(whole) // 40)):
        (tmp_path / "x.pt").write_bytes(whole[:cut])
        with pytest.raises(ModelFileError):
            read_embedding(tmp_path / "x.pt", "x")


def folder_with(path: Path, **files: int) -> Embeddings:
    path.mkdir(exist_ok=True)
    for name, count in files.items():
        save_file({"emb_params": vectors(count)}, path / f"{name}.safetensors")
    return Embeddings(path)


def places(prompt: str, tiny: ModelBundle, names: dict[str, int]) -> list[list[int]]:
    """Where embeddings begin in each chunk."""
    index = NameIndex(names, tiny.tokenizer.encode)

    def find(ids: Sequence[int], place: int) -> Found | None:
        first = next(index.at(ids, place), None)
        return Found(first[0], names[first[0]], first[1]) if first else None

    tokenizer = tiny.tokenizer
    pieces = cut_into_chunks(prompt, tokenizer.encode, tokenizer.comma, find=find).pieces
    for piece in pieces:
        assert len(piece.tokens) <= 75
        for at, name in piece.embeddings.items():
            assert piece.tokens[at : at + names[name]] == [FILLER] * names[name]
    return [sorted(piece.embeddings) for piece in pieces]


@pytest.mark.parametrize(
    ("prompt", "wanted"),
    [
        ("a dog", [[1]]),
        ("DOG, dog", [[0, 4]]),
        ("a (dog:1.3)", [[1]]),
        ("dogs d og", [[]]),
        # The longer of two names that begin alike, where it stands whole.
        ("dog cat a dog", [[0, 6]]),
        ("dog a cat", [[0]]),
        # Never cut: what does not fit begins the next chunk, also after a comma.
        ("a " * 73 + "dog", [[], [0]]),
        ("a " * 72 + "dog", [[72]]),
        ("a " * 60 + ", dog dog dog dog a a dog", [[], [0, 3, 6, 9, 14]]),
        ("BREAK dog", [[], [0]]),
    ],
)
def test_names_in_prompts_take_their_places(
    tiny: ModelBundle, prompt: str, wanted: list[list[int]]
) -> None:
    assert places(prompt, tiny, {"dog": 3, "dog cat": 5}) == wanted


def test_vectors_of_tokens_are_those_tokens(tiny: ModelBundle, tmp_path: Path) -> None:
    """An embedding of the model's own vectors for a text is that text."""
    table = tiny.texts[0].encoder.get_input_embeddings().weight
    ids = tiny.tokenizer.encode("cat dog a")
    (tmp_path / "sub").mkdir()
    save_file({"emb_params": table[ids].clone()}, tmp_path / "sub" / "mine.safetensors")
    encoder = PromptEncoder(tiny, Embeddings(tmp_path))
    for clip_skip in (1, 2):
        wanted = PromptEncoder(tiny).encode("a (cat dog a:1.2) dog BREAK cat", clip_skip)
        got = encoder.encode("a (mine:1.2) dog BREAK cat", clip_skip)
        assert torch.allclose(got, wanted, atol=1e-6)
    assert list(encoder.used) == ["mine"]
    assert not encoder.remarks


def test_what_was_used_is_told_also_when_it_is_remembered(
    tiny: ModelBundle, tmp_path: Path
) -> None:
    embeddings = folder_with(tmp_path / "e", dog=3)
    save_file({"emb_params": vectors(2, 768)}, tmp_path / "e" / "cat.safetensors")
    embeddings.look([tmp_path / "e"])
    encoder = PromptEncoder(tiny, embeddings)
    for _ in range(2):
        encoder.begin()
        got = encoder.encode("a dog cat")
        digest = sha256((tmp_path / "e" / "dog.safetensors").read_bytes()).hexdigest()[:12]
        assert encoder.used == {"dog": digest}
        values = {"name": "cat", "got": 768, "wanted": WIDTH}
        assert encoder.remarks == {"cat": Message("remark.embedding_width", values)}
    encoder.begin()
    assert not torch.equal(encoder.encode("a dog"), got)
    assert not encoder.remarks


def test_files_that_come_go_and_change_are_noticed(tiny: ModelBundle, tmp_path: Path) -> None:
    embeddings = folder_with(tmp_path / "e")
    encoder = PromptEncoder(tiny, embeddings)
    plain = encoder.encode("a dog")
    folder_with(tmp_path / "e", dog=1)
    embeddings.look([tmp_path / "e"])
    first = encoder.encode("a dog")
    folder_with(tmp_path / "e", dog=2)
    embeddings.look([tmp_path / "e"])
    second = encoder.encode("a dog")
    (tmp_path / "e" / "dog.safetensors").unlink()
    embeddings.look([tmp_path / "e"])
    assert torch.equal(encoder.encode("a dog"), plain)
    assert not torch.equal(first, plain)
    assert not torch.equal(first, second)


def test_the_file_nearer_to_the_top_has_the_name(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    for path in ("a/b/x.pt", "a/x.safetensors", "x.bin", ".x.pt", "notes.txt", "a/y.PT"):
        (tmp_path / path).write_bytes(b"")
    found = {name: path for name, path, *_ in Embeddings(tmp_path).files}
    assert found == {"x": str(tmp_path / "x.bin"), "y": str(tmp_path / "a" / "y.PT")}
