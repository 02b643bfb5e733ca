"""The browser's side: the only layer that imports gradio."""
