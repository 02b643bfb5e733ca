"""FastAPI: security in front of everything, the browser's own API, files."""
