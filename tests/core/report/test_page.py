"""The report: complete in itself, true to the numbers, and deaf to what file names try."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from usl_core.errors import UslError
from usl_core.evaluation.comparison import Comparison, compare
from usl_core.evaluation.metrics import METRICS, overlap
from usl_core.export.run_record import picks_fingerprint
from usl_core.graph.neighbors import find_neighbors
from usl_core.images.scan import scan
from usl_core.report import files as report_files
from usl_core.report.page import write_report
from usl_core.types import Features, Note, Problem
from usl_core.validation import unit_rows

HOSTILE = (
    "<img src=x onerror=alert(1)>.png",
    '" onload="alert(1).png',
    "'><svg onload=alert(1)>.png",
    "<a href=javascript:alert(1)>x<.png",
    "line\nbreak.png",
    "evil\u202egnp.exe.png",
    "$policy %{text} {alt}.png",
    "<!--.png",
    "x" * 200 + ".png",
)
METHODS = ("random", "stratified", "usl")
VOID = {"img", "meta", "input", "br", "link"}


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, texts, scripts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self._texts: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag, attrs):
        given = {key: value or "" for key, value in attrs}
        self.tags.append((tag, given))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "script":
            self.scripts.append((given, ""))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag not in VOID and tag in ("script", "style", "svg", "table", "section", "li", "td", "th", "tr"):
            assert tag in self._open
            while self._open.pop() != tag:
                pass

    def handle_data(self, data):
        if self._open and self._open[-1] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)
        elif "style" not in self._open:
            self._texts.append(data)
            if any(tag in self._open for tag in ("td", "th")):
                self.rows[-1][-1] += data

    @property
    def text(self) -> str:
        return " ".join("".join(self._texts).split())

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.tags if name == tag]

    def row(self, head: str) -> list[str]:
        return next(row for row in self.rows if row and row[0].startswith(head))

    @property
    def figures(self) -> dict:
        return json.loads(self.scripts[0][1])


def made(folder: Path, classes: tuple[str, ...] = ("cat", "<b>dog", "emu"), names: tuple[str, ...] = HOSTILE) -> Features:
    """45 small pictures with the names that cause most trouble, and made-up features of three groups."""
    rng = np.random.default_rng(0)
    for at in range(45):
        name = names[at] if at < len(names) else f"{at:02d}.png"
        path = folder / classes[at % len(classes)] / name if classes else folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (6, 6, 3), dtype=np.uint8)).save(path, "PNG")
    (folder / (classes[0] if classes else "") / "<u>broken.png").write_bytes(b"no")
    images = scan(folder)
    values = rng.normal(size=(45, 8)) + 3 * np.eye(8)[np.arange(45) % 3]
    return Features(values=unit_rows(values), fingerprint="f" * 32, encoder="test:<encoder>", images=images)


@pytest.fixture(scope="module")
def features(tmp_path_factory) -> Features:
    return made(tmp_path_factory.mktemp("images") / "my <i>photos")


@pytest.fixture(scope="module")
def comparison(features) -> Comparison:
    return compare(features, 12, METHODS, seeds=(0, 1, 2), neighbors=find_neighbors(features, 20))


@pytest.fixture(scope="module")
def xy() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(45, 2)).astype(np.float32)


@pytest.fixture(scope="module")
def page(comparison, xy, tmp_path_factory) -> Page:
    command = "python -m usl_core compare '<i>photos' --budget 12"
    path = write_report(
        comparison, xy, tmp_path_factory.mktemp("out"), title="<i>photos", map_note="drawn by hand", command=command
    )
    assert path.name == "report.html"
    return Page(path)


def rendered(comparison: Comparison, xy: np.ndarray, folder: Path, **more) -> Page:
    """A report without plotly's 5 MB, which take longer to parse than all the rest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plotly.offline.get_plotlyjs", lambda: "/* plotly */")
        return Page(write_report(comparison, xy, folder, title="x", **more))


# ---------------------------------------------------------------- one file, offline, safe


