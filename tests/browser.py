"""A headless Chromium of this machine, driven over a pipe (Chrome DevTools Protocol), without any package for it."""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
_SECONDS = 60


def chromium() -> str | None:
    """The program, where one is installed."""
    return next(filter(None, map(shutil.which, _PROGRAMS)), None)


class Page:
    """One page. ``requests`` are the addresses it asked for, ``complaints`` what it wrote to its console."""

    def __init__(self, to: int, back: int) -> None:
        self._to, self._back = to, back
        self._buffer, self._number, self._session = b"", 0, ""
        self._events: list[str] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log", "DOM"):
            self._ask(f"{domain}.enable")

    def open(self, where: Path | str) -> None:
        """Load a file or an address and wait until it is there."""
        self._events.clear()
        self._ask("Page.navigate", url=where if isinstance(where, str) else where.resolve().as_uri())
        while "Page.loadEventFired" not in self._events:
            self._receive()

    def size(self, width: int, height: int, scheme: str = "light") -> None:
        """The screen, in pixels, and whether it is dark."""
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self._ask("Emulation.setScrollbarsHidden", hidden=True)
        self._ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def touch_screen(self) -> None:
        """Make it a phone's screen: touches instead of a mouse."""
        self._ask("Emulation.setTouchEmulationEnabled", enabled=True, maxTouchPoints=2)

    def media(self, kind: str) -> None:
        """Show the page as on "screen" or in "print"."""
        self._ask("Emulation.setEmulatedMedia", media=kind)

    def evaluate(self, expression: str) -> Any:
        """The value of an expression in JavaScript."""
        found = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def wait_for(self, expression: str, seconds: float = 15) -> None:
        """Wait until an expression in JavaScript is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"!!({expression})"):
            assert time.monotonic() < end, f"not within {seconds:g} s: {expression}"
            time.sleep(0.05)

    def choose_files(self, selector: str, paths: Sequence[Path]) -> None:
        """Choose files in a file input, as a user does in the browser's dialog."""
        root = self._ask("DOM.getDocument")["root"]["nodeId"]
        node = self._ask("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self._ask("DOM.setFileInputFiles", nodeId=node, files=[str(path.resolve()) for path in paths])

    def drop_files(self, x: float, y: float, paths: Sequence[Path]) -> None:
        """Drag files over a place and let them go there."""
        data = {"items": [], "files": [str(path.resolve()) for path in paths], "dragOperationsMask": 1}
        for kind in ("dragEnter", "dragOver", "drop"):
            self._ask("Input.dispatchDragEvent", type=kind, x=x, y=y, data=data)

    def click(self, selector: str) -> None:
        """Click in the middle of an element, with the mouse; fails where something else is there."""
        x, y = self._middle(selector)
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def move(self, x: float, y: float) -> None:
        """Move the mouse to a place."""
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Press the left button at one place and let it go at another."""
        mouse = {"button": "left", "buttons": 1}
        self._ask("Input.dispatchMouseEvent", type="mousePressed", x=start[0], y=start[1], clickCount=1, **mouse)
        self._ask("Input.dispatchMouseEvent", type="mouseMoved", x=end[0], y=end[1], **mouse)
        self._ask("Input.dispatchMouseEvent", type="mouseReleased", x=end[0], y=end[1], clickCount=1, button="left")

    def wheel(self, x: float, y: float, down: float) -> None:
        """Turn the wheel over a place."""
        self._ask("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=down)

    def touch(self, kind: str, *fingers: tuple[float, float]) -> None:
        """Fingers on the screen: "touchStart", "touchMove" or "touchEnd"."""
        points = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(fingers)]
        self._ask("Input.dispatchTouchEvent", type=kind, touchPoints=points)

    def press(self, key: str, *, shift: bool = False) -> None:
        """Press a key, such as "h" or "ArrowDown"."""
        text = {"text": key} if len(key) == 1 else {}
        modifiers = 8 if shift else 0
        self._ask("Input.dispatchKeyEvent", type="keyDown", key=key, modifiers=modifiers, **text)
        self._ask("Input.dispatchKeyEvent", type="keyUp", key=key, modifiers=modifiers)

    def type(self, text: str) -> None:
        """Put text where the focus is."""
        self._ask("Input.insertText", text=text)

    def download_to(self, folder: Path) -> None:
        """Where downloads go."""
        self._ask("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder.resolve()))

    def screenshot(self) -> bytes:
        """What the screen shows, PNG."""
        return base64.b64decode(self._ask("Page.captureScreenshot", format="png")["data"])

    def printed(self) -> bytes:
        """The page on paper, PDF."""
        return base64.b64decode(self._ask("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    def _middle(self, selector: str) -> tuple[float, float]:
        name = json.dumps(selector)
        found = self.evaluate(
            f"""(() => {{ const element = document.querySelector({name}); element.scrollIntoView({{block: 'nearest'}});
            const box = element.getBoundingClientRect();
            const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
            const top = document.elementFromPoint(x, y);
            return {{x, y, hit: element.contains(top) || top?.contains(element)}}; }})()"""
        )
        assert found["hit"], f"{selector} is not to be clicked at"
        return found["x"], found["y"]

    def _ask(self, method: str, **parameters: object) -> dict[str, Any]:
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            reply = self._receive()
            if reply.get("id") == self._number:
                assert "error" not in reply, reply
                result: dict[str, Any] = reply["result"]
                return result

    def _receive(self) -> dict[str, Any]:
        until = time.monotonic() + _SECONDS
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._back], [], [], max(0, until - time.monotonic()))
            part = os.read(self._back, 1 << 20) if ready else b""
            assert part, "Chromium does not answer"
            self._buffer += part
        line, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, parameters: dict[str, Any]) -> None:
        self._events.append(method)
        match method:
            case "Network.requestWillBeSent":
                self.requests.append(parameters["request"]["url"])
            case "Runtime.consoleAPICalled" | "Runtime.exceptionThrown" | "Log.entryAdded":
                self.complaints.append(json.dumps(parameters))


@contextmanager
def page() -> Iterator[Page]:
    """A page in a browser with a fresh profile; needs ``chromium()``."""
    program = chromium()
    assert program
    down, up = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        # the protocol's pipes are descriptors 3 and 4 of the browser
        run = f'exec "$0" "$@" 3<&{down[0]} 4>&{up[1]}'
        options = ["--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--no-first-run"]
        command = ["bash", "-c", run, program, *options, f"--user-data-dir={profile}"]
        browser = subprocess.Popen(command, pass_fds=(down[0], up[1]), stderr=subprocess.DEVNULL)
        for end in (down[0], up[1]):
            os.close(end)
        try:
            yield Page(down[1], up[0])
        finally:
            for end in (down[1], up[0]):
                os.close(end)  # without its pipe the browser goes
            try:
                browser.wait(timeout=10)
            except subprocess.TimeoutExpired:
                browser.kill()
                browser.wait()
