"""What the options of the command line mean: features of images, parameters of a method, rows of listed images."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..demos.torchvision_sets import is_torchvision
from ..encoders.own_vectors import is_vectors
from ..errors import UslError
from ..images.lists import read_image_list
from ..images.sampling import checked_sample, sampled
from ..images.subsets import in_split
from ..parameters import declared
from ..pipeline.prepared import DEMO_PREFIX, is_demo
from ..projection.params import UmapParams
from ..selection.settings import params_by_assignment
from ..selection.usl_params import UslParams
from ..types import Features, ImageSet, Views
from ..uslt.params import UsltParams
from .output import progress_bar

if TYPE_CHECKING:
    from ..export.run_record import RunRecord


def features_of(folder: str, options: argparse.Namespace, record: RunRecord | None = None) -> Features:
    """Features of a folder, archive, list or demo; with a record, checked to be those of the recorded run."""
    encoder = record.encoder if record else options.encoder
    if is_demo(folder) and part_of(options, record) == (None, None):
        from ..demos.bundled import load_demo

        demo = load_demo(folder.removeprefix(DEMO_PREFIX))
        if encoder in (None, demo.features.encoder):
            return demo.features
    images = images_of(folder, options, record)
    if record:
        record.check_images(images)
    from ..features.encode import encode

    with progress_bar("encode", options) as on_progress:
        features = encode(
            images,
            encoder,
            cache_dir=cache_dir_of(options),
            device=options.device or "auto",
            precision=precision_of(options, record),
            on_progress=on_progress,
        )
    if record:
        record.check_features(features)
    return features


def images_of(folder: str, options: argparse.Namespace, record: RunRecord | None = None) -> ImageSet:
    """Images of a folder, archive, list or demo, or of a sample or one split of it; a data set of torchvision is downloaded
    first.

    Raises:
        UslError: as `scan`; demos have no splits.
    """
    split, asked = part_of(options, record)
    if is_demo(folder):
        from ..demos.bundled import load_demo

        images = load_demo(folder.removeprefix(DEMO_PREFIX)).images
        images = images if asked is None else sampled(images, asked)
        return images if split is None else in_split(images, split)
    from ..images.scan import scan

    folder, (n, seed) = on_disk(folder, options), asked or (None, 0)
    with progress_bar("scan", options) as on_progress:
        return scan(folder, split=split, sample=n, sample_seed=seed, cache_dir=cache_dir_of(options), on_progress=on_progress)


def part_of(options: argparse.Namespace, record: RunRecord | None) -> tuple[str | None, tuple[int, int] | None]:
    """The split that is meant, and the sample (how many files, and the seed), each None for all of it.

    Raises:
        UslError: no such sample.
    """
    if record:
        return record.split, record.sample
    if options.sample is None and options.sample_seed is not None:
        raise UslError("--sample-seed is of no use without --sample N; add it, or leave both out for all files")
    return options.split, checked_sample(options.sample, options.sample_seed or 0)


def on_disk(folder: str, options: argparse.Namespace) -> str:
    """The archive of a data set of torchvision, downloaded and made if it is not there; any other folder as it is.

    Raises:
        UslError: there is no such data set, or it cannot be downloaded.
    """
    if not is_torchvision(folder):
        return folder
    from ..demos.torchvision_archive import torchvision_archive

    with progress_bar(folder, options) as on_progress:
        return str(torchvision_archive(folder, on_progress=on_progress))


def precision_of(options: argparse.Namespace, record: RunRecord | None = None) -> str:
    """Precision of the encoder: the record's, the option's, or float32."""
    return (record.precision if record else options.precision) or "float32"


def cache_dir_of(options: argparse.Namespace) -> Path | None:
    """The cache directory that was asked for, or None for the usual one."""
    return Path(options.cache_dir) if options.cache_dir else None


def method_params(options: argparse.Namespace, methods: Sequence[str]) -> dict[str, Any]:
    """Parameters of those methods that have any, from the options. `--lambda` and `--alpha` are USL's, or USL-T's without it.

    With both methods, one that lacks the preset starts from the formulas. Those of other methods are set by `--set`.

    Raises:
        UslError: a setting of a method that is not asked for, or out of range.
    """
    others = params_by_assignment(getattr(options, "settings", None) or (), methods)
    return {**_own_params(options, methods), **others}


def _own_params(options: argparse.Namespace, methods: Sequence[str]) -> dict[str, UslParams | UsltParams]:
    given = {name: getattr(options, name) for name in _SETTINGS if hasattr(options, name)}
    preset = getattr(options, "preset", None)
    made: dict[str, UslParams | UsltParams] = {}
    used: set[str] = set()
    if "usl" in methods:
        own = {name: value for name, value in given.items() if name in _NAMES_OF_USL}
        made["usl"] = replace(USL_PRESETS.get(preset or "paper", UslParams)(), **own)
        used |= set(own)
    if "usl-t" in methods:
        also = {} if "usl" in methods else _SYMBOLS
        own = {also.get(name, name): value for name, value in given.items() if name in _NAMES_OF_USLT or name in also}
        made["usl-t"] = replace(USLT_PRESETS.get(preset or "paper", UsltParams)(), **own)
        used |= {name for name in given if name in _NAMES_OF_USLT or name in also}
    unused = [name for name in given if name not in used] + ["preset"] * (preset is not None and not made)
    if unused:
        owner = "usl-t" if unused[0] in _NAMES_OF_USLT - _NAMES_OF_USL else "usl"
        raise UslError(f"{unused[0]} is a setting of {owner}, but the method is {', '.join(methods)!r}; leave it out")
    theirs: dict[str, Mapping[str, object]] = {"usl": USL_PRESETS, "usl-t": USLT_PRESETS}
    if preset is not None and not any(preset in theirs[method] for method in made):
        method, other = ("usl", "usl-t") if "usl" in made else ("usl-t", "usl")
        raise UslError(f"preset {preset} is one of {other}; for {method} choose {', '.join(theirs[method])}")
    return made


MAP_PREFIX = "map_"
"""Of the settings of UMAP among the options: USL has fields of the same names."""


def map_params(options: argparse.Namespace) -> UmapParams:
    """The settings of the report's UMAP.

    Raises:
        UslError: one is out of range, or given for a map by PCA, which has none.
    """
    names = declared(UmapParams)
    given = {name: getattr(options, MAP_PREFIX + name) for name in names if hasattr(options, MAP_PREFIX + name)}
    if given and options.map == "pca":
        raise UslError(f"{names[next(iter(given))].how.flag} is a setting of UMAP, but --map is 'pca'; leave one of them out")
    return UmapParams(**given)


_NAMES_OF_USL = {field.name for field in fields(UslParams)}
_NAMES_OF_USLT = {field.name for field in fields(UsltParams)}
_SETTINGS = sorted(_NAMES_OF_USL | _NAMES_OF_USLT)
_SYMBOLS = {"reg_weight": "local_weight", "reg_power": "adjust_strength"}
"""What the paper calls lambda and alpha in both methods."""
USL_PRESETS = {
    "paper": UslParams,
    "published": UslParams.published,
    "published-cifar10": UslParams.published_cifar10,
    "published-cifar100": UslParams.published_cifar100,
    "published-imagenet-moco": UslParams.published_imagenet_moco,
    "published-imagenet-clip": UslParams.published_imagenet_clip,
}
USLT_PRESETS = {
    "paper": UsltParams,
    "published": UsltParams.published_cifar10,
    "published-cifar10": UsltParams.published_cifar10,
    "published-cifar100": UsltParams.published_cifar100,
    "published-imagenet": UsltParams.published_imagenet,
}


def views_of(features: Features, params: object, options: argparse.Namespace, record: RunRecord | None = None) -> Views | None:
    """The augmented views that a method with these parameters looks at, as USL-T does; None where it is to look at none.

    Vectors made elsewhere have none: USL-T says so and stops, since its options ask for them, other methods do without.
    """
    n_views = getattr(params, "n_views", 0)
    if n_views == 0 or (is_vectors(features.encoder) and not isinstance(params, UsltParams)):
        return None
    from ..features.views import encode_views

    with progress_bar("views", options) as on_progress:
        return encode_views(
            features,
            n_views,
            strength=getattr(params, "view_strength", None),
            cache_dir=cache_dir_of(options),
            device=options.device or "auto",
            precision=precision_of(options, record),
            on_progress=on_progress,
        )


_OFF = "near_duplicates_off"
_OF_FEATURES = ("split", "sample", "sample_seed", "encoder", "precision")


def refuse_beside_record(options: argparse.Namespace, *, goes_on: bool = False) -> None:
    """Raise a UslError if an option would change the run that --from repeats, or the images that it goes on with."""
    of_picks = (
        *("budget", "method", "seed", "labelled", "vetoed", "near_duplicates", _OFF, "preset", "settings"),
        *_SETTINGS,
    )
    fixed = _OF_FEATURES if goes_on else (*_OF_FEATURES, *of_picks)
    given = [name for name in fixed if getattr(options, name, None) is not None]
    if given:
        does = "goes on with the images of a run" if goes_on else "repeats a run exactly"
        raise UslError(
            f"--from {does}, so {given[0].removesuffix('_off')} cannot be changed beside it; leave out one of the two"
        )


def other_names(folder: str) -> list[str]:
    """What the images' folder is called, for lists of paths that begin with that."""
    return [] if is_demo(folder) or is_torchvision(folder) else [folder]


def listed_rows(
    options: argparse.Namespace, folder: str, features: Features
) -> tuple[tuple[int, ...], tuple[int, ...], list[str]]:
    """Rows of --labelled and of --vetoed, and what a user should know about how the lists were read.

    Raises:
        UslError: a file cannot be read, or names something else than images of the folder.
    """
    labelled, notes = rows_of_list(options.labelled, "--labelled", folder, features)
    vetoed, more = rows_of_list(options.vetoed, "--vetoed", folder, features)
    return labelled, vetoed, [*notes, *more]


def rows_of_list(path: str | None, option: str, folder: str, features: Features) -> tuple[tuple[int, ...], list[str]]:
    """Rows of a file of an option, none where it is not given, and what a user should know about how it was read.

    Raises:
        UslError: the file cannot be read, or names something else than images of the folder.
    """
    if path is None:
        return (), []
    listed = read_image_list(path, features.images, option, other_names(folder))
    return listed.rows, list(listed.notes)
