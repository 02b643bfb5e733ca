"""The History tab: the store's pictures, page by page."""

from __future__ import annotations

from webui.ui.markup import button, element, icon_button, place, words
from webui.ui.pieces import send_buttons


def build_history() -> None:
    """Places the containers; `assets/history.js` fills them from the server."""
    bar = element(
        "div",
        element(
            "input", type="search", id="ink-history-search", maxlength="200",
            data_i18n_placeholder="history.search",
        ),
        element("span", class_="ink-space"),
        icon_button("previous", "button.previous", id="ink-history-previous"),
        element("span", id="ink-history-page", class_="ink-count", aria_live="polite"),
        icon_button("next", "button.next", id="ink-history-next"),
        class_="ink-history-bar",
    )  # fmt: skip
    grid = element("div", id="ink-history-grid", role="list")
    detail = element(
        "aside",
        element("button", element("img", alt=""), type="button", class_="ink-history-picture",
                data_action="open", data_i18n_label="button.open"),
        element(
            "div",
            button("button.reuse_settings", data_action="settings"),
            button("button.rerun", data_action="rerun"),
            element("span", class_="ink-space"),
            icon_button("hires", "button.hires", data_action="hires"),
            icon_button("copy", "button.copy_infotext", data_action="copy"),
            icon_button("download", "button.download", data_action="download"),
            class_="ink-tools",
        ),
        send_buttons(),
        element("pre", class_="ink-infotext", tabindex="0"),
        id="ink-history-detail", hidden="hidden",
    )  # fmt: skip
    empty = words("p", "history.empty", id="ink-history-empty", class_="ink-hint", hidden="hidden")
    body = element("div", grid, detail, class_="ink-history-body")
    place(element("section", bar, empty, body, id="ink-history"))
