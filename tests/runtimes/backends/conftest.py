"""A GPU for tests: the machine's own, or SwiftShader, the software driver of Debian's chromium-common."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgefrac.runtimes.litert_gpu import Adapter, adapter

SWIFTSHADER = Path("/usr/lib/chromium/vk_swiftshader_icd.json")


@pytest.fixture(scope="session")
def gpu() -> Iterator[Adapter]:
    """What LiteRT runs on while the test does; the test is skipped where there is nothing."""
    try:
        ctypes.CDLL("libvulkan.so.1")
    except OSError:
        pytest.skip("no Vulkan here: apt-get install libvulkan1 chromium-common")
    with pytest.MonkeyPatch.context() as patch:
        if "VK_DRIVER_FILES" not in os.environ and SWIFTSHADER.is_file():
            patch.setenv("VK_DRIVER_FILES", str(SWIFTSHADER))
        try:
            yield adapter()
        except Exception as error:
            pytest.skip(f"no GPU here: {error}")
