"""Measurements against the best peer, both sides in the same run. `python -m bench NAME`."""
