"""All faults, in the order of the table in the docs."""

from __future__ import annotations

# importing a module of faults puts them into the zoo
from tests.verification.zoo import chain_faults, head_faults, reading_faults, weight_faults
from tests.verification.zoo.fault import ZOO, Fault

_ROOMS = [reading_faults, chain_faults, weight_faults, head_faults]


def catalogue() -> list[Fault]:
    """The faults from the file of pixels to the probability."""
    order = {room.__name__: number for number, room in enumerate(_ROOMS)}
    return sorted(ZOO, key=lambda fault: order[fault.plant.__module__])
