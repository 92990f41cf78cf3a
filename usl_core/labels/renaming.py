"""Classes of a file of labels under other names: a misspelt one becomes what was meant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches

from ..errors import UslError
from ..names import display_name, taken_back
from .entries import Entry, LabelFile, class_text, distinct

Renames = Mapping[str, str] | Iterable[str]
"""New names by old ones, or texts OLD=NEW."""


def renamed(file: LabelFile, renames: Renames, called: str) -> dict[str, str]:
    """Give classes of a file other names, all at once: with a=b and b=a, two classes change places.

    Names may be written as messages spell them out. Of a text with several =, that one counts whose left part is a class of
    the file, and whose right part is one too if that can be.

    Args:
        file: whose entries are changed.
        renames: see `Renames`.
        called: names the file in messages.

    Returns:
        New names by old ones.

    Raises:
        UslError: there is no such class, it gets two names or an empty one, or a text has no = or may mean two things.
    """
    counts = Counter(name for entry in file.entries for name in entry.classes)
    pairs = list(renames.items()) if isinstance(renames, Mapping) else [_parted(text, counts, called) for text in renames]
    new_names: dict[str, str] = {}
    for old, new in pairs:
        known = _known(old, counts)
        if known is None:
            raise _unknown(old, counts, called)
        name = _known(new, counts) or class_text(taken_back(new))
        if not name:
            raise UslError(f"the new name of class {_shown(old)} is empty; name the class that it is to become")
        if new_names.setdefault(known, name) != name:
            both = f"{_shown(new_names[known])} and {_shown(name)}"
            raise UslError(f"class {_shown(known)} is renamed twice, to {both}; leave one of them out")
    if new_names:
        file.entries = [_with_names(entry, new_names) for entry in file.entries]
    return new_names


def _with_names(entry: Entry, new_names: Mapping[str, str]) -> Entry:
    return replace(entry, classes=distinct([new_names.get(name, name) for name in entry.classes]))


def _parted(text: str, known: Mapping[str, int], called: str) -> tuple[str, str]:
    parts = text.split("=")
    pairs = [("=".join(parts[:at]), "=".join(parts[at:])) for at in range(1, len(parts)) if parts[:at] != [""]]
    found = [pair for pair in pairs if _known(pair[0], known) is not None]
    found = [pair for pair in found if _known(pair[1], known) is not None] or found
    if len(found) > 1:
        meant = " or ".join(f"{_shown(old)} to become {_shown(new)}" for old, new in found[:3])
        raise UslError(f"{text!r:.80} may mean {meant}; rename the class in {called} itself")
    if found:
        return found[0]
    if not pairs:
        raise UslError(f"a new name of a class must be given as OLD=NEW but is {text!r:.80}")
    raise _unknown(pairs[0][0], known, called)


def _known(name: str, known: Mapping[str, int]) -> str | None:
    """The class of this name, or of what it was spelled out from."""
    return next((one for one in (class_text(name), class_text(taken_back(name))) if one and one in known), None)


def _unknown(name: str, counts: Mapping[str, int], called: str) -> UslError:
    close = get_close_matches(name, counts, n=1)
    frequent = sorted(counts, key=lambda one: (-counts[one], one))[:10]
    there: Sequence[str] = [f"do you mean {_shown(close[0])}?"] if close else [f"it has {', '.join(map(_shown, frequent))}"]
    return UslError(
        f"{called} has no class {_shown(name)}, so it cannot be renamed; {there[0] if counts else 'it has none at all'}"
    )


def _shown(name: str) -> str:
    return f"'{display_name(name, 60)}'"
