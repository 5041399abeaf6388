"""A fixed piece of work again and again in a process of its own: what the machine gives away at this moment.

One piece is of the kind of which a run is made: some computing, some words with another process, one durable write. Each line
it prints is how many seconds a piece took.
"""

from __future__ import annotations

import hashlib
import os
import socket
import tempfile
import time

_PAUSE = 0.2
_WORDS = 30
_BYTES = bytes(1_000_000)


def piece(other: socket.socket, file: int) -> float:
    """Do it once; how long it took."""
    began = time.perf_counter()
    hashlib.sha256(_BYTES).digest()
    for _ in range(_WORDS):
        other.sendall(b"x")
        other.recv(1)
    os.pwrite(file, _BYTES[:4096], 0)
    os.fdatasync(file)
    return time.perf_counter() - began


def main() -> None:
    """Until it is stopped."""
    here, there = socket.socketpair()
    if os.fork() == 0:
        here.close()
        while word := there.recv(1):
            there.sendall(word)
        os._exit(0)
    there.close()
    with tempfile.TemporaryFile() as file:
        while True:
            print(piece(here, file.fileno()), flush=True)
            time.sleep(_PAUSE)


if __name__ == "__main__":
    main()
