"""What a checkpoint may have the shape of: the networks of torchvision and timm, and the CIFAR network of the USL authors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UslError
from . import cifar
from .cifar import CIFAR_RESNET18
from .network import behead
from .preprocessing import Preprocessing
from .state_dicts import read_tensors, tensors_of
from .timm import PREFIX as TIMM_PREFIX
from .timm import new_timm, timm_facts
from .torchvision import new_torchvision
from .weights import NETWORKS

if TYPE_CHECKING:
    import torch


def architectures() -> list[str]:
    """What a checkpoint may have the shape of, beside every `timm:NAME`."""
    return [*NETWORKS, CIFAR_RESNET18]


def shape_of(architecture: str) -> tuple[Preprocessing, int]:
    """What a network of that shape sees, and the length of its features."""
    if architecture in NETWORKS:
        facts = NETWORKS[architecture]
        return Preprocessing(side=224, resize=facts.resize), facts.dim
    if architecture == CIFAR_RESNET18:
        return cifar.PREPROCESSING, cifar.DIM
    if architecture.startswith(TIMM_PREFIX):
        known = timm_facts(architecture)
        return known.preprocessing, known.dim
    raise UslError(
        f"there is no architecture {architecture!r}; choose one of {', '.join(architectures())}, "
        f"or {TIMM_PREFIX}NAME for one of timm"
    )


def network_with(architecture: str, path: Path | None, prefix: str, name: str) -> torch.nn.Module:
    """A network with the weights of a file and without what follows the features.

    Args:
        architecture: see `architectures`.
        path: a weights file; None: seeded random weights.
        prefix: before the names of the encoder's tensors in it.
        name: of the encoder, for messages.

    Raises:
        UslError: the file is damaged, or its tensors do not fit: which are missing.
    """
    content = {} if path is None else tensors_of(read_tensors(path), prefix)
    if path is not None and not content:
        held = sorted({str(key).rpartition(".")[0].partition(".")[0] for key in tensors_of(read_tensors(path))})
        raise UslError(
            f"no tensor in {path} has a name that begins with {prefix!r}; there are: {', '.join(held[:12]) or 'none'}"
        )
    if architecture == CIFAR_RESNET18:
        made, content = cifar.new_cifar_resnet18(), cifar.in_torchvisions_names(content)
    elif architecture.startswith(TIMM_PREFIX):
        made = new_timm(timm_facts(architecture), None)
    else:
        made = new_torchvision(architecture)
        behead(made, NETWORKS[architecture].head)
    missing = [] if path is None else _fill(made, content, path, name)
    if missing:
        raise UslError(
            f"the weights file {path} does not fit {architecture}: {len(missing)} of its tensors are missing under the prefix "
            f"{prefix!r}, the first is {missing[0]!r}; the file has {', '.join(sorted(content)[:3])} and others"
        )
    return made


def _fill(network: torch.nn.Module, content: Mapping[str, torch.Tensor], path: Path, name: str) -> list[str]:
    """Load the tensors, unless some are missing: the names of those."""
    wanted = network.state_dict()
    counted = "num_batches_tracked"  # of no use here, and some authors leave it out
    missing = [key for key in wanted if key not in content and not key.endswith(counted)]
    if missing:
        return missing
    wrong = [key for key in wanted if key in content and content[key].shape != wanted[key].shape]
    if wrong:
        shapes = [f"{key} has {tuple(content[key].shape)} for {tuple(wanted[key].shape)}" for key in wrong[:3]]
        raise UslError(f"the weights file {path} of {name} has tensors of other shapes: {'; '.join(shapes)}")
    network.load_state_dict({key: content[key] for key in wanted if key in content}, strict=False)
    return []
