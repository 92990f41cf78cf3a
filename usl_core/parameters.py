"""A parameter is declared once, where its algorithm is: what the command line, the address, the sidebar and the command that
repeats a view need to know of it stands in the field's metadata, and they derive from that."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin, get_type_hints

_METADATA = "parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """How people meet a parameter.

    Args:
        label: of its control, with the paper's symbol.
        help: what the control says it does.
        key: in the address and the session; "" for METHOD.NAME, see `selection.settings`.
        flag: on the command line; that of a yes or no says what the default does not. "" for --set METHOD.NAME=VALUE.
        usage: what the command line says, without the default; "" where the flag says it all.
        unit: the letter that stands for its value there.
        unset: what the command line calls a default of None, or adds to a default that depends on more.
        low, high, step: range of the control, which may be narrower than what the library accepts.
        off: what the control shows for None.
        format: of the control's number.
        typed: a field to type a whole number into, not a slider.
        main: always in sight; the others are under "Advanced".
    """

    label: str
    help: str
    key: str = ""
    flag: str = ""
    usage: str = ""
    unit: str = ""
    unset: str = ""
    low: float = 0
    high: float = 1
    step: float = 1
    off: float | None = None
    format: str | None = None
    typed: bool = False
    main: bool = False


@dataclass(frozen=True, slots=True)
class Declared:
    """A field of a parameter object, and how people meet it.

    Args:
        name: of the field.
        kind: bool, int, float or str.
        options: what a str may be.
        default: of the field.
        how: see `Parameter`.
    """

    name: str
    kind: type
    options: tuple[str, ...]
    default: Any
    how: Parameter

    @property
    def shown_default(self) -> Any:
        """The default as the control shows it."""
        return self.shown(self.default)

    def shown(self, value: Any) -> Any:
        """A value as the control shows it: a switch says what the default does not, None has a number."""
        if self.kind is bool:
            return value != self.default
        return self.how.off if value is None else value

    def meant(self, shown: Any) -> Any:
        """The value that a control means."""
        if self.kind is bool:
            return shown != self.default
        return None if self.how.off is not None and shown == self.how.off else shown


def parameter(default: Any, **how: Any) -> Any:
    """A field with that default and a `Parameter` of these arguments."""
    return field(default=default, metadata={_METADATA: Parameter(**how)})


def declared(params: type) -> Mapping[str, Declared]:
    """The parameters of a dataclass by field, in the order of its fields."""
    return _declared(params)


@cache
def _declared(params: type) -> Mapping[str, Declared]:
    hints = get_type_hints(params)
    found = {}
    for each in fields(params):
        if _METADATA in each.metadata:
            assert each.default is not MISSING
            kind, options = _kind(hints[each.name])
            found[each.name] = Declared(each.name, kind, options, each.default, each.metadata[_METADATA])
    return found


def _kind(hint: Any) -> tuple[type, tuple[str, ...]]:
    if get_origin(hint) is UnionType:
        (hint,) = (part for part in get_args(hint) if part is not NoneType)
    return (str, get_args(hint)) if get_origin(hint) is Literal else (hint, ())
