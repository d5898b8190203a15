"""Decisions: pure functions over plain data. Nothing here waits, reads or writes."""
