"""How this installation runs. Nothing here changes a picture: that is the request's part."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from webui.core.memory_levels import MemoryLevel
from webui.services.downloads.web import Network
from webui.services.formats import QUALITY, Format
from webui.services.inputs.limits import DAYS, MAX_BYTES, MEGABYTE

REPOSITORY = Path(__file__).resolve().parents[2]
ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[\w.-]+)(:\d{1,5})?")
SUBPATH = re.compile(r"[\w.-]+(/[\w.-]+)*")
RATE = 20.0
LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class Settings(BaseSettings):
    """Read from the command line first, then from `INKSTONE_*` in the environment.

    `listen` opens the server to the network, which needs accounts; `auth` holds "user:password"
    pairs. `model_folders` are further ones to look for models in, also whole trees of
    stable-diffusion-webui or ComfyUI. `workers` 0 means one per GPU, or one on a machine without.
    `memory_level`: how sparing workers are with the memory of their device; see
    `webui.core.memory_levels`.
    `allowed_hosts` are further names under which a browser may reach the server. `samples_format`
    and `samples_quality` are those of saved pictures: png, jpg, webp or avif, and 1 to 100.
    `hub_url` is the address of Hugging Face or of a mirror (also HF_ENDPOINT), `hub_token` is sent
    there alone (also HF_TOKEN). `download_private` lets downloads reach private addresses, over
    plain http too; `download_limit` is the most gigabytes of one. `input_limit` is the most
    megabytes of a picture that is uploaded to begin with, `input_days` how long one is kept that no
    job names. `api_compatible` has the API for existing clients replace unknown names in silence,
    `api_image_urls` lets its requests name pictures by URL, `api_server_stop` lets an administrator
    stop the server through it. `api_auth` holds "user:password" pairs for clients of that API
    alone. `cors_origins` are sites whose pages may use the server with credentials of their own.
    `subpath` is a prefix of all addresses ("/x"). `tls_cert` and `tls_key` are files in PEM form;
    with them the server speaks https. `rate_limit` is how many changes a second one owner may ask
    for in the long run, 0 for any number.
    """

    model_config = SettingsConfigDict(
        env_prefix="INKSTONE_", frozen=True, extra="forbid", populate_by_name=True
    )

    host: str = "127.0.0.1"
    port: int = 7860
    listen: bool = False
    auth: tuple[str, ...] = ()
    data_dir: Path = REPOSITORY / "data"
    models_dir: Path = REPOSITORY / "models"
    model_folders: tuple[Path, ...] = ()
    database_url: str = ""
    browser: bool = True
    workers: int = 0
    memory_level: MemoryLevel = "auto"
    allowed_hosts: tuple[str, ...] = ()
    samples_format: Format = "png"
    samples_quality: int = Field(default=QUALITY, ge=1, le=100)
    hub_url: str = Field(
        default="https://huggingface.co",
        validation_alias=AliasChoices("INKSTONE_HUB_URL", "HF_ENDPOINT"),
    )
    hub_token: SecretStr = Field(
        default=SecretStr(""), validation_alias=AliasChoices("INKSTONE_HUB_TOKEN", "HF_TOKEN")
    )
    download_private: bool = False
    download_limit: float = Field(default=100, gt=0)
    input_limit: float = Field(default=MAX_BYTES / MEGABYTE, gt=0, le=1024)
    input_days: float = Field(default=DAYS, ge=1)
    api_compatible: bool = False
    api_image_urls: bool = False
    api_server_stop: bool = False
    api_auth: tuple[str, ...] = ()
    cors_origins: tuple[str, ...] = ()
    subpath: str = ""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    rate_limit: float = Field(default=RATE, ge=0)

    @field_validator("api_auth")
    @classmethod
    def _pairs(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(pair for text in given for pair in text.split(",") if pair)

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        origins = [text.strip().rstrip("/").casefold() for text in given]
        for origin in origins:
            if not ORIGIN.fullmatch(origin):
                raise ValueError(f"https://NAME[:PORT], not {origin[:100]}")
        return tuple(origins)

    @field_validator("subpath")
    @classmethod
    def _prefix(cls, given: str) -> str:
        path = given.strip("/")
        if path and not SUBPATH.fullmatch(path):
            raise ValueError(f"/NAME, not {given[:100]}")
        return f"/{path}" if path else ""

    @model_validator(mode="after")
    def _tls_whole(self) -> Settings:
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ValueError("tls_cert + tls_key")
        return self

    @field_validator("data_dir", "models_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @field_validator("model_folders")
    @classmethod
    def _all_absolute(cls, paths: tuple[Path, ...]) -> tuple[Path, ...]:
        return tuple(path.expanduser().absolute() for path in paths)

    @property
    def network(self) -> Network:
        """What downloads may do."""
        return Network(
            self.hub_url,
            self.hub_token.get_secret_value(),
            self.download_private,
            int(self.download_limit * 10**9),
        )

    @property
    def api_flags(self) -> dict[str, Any]:
        """What clients may know of how the server was started, under the names that they know."""
        return {
            "api": True,
            "nowebui": False,
            "listen": self.listen,
            "port": self.port,
            "server_name": None,
            "subpath": self.subpath.lstrip("/") or None,
            "gradio_auth": None,
            "api_auth": None,
            "api_server_stop": self.api_server_stop,
            "samples_format": self.samples_format,
        }

    @property
    def address(self) -> str:
        """The address to bind: every interface when listening without a chosen host."""
        return "0.0.0.0" if self.listen and self.host in LOOPBACK_NAMES else self.host

    @property
    def open_to_network(self) -> bool:
        """Whether others than this machine can reach the server."""
        return self.address not in LOOPBACK_NAMES

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the user interface."""
        host = self.address if self.address not in ("0.0.0.0", "::") else "127.0.0.1"
        scheme = "https" if self.tls_cert else "http"
        name = f"[{host}]" if ":" in host else host
        return f"{scheme}://{name}:{self.port}{self.subpath}/"
