"""The command `ostler`."""
