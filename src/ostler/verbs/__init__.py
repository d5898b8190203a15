"""The use cases; one file per verb. Each plans first, then does."""
