"""HTTP for booting machines: loader, iPXE script, ramdisk, CD, image, seed, the ramdisk's calls (docs/ramdisk-api.md).

Plain HTTP, because Debian's and most ROMs' iPXE have no TLS: what is secret is guarded by a token that is good for one
operation from one address, and images are verified by the ramdisk. Every path is made from a token or a fixed name, so
nothing else can be asked for.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, TypeVar

import structlog
from flask import Flask, Response, request
from pydantic import BaseModel, ValidationError
from werkzeug.exceptions import HTTPException

from bmprov.cabling import Neighbour
from bmprov.errors import BmprovError, Retryable
from bmprov.media import FILE
from bmprov.model import Arch, Operation, Report
from bmprov.payload import InstanceRequest, parse_request
from bmprov.queue import JobQueue
from bmprov.store import Store
from bmprov.vault import Vault
from images.blobs import ImageStore
from images.nocloud import DOCUMENTS, documents
from pxe.admission import Admission, Admitted, Denied
from pxe.boot_loop import LIMIT, too_many
from pxe.fetched import FetchLog
from pxe.loaders import RAMDISK_FILES, kernel_arch
from pxe.media import Media, NoMedium
from pxe.netboots import Netboots
from pxe.reports import Failed, Inventory, Progress, Written
from pxe.script import render
from pxe.transfer import Transfers

log = structlog.get_logger()

BODY_LIMIT_BYTES = 2**20
_GIB_BYTES = 2**30
_CALLS = "the ramdisk's calls"
_CallT = TypeVar("_CallT", bound=BaseModel)


@dataclass(frozen=True)
class BootHttp:
    """What the routes work with. `loaders` are files by name, `ramdisk` the folder of kernel and initramfs."""

    store: Store
    vault: Vault
    queue: JobQueue
    images: ImageStore
    loaders: dict[str, Path]
    ramdisk: Path
    http_url: str
    media: Media
    transfers: Transfers
    fetched: FetchLog
    kernel_arguments: str = ""

    @property
    def admission(self) -> Admission:
        """Checks the tokens."""
        return Admission(self.store, self.vault)

    def script(self, token: str) -> Response:
        """`GET /boot/v1/TOKEN/script.ipxe`; `arch` is the machine's where DHCP has seen that it is no x86."""
        admitted = self._admit(token).booting()
        if request.args.get("arch") == Arch.AARCH64 and kernel_arch(self.ramdisk) is Arch.X86_64:
            why = f"the ramdisk is for {Arch.X86_64}, and the machine is {Arch.AARCH64}"
            self._signal(admitted.operation, Failed(why=why).change)
            raise Denied(409, why)
        booted = Netboots(self.queue.redis).count(admitted.operation.id)
        if booted > LIMIT:
            why = too_many(booted)
            self._signal(admitted.operation, Failed(why=why, hardware=True).change)
            raise Denied(410, why)
        log.info("iPXE script", machine=admitted.machine.name, operation=admitted.operation.id, boot=booted)
        self.fetched.served(admitted.operation.id, "iPXE script")
        text = render(admitted.machine.name, admitted.operation.id, self.http_url, token, self.kernel_arguments)
        return Response(text, content_type="text/plain; charset=utf-8")

    def ramdisk_file(self, token: str, name: str) -> Response:
        """`GET /boot/v1/TOKEN/kernel` and `/initrd`."""
        admitted = self._admit(token).booting()
        told = self.fetched.sending(f"ramdisk's {name}", admitted.operation.id)
        return self.transfers.send(self.ramdisk / RAMDISK_FILES[name], told=told)

    def cd(self, token: str) -> Response:
        """`GET /media/v1/TOKEN/bmprov-ramdisk.iso`, with ranges: asked by the machine's BMC."""
        admitted = self.admission.admit(token, None).booting()
        try:
            response = self.media.send(admitted)
        except NoMedium as error:
            why = str(error)[:500]
            if not admitted.operation.report.booted:  # a ramdisk that runs needs it no more
                self._signal(admitted.operation, Failed(why=why).change)
            raise Denied(410, why) from error
        self.fetched.served(admitted.operation.id, "ramdisk's CD, asked for by the BMC", response.content_length)
        return response

    def loader(self, name: str) -> Response:
        """`GET /loaders/NAME`: UEFI HTTP boot."""
        if name not in self.loaders:
            raise Denied(404, f"no loader is named '{name[:100]}'")
        told = self.fetched.sending(f"loader {name}", address=request.remote_addr or "")
        response = self.transfers.send(self.loaders[name], told=told)
        response.mimetype = "application/efi"  # EDK2 boots by this, or by the name's end
        return response

    def image(self, token: str, sha256: str) -> Response:
        """`GET /images/v1/TOKEN/SHA256`, with ranges: the operation's own image and no other."""
        admitted = self._admit(token)
        if admitted.image is None or admitted.image.sha256 != sha256:
            raise Denied(404, f"operation {admitted.operation.id} has no such image")
        told = self.fetched.sending("image", admitted.operation.id)
        return self.transfers.send(self.images.path(sha256), etag=sha256, told=told)

    def seed(self, token: str, name: str) -> Response:
        """`GET /seed/v1/TOKEN/meta-data` and the other NoCloud documents."""
        admitted = self._admit(token)
        if name not in DOCUMENTS or admitted.instance is None:
            raise Denied(404, f"there is no document '{name[:100]}' for this operation")
        asked = self._request(admitted)
        self.fetched.served(admitted.operation.id, "user data and network configuration")
        return Response(documents(asked, admitted.machine.nics)[name], content_type="text/plain; charset=utf-8")

    def deployment(self) -> Response:
        """`GET /ramdisk/v1/deployment`: what the ramdisk is to do."""
        admitted = self._admit(_bearer())
        image = admitted.image
        if image is None:
            raise Denied(404, "the operation has no image")
        self.fetched.served(admitted.operation.id, _CALLS)
        told = {
            "version": 1,
            "machine": admitted.machine.name,
            "operation": admitted.operation.id,
            "image": {
                "url": f"{self.http_url}/images/v1/{admitted.token}/{image.sha256}",
                "format": image.format,
                "sha256": image.sha256,
                "size_bytes": image.size_bytes,
                "raw_tree_sha512": image.raw_tree_sha512,
                "raw_size_bytes": image.raw_size_bytes,
            },
            "seed_url": f"{self.http_url}/seed/v1/{admitted.token}/",
            "disk": self._disk(admitted, max(image.raw_size_bytes, image.min_disk_bytes)),
        }
        return Response(json.dumps(told), content_type="application/json")

    def _disk(self, admitted: Admitted, image_bytes: int) -> dict[str, Any]:
        """What the disk must be; the ramdisk takes the smallest of those that are."""
        asked = self._request(admitted).choice.root_disk
        bounds = {
            "min_size_bytes": max(image_bytes, (asked.min_gib or 0) * _GIB_BYTES),
            "max_size_bytes": asked.max_gib and asked.max_gib * _GIB_BYTES,
        }
        told = bounds | {"serial": asked.serial, "wwn": asked.wwn, "rotational": asked.rotational}
        return {name: value for name, value in told.items() if value is not None}

    def inventory(self) -> Response:
        """`POST /ramdisk/v1/inventory`."""
        admitted = self._admit(_bearer())
        call = _call(Inventory)
        return self._signal(admitted.operation, call.change, call.neighbours(admitted.machine.nics))

    def done(self) -> Response:
        """`POST /ramdisk/v1/done`: refused when what was written is not the image."""
        admitted = self._admit(_bearer())
        call = _call(Written)
        if admitted.image is None or call.raw_tree_sha512 != admitted.image.raw_tree_sha512:
            why = f"what was written has the digest {call.raw_tree_sha512[:16]}… and not the image's"
            return self._signal(admitted.operation, Failed(why=why).change)
        return self._signal(admitted.operation, call.change)

    def failed(self) -> Response:
        """`POST /ramdisk/v1/failed`."""
        admitted = self._admit(_bearer())
        return self._signal(admitted.operation, _call(Failed).change)

    def progress(self) -> Response:
        """`POST /ramdisk/v1/progress`: told every second by every machine, so it touches no table that is written."""
        admitted = self._admit(_bearer())
        self.fetched.served(admitted.operation.id, _CALLS)
        call = _call(Progress)
        try:
            self.queue.set_progress(admitted.operation.id, call.done_bytes, call.total_bytes)
        except Retryable as error:
            log.warning("progress is lost", operation=admitted.operation.id, error=str(error))
        return Response(status=HTTPStatus.NO_CONTENT)

    def _admit(self, token: str) -> Admitted:
        return self.admission.admit(token, request.remote_addr or "")

    def _request(self, admitted: Admitted) -> InstanceRequest:
        if admitted.instance is None:
            raise Denied(404, "the operation has no instance")
        return parse_request(json.loads(self.vault.open(admitted.instance.sealed_payload)))

    def _signal(
        self, operation: Operation, change: Callable[[Report], Report], heard: Sequence[Neighbour] = ()
    ) -> Response:
        self.fetched.served(operation.id, _CALLS)
        with self.store.write() as transaction:
            woken = transaction.operations.signal(operation.id, change)
            if woken is None:
                raise Denied(410, "the token's operation has ended")
            transaction.cabling.hear(heard)
        log.info("ramdisk", operation=operation.id, machine=operation.machine_name, call=request.path)
        try:
            self.queue.nudge(woken)
        except Retryable as error:
            log.warning("no worker was told, watch will", operation=operation.id, error=str(error))
        return Response(status=HTTPStatus.NO_CONTENT)


