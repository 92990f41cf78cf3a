"""The maps on the side of Python: what is kept for browsers, what they are told, what they may say."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

import usl_core as usl
from pages.ui import addresses, maps
from pages.ui.maps.arrays import STORE, UNKNOWN, ArrayStore, category_codes, from_ranges, quantity_codes, to_ranges
from pages.ui.maps.content import MAX_PANELS, check, payload, scale_of
from pages.ui.maps.coordinates import Coordinates, split
from pages.ui.server import guard, routes
from usl_core.errors import UslError
from usl_core.figures.categories import category_palette, places_on_map
from usl_core.figures.framing import map_fill, map_frame
from usl_core.pipeline.prepared import load_prepared

from .conftest import rebuilt

N = 12
XY = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)
BACKGROUND = maps.Background(xy=XY, version="v")
HEIGHT = maps.Channel(name="height", values=np.arange(N) / 2, digits=1)
KIND = maps.Channel(name="kind", values=np.arange(N) % 3 - 1, names=("a", "b"), categorical=True)
PANEL = maps.Panel(title="USL, 2 picks", method="usl", picks=[3, 1], clusters=np.array([0, 1]), peaks=[4])


@pytest.fixture
def client() -> TestClient:
    app = Starlette(routes=list(routes.ROUTES), middleware=list(guard.MIDDLEWARE))
    return TestClient(app, base_url="http://127.0.0.1")


# ---------------------------------------------------------------- arrays


def test_the_store_gives_back_bytes_and_keeps_the_same_once():
    store = ArrayStore(1000)
    digest = store.offer(np.arange(5, dtype=np.int32))
    assert store.find(digest) == np.arange(5, dtype=np.int32).tobytes()
    assert store.offer(np.arange(5, dtype=np.int32)) == digest
    assert store.offer(np.arange(6, dtype=np.int32)) != digest
    assert store.find("0" * 32) is None


def test_the_store_drops_what_was_offered_longest_ago():
    store = ArrayStore(100)
    first, second = (store.offer(np.full(40, value, dtype=np.uint8)) for value in (1, 2))
    store.offer(np.full(40, 1, dtype=np.uint8))  # the first is wanted again
    third = store.offer(np.full(40, 3, dtype=np.uint8))
    assert [store.find(digest) is not None for digest in (first, second, third)] == [True, False, True]
    large = store.offer(np.zeros(500, dtype=np.uint8))
    assert store.find(large) is not None
    assert store.find(third) is None
    store.clear()
    assert store.find(large) is None


def test_many_threads_may_offer_at_once():
    store = ArrayStore(64 * 50)
    arrays = [np.full(64, value, dtype=np.uint8) for value in range(100)]
    with ThreadPoolExecutor(8) as threads:
        digests = list(threads.map(lambda at: store.offer(arrays[at % 100]), range(2000)))
    assert digests[:100] == digests[100:200]
    assert sum(store.find(digest) is not None for digest in digests[:100]) == 50


def test_a_slice_is_kept_as_its_own_bytes():
    store = ArrayStore(1000)
    assert store.find(store.offer(XY[::2, :1])) == np.ascontiguousarray(XY[::2, :1]).tobytes()


def test_quantities_become_codes_between_both_ends():
    codes = quantity_codes(np.array([0.0, 5.0, 10.0, -3.0, 99.0, np.nan, np.inf]), 0, 10)
    assert codes.tolist() == [0, 32767, UNKNOWN - 1, 0, UNKNOWN - 1, UNKNOWN, UNKNOWN - 1]
    assert codes.dtype == np.uint16
    assert quantity_codes(np.array([4.0, 4.0]), 4, 4).tolist() == [0, 0]


def test_categories_become_codes_and_none_is_zero():
    assert category_codes(np.array([-1, 0, 7, 65533])).tolist() == [0, 1, 8, 65534]


@given(st.sets(st.integers(0, 400)))
def test_ranges_name_exactly_the_rows(rows: set[int]):
    ordered = np.array(sorted(rows), dtype=np.int64)
    ranges = to_ranges(ordered)
    assert [
        row for start, length in zip(ranges[::2], ranges[1::2], strict=True) for row in range(start, start + length)
    ] == sorted(rows)
    assert np.array_equal(from_ranges(ranges, 401), ordered)


def test_a_large_selection_is_a_short_list():
    inside = np.setdiff1d(np.arange(40_000), np.arange(100, 40_000, 1000))
    assert len(to_ranges(inside)) == 82
    assert len(from_ranges(to_ranges(inside), 50_000)) == 39_960


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "0,1",
        {"0": 1},
        [0],
        [0, 0],
        [0, -1],
        [-1, 2],
        [0, 11],
        [10, 1],
        [0, 2, 1, 1],
        [5, 1, 0, 1],
        [0.0, 1.0],
        [True, 1],
        [[0, 1]],
        [0, None],
        [0, 10**30],
        [10**30, 1],
    ],
)
def test_a_browser_cannot_select_what_there_is_not(sent: object):
    assert from_ranges(sent, 10) is None


def test_nothing_selected_is_no_error():
    assert from_ranges([], 10).tolist() == []


# ---------------------------------------------------------------- coordinates


FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(st.lists(st.tuples(FLOAT, FLOAT), min_size=1, max_size=50))
def test_coordinates_of_any_size_come_back_bit_by_bit(points: list[tuple[float, float]]):
    xy = np.array(points, dtype=np.float32)
    assert np.array_equal(rebuilt(Coordinates(STORE).tell(xy)), xy)


def test_many_coordinates_come_back_and_nearly_all_by_the_formula():
    xy = np.random.default_rng(0).normal(3, 1, size=(100_000, 2)).astype(np.float32)
    places = split(xy)
    assert np.array_equal(rebuilt(Coordinates(STORE).tell(xy)), xy)
    assert len(places.rows) < 0.01 * len(xy)
    assert places.coarse.nbytes + places.fine.nbytes == xy.nbytes


def test_the_first_half_alone_is_right_to_a_65536th_of_the_extent():
    xy = np.random.default_rng(0).uniform(-5, 9, size=(10_000, 2)).astype(np.float32)
    places = split(xy)
    about = np.array(places.low) + (65536.0 * places.coarse + 32768) * np.array(places.step)
    assert (np.abs(about - xy) <= 14 / 65536).all()


def test_points_on_one_spot_and_on_a_line_have_coordinates():
    for xy in (np.full((5, 2), 2.5, dtype=np.float32), np.column_stack([np.arange(5.0), np.zeros(5)]).astype(np.float32)):
        assert np.array_equal(rebuilt(Coordinates(STORE).tell(xy)), xy)


def test_coordinates_are_told_again_as_they_were_and_offered_again_when_they_are_gone():
    store = ArrayStore(1000)
    coordinates = Coordinates(store)
    told = coordinates.tell(XY)
    assert coordinates.tell(XY.copy()) is told
    store.clear()
    assert coordinates.tell(XY) == told
    assert store.find(told["coarse"]) is not None
    assert coordinates.tell(XY + 1)["low"] != told["low"]


# ---------------------------------------------------------------- what is told


def test_a_whole_map_is_told_by_digests_and_rows():
    told = payload(BACKGROUND, [PANEL], [HEIGHT, KIND], "height", theme="dark")
    assert np.array_equal(rebuilt(told["xy"]), XY)
    assert told["xy"]["frame"] == map_frame(XY).tolist()
    assert told["xy"]["fill"] == map_fill(XY, map_frame(XY))
    height, kind = told["channels"]
    assert (height["low"], height["high"], height["below"], height["above"]) == (0, 5.5, False, False)
    assert np.array_equal(np.frombuffer(STORE.find(kind["codes"]), dtype=np.uint16), np.arange(N) % 3)
    assert (kind["names"], kind["count"]) == (["a", "b"], 2)
    (panel,) = told["panels"]
    assert (panel["picks"], panel["clusters"]) == ([3, 1], [0, 1])
    assert np.frombuffer(STORE.find(panel["peaks"]), dtype=np.int32).tolist() == [4]
    assert panel["clustering"] is None
    (own,) = payload(BACKGROUND, [changed(clustering=KIND.values)], [HEIGHT], "height", theme="dark")["panels"]
    assert own["clustering"] == kind["codes"], "the same array travels once"
    assert told["look"]["name"] == "dark"


def test_pictures_are_offered_where_there_are_some():
    assert payload(BACKGROUND, [PANEL], [HEIGHT], "height", theme="dark")["atlas"] is None
    made = load_prepared("demo:digits")
    url = addresses.atlas_url("digits", made)
    told = payload(maps.Background(xy=XY, version="v", atlas=url), [PANEL], [HEIGHT], "height", theme="dark")
    assert told["atlas"].count("{side}") == told["atlas"].count("{rows}") == 1


def test_a_quantity_beyond_its_scale_says_so_and_an_unknown_one_has_a_scale():
    cut = maps.Channel(name="height", values=np.array([*np.arange(N - 1.0), np.nan]), low=2, high=8)
    (told,) = payload(BACKGROUND, [PANEL], [cut], "height", theme="light")["channels"]
    assert (told["low"], told["high"], told["below"], told["above"]) == (2, 8, True, True)
    assert scale_of(maps.Channel(name="unknown", values=np.full(N, np.nan))) == (0, 1)


def test_many_categories_travel_without_their_names():
    many = maps.Channel(name="class", values=np.arange(N), names=[f"class {at}" for at in range(30)], categorical=True)
    (told,) = payload(BACKGROUND, [PANEL], [many], "class", theme="light")["channels"]
    assert told["names"] is None
    assert told["count"] == 30
    assert len(STORE.find(told["places"])) == 30
    assert json.loads(STORE.find(told["listed"])) == [f"class {at}" for at in range(30)], "but are there to be fetched"


def test_a_map_tells_the_colours_that_figures_have():
    """As many as there are ids, up to the largest: by it alone browser and figures choose between few colours and many."""
    rng = np.random.default_rng(0)
    background = maps.Background(xy=rng.normal(size=(400, 2)).astype(np.float32), version="v1")
    for count in (1, 20, 21, 48, 60):
        ids = rng.permutation(np.arange(400) % count)
        channel = maps.Channel(name="cluster", values=ids, categorical=True)
        told = payload(background, [maps.Panel(title="A")], [channel], "cluster", theme="dark")
        (told_channel,), look = told["channels"], told["look"]
        palette = look[told_channel["palette"]]
        worn = [palette[place] for place in STORE.find(told_channel["places"])]
        assert tuple(palette) == category_palette(count, "dark")
        assert worn == [palette[place] for place in places_on_map(background.xy, ids, count)]
        assert told_channel["sharing"] == ("60 share 48 colours, neighbours never the same" if count == 60 else "")
        assert told_channel["listed"] is None


def test_no_category_at_all_is_no_mistake():
    nothing = maps.Channel(name="class", values=np.full(N, -1), categorical=True)
    (told,) = payload(BACKGROUND, [PANEL], [nothing], "class", theme="light")["channels"]
    assert (told["count"], told["sharing"], told["palette"]) == (0, "", "few")


def changed(**parts: object) -> maps.Panel:
    return maps.Panel(**{"title": "A", "picks": [1], **parts})


@pytest.mark.parametrize(
    ("background", "panels", "channels", "colour", "says"),
    [
        (maps.Background(xy=XY[:, :1], version="v"), [PANEL], [HEIGHT], "height", "shape"),
        (maps.Background(xy=XY[:0], version="v"), [PANEL], [HEIGHT], "height", "shape"),
        (maps.Background(xy=XY * np.nan, version="v"), [PANEL], [HEIGHT], "height", "finite"),
        (BACKGROUND, [], [HEIGHT], "height", "panels must be 1 to 9"),
        (BACKGROUND, [PANEL] * (MAX_PANELS + 1), [HEIGHT], "height", "are 10"),
        (BACKGROUND, [PANEL], [HEIGHT, HEIGHT], "height", "different names"),
        (BACKGROUND, [PANEL], [HEIGHT], "width", "'width'"),
        (BACKGROUND, [changed(colour="depth")], [HEIGHT], "height", "'depth'"),
        (BACKGROUND, [PANEL], [maps.Channel(name="height", values=np.zeros(N + 1))], "height", "one value per image"),
        (BACKGROUND, [PANEL], [maps.Channel(name="height", values=np.zeros(N), categorical=True)], "height", "category ids"),
        (BACKGROUND, [PANEL], [maps.Channel(name="k", values=np.full(N, -2), categorical=True)], "k", "from -1"),
        (BACKGROUND, [PANEL], [maps.Channel(name="k", values=np.full(N, 65534), categorical=True)], "k", "65533"),
        (BACKGROUND, [PANEL], [maps.Channel(name="k", values=np.arange(N), names=("a",), categorical=True)], "k", "1 names"),
        (BACKGROUND, [changed(picks=[N])], [HEIGHT], "height", "picks of panel 'A'"),
        (BACKGROUND, [changed(peaks=[-1])], [HEIGHT], "height", "peaks of panel 'A'"),
        (BACKGROUND, [changed(clusters=np.array([0, 1]))], [HEIGHT], "height", "clusters of 2"),
        (BACKGROUND, [changed(clustering=np.zeros(N - 1, dtype=int))], [HEIGHT], "height", "clustering of panel A"),
        (BACKGROUND, [changed(arrows=np.array([[0, N]]))], [HEIGHT], "height", "arrows of panel 'A'"),
    ],
)
def test_what_does_not_belong_together_is_named(background, panels, channels, colour, says):
    with pytest.raises(UslError, match=says):
        check(background, panels, channels, colour)


def test_what_belongs_together_passes():
    check(BACKGROUND, [PANEL, changed(arrows=np.array([[0, 1], [0, 2]]), colour="kind")], [HEIGHT, KIND], "height")


# ---------------------------------------------------------------- addresses


def test_arrays_are_served_as_they_are_and_for_ever(client):
    digest = STORE.offer(XY)
    answer = client.get(f"/api/array/{digest}")
    assert answer.status_code == 200
    assert answer.content == XY.tobytes()
    assert "immutable" in answer.headers["cache-control"]


def test_words_are_those_of_the_image(client):
    demo = usl.load_demo("digits")
    made = load_prepared("demo:digits")
    answer = client.get("/" + addresses.words_url("digits", made).replace("{row}", "7"))
    assert answer.json() == {"file": demo.images.paths[7], "class": demo.images.class_names[demo.images.labels[7]]}


def test_every_script_is_served_under_the_digest_of_all(client):
    scripts = list(maps.SCRIPTS.glob("*.js"))
    assert scripts
    for path in scripts:
        answer = client.get(f"/api/maps/{maps.scripts_version()}/{path.name}")
        assert answer.content == path.read_bytes()
        assert "javascript" in answer.headers["content-type"]


@pytest.mark.parametrize(
    "path",
    [
        "api/array/" + "0" * 32,
        "api/array/..%2f..%2fapp.py",
        "api/maps/0000000000000000/index.js",
        "api/maps/{version}/maps.css",
        "api/maps/{version}/..%2f__init__.py",
        "api/maps/{version}/nothing.js",
        "api/words/digits/0000/7",
        "api/words/nothing/{fingerprint}/7?encoder=bundled:mini",
        "api/words/digits/{fingerprint}/99999?encoder=bundled:mini",
        "api/words/digits/{fingerprint}/7?encoder=pixels:..",
    ],
)
def test_what_is_guessed_is_not_found(client, path: str):
    fingerprint = load_prepared("demo:digits").features.fingerprint
    answer = client.get("/" + path.format(version=maps.scripts_version(), fingerprint=fingerprint))
    assert answer.status_code == 404
    assert "import" not in answer.text


@pytest.mark.parametrize("kind", ["array", "words", "script"])
def test_a_foreign_host_gets_nothing(client, kind: str):
    path = {
        "array": f"api/array/{STORE.offer(XY)}",
        "words": addresses.words_url("digits", load_prepared("demo:digits")).replace("{row}", "7"),
        "script": maps.script_url(),
    }[kind]
    assert client.get("/" + path).status_code == 200
    assert 400 <= client.get("/" + path, headers={"host": "evil.example"}).status_code < 500
