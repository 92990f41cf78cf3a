"""The selection methods as users see them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class MethodCard:
    """A selection method as users see it.

    Args:
        name: what `select` takes.
        summary: one sentence.
        needs_labels: it looks at the class labels.
        home: "module:function" inside this package; imported on use.
        params: name of the parameter class in that module, or None.
        second_round: it goes by a classifier of what is labelled already; see `select`.
        order: of its picks: what comes first.
        quick_up_to: up to how many images it takes no more than about a second on two cores; beyond, pages run it as a job and
            keep its picks on disk. None: it is quick at any size.
        algorithm: another number wherever the same input gives other picks than before, since kept ones would be handed out.
    """

    name: str
    summary: str
    needs_labels: bool
    home: str
    params: str | None = None
    second_round: bool = False
    order: str = ""
    quick_up_to: int | None = 5_000
    algorithm: int = 1


CARDS = (
    MethodCard(
        "random",
        "Uniform draw without replacement; what most people do today.",
        False,
        "random:select_random",
        order="as drawn: any first r of them are a uniform draw, too",
        quick_up_to=None,
    ),
    MethodCard(
        "stratified",
        "Evenly over the classes, uniform inside each; needs the labels, so it is a reference and not a method to use.",
        True,
        "stratified:select_stratified",
        order="class by class; drawn inside each",
        quick_up_to=None,
    ),
    MethodCard(
        "cluster-stratified",
        "One uniform draw from each of m k-means clusters; diversity without regard for density.",
        False,
        "stratified:select_cluster_stratified",
        order="cluster by cluster, the largest first; drawn inside each",
        quick_up_to=None,
    ),
    MethodCard(
        "usl",
        "The densest image of each of m k-means clusters, pushed away from the other clusters' picks (ECCV 2022).",
        False,
        "usl:select_usl",
        "UslParams",
        order="cluster by cluster, the largest first; or by regularised utility",
        quick_up_to=None,
    ),
    MethodCard(
        "usl-t",
        "Clusters learnt by training (learnable k-means), and the most confident image of each (ECCV 2022).",
        False,
        "uslt:select_uslt",
        "UsltParams",
        order="cluster by cluster, the largest first; or by confidence",
        quick_up_to=None,
    ),
    MethodCard(
        "kmeans-center",
        "The image nearest the centre of each of m k-means clusters; a simple rival that is hard to beat with few labels.",
        False,
        "kmeans_center:select_kmeans_center",
        order="cluster by cluster, the largest first; or by distance to the centre, the nearest first",
        quick_up_to=None,
    ),
    MethodCard(
        "k-center",
        "The image farthest from all picks, again and again (core-set): nothing is left out, and outliers come early.",
        False,
        "k_center:select_k_center",
        "KCenterParams",
        order="as picked: the first r of them are those of a budget of r",
        quick_up_to=None,
    ),
    MethodCard(
        "herding",
        "Picks whose mean follows the mean of all images as closely as one image at a time can (Welling 2009).",
        False,
        "herding:select_herding",
        order="as picked: the first r of them are those of a budget of r",
        quick_up_to=None,
    ),
    MethodCard(
        "facility-location",
        "Images that bring the mean distance from any image to the nearest pick down, one by one (greedy k-medoids).",
        False,
        "covering:select_facility_location",
        order="as picked: the first r are those of a budget of r",
        quick_up_to=4_000,
    ),
    MethodCard(
        "maxherding",
        "Images that cover the others best by a Gaussian of their distance (MaxHerding, ECCV 2024).",
        False,
        "covering:select_maxherding",
        "MaxherdingParams",
        order="as picked: the first r are those of a budget of r",
        quick_up_to=4_000,
    ),
    MethodCard(
        "probcover",
        "Images whose balls of one radius cover the most others (ProbCover, NeurIPS 2022); the radius decides.",
        False,
        "covering:select_probcover",
        "ProbcoverParams",
        order="as picked",
        quick_up_to=4_000,
    ),
    MethodCard(
        "typiclust",
        "The most typical image of each of min(m, 500) k-means clusters, the largest first (TypiClust, ICML 2022).",
        False,
        "typiclust:select_typiclust",
        "TypiclustParams",
        order="cluster by cluster, the largest first; small ones last",
        quick_up_to=20_000,
    ),
    MethodCard(
        "rdss",
        "Near to all images and far from each other, by one greedy rule on a Gaussian kernel (RDSS, NeurIPS 2024).",
        False,
        "rdss:select_rdss",
        order="as picked; the number of picks changes all of them",
        quick_up_to=10_000,
    ),
    MethodCard(
        "activeft",
        "The images nearest to m points that learn to stand where images are and apart (ActiveFT, CVPR 2023).",
        False,
        "activeft:select_activeft",
        "ActiveftParams",
        order="point by point, the one nearest to the most images first",
        quick_up_to=2_000,
    ),
    MethodCard(
        "mak",
        "Images that are hard to tell from others, near what is labelled and far from each other (MAK, NeurIPS 2021).",
        False,
        "mak:select_mak",
        "MakParams",
        order="as picked: the farthest from all before comes next",
        quick_up_to=0,
    ),
)
SECOND_ROUND = (
    MethodCard(
        "margin",
        "What a classifier of the labelled images is least sure of: the smallest difference of its two likeliest classes.",
        False,
        "margin:select_margin",
        second_round=True,
        order="the least sure first",
        quick_up_to=None,
    ),
    MethodCard(
        "uherding",
        "Coverage of the images, in which one counts by how unsure a classifier of the labelled images is of it (2025).",
        False,
        "uherding:select_uherding",
        second_round=True,
        order="the largest gain in coverage first",
        quick_up_to=None,
    ),
    MethodCard(
        "dropquery",
        "Of the images whose class changes when features are dropped, the centres of m k-means clusters (TMLR 2024).",
        False,
        "dropquery:select_dropquery",
        second_round=True,
        order="cluster by cluster of the images whose class changes, the largest first; or by how often it changes",
        quick_up_to=None,
    ),
)
