"""A value as YAML, texts of several lines as blocks: how exports are written."""

from __future__ import annotations

from typing import Any

import yaml

# libyaml's is eight times as fast; where PyYAML was built without it, its own writes the same.
FASTEST: type[yaml.SafeDumper] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)


class _Dumper(FASTEST):  # type: ignore[misc, valid-type]
    """Writes texts of several lines as blocks, and everything where it stands."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _text)


def dumped(value: Any) -> str:
    """Return a value as YAML."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
