"""A Python client of a running server: `Ostler`, `AsyncOstler`, and Lamini's calls as `Lamini`."""
