"""A git repository with its large files in LFS, as a source of models."""

from ostler.sources.git.remote import GitRemote

__all__ = ["GitRemote"]
