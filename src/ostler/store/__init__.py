"""Blobs named by content, manifests that name blobs, views that name files."""

from ostler.store.store import Store, servable

__all__ = ["Store", "servable"]
