"""The two exceptions that callers are meant to catch."""

from __future__ import annotations


class UslError(ValueError):
    """A mistake in the input. The message names the thing, the rule and the value, and says what to do next."""


class Cancelled(Exception):
    """Raised by an `on_progress` callback to stop long work; what was finished so far stays in the cache."""
