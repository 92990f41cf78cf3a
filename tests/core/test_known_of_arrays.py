"""What is remembered of read-only arrays: bounded, never of others, gone with them."""

from __future__ import annotations

import gc
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from usl_core.read_only import KnownOfArrays, is_read_only, read_only


def _frozen(n: int = 4) -> np.ndarray:
    return read_only(np.arange(float(n)))


def test_an_array_is_read_only_if_nothing_below_it_can_be_written():
    base = np.zeros((2, 3))
    view = base[:1]
    view.setflags(write=False)
    assert not is_read_only(view), "whoever holds the base may write"
    read_only(view)
    assert is_read_only(view)
    assert is_read_only(np.frombuffer(b"12345678"))
    held = np.frombuffer(bytearray(8))
    held.setflags(write=False)
    assert not is_read_only(held)


def test_values_come_back_for_the_same_array_only():
    known, one, other = KnownOfArrays(1 << 10), _frozen(), _frozen()
    value = _frozen(3)
    known.put(one, {7: value})
    assert known.get(one, [7, 8])[7] is value
    assert set(known.get(one, [7, 8])) == {7}
    assert known.get(other, [7]) == {}
    assert known.get(one.view(), [7]) == {}


def test_nothing_is_kept_of_an_array_that_can_change():
    known, array = KnownOfArrays(1 << 10), np.zeros(3)
    known.put(array, {0: _frozen()})
    assert known.get(array, [0]) == {}


def test_what_was_not_asked_for_longest_goes_first():
    known, array = KnownOfArrays(3 * 32), _frozen()
    known.put(array, {key: _frozen(4) for key in (1, 2, 3)})
    known.get(array, [1])
    known.put(array, {4: _frozen(4)})
    assert set(known.get(array, range(5))) == {1, 3, 4}
    known.put(array, {5: _frozen(40)})
    assert known.get(array, range(6)) == {}, "too large to be kept"


def test_no_array_is_kept_alive_and_its_values_go_with_it():
    known = KnownOfArrays(64)
    array, value = _frozen(), _frozen(8)
    known.put(array, {0: value})
    gone, value_gone = weakref.ref(array), weakref.ref(value)
    del array, value
    gc.collect()
    assert gone() is None
    assert value_gone() is None
    other = _frozen()
    known.put(other, {0: _frozen(8)})
    assert known.get(other, [0]), "there is room again"


def test_many_threads_at_once():
    known = KnownOfArrays(64 * 8)

    def visit(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(300):
            array = _frozen(2 + seed)
            known.put(array, {int(key): read_only(np.full(4, float(seed))) for key in rng.integers(20, size=3)})
            assert all((value == seed).all() for value in known.get(array, range(20)).values())

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(visit, range(6)))
