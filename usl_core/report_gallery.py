"""The parts of a report that look at single files: the gallery of picks, problem files and duplicates, where all comes from."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import asdict

from .comparison import Comparison
from .errors import UslError
from .figure_layers import MapFacts
from .images import thumbnail
from .names import display_name
from .palette import method_style
from .report_sections import MAX_LISTED, label, name, picks_table, section, text
from .run_records import picks_fingerprint, versions
from .types import FloatArray, ImageSet

MAX_THUMBNAILS = 200
_MANY = 300  # pictures; from here on they are smaller
_SIZES = (160, 96)


def gallery_section(comparison: Comparison, facts: MapFacts, xy: FloatArray) -> str:
    """The picked images of each method, first seed, in rank order."""
    pictures = _Pictures(comparison)
    parts = []
    for method, runs in comparison.selections.items():
        chosen = runs[0]
        pairs = list(zip(chosen.indices.tolist(), chosen.clusters.tolist(), strict=True))[:MAX_THUMBNAILS]
        cards = [_card(rank, row, facts, cluster, pictures.show(row), xy) for rank, (row, cluster) in enumerate(pairs, start=1)]
        cut = f", the first {MAX_THUMBNAILS} shown" if len(chosen) > MAX_THUMBNAILS else ""
        parts.append(
            f"<h3>{label(method)} <small>{len(chosen):,} picks{cut}</small></h3>"
            f'<ol class="gallery" aria-label="Picks of {text(method_style(method).label)}">{"".join(cards)}</ol>'
        )
    lead = (
        f"<p>Seed {comparison.seeds[0]}, in the order of picking; the percentile is the share of images in a less dense place. "
        "Select a picture to find it on the maps.</p>"
    )
    return section("picks", "Picks", lead + "".join(parts) + picks_table(comparison, facts))


class _Pictures:
    """Thumbnails as `<img>` or, where the file is gone, as a note; each image is decoded once."""

    def __init__(self, comparison: Comparison) -> None:
        self._images = comparison.features.images
        many = min(comparison.budget, MAX_THUMBNAILS) * len(comparison.selections) > _MANY
        self._size = _SIZES[many]
        self._made: dict[int, str] = {}

    def show(self, row: int) -> str:
        """HTML with `{alt}` to fill in."""
        if row not in self._made:
            try:
                data = b64encode(thumbnail(self._images, row, self._size)).decode()
                self._made[row] = f'<img loading="lazy" decoding="async" data-row="{row}" src="data:image/jpeg;base64,{data}"'
            except UslError as error:  # the file changed since it was encoded; the report says so in its place
                self._made[row] = f'<span class="missing" data-row="{row}" title="{text(error)}">cannot be read any more</span>'
        return self._made[row]


def _card(rank: int, row: int, facts: MapFacts, cluster: int, picture: str, xy: FloatArray) -> str:
    kind = facts.class_names[facts.labels[row]] if facts.labels is not None else None
    density = f"{facts.percentile[row]:.0f}"
    said = [f"pick {rank}", facts.paths[row], *([f"class {kind}"] if kind is not None else []), f"density percentile {density}"]
    if cluster >= 0:
        said.append(f"cluster {cluster}")
    alt = text(", ".join(display_name(part, 120) for part in said))
    if picture.startswith("<img"):
        picture += f' alt="{alt}">'
    lines = [f'<span class="line">{name(facts.paths[row].rpartition("/")[2], 28)}</span>']
    if kind is not None:
        lines.append(f'<span class="line">{name(kind, 28)}</span>')
    of_cluster = f" · c{cluster}" if cluster >= 0 else ""
    lines.append(f'<span class="line muted">density {density}{of_cluster}</span>')
    place = f'data-x="{float(xy[row, 0])!r}" data-y="{float(xy[row, 1])!r}" title="{alt}"'
    inside = f'<span class="rank">{rank}</span>{picture}{"".join(lines)}'
    return f'<li><button type="button" {place}>{inside}</button></li>'


def _told(lead: str, summary: str, title: str, lines: list[tuple[str, str]]) -> str:
    """What is to be said of files, in a table that opens."""
    rows = "".join(
        f"<tr><th scope='row'>{name(path, 80)}</th><td class='text'>{text(words)}</td></tr>"
        for path, words in lines[:MAX_LISTED]
    )
    return (
        f"<p>{lead}</p><details><summary>{summary}</summary>"
        '<div class="scroll" tabindex="0"><table><thead><tr><th scope="col">File</th>'
        f'<th scope="col" class="text">{title}</th></tr></thead><tbody>{rows}</tbody></table></div></details>'
    )


def files_section(images: ImageSet) -> str:
    """Files that could not be used, notes on others, and exact copies."""
    groups = images.duplicates
    if images.problems:
        lead = f"{_count(len(images.problems), 'file')} could not be used{_cut(len(images.problems))}."
        body = _told(lead, "Which, and why", "Cause", [(problem.path, problem.cause) for problem in images.problems])
    else:
        body = "<p>Every file could be used.</p>"
    if images.notes:
        lead = f"{_count(len(images.notes), 'note')} on files that are used{_cut(len(images.notes))}."
        body += _told(lead, "Which, and what", "Note", [(note.path, note.text) for note in images.notes])
    if groups:
        copies = sum(len(group) - 1 for group in groups)
        rows = "".join(
            f"<li>{', '.join(name(images.paths[row], 40) for row in group[:4])}{' …' if len(group) > 4 else ''}</li>"
            for group in groups[:MAX_LISTED]
        )
        body += (
            f"<p>{_count(copies, 'image')} repeat others exactly, in {_count(len(groups), 'group')}{_cut(len(groups))}. "
            f"Copies make a place look denser than it is.</p><details><summary>Which</summary><ul>{rows}</ul></details>"
        )
    else:
        body += "<p>No two files are exactly alike.</p>"
    return section("files", "Files", body)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _cut(count: int) -> str:
    return f"; the first {MAX_LISTED} are listed" if count > MAX_LISTED else ""


def origin_section(comparison: Comparison, command: str | None) -> str:
    """How to repeat all of this: command, parameters, fingerprints, versions."""
    features = comparison.features
    settings = {method: runs[0].params for method, runs in comparison.selections.items()}
    made = {method: given for method, given in settings.items() if given is not None}
    classes = sorted({type(params).__name__ for params in made.values()})
    called = "\n".join(
        (
            "import usl_core as usl",
            *(f"{name} = usl.{name}" for name in classes),
            f"features = usl.encode({(features.images.root.name or str(features.images.root))!r}, {features.encoder!r})",
            f"usl.compare(features, {comparison.budget}, {tuple(settings)!r}, seeds={comparison.seeds!r}, params={made!r})",
        )
    )
    repeat = f"<pre tabindex='0'><code>{_code(command)}</code></pre>" if command else ""
    rows = [
        ("features", features.fingerprint),
        ("images", features.images.fingerprint),
        *(
            (f"picks of {method}, seed {comparison.seeds[0]}", picks_fingerprint(runs[0]))
            for method, runs in comparison.selections.items()
        ),
    ]
    prints = "".join(
        f"<tr><th scope='row'>{text(key)}</th><td class='text'><code>{text(value)}</code></td></tr>" for key, value in rows
    )
    given = "".join(
        f"<tr><th scope='row'>{label(method)}</th><td class='text'>{_settings(params)}</td></tr>"
        for method, params in settings.items()
    )
    used = ", ".join(f"{library} {number}" for library, number in versions().items())
    table = "<div class='scroll' tabindex='0'><table><caption>{}</caption><tbody>{}</tbody></table></div>"
    body = (
        f"{repeat}<details{'' if command else ' open'}><summary>The same from Python</summary><pre tabindex='0'><code>"
        f"{_code(called)}</code></pre></details>"
        + table.format("Settings", given)
        + table.format("Fingerprints: the same contents and settings give the same ones", prints)
        + f"<p class='note'>{text(used)}</p>"
    )
    return section("origin", "How to repeat this", body)


def _settings(params: object) -> str:
    if params is None:
        return "none"
    return ", ".join(f"{text(key)} = {text(value)}" for key, value in asdict(params).items())  # type: ignore[call-overload]


def _code(source: str) -> str:
    return "\n".join(text(line) for line in source.split("\n"))
