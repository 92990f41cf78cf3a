"""Python files that open the picks elsewhere: in FiftyOne, and as a torchvision `Subset`.

Whatever comes from the images stands there as a literal, as `ascii` writes it, and nowhere else: no name can become code.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .picked import PickedRun
from .published import class_root

_FIFTYONE = '''\
"""The picked images as a FiftyOne data set: `python picks_fiftyone.py [FOLDER]` opens it in the app."""

import sys
from pathlib import Path

ROOT = Path({root})
NAME = {name}
PICKS = {picks}


def picked(root=ROOT, name=NAME):
    """A data set of the picks: rank, row, cluster and density are fields, a known or predicted class is `label`."""
    import fiftyone as fo

    samples = []
    for pick in PICKS:
        sample = fo.Sample(filepath=str(Path(root) / pick["path"]), tags=["pick"])
        for field in ("rank", "row", "cluster", "density"):
            if pick[field] is not None:
                sample[field] = pick[field]
        if pick["label"] is not None:
            sample["label"] = fo.Classification(label=pick["label"], confidence=pick["score"])
        samples.append(sample)
    dataset = fo.Dataset(name, overwrite=True)
    dataset.add_samples(samples)
    return dataset


if __name__ == "__main__":
    import fiftyone as fo

    fo.launch_app(picked(*sys.argv[1:2])).wait()
'''

_SUBSET = '''\
"""The picked images as a torchvision `Subset`: `from picks_torchvision import picked`; run, it says what it holds."""

import sys
from pathlib import Path

from torch.utils.data import Subset
from torchvision.datasets import ImageFolder

ROOT = Path({root})
PICKS = {picks}


def picked(root=ROOT, transform=None):
    """The picks in rank order, with the classes of all of the folder."""
    dataset = ImageFolder(root, transform=transform)
    places = {{Path(path).relative_to(root).as_posix(): index for index, (path, _) in enumerate(dataset.samples)}}
    missing = [path for path in PICKS if path not in places]
    if missing:
        raise FileNotFoundError(f"ImageFolder does not see {{len(missing)}} of the picks in {{root}}: {{missing[:3]}}")
    return Subset(dataset, [places[path] for path in PICKS])


if __name__ == "__main__":
    subset = picked(*sys.argv[1:2])
    print(len(subset), "of", len(subset.dataset), "images:", subset.indices)
'''

_FILES = '''\
"""The picked images as a torchvision `Subset`: `from picks_torchvision import picked`; run, it says what it holds.

There is no folder for each class, so the data set is of plain files, without classes.
"""

import sys
from pathlib import Path

from torch.utils.data import Dataset, Subset
from torchvision.datasets.folder import default_loader

ROOT = Path({root})
PATHS = {paths}
PICKS = {rows}


class Pictures(Dataset):
    """All images that were selected from, in their order."""

    def __init__(self, root, transform=None):
        self.root, self.transform = Path(root), transform

    def __len__(self):
        return len(PATHS)

    def __getitem__(self, index):
        image = default_loader(self.root / PATHS[index])
        return image if self.transform is None else self.transform(image)


def picked(root=ROOT, transform=None):
    """The picks in rank order."""
    return Subset(Pictures(root, transform), PICKS)


if __name__ == "__main__":
    subset = picked(*sys.argv[1:2])
    print(len(subset), "of", len(subset.dataset), "images:", subset.indices)
'''


def write_fiftyone(run: PickedRun, folder: Path) -> None:
    """picks_fiftyone.py: makes and opens a FiftyOne data set of the picks."""
    picks = []
    for known in run.table:
        guess = run.guesses.get(known.index)
        pick: dict[str, Any] = {"path": known.path, "rank": known.rank, "row": known.index}
        pick |= {"cluster": known.cluster, "density": known.density}
        pick |= {"label": None if guess is None else guess.label, "score": None if guess is None else guess.score}
        picks.append(pick)
    text = _FIFTYONE.format(root=ascii(str(run.folder)), name=ascii(f"picks of {run.title}"), picks=_literals(picks))
    (folder / "picks_fiftyone.py").write_text(text, encoding="ascii")


def write_subset(run: PickedRun, folder: Path) -> None:
    """picks_torchvision.py: the picks as a `Subset` of the whole folder, an `ImageFolder` where classes are subfolders."""
    paths = [run.images.paths[row] for row in run.rows]
    prefix = None if run.is_list else class_root(run.images)
    if prefix is not None:
        root = run.folder / prefix
        text = _SUBSET.format(root=ascii(str(root)), picks=_literals([path.removeprefix(prefix) for path in paths]))
    else:
        rows = _literals(list(run.rows))
        text = _FILES.format(root=ascii(str(run.folder)), paths=_literals(run.images.paths), rows=rows)
    (folder / "picks_torchvision.py").write_text(text, encoding="ascii")


def _literals(values: Sequence[object]) -> str:
    return "[\n" + "".join(f"    {value!a},\n" for value in values) + "]"
