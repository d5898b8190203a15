"""The control API: what operators and their programs ask the keeper."""
