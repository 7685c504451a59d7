"""A real web server on loopback that breaks connections, changes files, and is awkward as it is told to be."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Web:
    """What it serves, by path, and how. `breaks` are the bytes after which its next answers end."""

    files: dict[str, bytes] = field(default_factory=dict)
    breaks: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    etag: str = '"one"'
    lies_about_ranges: bool = False
    leads_to: str = ""
    asked: list[tuple[str, str]] = field(default_factory=list)
    statuses_sent: list[int] = field(default_factory=list)
    url: str = ""


@contextmanager
def web() -> Iterator[Web]:
    """The server, until the end of the block."""
    site = Web()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            site.asked.append((self.path, self.headers.get("Range", "")))
            content = site.files.get(self.path)
            status = site.statuses.pop(0) if site.statuses else 302 if site.leads_to else 200 if content else 404
            if status != 200 or content is None:
                self.answer(status, b"", {"Location": site.leads_to} if site.leads_to else {})
                return
            if site.etag and self.headers.get("If-None-Match") == site.etag:
                self.answer(304, b"", {"ETag": site.etag})
                return
            begin = int(self.headers["Range"][6:-1]) if self.headers.get("If-Range") == site.etag else 0
            told = begin + 1 if site.lies_about_ranges else begin
            ranged = {"Content-Range": f"bytes {told}-{len(content) - 1}/{len(content)}"} if begin else {}
            self.answer(206 if begin else 200, content[begin:], ranged | ({"ETag": site.etag} if site.etag else {}))

        def answer(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            site.statuses_sent.append(status)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            cut = site.breaks.pop(0) if site.breaks and content else len(content)
            self.wfile.write(content[:cut])
            self.close_connection = cut < len(content)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        try:
            yield site
        finally:
            server.shutdown()
