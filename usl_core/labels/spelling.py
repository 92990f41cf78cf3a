"""Class names that are probably one: written with other letters or blanks, or a rare one a slip away from a frequent one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

_MOST_COMPARED = 2000  # rare names; a file of something else may have a million
_MORE_FREQUENT = 5  # times, for a name to be what a rare one was meant to be
_SHORTEST = 4  # characters; shorter names are often one letter apart and different
_LONG = 8  # characters from which on two slips are allowed
_LONGEST = 200
_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Typo:
    """A class name that is probably a slip.

    Args:
        name: the class.
        count: images that have it.
        meant: the class that was probably meant.
        meant_count: images that have that one.
    """

    name: str
    count: int
    meant: str
    meant_count: int


def probable_typos(counts: Mapping[str, int]) -> tuple[Typo, ...]:
    """Names that are probably others, each with the most frequent one that it may be.

    Names are one if they differ in case, blanks, hyphens, underscores or accents only. Else the other name must be five
    times as frequent and one slip away (a letter too many, too few, wrong, or two in the wrong order), two from eight letters
    on. Names that differ in their numbers are different.

    Args:
        counts: images by class.
    """
    by_frequency = sorted(counts, key=lambda name: (-counts[name], name))
    first: dict[str, str] = {}
    typos: dict[str, str] = {}
    for name in by_frequency:
        meant = first.setdefault(_folded(name), name)
        if meant != name:
            typos[name] = meant
    rare = [name for name in by_frequency[::-1][:_MOST_COMPARED] if name not in typos and _SHORTEST <= len(name) <= _LONGEST]
    for name in rare:
        for meant in by_frequency:
            if counts[meant] < _MORE_FREQUENT * counts[name]:
                break
            if _is_slip(_folded(name), _folded(meant)):
                typos[name] = meant
                break
    return tuple(Typo(name, counts[name], meant, counts[meant]) for name, meant in sorted(typos.items()))


def _folded(name: str) -> str:
    plain = "".join(part for part in unicodedata.normalize("NFKD", name) if not unicodedata.combining(part))
    return re.sub(r"[\s_-]+", "", plain).casefold() or name


def _is_slip(a: str, b: str) -> bool:
    allowed = 1 if max(len(a), len(b)) < _LONG else 2
    if abs(len(a) - len(b)) > allowed or len(b) > _LONGEST or _DIGITS.findall(a) != _DIGITS.findall(b):
        return False
    return 0 < edit_distance(a, b) <= allowed


def edit_distance(a: str, b: str) -> int:
    """Letters to insert, delete, replace or swap with the next, to make one of the other (Damerau: optimal alignment)."""
    before, row = list[int](), list(range(len(b) + 1))
    for i, letter in enumerate(a, 1):
        last, before, row = before, row, [i]
        for j, other in enumerate(b, 1):
            row.append(min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other)))
            if i > 1 and j > 1 and letter == b[j - 2] and a[i - 2] == other:
                row[j] = min(row[j], last[j - 2] + 1)
    return row[-1]
