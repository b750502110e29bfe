"""What figshare and Zenodo say of a record's files: name, address, size and checksum."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from edgefrac.datasets.catalogue import PublicSet
from edgefrac.datasets.web import open_url, unreachable
from edgefrac.errors import DatasetError

_MD5 = re.compile(r"[0-9a-f]{32}")
_LARGEST_ANSWER = 1 << 24  # bytes


@dataclass(frozen=True)
class RemoteFile:
    """One file to be had at ``url``: ``size`` in bytes, ``md5`` as 32 hex digits."""

    name: str
    url: str
    size: int
    md5: str


def list_files(wanted: PublicSet) -> list[RemoteFile]:
    """Ask the publisher for the files of a data set; raises ``DatasetError`` if it cannot be asked or understood."""
    by_hand = f"try again later, or download it by hand from {wanted.page}"
    try:
        with open_url(wanted.api) as response:
            record = json.loads(response.read(_LARGEST_ANSWER))
        files = [_remote(entry, wanted.publisher) for entry in record["files"]]
    except OSError as error:
        raise unreachable(wanted.api, error, by_hand) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f"{wanted.api}: not the answer expected ({error!r})", hint=by_hand) from error
    if wanted.files:
        files = [file for file in files if file.name in wanted.files]
    missing = set(wanted.files) - {file.name for file in files}
    if missing or not files:
        raise DatasetError(f"{wanted.api}: lists no {', '.join(sorted(missing)) or 'files'}", hint=by_hand)
    return files


def _remote(entry: Mapping[str, Any], publisher: str) -> RemoteFile:
    if publisher == "figshare":
        name, url, md5 = entry["name"], entry["download_url"], entry["computed_md5"] or entry["supplied_md5"]
    else:
        name, url, md5 = entry["key"], entry["links"]["self"], entry["checksum"].removeprefix("md5:")
    if not name or name != re.sub(r"[/\\:\0]", "", name).lstrip("."):
        raise ValueError(f"{name!r} is no plain file name")
    if urlsplit(url).scheme not in ("https", "http"):  # the client would open file: too
        raise ValueError(f"{url} is no web address")
    if not _MD5.fullmatch(md5):
        raise ValueError(f"no MD5 checksum of {name}")
    return RemoteFile(name, url, int(entry["size"]), md5)
