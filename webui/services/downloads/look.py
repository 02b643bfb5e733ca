"""Looks at what would be fetched: where it goes, and by its first bytes what it is."""

from __future__ import annotations

import re
from email.message import Message as Headers
from pathlib import Path
from urllib.parse import unquote, urlsplit

from webui.core.errors import DownloadError, TooLarge
from webui.core.model_files.content import refuse_other_beginning
from webui.core.model_files.header import LENGTH_BYTES, LONGEST_HEADER, parse_header
from webui.core.model_files.recognise import recognise
from webui.core.model_files.recognition import Recognition
from webui.services.downloads import hub
from webui.services.downloads.addresses import shown
from webui.services.downloads.asked import Asked, read_asked
from webui.services.downloads.offer import WEIGHTS, Offer, RemoteFile
from webui.services.downloads.web import Answer, Web, refused, reported
from webui.services.library.places import OWN_FOLDERS

FIRST = 2**20
"""Bytes of the first look: the headers of most models are shorter."""

LONGEST_STEM = 120
UNFIT = re.compile(r'[\x00-\x1f\x7f<>:"/\\|?*]')
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Names that Windows keeps for devices."""

GENERIC = ("diffusion_pytorch_model", "pytorch_lora_weights", "model")
SUFFIXES = (WEIGHTS, ".sft", ".ckpt", ".pt", ".pth", ".bin")


def look(web: Web, what: str, models_dir: Path, *, to: str = "", sha256: str = "") -> Offer:
    """What would be fetched, with the kind that its header shows.

    Args:
        web: what it is asked through.
        what: a URL, or a repository with a file or without.
        models_dir: below which it will be kept.
        to: a kind or a folder of models, instead of the one that the header tells.
        sha256: what the person says it is; the hub says it itself.

    Raises:
        InvalidRequest: what was asked for cannot be meant, or its kind has no folder here.
        DownloadError: it cannot be had.
        ModelFileError: it is no safetensors file.
        TooLarge: it is larger than downloads may be.
    """
    folder = _folder_of(to) if to else ""
    digest = sha256.strip().casefold()
    if digest and not hub.SHA256.fullmatch(digest):
        raise refused("error.download_sha256", "sha256", got=sha256[:80])
    asked = read_asked(what, web.network.hub)
    if asked.url:
        found = hub.Found((RemoteFile(asked.url, 0, "", digest),), False, "")
    else:
        found = hub.find(web, asked)
    weights = _telling(found, what)
    recognition, said, size = _probe(web, weights)
    files = found.files
    if found.folder:
        name = _fit(asked.repository.rpartition("/")[2])
    else:
        files = (RemoteFile(weights.url, size, "", digest or weights.sha256),)
        name = _file_name(weights.path or said, asked)
    kind = "checkpoint" if found.folder else recognition.kind
    folder = folder or OWN_FOLDERS.get(recognition.kind, "")
    if not folder:
        raise refused("error.download_unknown", "what", file=name)
    offer = Offer(
        shown(asked.url) if asked.url else what.strip(),
        "folder" if found.folder else "file",
        files,
        models_dir / folder / name,
        kind,
        recognition.families,
        recognition.variant if kind in ("checkpoint", "unet") else "",
        found.licence,
    )
    if offer.size > web.network.limit:
        values = {"size": _gigabytes(offer.size), "high": _gigabytes(web.network.limit)}
        raise TooLarge("error.download_large", file=name, **values)
    return offer


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:.1f}"


def _folder_of(to: str) -> str:
    own: dict[str, str] = {name: name for name in OWN_FOLDERS.values()}
    own.update({str(kind): name for kind, name in OWN_FOLDERS.items()})
    if to not in own:
        raise refused("error.download_to", "to", got=to[:80], names=", ".join(sorted(own)))
    return own[to]


def _telling(found: hub.Found, what: str) -> RemoteFile:
    """The file that tells what the whole is."""
    if not found.folder:
        return found.files[0]
    unet = [f for f in found.files if f.path.startswith("unet/") and f.path.endswith(WEIGHTS)]
    if not unet:
        raise refused("error.download_no_weights", "what", repo=what[:200])
    return unet[0]


def _probe(web: Web, file: RemoteFile) -> tuple[Recognition, str, int]:
    """What the file is by its header, its name as the server says, and its size."""
    shown_name = file.path or shown(file.url)
    with reported(file.url), web.open(file.url, {"Range": f"bytes=0-{FIRST - 1}"}) as answer:
        size = answer.size
        first = answer.body.read(FIRST)
        name = _said_name(answer, file.url)
        page = (answer.headers.get("content-type") or "").startswith("text/html")
    if page:
        raise DownloadError("error.download_page", url=shown(file.url))
    if size is None:
        raise DownloadError("error.download_sizeless", url=shown(file.url))
    refuse_other_beginning(first, size, shown_name)
    length = LENGTH_BYTES + int.from_bytes(first[:LENGTH_BYTES], "little")
    if len(first) < length <= LONGEST_HEADER:
        with reported(file.url), web.open(file.url, {"Range": f"bytes=0-{length - 1}"}) as answer:
            first = answer.body.read(length)
    header = parse_header(Path(file.path or name), first[LENGTH_BYTES:length], size)
    return recognise(header), name, size


def _said_name(answer: Answer, asked: str) -> str:
    """From Content-Disposition, else from the address that was asked for or led to."""
    headers = Headers()
    headers["content-disposition"] = answer.headers.get("content-disposition", "")
    names = [unquote(urlsplit(url).path).rpartition("/")[2] for url in (asked, answer.url)]
    likely = [name for name in names if name.casefold().endswith(SUFFIXES)]
    return str(headers.get_filename() or next(iter([*likely, *names])))


def _file_name(path: str, asked: Asked) -> str:
    folder, _, stem = path.replace("\\", "/").rpartition("/")
    suffix = next((end for end in SUFFIXES if stem.casefold().endswith(end)), "")
    stem = stem[: len(stem) - len(suffix)]
    if asked.repository and stem.partition(".")[0] in GENERIC:
        parts = [asked.repository.rpartition("/")[2], folder.replace("/", "-")]
        stem = "-".join(filter(None, parts))
    return _fit(stem) + WEIGHTS


def _fit(stem: str) -> str:
    """A name for every system: visible, no path, no device, not too long."""
    shorter = UNFIT.sub("_", "".join(c for c in stem if c.isprintable())).strip(" .")[:LONGEST_STEM]
    return f"_{shorter}" if not shorter or RESERVED.fullmatch(shorter) else shorter
