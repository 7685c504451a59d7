#!/usr/bin/python3 -IS
"""bmprov as an orchestrator extension of Apache CloudStack 4.21 and newer.

CloudStack starts `bmprov.py <action> <payload file> <timeout in seconds>` once per call, reads standard output after
the process has ended, and kills the process at the timeout. Each action becomes one HTTPS request to the bmprov
service; `create`, `start`, `stop`, `reboot` and `delete` then poll the operation that the service began, and so does
`prepare` where it began one.

It prints one JSON object and exits 0, or one sentence and exits 1. It writes no other file, nothing to standard error,
follows no redirect, speaks no plain HTTP, and takes its settings from nothing that a user of the cloud can write.

It stays one file, past the length at which we split others, because CloudStack checksums everything beside its entry
point. It keeps to the syntax and standard library of Python 3.6, which EL8 management servers still have. Every import
is paid for by every `status` call, so the rare ones stand in the function that needs them.
"""

import _thread  # `threading` adds nothing that is needed here and takes a millisecond to import
import http.client
import io
import json
import os
import socket
import ssl
import stat
import sys
import time
from urllib.parse import quote, urlsplit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, NoReturn, Optional, Tuple, Union

    from typing_extensions import Buffer

READS = ("status", "statuses", "getconsole")
ORDERS = ("create", "start", "stop", "reboot", "delete")
ACTIONS = ("prepare", *ORDERS, *READS)
CUSTOM_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_")
CUSTOM_LENGTH = 64

SETTINGS = ("endpoint", "token", "ca", "fingerprint")
LEVELS = ("host", "extension", "resourcemap")  # where an operator's details are; the others are a user's
MAAS_KEYS = ("maas_key", "apikey")  # of a MAAS region: they travel to the service and are shown to nobody
INI_PATH = "/etc/bmprov/extension.ini"
SYSLOG_PATH = "/dev/log"

MARGIN_S = 5.0  # kept free before CloudStack's SIGKILL
CANCEL_S = 5.0  # of what remains, kept back by `create` to cancel its deployment
READ_S = 10.0  # a `status` is answered from the store in milliseconds; CloudStack asks for one instance after the other
REQUEST_S = 30.0  # one request; a service that is silent for longer is asked anew
CONNECT_S = 5.0  # one address, so that a dead one leaves time for the next
OTHER_MACHINES = 5  # `prepare` asks so often for another one when the machine that it got was gone
PATIENCE_S = 30.0  # nothing is begun yet and the service is away: long enough for its restart
POLL_MIN_S = 0.2
POLL_MAX_S = 5.0

SHA256_DIGITS = 64
PAYLOAD_BYTES = 16 << 20
ANSWER_BYTES = 16 << 20
SENTENCE_CHARS = 2000
SECRET_CHARS = 8  # what is shorter is no secret, and blotting it out would spoil the words
PAGE_BYTES = 4096
F_SETPIPE_SZ, F_GETPIPE_SZ = 1031, 1032  # linux/fcntl.h; the fcntl module names them from Python 3.10 on