def create_boot_app(boot: BootHttp) -> Flask:
    """The Flask application of the boot services."""
    app = Flask("bmprov.boot", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = BODY_LIMIT_BYTES
    gets: dict[str, Callable[..., Response]] = {
        "/boot/v1/<token>/script.ipxe": boot.script,
        "/boot/v1/<token>/<any(kernel, initrd):name>": boot.ramdisk_file,
        f"/media/v1/<token>/{FILE}": boot.cd,
        "/loaders/<name>": boot.loader,
        "/images/v1/<token>/<sha256>": boot.image,
        "/seed/v1/<token>/<name>": boot.seed,
        "/ramdisk/v1/deployment": boot.deployment,
    }
    posts: dict[str, Callable[..., Response]] = {
        "/ramdisk/v1/inventory": boot.inventory,
        "/ramdisk/v1/progress": boot.progress,
        "/ramdisk/v1/done": boot.done,
        "/ramdisk/v1/failed": boot.failed,
    }
    for method, routes in (("GET", gets), ("POST", posts)):
        for path, view in routes.items():
            app.add_url_rule(path, endpoint=path, view_func=view, methods=[method])
    for error, handler in (
        (Denied, _denied),
        (ValidationError, _invalid),
        (BmprovError, _fault),
        (HTTPException, _http),
        (Exception, _unforeseen),
    ):
        app.register_error_handler(error, handler)
    return app


def _bearer() -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Denied(401, "there is no bearer token")
    return token.strip()


def _call(kind: type[_CallT]) -> _CallT:
    return kind.model_validate_json(request.get_data(cache=False))


def _problem(status: int, title: str) -> Response:
    told = {"type": "about:blank", "status": status, "title": title}
    return Response(json.dumps(told), status, content_type="application/problem+json")


def _denied(error: Denied) -> Response:
    log.info("boot request denied", client=request.remote_addr, status=error.status, why=error.why)
    answer = _problem(error.status, HTTPStatus(error.status).phrase)
    if error.retry_after_s is not None:
        answer.headers["Retry-After"] = str(error.retry_after_s)
    return answer


def _invalid(error: ValidationError) -> Response:
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = ".".join(str(part) for part in first["loc"]) or "the body"
    return _problem(422, f"{where}: {first['msg']}"[:300])


def _fault(error: BmprovError) -> Response:
    log.warning("boot request failed", client=request.remote_addr, error=str(error))
    return _problem(503, "ask again") if isinstance(error, Retryable) else _problem(500, "failed")


def _http(error: HTTPException) -> Response:
    return _problem(error.code or 500, error.name)


def _unforeseen(error: Exception) -> Response:
    """A fault of ours. Flask's own words for it would have the path in them, and so the token."""
    rule = request.url_rule.rule if request.url_rule else "unknown"
    log.error("boot request met a fault in bmprov", client=request.remote_addr, route=rule, exc_info=error)
    return _problem(500, "failed")
