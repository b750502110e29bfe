"""The bundle: everything an app needs for one model, in one folder or .zip, with checksums.

    bundle.json           ``edgefrac.bundle/1``: name, and size and SHA-256 of every other file but the signature
    contract.json         the contract of each model file, by file name
    certificate.json      what the gate found (``edgefrac.certificate/1``)
    certificate.html      the same as a page, MODEL_CARD.md in short with what the model is
    plan.json             the exact plan of the int8 files (``edgefrac.plan/1``), where they have one
    sbom.cdx.json         what the files were made by and need to run (CycloneDX)
    *.tflite *.onnx *.ort the model files
    *.xml *.bin           an OpenVINO model file and its weights
    golden/vectors.json   ``edgefrac.golden/1``: rasters, network inputs, and what each model file answers to them
    golden/*.png          the rasters and network inputs, 8-bit grey
    model.sig             the signature, where somebody signed (OpenSSF Model Signing)

Same content, same bytes. A bundle is built in a folder beside its own and renamed, so that there is never half of one.
"""

from edgefrac.bundle.condition import Condition, State, condition_of, expired
from edgefrac.bundle.documents import (
    CERTIFICATE,
    CERTIFICATE_PAGE,
    CONTRACTS,
    MANIFEST,
    MODEL_CARD,
    PLAN,
    SBOM,
    SIGNATURE,
    VECTORS,
    Expected,
    FileEntry,
    Golden,
    GoldenVector,
    Manifest,
    Vector,
    expected,
)
from edgefrac.bundle.opening import Bundle, check, open_bundle
from edgefrac.bundle.writing import write_bundle

__all__ = [
    "CERTIFICATE",
    "CERTIFICATE_PAGE",
    "CONTRACTS",
    "MANIFEST",
    "MODEL_CARD",
    "PLAN",
    "SBOM",
    "SIGNATURE",
    "VECTORS",
    "Bundle",
    "Condition",
    "Expected",
    "FileEntry",
    "Golden",
    "GoldenVector",
    "Manifest",
    "State",
    "Vector",
    "check",
    "condition_of",
    "expected",
    "expired",
    "open_bundle",
    "write_bundle",
]
