"""Programs of callers: each runs in the environment of its client, and prints what it got."""
