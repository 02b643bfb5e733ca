"""Repositories of Hugging Face, through the plain HTTP interface of the hub.

https://huggingface.co/docs/hub/api: `/api/models/{repo}/tree/{revision}` lists files with their
sizes and, for those kept in LFS, their SHA-256; `/{repo}/resolve/{revision}/{path}` is the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import quote

from webui.core.errors import DownloadError
from webui.services.downloads.addresses import shown
from webui.services.downloads.asked import Asked
from webui.services.downloads.offer import WEIGHTS, RemoteFile
from webui.services.downloads.web import Web, refused

MODEL_INDEX = "model_index.json"
PARTS = (
    *("unet", "vae", "text_encoder", "text_encoder_2"),
    *("tokenizer", "tokenizer_2", "scheduler"),
)
"""The folders of a model in diffusers' layout that are used here."""

SMALL = (".json", ".txt")
LARGEST_SMALL = 64 * 2**20
INDEX = ".safetensors.index.json"
SHA256 = re.compile(r"[0-9a-f]{64}")
NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')
MOST_PAGES = 50
LICENCE = "license:"
NAMED = 12
"""Files that a message lists."""


@dataclass(frozen=True)
class Found:
    """What a repository gives: one file, or the files of a folder. `licence`: "" without."""

    files: tuple[RemoteFile, ...]
    folder: bool
    licence: str


def find(web: Web, asked: Asked) -> Found:
    """The file that was asked for, or all that a model in diffusers' layout needs.

    Raises:
        DownloadError: the hub does not answer, or answers something else.
        InvalidRequest: the repository has several files or none that could be meant.
    """
    base = f"{web.network.hub.rstrip('/')}"
    revision = quote(asked.revision, safe="")
    rows = _rows(web, f"{base}/api/models/{asked.repository}/tree/{revision}?recursive=true")
    source = f"{base}/{asked.repository}/resolve/{revision}/"
    files = {file.path: file for file in _files(rows, source)}
    licence = _licence(web, f"{base}/api/models/{asked.repository}/revision/{revision}")
    if asked.file:
        if asked.file not in files:
            raise refused(
                "error.download_no_file", "what", repo=asked.repository, file=asked.file[:200]
            )
        return Found((files[asked.file],), False, licence)
    if MODEL_INDEX in files:
        return Found(tuple(_layout(files)), True, licence)
    single = [path for path in files if path.endswith(WEIGHTS) and "/" not in path]
    single = single or [path for path in files if path.endswith(WEIGHTS)]
    if len(single) == 1:
        return Found((files[single[0]],), False, licence)
    if single:
        names = ", ".join(sorted(single)[:NAMED])
        raise refused("error.download_choose", "what", repo=asked.repository, names=names)
    raise refused("error.download_no_weights", "what", repo=asked.repository)


def _rows(web: Web, url: str) -> list[Any]:
    rows: list[Any] = []
    for _ in range(MOST_PAGES):
        raw, headers = web.document(url)
        page = _parse(raw, url)
        if not isinstance(page, list):
            raise DownloadError("error.download_answer", url=shown(url))
        rows += page
        following = NEXT.search(headers.get("link", ""))
        if following is None:
            return rows
        url = following[1]
    raise DownloadError("error.download_answer", url=shown(url))


def _licence(web: Web, url: str) -> str:
    page = _parse(web.document(url)[0], url)
    tags = page.get("tags") if isinstance(page, dict) else None
    said = [t for t in tags if isinstance(t, str)] if isinstance(tags, list) else []
    found = next((tag[len(LICENCE) :] for tag in said if tag.startswith(LICENCE)), "")
    return found[:60] if found.isprintable() else ""


def _parse(raw: bytes, url: str) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise DownloadError("error.download_answer", url=shown(url)) from error


def _files(rows: Iterable[Any], source: str) -> Iterable[RemoteFile]:
    for row in rows:
        if not isinstance(row, Mapping) or row.get("type") != "file":
            continue
        path, size, lfs = row.get("path"), row.get("size"), row.get("lfs")
        if not isinstance(path, str) or not isinstance(size, int) or not _is_safe(path):
            continue
        digest = ""
        if isinstance(lfs, Mapping):
            size = lfs["size"] if isinstance(lfs.get("size"), int) else size
            digest = str(lfs.get("oid", "")).removeprefix("sha256:")
        digest = digest if SHA256.fullmatch(digest) else ""
        yield RemoteFile(source + quote(path), size, path, digest)


def _is_safe(path: str) -> bool:
    """Whether it stays below the folder it is put into, on every system."""
    steps = path.split("/")
    plain = all(
        step not in ("", ".", "..") and PureWindowsPath(step).name == step and step.isprintable()
        for step in steps
    )
    return plain and not set(path) & set('<>:"|?*\\') and not PurePosixPath(path).is_absolute()


def _layout(files: Mapping[str, RemoteFile]) -> Iterable[RemoteFile]:
    """The index, and of each part the small files and one version of the weights."""
    yield files[MODEL_INDEX]
    for part in PARTS:
        inside = [path for path in files if path.rpartition("/")[0] == part]
        weights = [path for path in inside if path.endswith((WEIGHTS, INDEX))]
        chosen = set(_one_version(weights))
        for path in inside:
            small = path.endswith(SMALL) and files[path].size <= LARGEST_SMALL
            if path in chosen or (small and path not in weights):
                yield files[path]


def _one_version(weights: list[str]) -> list[str]:
    """Of full and half precision the half one: half the bytes, and drawn with in half anyway."""
    half = [path for path in weights if ".fp16" in path.rpartition("/")[2]]
    usual = [p for p in weights if p.rpartition("/")[2].split(".", 1)[0] in _USUAL or "-of-" in p]
    plain = [path for path in usual if path not in half and ".non_ema" not in path]
    chosen = half or plain or weights
    whole = [path for path in chosen if "-of-" not in path and not path.endswith(INDEX)]
    return whole or chosen


_USUAL = frozenset({"diffusion_pytorch_model", "model"})
