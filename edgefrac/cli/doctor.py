"""``edgefrac doctor``: what is installed, which targets and devices work, and what to install."""

from __future__ import annotations

from typing import Any

from edgefrac.cli.options import AsJson
from edgefrac.cli.output import results


def doctor(as_json: AsJson = False) -> None:
    """Say what works here, and what to install."""
    with results(as_json) as emit:
        import platform
        from dataclasses import asdict

        from edgefrac import __version__
        from edgefrac.prediction import reference_model
        from edgefrac.runtimes.devices import devices, extras, targets
        from edgefrac.serve.check import serving

        report = {
            "edgefrac": __version__,
            "python": platform.python_version(),
            "extras": [{**asdict(extra), "install": extra.install} for extra in extras()],
            "targets": [asdict(target) for target in targets()],
            "devices": [asdict(device) for device in devices(reference_model())],
            "serve": [asdict(serving(reference_model()))],
        }
        emit(report if as_json else _table(report))


def _table(report: dict[str, Any]) -> str:
    lines = [f"edgefrac {report['edgefrac']}, Python {report['python']}", "", "optional parts"]
    for extra in report["extras"]:
        state = f"missing: {', '.join(extra['missing'])}" if extra["missing"] else "complete"
        lines.append(_row(extra["name"], state, extra["install"]))
    for kind in ("targets", "devices", "serve"):
        lines += ["", kind]
        for row in report[kind]:
            lines.append(_row(row["name"], f"{row['evidence_level']}: {row['reason']}", row["install"]))
    return "\n".join(lines)


def _row(name: str, state: str, install: str) -> str:
    return f"  {name:<14}{state}" + (f"\n  {'':<14}{install}" if install else "")
