"""What is kept of many records, each text once: cases and verdicts of a run say much the same (pure)."""

from __future__ import annotations

from sys import getsizeof
from typing import Any

_KNOWN = 100
"""Bytes of memory that it takes to know a text again."""


class Shared:
    """Values of JSON that have their texts in common."""

    def __init__(self) -> None:
        self.weight = 0
        """Bytes of memory that all of them take, roughly."""
        self._texts: dict[str, str] = {}
        self._words: dict[str, str] = {}
        """The last object of texts alone: what many findings of a verdict fill their texts with."""

    def value(self, value: Any) -> Any:
        """The same value, to be kept in place of this one."""
        if isinstance(value, str):
            kept = self._texts.setdefault(value, value)
            self.weight += _KNOWN + getsizeof(value) if kept is value else 0
            return kept
        if isinstance(value, dict):
            value = {self.value(name): self.value(each) for name, each in value.items()}
            if value == self._words:
                return self._words
            if all(isinstance(each, str) for each in value.values()):
                self._words = value
        elif isinstance(value, list):
            value = [self.value(each) for each in value]
        self.weight += getsizeof(value)
        return value