def test_nothing_comes_from_outside(page):
    for tag, attributes in page.tags:
        for key in ("src", "href", "srcset", "action", "data", "poster"):
            value = attributes.get(key, "data:")
            assert value.startswith(("data:image/jpeg;base64,", "data:")) or re.fullmatch(r"#[a-z]+", value), (tag, value[:80])
    assert not page.all("link")
    assert not page.all("iframe")
    style = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_the_policy_allows_these_scripts_and_no_connection(page):
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    rules = {rule.split()[0]: rule.split()[1:] for rule in policy.split(";")}
    assert rules["default-src"] == ["'none'"]
    assert not {"connect-src", "font-src", "frame-src", "object-src", "media-src"} & set(rules)  # all fall back to none
    assert rules["img-src"] == ["data:", "blob:"]
    running = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    assert len(running) == 2
    for text in running:
        assert f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" in rules["script-src"]
    assert "'unsafe-inline'" not in rules["script-src"]
    assert page.source.index("Content-Security-Policy") < page.source.index("<script")


def test_plotly_is_inside_once(page):
    assert sum("plotly.js v" in text[:200] for _, text in page.scripts) == 1
    assert page.source.count("plotly.js v") == 1
    assert len(page.source) < 6_500_000


def test_hostile_names_stay_text(features, xy, tmp_path):
    everything = compare(features, 45, ("random",), neighbors=find_neighbors(features, 20))
    page = rendered(everything, xy, tmp_path)
    for tag, attributes in page.tags:
        assert not [key for key in attributes if key.startswith("on")], (tag, attributes)
        assert tag not in ("b", "u", "i", "iframe", "object")
        if tag == "img":
            assert set(attributes) <= {"src", "alt", "loading", "decoding", "data-row"}
    assert "<img src=x onerror=alert(1)>.png" in page.text
    assert "line\\u000abreak.png" in page.text
    assert "evil\\u202egnp.exe.png" in page.text
    assert "$policy %{text} {alt}.png" in page.text
    assert "\u202e" not in page.source
    assert "…" in page.text
    assert page.source.count("<!--") == page.source.count("-->") == 0


def test_script_data_cannot_end_its_element(comparison, xy, tmp_path):
    images = comparison.features.images
    names = tuple(f"</script><script>alert({at})</script>.png" for at in range(45))
    spoilt = replace(comparison, features=replace(comparison.features, images=replace(images, paths=names)))
    page = rendered(spoilt, xy, tmp_path)
    assert len(page.scripts) == 3
    assert page.text.count("cannot be read any more") == 3 * 12  # files of those names do not exist, and the page says so
    assert "</script>" in page.text


# ---------------------------------------------------------------- what it says


def test_the_header_names_the_run(page):
    for fact in ("<i>photos", "images 45", "test:<encoder>, d = 8", "budget m 12", "seeds 0 to 2", "map drawn by hand"):
        assert fact in page.text
    assert "Uniform draw without replacement" in page.text


def test_scores_are_mean_and_spread_with_definitions(page, comparison):
    for metric in METRICS:
        row = page.row(metric.title)
        assert metric.definition in row[0]
        assert f"{metric.better} is better" in row[0]
        for method, cell in zip(METHODS, row[1:], strict=True):
            mean, sd = (value * (100 if metric.percent else 1) for value in comparison.mean_and_sd(method, metric.key))
            unit = " %" if metric.percent else ""
            assert cell == f"{mean:.{metric.digits}f}{unit} ± {sd:.{metric.digits}f}"
    titles = " ".join(attributes.get("title", "") for attributes in page.all("th"))
    assert all(metric.definition.replace('"', "&quot;") in titles for metric in METRICS)


def test_the_best_is_marked_among_methods_that_do_not_see_the_labels(comparison, page):
    html = page.source[page.source.index('<section id="scores"') :]
    for metric in METRICS:
        means = {method: comparison.mean_and_sd(method, metric.key)[0] for method in ("random", "usl")}
        shown = {m: f"{v * (100 if metric.percent else 1):.{metric.digits}f}" for m, v in means.items()}
        row = html[html.index(f"{metric.title} <span") :]
        cells = re.findall(r'<td role="cell" class="(\w*)">', row[: row.index("</tr>")])
        best = (max if metric.better == "higher" else min)(means, key=means.__getitem__)
        expected = [shown[method] == shown[best] and len(set(shown.values())) > 1 for method in ("random", "usl")]
        assert [cells[0] == "best", cells[2] == "best"] == expected, metric.key
        assert cells[1] == ""
    assert "† sees the class labels" in html


def test_one_seed_has_no_spread(features, xy, tmp_path):
    single = compare(features, 5, ("random", "usl"), seeds=(4,), neighbors=find_neighbors(features, 20))
    page = rendered(single, xy, tmp_path)
    assert "±" not in "".join(page.row("Coverage")[1:])
    assert "One seed" in page.text
    assert "seeds 4" in page.text
    assert page.row("Random")[1] == "–"


