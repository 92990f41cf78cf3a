"""What others rely on outlives every move of the code: public names, commands and their options, addresses, cache entries.

Each list is what there was before the library had rooms. Something new may be added; nothing in a list may be taken out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

import usl_core as usl
from pages.ui.state import Key
from usl_core.cli.parser import build_parser
from usl_core.jobs.tasks import TASKS
from usl_core.parameters import declared
from usl_core.pipeline.artefacts import load_or_draw_map, load_or_find_neighbors
from usl_core.pretrain.encoder import record_of
from usl_core.uslt.records import TrainingRecord

NAMES = """
Cancelled Features ImageSet Neighbors Note PretrainParams Problem Selection UslError UslParams UsltParams Views __version__
compare default_encoder demo_cards density_peaks density_percentile encode encode_views encoder_cards export_finetuned
find_neighbors kmeans load_demo load_toy log_density method_cards methods open_image overlap pretrain_encoder project scan
score_selection select toys train_uslt trustworthiness utility
"""
_ENCODING = "--cache-dir --device --encoder --precision --problems --quiet --split -q"
_USLT = """
--adjust --alpha --balance --balance-sum --batch-size --budget --clusters --count-self --epochs --heads --k --lambda
--learning-rate --local-weight --mu --noise --normalise --preset --projection --seed --similarity --start --strict --tau
--temperature --view-strength --views --weight-decay -m
"""
_USL = """
--absolute --estimate --horizon-distance --horizon-picks --iterations --kmeans-init --kmeans-iterations --momentum --relative
--squared-distances
"""
_LISTS = "--labelled --out --spreadsheet --vetoed"
OPTIONS = {
    "select": f"{_ENCODING} {_USL} {_USLT} {_LISTS} --from --method",
    "compare": f"{_ENCODING} {_USL} {_USLT} --map --methods --report --seeds",
    "train-uslt": f"{_ENCODING} {_USLT} {_LISTS} --export --mode --restart --resume",
    "encode": _ENCODING,
    "pretrain": """--backbone --batch-size --cache-dir --device --epochs --learning-rate --method --out --problems --quiet
        --restart --resume --seed --split --temperature -q""",
    "methods": "",
    "encoders": "",
    "cache": "--all --cache-dir --damaged --dry-run --entries --older-than --to",
}
ADDRESSES = "data split encoder pin m seed methods colour map drawn on toy toym toylambda learn lname"
PARAMETERS = {
    usl.UslParams: "k rlambda alpha absolute mreg iterations horizon hpicks estimate init ksteps squared self",
    usl.UsltParams: """k tau tlambda talpha t mu heads similarity start c epochs rate decay batch views strength noise
        projection normalise balance balancesum strict self""",
}
ENTRIES = """
features/35692185d2b4082933a8c3976f9619e4
maps/5135344dc005e78eae15d578ad021b9c
neighbors/5dd0eeb5346a7d4e03e6a39c6f92b103
pretrain-epochs.partial/cb86d0f306a6af570452a4f3ec57dc5b/000001
pretrain-states.partial/cb86d0f306a6af570452a4f3ec57dc5b/000001
uslt-replay/3454eb3c8b8cf23fdb349e394235b60b
uslt/fd59b5fb149072ec035b00cb31aa38c3
views/5419116ce498802f639231222886b559
"""


def test_every_public_name_is_still_there():
    assert set(NAMES.split()) <= set(usl.__all__)
    assert not [name for name in NAMES.split() if getattr(usl, name) is None]


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    action = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    return dict(action.choices)


def test_every_command_has_its_options():
    commands = _commands(build_parser())
    assert set(OPTIONS) <= set(commands)
    missing = {name: set(wanted.split()) - set(commands[name]._option_string_actions) for name, wanted in OPTIONS.items()}
    assert not {name: options for name, options in missing.items() if options}


def test_addresses_mean_what_they_meant():
    known = {value for name, value in vars(Key).items() if name.isupper()}
    assert set(ADDRESSES.split()) <= known
    for params, keys in PARAMETERS.items():
        assert set(keys.split()) <= {parameter.how.key for parameter in declared(params).values()}


def test_the_cache_of_an_earlier_version_is_read(tmp_path: Path, narrow: None):
    """The same images and settings lead to the same entries, whose names are made of all that they depend on. Graphs are an
    exception: they have been searched with other last bits since (`graph.neighbors.ALGORITHM`)."""
    cache = tmp_path / "cache"
    for number in range(6):
        folder = tmp_path / "pictures" / ("cat" if number % 2 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((8, 8, 3), 40 * number, np.uint8)).save(folder / f"{number}.bmp")
    images = usl.scan(tmp_path / "pictures", cache_dir=cache)
    features = usl.encode(images, "pixels:pca", cache_dir=cache)
    graph = load_or_find_neighbors(features, 5, cache_dir=cache)
    load_or_draw_map(features, graph, "pca", cache_dir=cache)
    TrainingRecord(features, 3, usl.UsltParams(n_views=0, n_epochs=1), cache_dir=cache).train(graph)
    pixels = np.zeros((6, 32, 32, 3), np.uint8)
    record_of(images, usl.PretrainParams(n_epochs=1, batch_size=2), cache_dir=cache).train(pixels)
    usl.encode_views(features, 1, cache_dir=cache)
    found = {str(entry.parent.relative_to(cache)) for entry in cache.rglob("meta.json")}
    assert set(ENTRIES.split()) <= found


def test_every_task_of_the_app_is_still_there():
    old = {"scan", "prepare", "map", "seeds", "sweep", "report", "archive", "uslt", "learning-time", "learn", "experiment"}
    assert old <= set(TASKS)
