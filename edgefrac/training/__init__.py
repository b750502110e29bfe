"""The training room. The shim comes first: Lightning imports torchvision through torchmetrics."""

from edgefrac.models import torchvision_shim

torchvision_shim.install()
