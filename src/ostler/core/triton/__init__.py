"""Triton's model repository for the vLLM backend: its texts, their grammar, what can be wrong."""
