"""Names with a number at their end: `chat_0` answers to `chat` while it is the only one; pure.

Whoever numbers the copies of a model (`chat_0`, `chat_1`) asks for it by the name they share. This
holds for names that an operator gave: a repository `org/phi_2` is another model than `org/phi`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

NUMBERED = re.compile(r"(.*[^_])_[0-9]+")


def shared_names(given: Mapping[str, Collection[str]], taken: Collection[str]) -> dict[str, str]:
    """Return whom a name without its number means, by that name.

    `given` holds the names that the operator gave, by the model that has them. A name that several
    models could mean, or that is among those taken, means nobody new.
    """
    meant: dict[str, set[str]] = {}
    for model, names in given.items():
        for name in names:
            found = NUMBERED.fullmatch(name)
            if found and found[1] not in taken:
                meant.setdefault(found[1], set()).add(model)
    return {name: next(iter(models)) for name, models in meant.items() if len(models) == 1}
