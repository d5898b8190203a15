"""The Hugging Face Hub as a source of models."""

from ostler.sources.huggingface.hub import HuggingFace, stored_token

__all__ = ["HuggingFace", "stored_token"]