def test_overlap_is_the_mean_over_seeds_beside_chance(page, comparison):
    random, usl = comparison.selections["random"], comparison.selections["usl"]
    shared = np.mean([overlap({"a": random[at].indices, "b": usl[at].indices})["a", "b"] for at in range(3)])
    own = np.mean([len(set(usl[s].indices) & set(usl[t].indices)) for s, t in ((0, 1), (0, 2), (1, 2))])
    rows = [row for row in page.rows if len(row) == 4 and row[0] == "USL"]
    assert [f"{shared:.1f}", f"{own:.1f}"] == [rows[0][1], rows[0][3]]
    assert "two random draws share 3.2 on average" in page.text


def test_the_gallery_shows_every_pick_with_its_facts(page, comparison):
    pictures = [attributes for attributes in page.all("img") if "data-row" in attributes]
    assert [int(attributes["data-row"]) for attributes in pictures] == [
        int(row) for method in METHODS for row in comparison.selections[method][0].indices
    ]
    for attributes in pictures:
        assert re.fullmatch(r"pick \d+, .+, class .+, density percentile \d+(, cluster \d+)?", attributes["alt"], re.DOTALL)
        assert attributes["loading"] == "lazy"
        assert b64decode(attributes["src"].partition(",")[2]).startswith(b"\xff\xd8")
    assert len(page.all("button")) == len(pictures)
    table = [row for row in page.rows if len(row) == 6 and row[0] in ("Random", "Stratified", "USL")]
    assert len(table) == 3 * 12


def test_long_galleries_and_tables_are_cut_and_say_so(comparison, xy, tmp_path, monkeypatch):
    monkeypatch.setattr(report_files, "MAX_THUMBNAILS", 3)
    monkeypatch.setattr(report_files, "MAX_TABLE_ROWS", 5)
    page = rendered(comparison, xy, tmp_path)
    assert len([attributes for attributes in page.all("img") if "data-row" in attributes]) == 9
    assert page.text.count("12 picks, the first 3 shown") == 3
    assert "the first 5 of each method" in page.text
    assert len([row for row in page.rows if len(row) == 6 and row[0] in ("Random", "Stratified", "USL")]) == 15


def test_classes_are_counted_as_a_table_too(page, comparison):
    images = comparison.features.images
    for at, name in enumerate(images.class_names):
        row = next(row for row in page.rows if row and row[0] == name and len(row) == 6)
        assert row[1] == str((images.labels == at).sum())
        assert row[2] == f"{12 * (images.labels == at).mean():.1f}"
        for method, cell in zip(METHODS, row[3:], strict=True):
            assert cell == f"{np.mean([card.class_counts[at] for card in comparison.scorecards[method]]):.1f}"


def test_problems_and_duplicates_are_listed(page, comparison, xy, tmp_path):
    assert "1 file could not be used" in page.text
    assert "<u>broken.png" in page.text
    assert "No two files are exactly alike" in page.text
    images = comparison.features.images
    digests = ("same",) * 3 + images.digests[3:]
    problems = tuple(Problem(f"{at}.png", f"cause {at}") for at in range(30))
    notes = (Note("<b>.tif", "guessed & stretched"),)
    many = replace(comparison.features, images=replace(images, digests=digests, problems=problems, notes=notes))
    spoilt = rendered(replace(comparison, features=many), xy, tmp_path)
    assert "30 files could not be used; the first 20 are listed" in spoilt.text
    assert "cause 19" in spoilt.text
    assert "cause 20" not in spoilt.text
    assert "1 note on files that are used." in spoilt.text
    assert "guessed & stretched" in spoilt.text
    assert "on files that are used" not in page.text
    assert "2 images repeat others exactly, in 1 group." in spoilt.text


def test_it_says_how_to_repeat_it(page, comparison, xy, tmp_path):
    assert "python -m usl_core compare '<i>photos' --budget 12" in page.text
    assert "reg_weight = 0.5" in page.text
    assert "f" * 32 in page.text
    assert comparison.features.images.fingerprint in page.text
    assert picks_fingerprint(comparison.selections["usl"][0]) in page.text
    assert f"numpy {np.__version__}" in page.text
    call = rendered(comparison, xy, tmp_path).text
    assert "usl.compare(features, 12, ('random', 'stratified', 'usl'), seeds=(0, 1, 2)" in call
    assert "UslParams(n_neighbors=20" in call


