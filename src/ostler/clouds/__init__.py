"""Rented GPUs: where their prices come from."""
