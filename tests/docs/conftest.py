"""The pages are tried against the shipped hub, as a newcomer would."""

from tests.stories.conftest import shipped_hub

__all__ = ["shipped_hub"]
