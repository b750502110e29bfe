"""One Android device over adb: what it is, commands on it, files to it and back."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from edgefrac.errors import DeviceError

_LISTING_SECONDS = 20.0
_EMULATORS = {"goldfish", "ranchu", "cutf"}  # by ro.hardware


@dataclass(frozen=True)
class Phone:
    """An Android device that adb may use, by its serial number."""

    adb: str
    serial: str

    def shell(self, command: str, seconds: float = _LISTING_SECONDS) -> str:
        """Standard output of a command on the device; raises DeviceError, with its last line, if it fails."""
        return _run([self.adb, "-s", self.serial, "shell", command], seconds)

    def push(self, local: Path, remote: str, seconds: float = 600) -> None:
        """Copy a file or a folder into the folder ``remote``."""
        _run([self.adb, "-s", self.serial, "push", str(local), remote], seconds)

    def pull(self, remote: str, local: Path, seconds: float = 600) -> None:
        """Copy a file or a folder into the folder ``local``."""
        _run([self.adb, "-s", self.serial, "pull", remote, str(local)], seconds)

    def getprop(self, name: str) -> str:
        """An Android property, such as ro.product.model; empty if it has none."""
        return self.shell(f"getprop {name}").strip()

    @property
    def emulated(self) -> bool:
        """Whether it is a program on some computer."""
        return self.getprop("ro.boot.qemu") == "1" or self.getprop("ro.hardware") in _EMULATORS

    def __str__(self) -> str:
        maker, model, release = (
            self.getprop(f"ro.{name}") for name in ("product.manufacturer", "product.model", "build.version.release")
        )
        return f"{maker} {model}, Android {release}" + (" (an emulator)" if self.emulated else "")


def phone() -> Phone:
    """The device: the only one, or that of $ANDROID_SERIAL; raises DeviceError with the next step."""
    adb = shutil.which("adb")
    if adb is None:
        raise DeviceError("adb is not on the path", hint="apt-get install adb, or the Android SDK's platform-tools")
    states = _states(_run([adb, "devices"], _LISTING_SECONDS))
    if not states:
        raise DeviceError(
            "adb sees no Android device", hint="connect one with USB debugging switched on, or 'adb connect ADDRESS'"
        )
    serial = _chosen(states, os.environ.get("ANDROID_SERIAL", ""))
    if states[serial] == "unauthorized":
        raise DeviceError(
            f"Android device {serial} has not authorized this computer", hint="answer the question on its screen"
        )
    if states[serial] != "device":
        raise DeviceError(f"Android device {serial} is {states[serial]}", hint="adb reconnect")
    return Phone(adb, serial)


def _chosen(states: dict[str, str], wanted: str) -> str:
    if wanted:
        if wanted not in states:
            raise DeviceError(f"adb sees no device {wanted} ($ANDROID_SERIAL), only {', '.join(states)}")
        return wanted
    if len(states) > 1:
        raise DeviceError(
            f"adb sees several Android devices: {', '.join(states)}", hint="name one: export ANDROID_SERIAL=…"
        )
    return next(iter(states))


def _states(listing: str) -> dict[str, str]:
    """Serial -> state, from what ``adb devices`` prints, in which other lines have no tab."""
    pairs = (line.split("\t", 1) for line in listing.splitlines() if "\t" in line)
    return {serial.strip(): state.split()[0] for serial, state in pairs if state.strip()}


def _run(command: list[str], seconds: float) -> str:
    verb = command[3] if command[1] == "-s" else command[1]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        raise DeviceError(f"adb {verb} did not end within {seconds:.0f} s") from None
    except OSError as error:
        raise DeviceError(f"{command[0]} does not start ({error.strerror})") from error
    if done.returncode:
        last = ([*done.stdout.strip().splitlines(), *done.stderr.strip().splitlines()] or ["no message"])[-1]
        raise DeviceError(f"adb {verb} stopped with status {done.returncode} ({last})")
    return done.stdout
