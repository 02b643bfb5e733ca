"""Pieces of HTML that both forms have; their ids begin with the form's prefix."""

from __future__ import annotations

from webui.ui.markup import Markup, button, element, icon_button, switch, words


def prompt_tools(prefix: str) -> Markup:
    """Styles and the way in for settings from elsewhere; `styles.js`, `paste.js` bring life."""
    row = element(
        "div",
        element(
            "select", id=f"{prefix}-style-menu", class_="ink-style-menu",
            data_i18n_label="styles.add",
        ),
        icon_button("apply", "styles.apply", id=f"{prefix}-style-apply"),
        icon_button("edit", "styles.editor", id=f"{prefix}-style-edit"),
        element("span", class_="ink-space"),
        icon_button("read", "reading.title", id=f"{prefix}-read"),
        class_="ink-prompt-tools",
    )  # fmt: skip
    chips = element(
        "div", id=f"{prefix}-style-chips", class_="ink-style-chips", hidden="hidden"
    )  # fmt: skip
    return element("div", row, chips, id=f"{prefix}-styles", class_="ink-field ink-plain")


def send_buttons() -> Markup:
    """Bring a picture to the img2img tab, by its ways of working, or to the extras."""
    modes = {
        "img2img": "img2img.mode_img2img",
        "inpaint": "img2img.mode_inpaint",
        "sketch": "img2img.mode_sketch",
        "extras": "extras.title",
    }
    return element(
        "div",
        words("span", "img2img.send_to", class_="ink-hint"),
        *(button(key, data_action=mode) for mode, key in modes.items()),
        class_="ink-tools",
    )


def start_buttons(prefix: str, key: str) -> Markup:
    """Starts and ends the form's job; under the buttons what keeps it, and how far it is.

    `key`: of the first button's text.
    """
    start = element(
        "button", data_i18n=key, type="button", id=f"{prefix}-generate",
        class_="ink-button ink-main-button",
    )  # fmt: skip
    buttons = element(
        "div",
        start,
        button("button.interrupt", id=f"{prefix}-interrupt"),
        button("button.skip", id=f"{prefix}-skip"),
        class_="ink-actions",
    )
    bar = progress_bar(prefix)
    return element("div", buttons, problem_line(prefix), bar, class_="ink-start")


def problem_line(prefix: str) -> Markup:
    """Counts the fields that have a message."""
    return element(
        "p", id=f"{prefix}-problems", class_="ink-problems", role="alert", hidden="hidden"
    )


def progress_bar(prefix: str) -> Markup:
    """How far my job is; `progress.js` moves it."""
    return element(
        "div",
        element("div", element("div", class_="ink-bar-fill"), class_="ink-bar"),
        element(
            "div",
            element("span", class_="ink-phase"),
            element("span", class_="ink-eta"),
            class_="ink-progress-text",
        ),
        id=f"{prefix}-progress", class_="ink-progress", data_i18n_label="worker.busy",
        data_state="idle", data_job="", role="progressbar", aria_valuemin="0",
        aria_valuemax="100",
    )  # fmt: skip


def queue(prefix: str) -> Markup:
    """What waits and what runs; `queue.js` fills it."""
    scopes = {"mine": "queue.mine", "all": "queue.all"}
    head = element(
        "header",
        words("h2", "label.queue"),
        element("span", id=f"{prefix}-queue-count", class_="ink-count"),
        element("span", class_="ink-space"),
        switch(f"{prefix}-queue-scope", scopes, "mine"),
    )
    rows = element("ol", id=f"{prefix}-queue-rows", class_="ink-queue-rows")
    return element("section", head, rows, id=f"{prefix}-queue", class_="ink-queue")
