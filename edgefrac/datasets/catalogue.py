"""Public data sets by name: where their publisher lists the files, under which licence, and whom to name.

Addresses of files, their sizes and checksums are not kept here: the publisher's interface gives them when asked, and
they change with each version of a data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgefrac.datasets import fracatlas, grazpedwri, medmnist, mura


@dataclass(frozen=True)
class PublicSet:
    """A data set that is published somewhere.

    ``api`` is the address of its record at figshare or Zenodo, empty if it cannot be had without agreeing to its terms
    on ``page`` first. ``files`` names the files that belong to it, all of the record if empty. ``size`` is for people.
    """

    title: str
    page: str
    size: str
    licence: str
    attribution: str
    publisher: Literal["figshare", "zenodo", ""] = ""
    api: str = ""
    files: tuple[str, ...] = ()


_MEDMNIST_PAGE = "https://zenodo.org/records/10519652"
_MEDMNIST_API = "https://zenodo.org/api/records/10519652"

PUBLIC_SETS: dict[str, PublicSet] = {
    "fracatlas": PublicSet(
        title="FracAtlas: 4,083 radiographs of hand, leg, hip and shoulder, with boxes and masks",
        page="https://doi.org/10.6084/m9.figshare.22363012",
        size="0.3 GB",
        licence=fracatlas.LICENCE,
        attribution=fracatlas.ATTRIBUTION,
        publisher="figshare",
        api="https://api.figshare.com/v2/articles/22363012",
        files=("FracAtlas.zip",),
    ),
    "grazpedwri-dx": PublicSet(
        title="GRAZPEDWRI-DX: 20,327 radiographs of children's wrists, with boxes and AO codes",
        page="https://doi.org/10.6084/m9.figshare.14825193",
        size="16 GB",
        licence=grazpedwri.LICENCE,
        attribution=grazpedwri.ATTRIBUTION,
        publisher="figshare",
        api="https://api.figshare.com/v2/articles/14825193",
    ),
    "fracturemnist3d": PublicSet(
        title="FractureMNIST3D: 1,370 CT volumes of rib fractures, 28 voxels a side, three types",
        page=_MEDMNIST_PAGE,
        size="up to 30 MB",
        licence=medmnist.LICENCE,
        attribution=medmnist.ATTRIBUTION,
        publisher="zenodo",
        api=_MEDMNIST_API,
        files=("fracturemnist3d.npz",),
    ),
    "fracturemnist3d-64": PublicSet(
        title="FractureMNIST3D: the same, 64 voxels a side",
        page=_MEDMNIST_PAGE,
        size="up to 0.4 GB",
        licence=medmnist.LICENCE,
        attribution=medmnist.ATTRIBUTION,
        publisher="zenodo",
        api=_MEDMNIST_API,
        files=("fracturemnist3d_64.npz",),
    ),
    "mura": PublicSet(
        title="MURA: 40,561 radiographs of the upper limb, labelled normal or abnormal by study",
        page="https://stanfordmlgroup.github.io/competitions/mura/",
        size="3 GB",
        licence=mura.LICENCE,
        attribution=mura.ATTRIBUTION,
    ),
}
