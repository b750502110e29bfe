"""The model that a reading room serves: its file, and the papers of the bundle it came in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from edgefrac.bundle import CERTIFICATE, CERTIFICATE_PAGE, MODEL_CARD, Bundle, open_bundle
from edgefrac.errors import BundleError
from edgefrac.prediction import is_bundle, reference_model
from edgefrac.runtimes.session import model_kind
from edgefrac.targets.registry import of_kind
from edgefrac.verification.certificate import Certificate


@dataclass(frozen=True)
class ServedModel:
    """``target`` is the file's format, "checkpoint" for one; the papers are there where a bundle has them.

    ``verdicts`` is the certificate as data, ``certificate`` its page; ``valid_until`` the last day, by UTC, on which
    the bundle's makers stand by it.
    """

    path: Path
    target: str
    certificate: str | None = None
    card: str | None = None
    verdicts: Certificate | None = None
    valid_until: date | None = None

    @property
    def expired(self) -> bool:
        """Whether that day has passed."""
        return self.valid_until is not None and self.valid_until < datetime.now(UTC).date()


def served_model(path: Path | None) -> ServedModel:
    """The model file that ``prediction.load`` would open, or a bundle's; None is the bundled reference.

    Raises ``BundleError`` and ``ModelFileError``. A .zip is unpacked once, not by each reader.
    """
    if path is None or not is_bundle(path):
        file = path or reference_model()
        return ServedModel(file, _target(file))
    bundle = open_bundle(path)
    file = bundle.default_artefact()
    verdicts = _paper(bundle, CERTIFICATE)
    return ServedModel(
        file,
        _target(file),
        _paper(bundle, CERTIFICATE_PAGE),
        _paper(bundle, MODEL_CARD),
        Certificate.from_json(verdicts) if verdicts else None,
        bundle.manifest.valid_until,
    )


def _target(file: Path) -> str:
    target = of_kind(model_kind(file).value)
    return target.name if target else "checkpoint"


def _paper(bundle: Bundle, name: str) -> str | None:
    if all(entry.path != name for entry in bundle.manifest.files):
        return None
    try:
        return bundle.read(name).decode("utf-8")
    except UnicodeDecodeError:
        raise BundleError(f"{bundle.source}: {name}: not a text") from None
