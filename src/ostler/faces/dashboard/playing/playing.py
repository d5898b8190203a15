"""What the playground holds in one tab. It stays while other pages are shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ostler.errors import OstlerError
from ostler.faces.dashboard.page import Work
from ostler.faces.dashboard.playing.chat import Talk
from ostler.faces.dashboard.playing.vectors import Embedded, Ranked

KINDS = {"chat": "Chat", "embed": "Embeddings", "rerank": "Rerank"}
DRINKS = "A cup of hot tea\nA mug of warm tea\nThe car will not start"
DOCUMENTS = "Tea is a drink\nA car has four wheels\nHot water and leaves make tea"


@dataclass
class Lines:
    """A form of lines for a model that answers at once, and what came of it."""

    text: str
    model: str = ""
    query: str = ""
    busy: bool = False
    wrong: OstlerError | None = None
    embedded: Embedded | None = None
    ranked: Ranked | None = None


@dataclass
class Playing:
    """Conversations, the fields that were filled in, and results."""

    kind: str = "chat"
    talks: list[Talk] = field(default_factory=list)  # one, or two side by side
    fields: dict[str, Any] = field(default_factory=dict)  # settings as they were typed
    draft: str = ""
    times: int = 0  # that the draft was put back by us: the field is made anew
    work: dict[int, Work] = field(default_factory=dict)  # that fetches answers, by conversation
    embed: Lines = field(default_factory=lambda: Lines(DRINKS))
    rerank: Lines = field(default_factory=lambda: Lines(DOCUMENTS, query="How is tea made?"))
    _talks: int = 0

    def talk(self, model: str) -> Talk:
        """Return a new conversation."""
        self._talks += 1
        return Talk(model, self._talks)

    @property
    def going(self) -> bool:
        """Whether an answer is on its way."""
        return any(talk.going for talk in self.talks)
