"""Ostler finds, proves, keeps and serves open language models."""

__version__ = "0.1.0"