def test_it_says_that_one_of_near_duplicates_is_picked(page, comparison, xy, tmp_path):
    report = rendered(replace(comparison, near_duplicates=0.985), xy, tmp_path)
    assert "near-duplicates at most one of each group, cosine 0.985 or more" in report.text
    assert ", near_duplicates=0.985)" in report.text
    assert "near-duplicates" not in page.text


def test_without_labels_nothing_speaks_of_classes(tmp_path):
    features = made(tmp_path / "flat", classes=())
    assert features.images.labels is None
    flat = compare(features, 6, ("random", "usl"), neighbors=find_neighbors(features, 20))
    page = rendered(flat, np.random.default_rng(0).normal(size=(45, 2)), tmp_path)
    assert not [row for row in page.rows if row and row[0].startswith("Classes covered")]
    assert [attributes["value"] for attributes in page.all("input")] == ["density", "cluster"]
    assert page.figures["bars"] == {}
    assert not [attributes for attributes in page.all("a") if attributes["href"] == "#classes"]


def test_random_alone_has_no_clusters_and_no_agreement(features, xy, tmp_path):
    page = rendered(compare(features, 6, ("random",), neighbors=find_neighbors(features, 20)), xy, tmp_path)
    assert [attributes["value"] for attributes in page.all("input")] == ["density", "class"]
    assert not [attributes for attributes in page.all("a") if attributes["href"] == "#overlap"]


# ---------------------------------------------------------------- the figures in it


def array(spec: dict, reference: dict) -> np.ndarray | list[str]:
    stored = spec["arrays"][reference["@"]] if "@" in reference else reference
    if "of" in stored:
        return [spec["texts"][place] for place in stored["of"]]
    return np.frombuffer(b64decode(stored["bdata"]), dtype=stored["dtype"])


def test_the_maps_hold_the_coordinates_and_the_picks(page, comparison, xy):
    spec = page.figures
    assert set(spec["maps"]) == {"light", "dark"}
    assert spec["columns"] == [1, 2, 3]
    for colours in spec["maps"].values():
        assert list(colours) == ["density", "cluster", "class"]
        for figure in colours.values():
            assert set(figure["layouts"]) == {"1", "2", "3"}
            for at, method in enumerate(METHODS):
                drawn = next(t for t in figure["data"] if t.get("legendgroup") == f"method {method}" and "customdata" in t)
                picks = comparison.selections[method][0].indices
                assert drawn["xaxis"] == f"x{spec['axes'][at]}"
                assert array(spec, drawn["customdata"]).tolist() == picks.tolist()
                assert np.array_equal(array(spec, drawn["x"]), xy[picks, 0])
    background = spec["maps"]["light"]["density"]["data"][0]
    assert np.array_equal(array(spec, background["y"]), xy[:, 1])
    assert len(array(spec, background["text"])) == 45


def test_what_is_shared_is_stored_once(page):
    spec = page.figures
    stored = [json.dumps(value, sort_keys=True) for value in spec["arrays"]]
    assert len(set(stored)) == len(stored)
    assert len(set(spec["texts"])) == len(spec["texts"])
    places = {trace["x"]["@"] for trace in spec["maps"]["light"]["density"]["data"] if trace["name"] == "images"}
    assert len(places) == 1


def test_the_background_is_sampled_and_the_page_says_so(comparison, xy, tmp_path):
    page = rendered(comparison, xy, tmp_path, max_points=40)
    background = page.figures["maps"]["light"]["density"]["data"][0]
    assert len(array(page.figures, background["x"])) == 40
    assert "Of 45 images a uniform sample of 40 is drawn, with all picks" in page.text
    assert "uniform sample" not in rendered(comparison, xy, tmp_path, max_points=45).text


# ---------------------------------------------------------------- mistakes


def test_mistakes_are_named(comparison, xy, tmp_path):
    (tmp_path / "file").write_text("")
    for change, named in (
        ({"xy": xy[:10]}, "shape"),
        ({"xy": np.full((45, 2), np.inf)}, "finite"),
        ({"max_points": 0}, "max_points"),
        ({"directory": tmp_path / "file"}, "cannot be written"),
    ):
        given = {"xy": xy, "directory": tmp_path, "title": "x", **change}
        with pytest.raises(UslError, match=named):
            write_report(comparison, **given)
    assert not (tmp_path / "report.html").exists()
