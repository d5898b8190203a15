"""The step of the migrations that this version's tables are at."""

HEAD = "0001"
