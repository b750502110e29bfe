"""The shim in a process of its own, because it can be installed only once in each."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
from edgefrac.models import torchvision_shim
first, second = torchvision_shim.install(), torchvision_shim.install()
assert first == second, (first, second)
import torch, torchvision, timm
with torch.inference_mode():
    for network in (torchvision.models.squeezenet1_1(weights=None), timm.create_model("mobilenetv2_050")):
        assert network.eval()(torch.zeros(1, 3, 64, 64)).shape == (1, 1000)
print("works")
"""


def test_torchvision_and_timm_work_after_a_second_install() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.stdout.strip(), done.returncode) == ("works", 0), done.stderr
