"""A publisher on this machine: the interfaces of figshare and Zenodo, and files with ranges, over real HTTP."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Publisher:
    """What is served, and how badly."""

    files: dict[str, bytes]
    address: str = ""
    md5: dict[str, str] = field(default_factory=dict)
    drop_after: list[int] = field(default_factory=list)  # for each next download: hang up after so many bytes
    statuses: list[int] = field(default_factory=list)  # for each next download: answer this instead
    ranges: bool = True
    record: dict[str, Any] | bytes | None = None
    requests: list[tuple[str, str | None]] = field(default_factory=list)

    def document(self, kind: str) -> dict[str, Any]:
        """The record as ``kind`` ("figshare" or "zenodo") describes it."""
        return {"id": 1, "files": [self._entry(kind, name, data) for name, data in self.files.items()]}

    def _entry(self, kind: str, name: str, data: bytes) -> dict[str, Any]:
        md5 = self.md5.get(name, hashlib.md5(data).hexdigest())
        url = f"{self.address}/files/{name}"
        if kind == "figshare":
            sums = {"supplied_md5": md5, "computed_md5": md5}
            return {"id": 7, "name": name, "size": len(data), "is_link_only": False, "download_url": url, **sums}
        return {"id": "x", "key": name, "size": len(data), "checksum": f"md5:{md5}", "links": {"self": url}}


@contextmanager
def publishing(files: dict[str, bytes]) -> Iterator[Publisher]:
    """Serve ``files`` on a free port of the loopback interface."""
    publisher = Publisher(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            folder, _, name = self.path[1:].partition("/")
            if folder in ("figshare", "zenodo"):
                record = publisher.record if publisher.record is not None else publisher.document(folder)
                self._send(200, record if isinstance(record, bytes) else json.dumps(record).encode())
            elif folder == "files":  # as figshare does: the address given leads to the storage
                self.send_response(302)
                self.send_header("Location", f"{publisher.address}/storage/{name}")
                self.send_header("Content-Length", "0")
                self.end_headers()
            else:
                publisher.requests.append((name, self.headers.get("Range")))
                self._send_file(publisher.files.get(name))

        def _send_file(self, data: bytes | None) -> None:
            status = publisher.statuses.pop(0) if publisher.statuses else 200
            if data is None or status != 200:
                self._send(404 if data is None else status, b"no")
                return
            asked = self.headers.get("Range")
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and publisher.ranges else 0
            headers = {"Content-Range": f"bytes {start}-{len(data) - 1}/{len(data)}"} if start else {}
            drop = publisher.drop_after.pop(0) if publisher.drop_after else None
            self._send(206 if start else 200, data[start:], drop, headers)

        def _send(self, status: int, body: bytes, drop: int | None = None, headers: Any = ()) -> None:
            self.send_response(status)
            for key, value in dict(headers).items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[:drop])
            if drop is not None:
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    publisher.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield publisher
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
