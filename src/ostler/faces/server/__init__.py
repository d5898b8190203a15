"""`ostler serve`: the keeper's process, with the control API and its gateway."""
