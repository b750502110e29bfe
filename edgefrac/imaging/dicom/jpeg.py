"""JPEG of more than 8 bits and lossless JPEG, decoded by libjpeg-turbo in imagecodecs, as a plugin of pydicom.

The decoders that pydicom knows for them are either under the GPL or don't take 12 bits. The names below are those that
pydicom asks of a plugin.
"""

from __future__ import annotations

from importlib import util
from typing import TYPE_CHECKING

from pydicom import uid
from pydicom.pixels.decoders.base import get_decoder

if TYPE_CHECKING:
    from pydicom.pixels.decoders.base import DecodeRunner

DECODER_DEPENDENCIES = dict.fromkeys((uid.JPEGExtended12Bit, uid.JPEGLossless, uid.JPEGLosslessSV1), ("imagecodecs",))


def is_available(syntax: str) -> bool:
    """Whether the plugin can decode a transfer syntax here."""
    return syntax in DECODER_DEPENDENCIES and util.find_spec("imagecodecs") is not None


def decode_frame(source: bytes, runner: DecodeRunner) -> bytes:
    """One encoded frame -> its samples, colour by pixel, in the smallest integers that hold them."""
    from imagecodecs import jpeg8_decode

    as_stored = {1: "GRAYSCALE", 3: "YCBCR" if "YBR" in runner.photometric_interpretation else "RGB"}
    colour = as_stored[runner.samples_per_pixel]
    samples = jpeg8_decode(source, colorspace=colour, outcolorspace=colour)
    runner.set_option("bits_allocated", samples.dtype.itemsize * 8)
    if runner.samples_per_pixel > 1:
        runner.set_option("planar_configuration", 0)
    return bytes(samples.tobytes())


def register() -> None:
    """Make the plugin known to pydicom, once, where imagecodecs is installed."""
    for syntax in DECODER_DEPENDENCIES:
        decoder = get_decoder(syntax)
        if is_available(syntax) and "imagecodecs" not in decoder.available_plugins:
            decoder.add_plugin("imagecodecs", (__name__, "decode_frame"))
