"""Which addresses a download may reach: a server must not be made to look into its own network.

The address that a name leads to is checked and then connected to, so that a name server cannot
answer differently the second time (DNS rebinding), and each redirect is checked like the first URL.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from webui.core.errors import DownloadError

TIMEOUT = 30.0
"""Seconds without a byte after which a connection counts as broken."""


@dataclass(frozen=True)
class Target:
    """A URL that may be asked for."""

    url: str
    parts: SplitResult

    @property
    def host(self) -> str:
        """The name or address to connect to."""
        return self.parts.hostname or ""

    @property
    def port(self) -> int:
        """The port to connect to."""
        return self.parts.port or (443 if self.secure else 80)

    @property
    def secure(self) -> bool:
        """Whether the connection is encrypted."""
        return self.parts.scheme == "https"

    @property
    def origin(self) -> tuple[str, str, int]:
        """What a token belongs to."""
        return self.parts.scheme, self.host, self.port

    @property
    def request_path(self) -> str:
        """Path and query."""
        query = f"?{self.parts.query}" if self.parts.query else ""
        return (self.parts.path or "/") + query


def shown(url: str) -> str:
    """A URL as it may be shown and logged: queries carry tokens and signatures."""
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        return f"{parts.scheme}://{host}{unquote(parts.path)}"[:300]
    except ValueError:
        return url.partition("?")[0][:300]


def check_url(url: str, *, private: bool) -> Target:
    """The URL in its parts.

    Args:
        url: to be asked for.
        private: whether addresses of this machine and its network may be reached; those alone
            also over plain http.

    Raises:
        DownloadError: it is no URL, carries a password, or is not encrypted.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise DownloadError("error.download_url", url=shown(url)) from error
    odd = any(ord(c) <= 0x20 or ord(c) > 0x7E for c in url)
    if not parts.hostname or parts.username is not None or port == 0 or odd:
        raise DownloadError("error.download_url", url=shown(url))
    if parts.scheme != "https" and not (parts.scheme == "http" and private):
        raise DownloadError("error.download_https", url=shown(url))
    return Target(url, parts)


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


def connection_to(target: Target, *, private: bool) -> http.client.HTTPConnection:
    """A connection that is open and leads where it may.

    An https proxy of the environment is used. It then resolves the names, so only addresses that
    are written out can be checked.

    Raises:
        DownloadError: the host is on a private network, and such are not allowed.
        OSError: there is no connection.
    """
    proxy = getproxies().get("https", "")
    if target.secure and proxy and not proxy_bypass(target.host):
        if not private and _written_private(target.host):
            raise DownloadError("error.download_private", host=target.host)
        return _through(proxy, target)
    stream = _connect(target, private=private)
    connection = http.client.HTTPConnection(target.host, target.port, timeout=TIMEOUT)
    if target.secure:
        try:
            stream = ssl.create_default_context().wrap_socket(stream, server_hostname=target.host)
        except OSError:
            stream.close()
            raise
    connection.sock = stream
    return connection


def _connect(target: Target, *, private: bool) -> socket.socket:
    found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    if not private and not all(is_public(str(row[4][0])) for row in found):
        raise DownloadError("error.download_private", host=target.host)
    if not target.secure and any(is_public(str(row[4][0])) for row in found):
        raise DownloadError("error.download_https", url=shown(target.url))
    trouble: OSError = OSError(target.host)
    for family, kind, protocol, _, address in found:
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(TIMEOUT)
        try:
            stream.connect(address)
        except OSError as error:
            stream.close()
            trouble = error
        else:
            return stream
    raise trouble


def _through(proxy: str, target: Target) -> http.client.HTTPConnection:
    parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
    connection = http.client.HTTPSConnection(
        parts.hostname or "", parts.port or 8080, timeout=TIMEOUT
    )
    connection.set_tunnel(target.host, target.port)
    connection.connect()
    return connection


def _written_private(host: str) -> bool:
    try:
        return not is_public(host)
    except ValueError:
        return "." not in host or host.casefold().endswith((".local", ".internal", ".localhost"))
