"""Ink and paper: Gradio's variables point at ours, so light and dark live in one stylesheet.

The values are in `assets/tokens.css`. No font is fetched: a computer's own fonts are used.
"""

from __future__ import annotations

from collections.abc import Mapping

import gradio as gr

FONTS = ("system-ui", "-apple-system", "Segoe UI", "PingFang SC", "Noto Sans CJK SC",
         "Microsoft YaHei", "sans-serif")  # fmt: skip
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

VARIABLES: Mapping[str, str] = {
    "body_background_fill": "var(--ink-paper)",
    "body_text_color": "var(--ink-text)",
    "body_text_color_subdued": "var(--ink-muted)",
    "background_fill_primary": "var(--ink-surface)",
    "background_fill_secondary": "var(--ink-raised)",
    "border_color_primary": "var(--ink-line)",
    "border_color_accent": "var(--ink-accent)",
    "border_color_accent_subdued": "var(--ink-line)",
    "color_accent_soft": "var(--ink-accent-soft)",
    "link_text_color": "var(--ink-accent)",
    "link_text_color_hover": "var(--ink-accent)",
    "block_background_fill": "transparent",
    "block_border_color": "transparent",
    "block_border_width": "0px",
    "block_info_text_color": "var(--ink-muted)",
    "block_label_background_fill": "transparent",
    "block_label_border_color": "transparent",
    "block_label_text_color": "var(--ink-muted)",
    "block_title_text_color": "var(--ink-muted)",
    "block_shadow": "none",
    "panel_background_fill": "transparent",
    "accordion_text_color": "var(--ink-text)",
    "input_background_fill": "var(--ink-field)",
    "input_background_fill_focus": "var(--ink-field)",
    "input_background_fill_hover": "var(--ink-field)",
    "input_border_color": "var(--ink-line)",
    "input_border_color_focus": "var(--ink-accent)",
    "input_border_color_hover": "var(--ink-line-strong)",
    "input_placeholder_color": "var(--ink-faint)",
    "input_shadow": "none",
    "input_shadow_focus": "0 0 0 3px var(--ink-accent-soft)",
    "button_primary_background_fill": "var(--ink-accent)",
    "button_primary_background_fill_hover": "var(--ink-accent-strong)",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_hover": "transparent",
    "button_primary_text_color": "var(--ink-on-accent)",
    "button_primary_text_color_hover": "var(--ink-on-accent)",
    "button_primary_shadow": "none",
    "button_secondary_background_fill": "var(--ink-surface)",
    "button_secondary_background_fill_hover": "var(--ink-raised)",
    "button_secondary_border_color": "var(--ink-line)",
    "button_secondary_border_color_hover": "var(--ink-line-strong)",
    "button_secondary_text_color": "var(--ink-text)",
    "button_secondary_text_color_hover": "var(--ink-text)",
    "button_secondary_shadow": "none",
    "shadow_drop": "none",
    "shadow_drop_lg": "0 8px 24px var(--ink-shade)",
    "shadow_spread": "0px",
}  # fmt: skip
"""Gradio's name -> value for light; the dark twin, where there is one, is the same reference."""

SIZES: Mapping[str, str] = {
    "block_padding": "0px",
    "block_radius": "6px",
    "block_label_text_size": "12px",
    "block_title_text_size": "12px",
    "block_title_text_weight": "500",
    "block_info_text_size": "12px",
    "button_border_width": "1px",
    "button_large_radius": "6px",
    "button_medium_radius": "6px",
    "button_small_radius": "6px",
    "button_large_text_size": "14px",
    "button_medium_text_size": "14px",
    "button_small_text_size": "13px",
    "button_large_text_weight": "600",
    "button_transition": "background-color 120ms, border-color 120ms",
    "button_transform_hover": "none",
    "button_transform_active": "none",
    "container_radius": "8px",
    "form_gap_width": "8px",
    "layout_gap": "8px",
    "input_border_width": "1px",
    "input_padding": "6px 8px",
    "input_radius": "6px",
    "input_text_size": "14px",
    "body_text_size": "14px",
}


def theme() -> gr.themes.Base:
    """The theme of all pages."""
    base = gr.themes.Base(font=FONTS, font_mono=MONO_FONTS)
    dark = {
        f"{name}_dark": value for name, value in VARIABLES.items() if hasattr(base, f"{name}_dark")
    }
    return base.set(**VARIABLES, **dark, **SIZES)
