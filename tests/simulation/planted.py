"""What a planted bug is: a change of the engine that is undone afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

#: A patch: where, what, and what stands there instead.
Patch = tuple[Any, str, Any]


@dataclass(frozen=True)
class Mutant:
    """A planted bug."""

    name: str
    #: What somebody got wrong.
    bug: str
    patches: Callable[[], list[Patch]]
    #: The campaign's condition under which it is hunted: one in which it can do harm.
    condition: str = ""
    #: Whether it is hunted; one that few schedules in 100,000 meet is shown by its tape alone.
    hunted: bool = True


@contextmanager
def planted(mutant: Mutant) -> Iterator[None]:
    """The engine with the bug in it."""
    patchers = [mock.patch.object(where, name, new) for where, name, new in mutant.patches()]
    for each in patchers:
        each.start()
    try:
        yield
    finally:
        for each in reversed(patchers):
            each.stop()


def nothing(*_arguments: Any, **_options: Any) -> None:
    """Do not do what the engine does."""
