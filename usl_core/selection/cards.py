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
    """

    name: str
    summary: str
    needs_labels: bool
    home: str
    params: str | None = None
    second_round: bool = False
    order: str = ""


CARDS = (
    MethodCard(
        "random",
        "Uniform draw without replacement; what most people do today.",
        False,
        "random:select_random",
        order="as drawn: any first r of them are a uniform draw, too",
    ),
    MethodCard(
        "stratified",
        "Evenly over the classes, uniform inside each; needs the labels, so it is a reference and not a method to use.",
        True,
        "stratified:select_stratified",
        order="class by class; drawn inside each",
    ),
    MethodCard(
        "cluster-stratified",
        "One uniform draw from each of m k-means clusters; diversity without regard for density.",
        False,
        "stratified:select_cluster_stratified",
        order="cluster by cluster, the largest first; drawn inside each",
    ),
    MethodCard(
        "usl",
        "The densest image of each of m k-means clusters, pushed away from the other clusters' picks (ECCV 2022).",
        False,
        "usl:select_usl",
        "UslParams",
        order="cluster by cluster, the largest first; or by regularised utility",
    ),
    MethodCard(
        "usl-t",
        "Clusters learnt by training (learnable k-means), and the most confident image of each (ECCV 2022).",
        False,
        "uslt:select_uslt",
        "UsltParams",
        order="cluster by cluster, the largest first; or by confidence",
    ),
    MethodCard(
        "kmeans-center",
        "The image nearest the centre of each of m k-means clusters; a simple rival that is hard to beat with few labels.",
        False,
        "kmeans_center:select_kmeans_center",
        order="cluster by cluster, the largest first; or by distance to the centre, the nearest first",
    ),
    MethodCard(
        "k-center",
        "The image farthest from all picks, again and again (core-set): nothing is left out, and outliers come early.",
        False,
        "k_center:select_k_center",
        "KCenterParams",
        order="as picked: the first r of them are those of a budget of r",
    ),
    MethodCard(
        "herding",
        "Picks whose mean follows the mean of all images as closely as one image at a time can (Welling 2009).",
        False,
        "herding:select_herding",
        order="as picked: the first r of them are those of a budget of r",
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
    ),
    MethodCard(
        "uherding",
        "Coverage of the images, in which one counts by how unsure a classifier of the labelled images is of it (2025).",
        False,
        "uherding:select_uherding",
        second_round=True,
        order="the largest gain in coverage first",
    ),
    MethodCard(
        "dropquery",
        "Of the images whose class changes when features are dropped, the centres of m k-means clusters (TMLR 2024).",
        False,
        "dropquery:select_dropquery",
        second_round=True,
        order="cluster by cluster of the images whose class changes, the largest first; or by how often it changes",
    ),
)
