"""The emulated arm64 machine, set up once for all tests, in a cache folder of theirs."""

from __future__ import annotations

import shutil

import pytest

from edgefrac.errors import DeviceError
from edgefrac.runtimes.arm64 import Arm64, set_up

NEEDED = ("qemu-aarch64-static", "apt-get", "dpkg-deb")


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Arm64:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"no arm64 here: {', '.join(missing)} not installed")
    try:
        return set_up(tmp_path_factory.mktemp("cache") / "edgefrac", lambda _: None)
    except DeviceError as error:
        pytest.skip(f"no arm64 here: {error.message}")
