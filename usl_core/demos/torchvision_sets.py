"""Data sets that torchvision knows, by name: what is in them, where they come from, and where they are kept here.

The addresses and checksums are torchvision's, in a table so that listing them imports nothing; a test holds the table against
torchvision's own. `torchvision_archive` makes each of them an ordinary archive of images, once.
Reference: https://docs.pytorch.org/vision/stable/datasets.html
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UslError

PREFIX = "torchvision:"
ENV_DATASETS_DIR = "USL_DATASETS_DIR"
_TORONTO = "https://www.cs.toronto.edu/~kriz"
_OXFORD = "https://www.robots.ox.ac.uk/~vgg/data"
_FASHION = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_EUROSAT = "https://huggingface.co/datasets/torchgeo/eurosat/resolve/c877bcd43f099cd0196738f714544e355477f3fd"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file that has to be downloaded.

    Args:
        url: where it is.
        md5: of its contents, hex.
        size_mb: about how large it is.
    """

    url: str
    md5: str
    size_mb: float

    @property
    def name(self) -> str:
        """What it is called on the disk."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetCard:
    """What a user reads before downloading a data set.

    Args:
        name: behind `torchvision:`.
        title: what people call it.
        torchvision: its class in `torchvision.datasets`.
        n: number of images, over all splits.
        n_classes: number of classes.
        splits: their names; none where there are none.
        side: shorter side of the images in pixels, in words.
        description: one sentence.
        terms: what one may do with it.
        citation: whom to cite.
        files: what is downloaded.
    """

    name: str
    title: str
    torchvision: str
    n: int
    n_classes: int
    splits: tuple[str, ...]
    side: str
    description: str
    terms: str
    citation: str
    files: tuple[RemoteFile, ...]

    @property
    def source(self) -> str:
        """What the command line takes in place of a folder."""
        return PREFIX + self.name

    @property
    def size_mb(self) -> float:
        """Of all that is downloaded."""
        return sum(file.size_mb for file in self.files)


_UNSTATED = "no licence is stated; research use, with the citation"
_CARDS = (
    DatasetCard(
        name="cifar10",
        title="CIFAR-10",
        torchvision="CIFAR10",
        n=60_000,
        n_classes=10,
        splits=("train", "test"),
        side="32",
        description="Animals and vehicles in colour, 6,000 of each class.",
        terms=_UNSTATED,
        citation="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
        files=(RemoteFile(url=f"{_TORONTO}/cifar-10-python.tar.gz", md5="c58f30108f718f92721af3b95e74349a", size_mb=170.5),),
    ),
    DatasetCard(
        name="cifar100",
        title="CIFAR-100",
        torchvision="CIFAR100",
        n=60_000,
        n_classes=100,
        splits=("train", "test"),
        side="32",
        description="Things of a hundred kinds in colour, 600 of each class.",
        terms=_UNSTATED,
        citation="A. Krizhevsky: Learning Multiple Layers of Features from Tiny Images, 2009",
        files=(RemoteFile(url=f"{_TORONTO}/cifar-100-python.tar.gz", md5="eb9058c3a382ffc7106e4002c42a8d85", size_mb=169.0),),
    ),
    DatasetCard(
        name="stl10",
        title="STL-10",
        torchvision="STL10",
        n=13_000,
        n_classes=10,
        splits=("train", "test"),
        side="96",
        description="Animals and vehicles from ImageNet; the 100,000 images without a class are left out.",
        terms=_UNSTATED,
        citation="A. Coates, H. Lee, A. Y. Ng: Single-Layer Networks in Unsupervised Feature Learning, AISTATS 2011",
        files=(
            RemoteFile(
                url="http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",
                md5="91f7769df0f17e558f3565bffb0c7dfb",
                size_mb=2640.4,
            ),
        ),
    ),
    DatasetCard(
        name="flowers102",
        title="Oxford 102 Flowers",
        torchvision="Flowers102",
        n=8_189,
        n_classes=102,
        splits=("train", "val", "test"),
        side="500 and more",
        description="Flowers of the United Kingdom, 40 to 258 of each class.",
        terms=_UNSTATED,
        citation="M.-E. Nilsback, A. Zisserman: Automated Flower Classification over a Large Number of Classes, ICVGIP 2008",
        files=(
            RemoteFile(url=f"{_OXFORD}/flowers/102/102flowers.tgz", md5="52808999861908f626f3c1f4e79d11fa", size_mb=344.9),
            RemoteFile(url=f"{_OXFORD}/flowers/102/imagelabels.mat", md5="e0620be6f572b9609742df49c70aed4d", size_mb=0.1),
            RemoteFile(url=f"{_OXFORD}/flowers/102/setid.mat", md5="a5357ecc9cb78c4bef273ce3793fc85c", size_mb=0.1),
        ),
    ),
    DatasetCard(
        name="oxford-iiit-pet",
        title="Oxford-IIIT Pets",
        torchvision="OxfordIIITPet",
        n=7_349,
        n_classes=37,
        splits=("train", "test"),
        side="about 300 to 500",
        description="Breeds of cats and dogs, about 200 of each; train is what the authors call trainval.",
        terms="CC BY-SA 4.0",
        citation="O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar: Cats and Dogs, CVPR 2012",
        files=(
            RemoteFile(url=f"{_OXFORD}/pets/data/images.tar.gz", md5="5c4f3ee8e5d25df40f4fd59a7f44e54c", size_mb=791.9),
            RemoteFile(url=f"{_OXFORD}/pets/data/annotations.tar.gz", md5="95a8c909bbe2e81eed6a22bccdf3f68f", size_mb=19.2),
        ),
    ),
    DatasetCard(
        name="eurosat",
        title="EuroSAT",
        torchvision="EuroSAT",
        n=27_000,
        n_classes=10,
        splits=(),
        side="64",
        description="Land use and land cover seen by Sentinel-2, in colour, 2,000 to 3,000 of each class.",
        terms="MIT; the Copernicus Sentinel data are free and open",
        citation="P. Helber, B. Bischke, A. Dengel, D. Borth: EuroSAT, IEEE J-STARS 12(7), 2019",
        files=(RemoteFile(url=f"{_EUROSAT}/EuroSAT.zip", md5="c8fa014336c82ac7804f0398fcb19387", size_mb=94.3),),
    ),
    DatasetCard(
        name="fashion-mnist",
        title="Fashion-MNIST",
        torchvision="FashionMNIST",
        n=70_000,
        n_classes=10,
        splits=("train", "test"),
        side="28",
        description="Articles of a shop for clothes in grey, 7,000 of each class.",
        terms="MIT",
        citation="H. Xiao, K. Rasul, R. Vollgraf: Fashion-MNIST, arXiv:1708.07747, 2017",
        files=(
            RemoteFile(url=f"{_FASHION}/train-images-idx3-ubyte.gz", md5="8d4fb7e6c68d591d4c3dfef9ec88bf0d", size_mb=26.4),
            RemoteFile(url=f"{_FASHION}/train-labels-idx1-ubyte.gz", md5="25c81989df183df01b3e8a0aad5dffbe", size_mb=0.1),
            RemoteFile(url=f"{_FASHION}/t10k-images-idx3-ubyte.gz", md5="bef4ecab320f06d8554ea6380940ec79", size_mb=4.4),
            RemoteFile(url=f"{_FASHION}/t10k-labels-idx1-ubyte.gz", md5="bb300cfdad3c16e7a12a480ee83cd310", size_mb=0.1),
        ),
    ),
)


def dataset_cards() -> list[DatasetCard]:
    """The data sets that can be had by name."""
    return list(_CARDS)


def is_torchvision(source: str) -> bool:
    """Whether a source names one of them."""
    return source.startswith(PREFIX)


def dataset_card(name: str) -> DatasetCard:
    """The card of a data set, by its name with or without the prefix; also as torchvision spells it.

    Raises:
        UslError: there is none of that name; the message lists those there are.
    """
    wanted = _plain(name.removeprefix(PREFIX))
    found = next((card for card in _CARDS if wanted in (_plain(card.name), _plain(card.torchvision))), None)
    if found is None:
        raise UslError(f"there is no data set {name!r:.60}; choose one of {', '.join(card.source for card in _CARDS)}")
    return found


def _plain(name: str) -> str:
    return name.casefold().replace("-", "").replace("_", "")


def datasets_dir() -> Path:
    """`USL_DATASETS_DIR` if it is set, else where the platform keeps a user's data: what took long to download is no cache."""
    from_environment = os.environ.get(ENV_DATASETS_DIR)
    if from_environment:
        return Path(from_environment).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("usl-explorer", appauthor=False)) / "datasets"


def archive_path(card: DatasetCard, folder: Path | None = None) -> Path:
    """Where the archive of a data set is, once it was made.

    Args:
        card: which.
        folder: in place of `datasets_dir`.
    """
    return (datasets_dir() if folder is None else folder) / f"{card.name}.zip"
