"""In place of torchaudio, of which there is no build for processors on PyPI."""

from _absent import names_of

__getattr__ = names_of("torchaudio")
