"""Pools of worker processes behind one protocol."""
