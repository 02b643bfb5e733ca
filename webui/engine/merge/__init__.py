"""Merges models tensor by tensor, in a process that is made for one merge and then gone."""
