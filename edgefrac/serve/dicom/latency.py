"""Connections that wait for nothing: DICOM peers take turns in small messages, and TCP likes to collect those."""

from __future__ import annotations

import socket


def without_delay(connection: socket.socket) -> None:
    """Send what is written at once, and acknowledge what comes at once, instead of after 40 ms.

    The second holds for a while only, so say it before each turn; a peer that writes a message in two parts (DCMTK and
    all that is built on it) sends the second part when the first is acknowledged.
    """
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_QUICKACK"):  # Linux
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
