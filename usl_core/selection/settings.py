"""The parameters of any method by name, METHOD.NAME: as addresses hold them, and as the command line reads and writes them.

They derive from the declarations in the dataclass that the method's card names, see `usl_core.parameters`. USL and USL-T have
names and options of their own, which are older.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..errors import UslError
from ..parameters import Declared, declared
from .registry import default_params, method_cards, methods

FLAG = "--set"
NAMED_OTHERWISE = frozenset({"usl", "usl-t"})
"""Methods whose parameters have options and keys of their own."""
_NONE = "none"


def settings(method: str) -> Mapping[str, Declared]:
    """The declared parameters of a method by field, each known in addresses as METHOD.NAME; nothing where it has none, or where
    they are named otherwise.

    Raises:
        UslError: no such method.

    >>> from usl_core.selection.settings import settings
    >>> [known.how.key for known in settings("k-center").values()]
    ['k-center.first']
    """
    usual = default_params(method)
    if usual is None or method in NAMED_OTHERWISE:
        return {}
    return {name: _named(method, name, known) for name, known in declared(type(usual)).items()}


def _named(method: str, name: str, known: Declared) -> Declared:
    key = f"{method}.{name}"
    return replace(known, how=replace(known.how, key=key, flag=f"{FLAG} {key}"))


def assignments(method: str, params: Any) -> list[str]:
    """METHOD.NAME=VALUE for each parameter that is not at its default, for `params_by_assignment` to read.

    >>> from usl_core.selection.k_center import KCenterParams
    >>> from usl_core.selection.settings import assignments
    >>> assignments("k-center", KCenterParams(first="random"))
    ['k-center.first=random']
    """
    values = ((known, getattr(params, name)) for name, known in settings(method).items())
    return [f"{known.how.key}={text_of(value)}" for known, value in values if value != known.default]


def text_of(value: Any) -> str:
    """A value as an assignment holds it."""
    if value is None:
        return _NONE
    return str(value).lower() if isinstance(value, bool) else str(value)


def params_by_assignment(given: Iterable[str], asked: Sequence[str]) -> dict[str, Any]:
    """Parameter objects of those of the methods that have parameters of this kind.

    Args:
        given: METHOD.NAME=VALUE each; what is not given is at its default.
        asked: names of methods.

    Returns:
        By method.

    Raises:
        UslError: no assignment, an unknown method, parameter or value, the same one twice, or a method that is not asked for.
    """
    known = methods(second_round=True)
    values: dict[str, dict[str, Any]] = {method: {} for method in asked if method in known and settings(method)}
    for text in given:
        key, is_assigned, value = text.partition("=")
        method, has_name, name = key.strip().partition(".")
        if not (is_assigned and has_name and name):
            raise UslError(f"{FLAG} takes METHOD.NAME=VALUE, such as k-center.first=random, but is {text!r}")
        found = _parameter(method, name)
        if method not in values:
            raise UslError(f"{key.strip()} is a setting of {method}, but the method is {', '.join(asked)!r}; leave it out")
        if name in values[method]:
            raise UslError(f"{FLAG} {key.strip()} is given twice; leave out one of them")
        values[method][name] = _value(found, value.strip())
    return {method: replace(default_params(method), **changed) for method, changed in values.items()}


def _parameter(method: str, name: str) -> Declared:
    cards = [card.name for card in method_cards(second_round=True) if card.params]
    if method not in methods(second_round=True):
        raise UslError(f"{FLAG} names the method {method!r}, but methods with settings are {', '.join(cards)}")
    if method in NAMED_OTHERWISE:
        raise UslError(f"the settings of {method} have options of their own, such as --lambda; see `select --help`")
    found = settings(method)
    if name not in found:
        has = f"has {', '.join(found)}" if found else "has no settings"
        raise UslError(f"{FLAG} names {name!r} of {method}, which {has}")
    return found[name]


def _value(known: Declared, text: str) -> Any:
    """What a text says; whether the value is in range is the dataclass's to say."""
    if text == _NONE and (known.default is None or known.how.off is not None):
        return None
    if known.kind is bool:
        if text in ("true", "false"):
            return text == "true"
        raise UslError(f"{known.how.key} must be true or false but is {text!r}")
    if known.options:
        if text in known.options:
            return text
        raise UslError(f"{known.how.key} must be one of {', '.join(known.options)} but is {text!r}")
    try:
        return known.kind(text)
    except ValueError:
        what = "a whole number" if known.kind is int else "a number"
        raise UslError(f"{known.how.key} must be {what} but is {text!r}") from None


def listed() -> list[tuple[str, str, str]]:
    """Every parameter of this kind: METHOD.NAME, what it may be with the default, and what it is."""
    lines = []
    for card in method_cards(second_round=True):
        for known in settings(card.name).values():
            kinds = {bool: "true or false", int: "whole number", float: "number"}
            what = ", ".join(known.options) or kinds.get(known.kind, "text")
            default = " or ".join(filter(None, (text_of(known.default) if known.default is not None else "", known.how.unset)))
            lines.append((known.how.key, f"{what} ({default or _NONE})", known.how.usage or known.how.help))
    return lines
