"""Ways in which a BMC's HTTP goes wrong. Each answers in the BMC's place and says whether it has."""

import json
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

from tests.worker.drivers.vendors.server import Handler

Fault = Callable[[Handler], bool]
_LONG_S = 30.0
_BYTE_EVERY_S = 0.1


def _real(handler: Handler) -> tuple[int, bytes, dict[str, str]]:
    """What the BMC would have said, having done it."""
    headers = {name.lower(): value for name, value in handler.headers.items()}
    status, document, more = handler.bmc.answer(handler.command, handler.path, headers, handler.document)
    return status, json.dumps(document).encode() if document is not None else b"", more


def _says(status: int, content: bytes, headers: dict[str, str]) -> Fault:
    def fault(handler: Handler) -> bool:
        handler.tell_bytes(status, content, headers)
        return True

    return fault


def _forgets(handler: Handler) -> bool:
    handler.bmc.sessions.clear()
    handler.tell_bytes(401, b"", {})
    return True


def _echoes(handler: Handler) -> bool:
    """All that was sent, in the error and in the place of a redirect's address."""
    sent = [
        handler.headers.get("X-Auth-Token"),
        handler.headers.get("Authorization"),
        handler.document,
        json.dumps(handler.document),
    ]
    body = json.dumps(
        {"error": {"message": str(sent), "@Message.ExtendedInfo": [{"Message": str(sent), "MessageArgs": sent}]}}
    )
    handler.tell_bytes(400, body.encode(), {"Location": f"/login?{sent}"})
    return True


def _redirects_with_token(handler: Handler) -> bool:
    where = f"/login?token={handler.headers.get('X-Auth-Token')}&password={handler.document.get('Password')}"
    handler.tell_bytes(302, b"", {"Location": where})
    return True


def _stalls(handler: Handler) -> bool:
    handler.bmc.stopping.wait(_LONG_S)
    handler.close_connection = True
    return True


def _dribbles(handler: Handler, data: bytes) -> bool:
    handler.close_connection = True
    for index in range(len(data)):
        handler.wfile.write(data[index : index + 1])
        handler.wfile.flush()
        if handler.bmc.stopping.wait(_BYTE_EVERY_S):
            break
    return True


def _dribbles_headers(handler: Handler) -> bool:
    return _dribbles(handler, b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Long: " + b"a" * 1000)


def _dribbles_body(handler: Handler) -> bool:
    status, content, headers = _real(handler)
    handler.tell_bytes(status, b"", headers, length=len(content) + 1000)
    return _dribbles(handler, content + b" " * 1000)


def _truncates(handler: Handler) -> bool:
    status, content, headers = _real(handler)
    handler.tell_bytes(status, content[: len(content) // 2], headers, length=len(content))
    handler.close_connection = True
    return True


def _cuts_json(handler: Handler) -> bool:
    status, content, headers = _real(handler)
    handler.tell_bytes(status, content[:-1], headers)
    return True


def _resets_before(handler: Handler) -> bool:
    return _reset(handler)


def _resets_in_headers(handler: Handler) -> bool:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-")
    handler.wfile.flush()
    return _reset(handler)


def _resets_in_body(handler: Handler) -> bool:
    status, content, headers = _real(handler)
    handler.tell_bytes(status, content[: len(content) // 2], headers, length=len(content) + 10)
    time.sleep(0.02)
    return _reset(handler)


def _reset(handler: Handler) -> bool:
    handler.close_connection = True
    handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    handler.connection.close()
    return True


def _never_ends(handler: Handler) -> bool:
    handler.close_connection = True
    status, _, headers = _real(handler)
    handler.tell_bytes(status, b"[", headers, length=2**34)
    while not handler.bmc.stopping.is_set():
        handler.wfile.write(b" " * 2**16)
    return True


def _many_headers(handler: Handler) -> bool:
    handler.tell_bytes(200, b"{}", {f"X-{number}": "a" * 1000 for number in range(200)})
    return True


def _not_http(handler: Handler) -> bool:
    handler.wfile.write(b"SSH-2.0-dropbear_2019.78\r\n")
    handler.close_connection = True
    return True


def _json(document: Any) -> Fault:  # noqa: ANN401 - JSON
    return _says(200, json.dumps(document).encode(), {"Content-Type": "application/json"})


FAULTS: dict[str, Fault] = {
    "HTML": _says(200, b"<html><body>Loading ...</body></html>", {"Content-Type": "text/html"}),
    "HTML and not found": _says(404, b"<html>404</html>", {"Content-Type": "text/html"}),
    "503": _says(503, b"", {"Retry-After": "7"}),
    "500 with a body of no known shape": _says(500, b'{"error": "it broke"}', {}),
    "400 with a list": _says(400, b'[{"error": 1}]', {}),
    "400 with a text as error": _says(400, b'{"error": "no"}', {}),
    "400 with messages that are none": _says(400, b'{"error": {"@Message.ExtendedInfo": ["no", 1, null]}}', {}),
    "401 for ever": _forgets,
    "403": _says(403, b"", {}),
    "what was sent": _echoes,
    "a redirect with what was sent": _redirects_with_token,
    "redirect elsewhere": _says(302, b"", {"Location": "https://192.0.2.1/login.html"}),
    "redirect in a circle": _says(308, b"", {"Location": "/redfish/v1/"}),
    "silence": _stalls,
    "a byte now and then in the headers": _dribbles_headers,
    "a byte now and then in the body": _dribbles_body,
    "half of the body": _truncates,
    "JSON cut off": _cuts_json,
    "reset before the answer": _resets_before,
    "reset in the headers": _resets_in_headers,
    "reset in the body": _resets_in_body,
    "a body without end": _never_ends,
    "headers without end": _many_headers,
    "no HTTP": _not_http,
    "nothing": _says(200, b"", {}),
    "an empty object": _json({}),
    "a list": _json([]),
    "null": _json(None),
    "a number": _json(7),
    "depth": _says(200, b"[" * 100_000, {"Content-Type": "application/json"}),
    "bytes": _says(200, bytes(range(256)), {"Content-Type": "application/json"}),
    "a system of texts": _json({"Id": "1", "Boot": "x", "Actions": "x", "Status": "x", "Systems": "x", "Links": "x"}),
    "a system of numbers": _json({"Id": 1, "Boot": 2, "Actions": 3, "PowerState": 4, "Members": 5, "Links": 6}),
    "a system of lists": _json(
        {"Id": [], "Boot": [1], "Actions": [2], "PowerState": [3], "Members": [4], "Links": [5]}
    ),
    "a system of nothing": _json({"Id": None, "Boot": None, "Actions": None, "PowerState": None, "Members": None}),
    "links to elsewhere": _json(
        {
            "Id": "1",
            "PowerState": "On",
            "Links": {"Sessions": {"@odata.id": "http://192.0.2.1/steal"}},
            "Members": [{"@odata.id": "http://192.0.2.1/steal"}],
            "Actions": {"#ComputerSystem.Reset": {"target": "http://192.0.2.1/steal"}},
        }
    ),
}
