"""A page for the moments when the user interface is not there: loading, login, failure."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from types import MappingProxyType

from webui.http.policies import plain_policy

STYLE = """
:root{color-scheme:light dark;--ink:#23252a;--paper:#f6f4ef;--soft:#66635c;--line:#dedad1;
--accent:#2f5685;--on:#fdfcf9;--field:#fffefc;--bad:#a8322a}
@media(prefers-color-scheme:dark){:root{--ink:#e7e4dd;--paper:#15171b;--soft:#a3a19a;
--line:#31353d;--accent:#8fb3de;--on:#12161c;--field:#191c20;--bad:#f0897f}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);
color:var(--ink);font:15px/1.5 system-ui,"Noto Sans CJK SC","PingFang SC",sans-serif}
main{width:min(22rem,88vw)}
h1{font-size:1.5rem;font-weight:600;margin:0 0 .25rem;letter-spacing:.01em}
h1 span{color:var(--accent)}
p{color:var(--soft);margin:.25rem 0 1rem}
p.bad{color:var(--bad)}
label{display:block;color:var(--soft);margin:0 0 .75rem}
input{display:block;width:100%;margin-top:.25rem;padding:.55rem .7rem;font:inherit;
color:var(--ink);background:var(--field);border:1px solid var(--line);border-radius:6px}
button{width:100%;padding:.6rem;font:inherit;font-weight:600;color:var(--on);background:var(--accent);
border:0;border-radius:6px;cursor:pointer}
.bar{height:3px;background:var(--line);border-radius:2px;overflow:hidden}
.bar::after{content:"";display:block;height:100%;width:35%;background:var(--accent);
animation:go 1.2s ease-in-out infinite}
@keyframes go{from{transform:translateX(-100%)}to{transform:translateX(320%)}}
@media(prefers-reduced-motion:reduce){.bar::after{animation:none;width:100%}}
"""

HEADERS: Mapping[str, str] = MappingProxyType({"content-security-policy": plain_policy(STYLE)})
"""What goes out with such a page."""


def plain_page(language: str, title: str, body: str, *, again: str = "") -> str:
    """The page as HTML. `title` and `body` are HTML already; `language` is escaped here.

    `again`: the address that the page asks for by itself at once; it stays until the answer.
    """
    refresh = f'<meta http-equiv="refresh" content="0;url={again}">' if again else ""
    return (
        f'<!doctype html><html lang="{escape(language)}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"{refresh}<title>Inkstone 砚</title><style>{STYLE}</style></head>"
        f"<body><main><h1>Inkstone <span>砚</span></h1><p>{title}</p>{body}</main></body></html>"
    )
