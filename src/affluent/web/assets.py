"""Static files: read once, compressed once, one content hash for the whole tree, so that browsers keep them for ever."""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

FOLDER = Path(__file__).parent / "static"
_FOR_EVER = "public, max-age=31536000, immutable"
_TEXT = {".css", ".js", ".svg", ".txt"}
_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".woff2": "font/woff2"}


@dataclass(frozen=True, slots=True)
class _File:
    media_type: str
    raw: bytes
    zipped: bytes | None


class Assets:
    """The static tree of the interface, in memory."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        self._files = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        digest = hashlib.sha256()
        for name, file in self._files.items():
            digest.update(name.encode() + b"\0" + file.raw)
        self.tree = digest.hexdigest()[:12]

    def url(self, name: str) -> str:
        """The address of a file; raises KeyError for one that does not exist, so that a template's slip is found."""
        self._files[name]
        return f"/static/{self.tree}/{name}"

    async def serve(self, request: Request) -> Response:
        """Answer a request for `/static/<hash>/<name>`."""
        file = self._files.get(request.path_params["name"])
        if file is None:
            return PlainTextResponse("There is no such file.", 404)
        headers = {"Vary": "Accept-Encoding"}
        # A page of the release before may ask for its own hash while a new one is rolled out: answered, but not kept.
        headers["Cache-Control"] = _FOR_EVER if request.path_params["tree"] == self.tree else "no-cache"
        if file.zipped is not None and "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.zipped, media_type=file.media_type, headers=headers | {"Content-Encoding": "gzip"})
        return Response(file.raw, media_type=file.media_type, headers=headers)


@cache
def assets() -> Assets:
    """The static files of this process, read once."""
    return Assets()


def _read(path: Path) -> _File:
    raw = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _File(media_type, raw, gzip.compress(raw, 9, mtime=0) if path.suffix in _TEXT else None)
