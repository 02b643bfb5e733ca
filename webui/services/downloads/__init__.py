"""Models from a Hugging Face repository or a URL, fetched when a person asks for one."""