OVERLOADED = (
    http.client.REQUEST_TIMEOUT,
    http.client.TOO_MANY_REQUESTS,
    http.client.BAD_GATEWAY,
    http.client.SERVICE_UNAVAILABLE,
    http.client.GATEWAY_TIMEOUT,
)
DROPPED = (ConnectionError, http.client.IncompleteRead, ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
POWER_STATES = ("poweron", "poweroff", "unknown")
UNDER_WAY = ("queued", "running", "waiting")
ENDED = ("succeeded", "failed", "cancelled")

clock = time.monotonic


class Failure(Exception):
    """Why the action failed, and what to check. It ends the action."""

    def __init__(self, why: str, check: str = "") -> None:
        super().__init__(why, check)
        self.why = why
        self.check = check

    def __str__(self) -> str:
        return self.why + ": " + self.check if self.check else self.why


class Unavailable(Failure):
    """The service is away or overloaded, and may be back in a moment. `sent`: it may have seen the request."""

    def __init__(self, why: str, check: str, *, sent: bool) -> None:
        super().__init__(why, check)
        self.sent = sent


class Busy(Failure):
    """Another operation is ending on the machine; the service said after how many seconds to ask again."""

    def __init__(self, why: str, check: str, after_s: float) -> None:
        super().__init__(why, check)
        self.after_s = after_s


class Nonsense(Failure):
    """What answered is not bmprov's API: a proxy's page, another program, a bug."""


# --- what CloudStack hands over ---------------------------------------------------------------------------------------


class Call:
    """One call by CloudStack: the action, the payload, and when it must have ended."""

    def __init__(self, arguments: "List[str]", started: float) -> None:
        try:
            self.action, self.path, timeout = arguments
        except ValueError:
            raise Failure(
                f"bmprov.py got {len(arguments)} arguments instead of 3",
                "CloudStack calls it as `bmprov.py <action> <payload file> <timeout in seconds>`",
            ) from None
        self.custom = self.action not in ACTIONS  # any other name is a custom action, which the service knows or not
        if self.custom and not (set(self.action) <= CUSTOM_CHARS and 0 < len(self.action) <= CUSTOM_LENGTH):
            raise Failure(f"bmprov has no action {self.action[:64]!r}", "it has " + ", ".join(ACTIONS))
        self.timeout_s = _seconds(timeout)
        self.end = started + self.timeout_s - min(MARGIN_S, self.timeout_s / 2)
        self.payload: "Dict[str, Any]" = {}
        self.instance = ""
        self.name = ""

    def read(self) -> None:
        """Read the payload; every action but `statuses` must name its instance."""
        self.payload = _read_payload(self.path)
        instance, name = self.payload.get("virtualmachineid"), self.payload.get("virtualmachinename")
        self.instance = instance if isinstance(instance, str) else ""
        self.name = name if isinstance(name, str) else self.instance
        if self.action != "statuses" and not self.instance:
            raise Failure("the payload has no `virtualmachineid`", "CloudStack 4.21 or newer writes it")

    def details(self, level: str) -> "Mapping[str, Any]":
        """`externaldetails.<level>`, or nothing where CloudStack sends nothing."""
        external = self.payload.get("externaldetails")
        found = external.get(level) if isinstance(external, dict) else None
        return found if isinstance(found, dict) else {}

    def secrets(self) -> "List[str]":
        """The keys of MAAS regions, and their last parts, which are the secrets in them."""
        found = [self.details(level).get(key) for level in LEVELS for key in MAAS_KEYS]
        keys = [key.strip() for key in found if isinstance(key, str)]
        return [text for key in keys for text in (key, key.rpartition(":")[2]) if len(text) >= SECRET_CHARS]

    def body(self) -> bytes:
        """The payload as the service gets it: without the settings, so that a token is in no body and no log."""
        payload = dict(self.payload)
        if self.custom:
            payload["action"] = self.action
        external = payload.get("externaldetails")
        if isinstance(external, dict):
            payload["externaldetails"] = {level: _without_settings(level, found) for level, found in external.items()}
        return json.dumps(payload, separators=(",", ":")).encode("ascii")


def _seconds(text: str) -> int:
    """CloudStack's timeout. Below 10 s only half of it is used, because 5 s before the end would leave nothing."""
    try:
        seconds = int(text)
    except ValueError:
        seconds = 0
    if seconds <= 0:
        raise Failure(f"the timeout {text[:32]!r} is no number of seconds", "CloudStack passes it third")
    return seconds


def _read_payload(path: str) -> "Dict[str, Any]":
    try:
        text = _read_file(path, PAYLOAD_BYTES)
    except OSError as error:
        raise Failure(
            f"the payload file {path} cannot be read ({error.strerror or error})",
            "its owner must be the user that runs this extension, `cloud`",
        ) from None
    try:
        payload = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise Failure(f"the payload file {path} is not JSON", "its disk may be full") from None
    if not isinstance(payload, dict):
        raise Failure(f"the payload file {path} holds no JSON object", "CloudStack writes one")
    return payload


def _read_file(path: str, limit: int) -> bytes:
    """A regular file's content. Not blocking on anything else: opening a FIFO would wait for its writer for ever."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, "not a regular file")
        content = file.read(limit + 1)
    if len(content) > limit:
        raise OSError(0, f"larger than {limit >> 20} MiB")
    return content


def _without_settings(level: str, details: object) -> object:
    if not isinstance(details, dict):
        return details
    kept = ("endpoint",) if level in LEVELS and _tells_apikey(details) else ()
    return {key: value for key, value in details.items() if key in kept or key not in SETTINGS}


def _tells_apikey(level: "Mapping[str, Any]") -> bool:
    """Whether `endpoint` is a MAAS region's: beside `apikey`, as CloudStack's built-in MaaS extension has both."""
    return _text(level, "apikey") != ""


def _text(level: "Mapping[str, Any]", key: str) -> str:
    value = level.get(key)
    return value.strip() if isinstance(value, str) else ""


# --- settings ---------------------------------------------------------------------------------------------------------


class Settings:
    """Where the service is, the token, and how its certificate is checked."""

    def __init__(self, found: "Mapping[str, str]") -> None:
        self.host, self.port, self.prefix = _endpoint(found.get("endpoint", ""))
        self.token = _token(found.get("token", ""))
        self.ca = found.get("ca", "")
        self.fingerprint = _fingerprint(found.get("fingerprint", ""))
        self.service = f"bmprov at {self.host}:{self.port}"


def read_settings(call: Call) -> Settings:
    """The host's details, then the extension's, then the file; never the instance's, which a user writes.

    `ca` and `fingerprint` are taken together from the first of them that has either, so that a host with its own
    certificate needs not be checked against the extension's too. An `endpoint` beside an `apikey` is a MAAS region's.

    Raises:
        Failure: a setting is missing or wrong, or nobody can tell whose an `endpoint` is.
    """
    for name in LEVELS:
        if all(_text(call.details(name), key) for key in ("endpoint", "apikey", "token")):
            raise Failure(
                f"the {name}'s details have `endpoint` with `apikey` and `token`, so it may be MAAS's or bmprov's",
                "name the MAAS region by `maas_url` and `maas_key` instead",
            )
    found: "Dict[str, str]" = {}
    for level in (call.details("host"), call.details("extension")):
        _overlay(found, level)
    if not {"endpoint", "token"} <= set(found) or not set(found) & {"ca", "fingerprint"}:
        _overlay(found, _read_ini(os.environ.get("BMPROV_EXTENSION_INI", INI_PATH)))
    return Settings(found)


def _overlay(found: "Dict[str, str]", level: "Mapping[str, Any]") -> None:
    pinned = bool(set(found) & {"ca", "fingerprint"})
    for key in SETTINGS:
        value = "" if key == "endpoint" and _tells_apikey(level) else _text(level, key)
        if value and not (pinned and key in ("ca", "fingerprint")):
            found.setdefault(key, value)


def _read_ini(path: str) -> "Mapping[str, str]":
    """The section `[bmprov]` of the settings file; nothing when there is no file."""
    try:
        text = _read_file(path, 1 << 20).decode("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Failure(f"the settings file {path} cannot be read ({why})", "the user `cloud` must be able to") from None
    import configparser

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(text)
        return dict(parser.items("bmprov"))
    except configparser.Error:  # its text would quote the line, and the line may be the token's
        raise Failure(
            f"the settings file {path} is not understood", "it needs a section [bmprov] with `key = value` lines"
        ) from None


def _endpoint(text: str) -> "Tuple[str, int, str]":
    check = "set the detail `endpoint` of the extension or of the host, such as https://bmprov.example:8443"
    if not text:
        raise Failure("the extension has no endpoint", check)
    try:
        url = urlsplit(text)
        port = url.port or 443
    except ValueError:
        raise Failure("the endpoint is no address", check) from None
    if url.scheme != "https":
        raise Failure("the endpoint is not https, and the token would travel readable", check)
    if not url.hostname or not _is_plain(text) or url.username is not None or url.query or url.fragment:
        raise Failure("the endpoint is more or less than https://host:port", check)
    return url.hostname, port, url.path.rstrip("/")


def _token(text: str) -> str:
    check = "make one with `bmprov token create` and set the detail `token` of the extension or of the host"
    if not text:
        raise Failure("the extension has no token", check)
    if not _is_plain(text):
        raise Failure("the token has characters that no token has", check)
    return text


def _is_plain(text: str) -> bool:
    return all("!" <= letter <= "~" for letter in text)


def _fingerprint(text: str) -> str:
    """A SHA-256 fingerprint in any of its spellings (`sha256:AA:BB…`, OpenSSL's `sha256 Fingerprint=AA:BB…`)."""
    digits = text.rpartition("=")[2].lower().replace("sha256", "")
    digits = "".join(letter for letter in digits if letter not in ":- ")
    if digits and (len(digits) != SHA256_DIGITS or digits.strip("0123456789abcdef")):
        raise Failure(
            "the detail `fingerprint` is no SHA-256 fingerprint", f"it has {SHA256_DIGITS} hexadecimal digits"
        )
    return digits


# --- the service ------------------------------------------------------------------------------------------------------


class Wire:
    """A TLS connection of which every operation ends by a deadline, however slowly the other side trickles.

    It is what `http.client` needs of a socket: a socket's own timeout begins anew with every byte received.
    """

    def __init__(self, tls: ssl.SSLSocket, end: float) -> None:
        self.tls = tls
        self.end = end

    def limit(self) -> None:
        """Give the socket what is left."""
        self.tls.settimeout(_left(self.end))

    def sendall(self, data: bytes) -> None:
        """Send all of it."""
        view = memoryview(data)
        while view:
            self.limit()
            view = view[self.tls.send(view) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A file that reads the next answer."""
        return io.BufferedReader(_Reader(self))

    def close(self) -> None:
        """Close it; an answer that is being read goes on."""
        self.tls.close()


class _Reader(io.RawIOBase):
    """Reads one answer. Its `SocketIO` keeps the connection open for the rest of an answer that is its last."""

    def __init__(self, wire: Wire) -> None:
        super().__init__()
        self._wire = wire
        self._raw = wire.tls.makefile("rb", buffering=0)
        # a service that sends head and body apart would wait 40 ms for our delayed ACK (Nagle, RFC 1122 4.2.3.4)
        wire.tls.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "Buffer") -> "Optional[int]":
        self._wire.limit()
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class Connection(http.client.HTTPConnection):
    """An HTTP/1.1 connection to the service, made when it is first needed and made anew when it was dropped."""

    default_port = 443
    wire: "Optional[Wire]" = None
    reached = False  # whether the service may have seen the request

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.host, settings.port)
        self.settings = settings
        self.context = _context(settings)
        self.end = 0.0

    def connect(self) -> None:
        """Connect; `http.client` calls it when there is no connection."""
        tcp = _connect(self.settings.host, self.settings.port, self.end)
        try:
            tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            tcp.settimeout(_left(self.end))
            tls = self.context.wrap_socket(tcp, server_hostname=self.settings.host)
            _check_fingerprint(self.settings, tls)
        except BaseException:
            tcp.close()
            raise
        self.sock = self.wire = Wire(tls, self.end)
        self.reached = True

    def until(self, end: float) -> None:
        """The deadline of the next request."""
        self.end = end
        self.reached = self.sock is not None
        if self.wire is not None:
            self.wire.end = end


def _context(settings: Settings) -> ssl.SSLContext:
    """Checks the chain and the host name; with a fingerprint alone, that instead.

    Its minimum is the TLS 1.2 of the system's policy: naming it needs Python 3.7, or options that are deprecated.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if settings.fingerprint:
        context.check_hostname = False
    if settings.ca:
        try:
            context.load_verify_locations(cafile=settings.ca)
        except (OSError, ValueError):
            raise Failure(
                f"the CA file {settings.ca} holds no certificate that can be read",
                "the detail `ca` is the path of a PEM file on this management server",
            ) from None
    elif settings.fingerprint:
        context.verify_mode = ssl.CERT_NONE
    else:
        context.load_default_certs()
    return context


def _check_fingerprint(settings: Settings, tls: ssl.SSLSocket) -> None:
    if not settings.fingerprint:
        return
    import hashlib

    shown = hashlib.sha256(tls.getpeercert(True) or b"").hexdigest()
    if shown != settings.fingerprint:
        raise Failure(
            f"bmprov at {settings.host}:{settings.port} shows another certificate than the pinned one",
            f"it was renewed or something else answers there; if it is right, set `fingerprint` to {shown}",
        )


def _connect(host: str, port: int, end: float) -> socket.socket:
    """A TCP connection to the first address that answers."""
    error: OSError = socket.timeout("timed out")
    for family, kind, protocol, _, address in _resolve(host, port, end):
        tcp = socket.socket(family, kind, protocol)
        try:
            tcp.settimeout(min(_left(end), CONNECT_S))
            tcp.connect(address)
        except OSError as refused:
            tcp.close()
            error = refused
        else:
            return tcp
    raise error


def _resolve(host: str, port: int, end: float) -> "List[Any]":
    """`getaddrinfo` in a thread, because a name server that is silent blocks it beyond any deadline."""
    found: "List[Union[List[Any], Exception]]" = []
    done = _thread.allocate_lock()
    done.acquire()

    def ask() -> None:
        try:
            found.append(socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found.append(error)
        finally:
            done.release()

    _thread.start_new_thread(ask, ())
    if not done.acquire(True, _left(end)):
        raise socket.timeout(f"the name {host} was not resolved in time")
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


def _left(end: float) -> float:
    left = end - clock()
    if left <= 0:
        raise socket.timeout("timed out")
    return left


class Service:
    """bmprov's REST API, over one connection that polls share. What it tells of our `secrets` is blotted out here."""

    def __init__(self, settings: Settings, secrets: "List[str]") -> None:
        self._settings = settings
        self._secrets = secrets
        self._connection = Connection(settings)

    def post(self, path: str, body: bytes, by: float) -> "Dict[str, Any]":
        """Ask for something. Always on a new connection: on one that idled nobody knows whether it arrived."""
        self._connection.close()
        return self._request("POST", path, body, by)

    def get(self, path: str, by: float) -> "Dict[str, Any]":
        """Read something; once more at once when the kept connection had been closed in the meantime."""
        kept = self._connection.sock is not None
        try:
            return self._request("GET", path, None, by)
        except Unavailable:
            if not kept or self._connection.sock is not None:
                raise
            return self._request("GET", path, None, by)

    def _request(self, method: str, path: str, body: "Optional[bytes]", by: float) -> "Dict[str, Any]":
        begun = clock()
        self._connection.until(min(by, begun + REQUEST_S))
        try:
            answer = self._exchange(method, path, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._connection.close()
            raise _trouble(self._settings, error, sent=self._connection.reached, waited_s=clock() - begun) from None
        return self._judge(*answer)

    def _exchange(
        self, method: str, path: str, body: "Optional[bytes]"
    ) -> "Tuple[int, http.client.HTTPMessage, bytes]":
        headers = {"Authorization": "Bearer " + self._settings.token, "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self._connection.request(method, self._settings.prefix + "/api/v1" + path, body, headers)
        except (BrokenPipeError, ConnectionResetError):
            # a service that refuses a large body answers and closes before it has read it
            if not self._connection.reached:
                raise
        response = self._connection.getresponse()
        content = response.read(ANSWER_BYTES + 1)
        if response.length and len(content) <= ANSWER_BYTES:
            raise http.client.IncompleteRead(content)
        return response.status, response.headers, content

    def _judge(self, status: int, headers: "http.client.HTTPMessage", content: bytes) -> "Dict[str, Any]":
        """The JSON object of a success; every other answer is one of our errors."""
        if len(content) > ANSWER_BYTES:
            self._connection.close()  # the rest of it is still to come
            raise Nonsense(
                f"{self._settings.service} answered more than {ANSWER_BYTES >> 20} MiB", "check the endpoint"
            )
        reply = _object(content, self._secrets)
        if status in (http.client.OK, http.client.ACCEPTED) and reply is not None:
            return reply
        if http.client.MULTIPLE_CHOICES <= status < http.client.BAD_REQUEST:
            raise Failure(
                f"{self._settings.service} redirects to another address, where the token must not go",
                "set `endpoint` to the address of the service itself",
            )
        self._refused(status, headers, reply or {})
        raise Nonsense(f"{self._settings.service} answered {status} and not with bmprov's JSON", "check the endpoint")

    def _refused(self, status: int, headers: "http.client.HTTPMessage", problem: "Mapping[str, Any]") -> None:
        """Raise what a problem document (RFC 9457) says."""
        why, check = _words(problem.get("detail")), _words(problem.get("check"))
        after_s = _retry_after(headers.get("Retry-After"))
        if status == http.client.CONFLICT and after_s is not None:
            raise Busy(why or "another operation is ending on the machine", check, after_s)
        if status in OVERLOADED:
            raise Unavailable(
                f"{self._settings.service} answered {status}" + (f", {why}" if why else ""),
                check or "`bmprov serve` must run there",
                sent=status in (http.client.BAD_GATEWAY, http.client.GATEWAY_TIMEOUT),
            )
        if status == http.client.UNAUTHORIZED:
            raise Failure(
                f"{self._settings.service} does not know the token", "set the detail `token` to one that is not revoked"
            )
        if why and status >= http.client.BAD_REQUEST:
            raise (Nonsense if status >= http.client.INTERNAL_SERVER_ERROR else Failure)(why, check)


def _trouble(settings: Settings, error: Exception, *, sent: bool, waited_s: float) -> Failure:
    """The words for a connection that failed."""
    service, reason = settings.service, getattr(error, "reason", None)
    if isinstance(error, ssl.CertificateError) or reason == "CERTIFICATE_VERIFY_FAILED":
        return Failure(
            f"the certificate of {service} is not trusted ({_verify_message(error)})",
            "set the detail `ca` or `fingerprint` to its own, and `endpoint` to a name that is in it",
        )
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_NONAME:
        return Nonsense(f"the name {settings.host} is unknown", "check the endpoint and this management server's DNS")
    if isinstance(error, socket.timeout):
        why = f"{service} did not answer within {waited_s:.1f} s"
    elif isinstance(error, DROPPED):
        why = f"{service} {'closed' if sent else 'refused'} the connection"
    elif isinstance(error, OSError) and not isinstance(error, ssl.SSLError):
        why = f"{service} is not reachable ({error.strerror or 'no connection'})"
    else:
        return Nonsense(
            f"{service} does not speak HTTPS ({reason or 'bad answer'})", "check host and port of the endpoint"
        )
    return Unavailable(why, "`bmprov serve` must run there and be reachable from this management server", sent=sent)


def _verify_message(error: Exception) -> str:
    return _words(getattr(error, "verify_message", "")) or "it does not match"


def _object(content: bytes, secrets: "List[str]") -> "Optional[Dict[str, Any]]":
    try:
        reply = json.loads(_without_secrets(content.decode("utf-8"), secrets))
    except (ValueError, RecursionError):
        return None
    return reply if isinstance(reply, dict) else None


def _without_secrets(text: str, secrets: "List[str]") -> str:
    for secret in secrets:
        text = text.replace(secret, "***")
    return text


def _retry_after(text: "Optional[str]") -> "Optional[float]":
    """Seconds; a date is not what bmprov sends."""
    try:
        after_s = float(text or "")
    except ValueError:
        return None
    return max(POLL_MIN_S, min(POLL_MAX_S, after_s))


def _words(text: object) -> str:
    """Text of the service on one line, without control characters."""
    if not isinstance(text, str):
        return ""
    line = " ".join(text.split())
    return "".join(letter for letter in line if letter.isprintable())[:SENTENCE_CHARS].rstrip(".")


# --- operations -------------------------------------------------------------------------------------------------------


class Operation:
    """What the service says about an operation.

    Raises:
        Nonsense: it says something else.
    """

    def __init__(self, found: object) -> None:
        fields = found if isinstance(found, dict) else {}
        self.id = _words(fields.get("id"))
        self.state = _words(fields.get("state"))
        self.step = _words(fields.get("step"))
        self.machine = _words(fields.get("machine"))
        self.waiting_for = _words(fields.get("waiting_for"))
        self.error = _words(fields.get("error"))
        self.check = _words(fields.get("check"))
        self.message = _words(fields.get("message"))
        self.answer: "Any" = fields.get("answer")  # a table or an object of a custom action, or what `prepare` prints
        if not self.id or self.state not in UNDER_WAY + ENDED:
            raise Nonsense("the service answered without an operation", "check that the endpoint is bmprov's own")

    def wants_another(self) -> bool:
        """Whether it failed because its machine was gone, so that asking anew gets another one."""
        return self.state == "failed" and isinstance(self.answer, dict) and self.answer.get("again") is True


class Action:
    """Carries out one call. What it learns on the way (the operation) is what a failure then names."""

    def __init__(self, call: Call, service: Service) -> None:
        self._call = call
        self._service = service
        self.operation: "Optional[Operation]" = None

    def run(self) -> "Dict[str, Any]":
        """The JSON object for CloudStack."""
        action, end = self._call.action, self._call.end
        path = "/cloudstack/" + ("custom" if self._call.custom else action)
        if action in READS:
            reply = self._service.post(path, self._call.body(), min(end, clock() + READ_S))
            return _checked(action, reply.get("answer"))
        by = end - min(CANCEL_S, (end - clock()) / 4) if action == "create" else end
        for _ in range(OTHER_MACHINES if action == "prepare" else 0):
            try:
                return self._carry_out(path, by)
            except Failure:
                if not (self.operation and self.operation.wants_another() and _pause(POLL_MIN_S, by)):
                    raise
                self.operation = None
        return self._carry_out(path, by)

    def _carry_out(self, path: str, by: float) -> "Dict[str, Any]":
        reply = self._order(path, self._call.body(), by)
        if "operation" not in reply:
            return _checked(self._call.action, reply.get("answer"))
        return self._follow(Operation(reply["operation"]), by)

    def _order(self, path: str, body: bytes, by: float) -> "Dict[str, Any]":
        """POST until the service has taken it. The service knows an order that is repeated by its instance."""
        begun = clock()
        perhaps = False
        while True:
            try:
                return self._service.post(path, body, by)
            except Busy as busy:
                begun = clock()
                if not _pause(busy.after_s, by):
                    raise
            except Unavailable as trouble:
                perhaps = perhaps or trouble.sent
                # an order that got lost may have been carried out; a reboot hurts when it is done twice, and so do
                # some custom actions
                twice = trouble.sent and (self._call.custom or self._call.action == "reboot")
                if twice or clock() - begun > PATIENCE_S or not _pause(_delay(begun), by):
                    doubt = ", and whether the order was taken is not known" if perhaps else ""
                    raise Failure(trouble.why + doubt, trouble.check) from None

    def _follow(self, operation: Operation, by: float) -> "Dict[str, Any]":
        """Poll until the operation has ended. A restart of the service in between is waited out."""
        self.operation = operation
        begun = clock()
        trouble: "Optional[Failure]" = None
        while operation.state not in ENDED:
            if not _pause(_delay(begun), by):
                return self._out_of_time(operation, trouble)
            try:
                reply = self._service.get("/operations/" + quote(operation.id, safe=""), by)
                operation, trouble = Operation(reply.get("operation", reply)), None
            except (Unavailable, Busy, Nonsense) as error:
                trouble = error
            except Failure as error:
                raise Failure(error.why + ", and the operation goes on unwatched", error.check) from None
            self.operation = operation
        return self._outcome(operation)

    def _outcome(self, operation: Operation) -> "Dict[str, Any]":
        if operation.state == "succeeded":
            if self._call.action == "prepare":
                return _checked("prepare", operation.answer)
            done = f"{self._call.action} of {self._call.name} succeeded on machine {operation.machine}"
            if self._call.custom:
                return {"status": "success", "message": operation.answer or operation.message, "printmessage": "true"}
            return {"status": "success", "message": operation.message or done}
        reason = "it was cancelled" if operation.state == "cancelled" else "no reason was given"
        check = operation.check or f"`bmprov operation show {operation.id}` has the timeline"
        raise Failure(operation.error or reason, check)

    def _out_of_time(self, operation: Operation, trouble: "Optional[Failure]") -> "Dict[str, Any]":
        why = f"it did not end within the {self._call.timeout_s} s that CloudStack gives"
        if operation.waiting_for:
            why += f" (it waits for {operation.waiting_for})"
        if trouble is not None:
            why += f" (at the end {trouble.why})"
        if self._call.action == "prepare":
            raise Failure(
                why + " and goes on; its reservation runs out by itself",
                f"start the instance again, and `bmprov operation show {operation.id}` has its progress",
            )
        if self._call.action != "create":
            raise Failure(why + " and goes on", f"`bmprov operation show {operation.id}` has its progress")
        return self._cancel(operation, why)

    def _cancel(self, operation: Operation, why: str) -> "Dict[str, Any]":
        """Cancel a deployment that CloudStack no longer waits for; it may have ended at the last moment."""
        path = f"/operations/{quote(operation.id, safe='')}/cancel"
        begun = clock()
        while True:
            try:
                reply = self._service.post(path, b"{}", self._call.end)
                cancelled = Operation(reply.get("operation", reply))
                break
            except (Unavailable, Busy) as error:
                if not _pause(_delay(begun), self._call.end):
                    raise _not_cancelled(operation, why, error) from None
            except Failure as error:
                raise _not_cancelled(operation, why, error) from None
        if cancelled.state == "succeeded":
            return self._outcome(cancelled)
        did = "was cancelled" if cancelled.state in ENDED else "is being cancelled"
        raise Failure(
            f"{why}, so the deployment {did}",
            f"raise CloudStack's global setting `wait`; `bmprov operation show {operation.id}` has the timeline",
        )


def _not_cancelled(operation: Operation, why: str, error: Failure) -> Failure:
    return Failure(
        f"{why}, and the deployment could not be cancelled ({error.why})",
        f"cancel it with `bmprov operation cancel {operation.id}`",
    )


def _delay(begun: float) -> float:
    """An eighth of the time waited so far: quick for a power change, sparing for a deployment."""
    return min(max((clock() - begun) / 8, POLL_MIN_S), POLL_MAX_S)


def _pause(seconds: float, by: float) -> bool:
    """Wait, unless that would go beyond the deadline."""
    if clock() + seconds >= by:
        return False
    time.sleep(seconds)  # the polling interval itself
    return True


def _checked(action: str, answer: object) -> "Dict[str, Any]":
    """An answer that CloudStack will understand; a wrong power report could stop an instance."""
    if not isinstance(answer, dict) or not _makes_sense(action, answer):
        raise Nonsense(f"the service answered {action} without its answer", "compare the versions of both")
    return answer


def _makes_sense(action: str, answer: "Mapping[str, Any]") -> bool:
    if action == "prepare":
        return True
    power = answer.get("power_state")
    if action == "status":
        fits = power in POWER_STATES
    elif action == "getconsole":
        console = answer.get("console")
        fits = isinstance(console, dict) and isinstance(console.get("url"), str)
    elif action == "statuses":
        fits = isinstance(power, dict) and all(state in POWER_STATES for state in power.values())
    else:
        fits = True
    return fits and answer.get("status") == "success"


# --- what CloudStack gets back ----------------------------------------------------------------------------------------


def print_answer(answer: "Mapping[str, Any]") -> None:
    """One JSON object to standard output.

    Raises:
        Failure: it is larger than the pipe can be made; nothing was written.
    """
    content = json.dumps(answer, separators=(",", ":")).encode("ascii") + b"\n"
    _make_room(len(content))
    _write(content)


def _make_room(size: int) -> None:
    """Make the pipe hold the answer: CloudStack reads it only after this process has ended (pipe(7)).

    A pipe is smaller than 64 KiB when its user has many (`/proc/sys/fs/pipe-user-pages-soft`).
    """
    if size <= PAGE_BYTES or not stat.S_ISFIFO(os.fstat(1).st_mode):
        return
    import fcntl

    if fcntl.fcntl(1, F_GETPIPE_SZ) >= size:
        return
    try:
        fcntl.fcntl(1, F_SETPIPE_SZ, size)
    except OSError:
        raise Failure(
            f"the answer of {size >> 10} KiB does not fit into the pipe to CloudStack",
            "raise /proc/sys/fs/pipe-max-size, or spread the instances over more CloudStack hosts",
        ) from None


def _write(content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(1, view) :]


def _sentence(call: "Optional[Call]", operation: "Optional[Operation]", failure: Failure) -> str:
    """The failure as CloudStack shows it: what failed, on which machine, in which step, why, and what to check."""
    if call is None:
        return _words(str(failure)) + "."
    what = f"{call.action} of {call.name}" if call.name else call.action
    if operation is not None:
        what += f" on machine {operation.machine}" if operation.machine else ""
        what += f" in step '{operation.step}'" if operation.step else ""
    return _words(f"{what} failed: {failure}") + "."


def _log(call: Call, operation: "Optional[Operation]", outcome: str, started: float) -> None:
    """One line to syslog (RFC 3164), never waiting for it. No text of payload or service: it might hold a secret."""
    fields = [call.action, "instance=" + _plain(call.instance), "name=" + _plain(call.name), "outcome=" + outcome]
    if operation is not None:
        fields += ["machine=" + _plain(operation.machine), "operation=" + _plain(operation.id)]
        fields.append("step=" + _plain(operation.step.replace(" ", "-")))
    fields.append(f"ms={(clock() - started) * 1000:.0f}")
    level = 30 if outcome == "success" else 28  # facility daemon, severities info and warning
    line = f"<{level}>bmprov-extension[{os.getpid()}]: {' '.join(fields)}"
    log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        log.setblocking(False)
        log.connect(SYSLOG_PATH)
        log.send(line.encode("utf-8", "replace"))
    except OSError:
        pass  # without a syslog daemon the call matters more than its line
    finally:
        log.close()


def _plain(text: str) -> str:
    return "".join(letter for letter in text[:128] if letter.isalnum() or letter in "-_.") or "-"


def main(arguments: "List[str]", started: float) -> int:
    """One call by CloudStack; the exit code."""
    call: "Optional[Call]" = None
    action: "Optional[Action]" = None
    failure: "Optional[Failure]" = None
    secrets: "List[str]" = []
    try:
        call = Call(arguments, started)
        call.read()
        secrets = call.secrets()
        settings = read_settings(call)
        secrets.append(settings.token)
        action = Action(call, Service(settings, secrets))
        print_answer(action.run())
    except Failure as error:
        failure = error
    except Exception as error:  # noqa: BLE001 # CloudStack shows what is printed: a sentence helps, a traceback does not
        place = error.__traceback__.tb_next if error.__traceback__ else None
        where = f"{type(error).__name__} near line {place.tb_lineno if place else 0}"
        failure = Failure(f"the extension stopped on an unforeseen {where}", "report it to bmprov's makers")
    operation = action.operation if action else None
    if failure:
        text = _without_secrets(_sentence(call, operation, failure), secrets)
        _write(text.encode("utf-8", "replace") + b"\n")
    if call:
        _log(call, operation, type(failure).__name__.lower() if failure else "success", started)
    return 1 if failure else 0


def run() -> "NoReturn":
    """The process. It ends without Python's own clean-up, which would wait for what no longer matters."""
    started = clock()
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # CloudStack merges standard error into the answer
    code = 1
    try:
        code = main(sys.argv[1:], started)
    finally:
        os._exit(code)


if __name__ == "__main__":
    run()
