"""The commands of the program, one module each; `webui.cli` imports the one that is asked for."""
