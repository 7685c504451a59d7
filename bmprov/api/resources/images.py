"""Routes of images: the catalogue's entries are rows, their bytes are in the image store."""

import hashlib
import uuid
from dataclasses import replace
from http import HTTPMethod
from io import BufferedReader

from bmprov.api.body import Body
from bmprov.api.routing import API, route
from bmprov.api.shapes.base import Key, Label
from bmprov.api.shapes.image import ImageList, ImageOut, ImageUpload
from bmprov.api.shapes.page import PageQuery, page_of
from bmprov.errors import BmprovError, Conflict, Invalid
from bmprov.model import Image
from bmprov.orders import Caller
from bmprov.orders.catalogue import LOCK, no_image, remove_image
from bmprov.roles import ADMINS, READERS
from bmprov.services import Services
from bmprov.store import Transaction
from images.blobs import Blob
from images.layout import Layout
from images.ramdisk.agent.settling import SEED_BYTES

_ALL = f"{API}/images"
_ONE = f"{_ALL}/{{name}}"
_SEED_ROOM_BYTES = SEED_BYTES + 2 * 2**20  # it begins at a whole MiB, and leaves the last one to GPT's backup


class Images:
    """Disk images that machines can be deployed with."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @route(HTTPMethod.PUT, _ONE, roles=ADMINS, answers={200: ImageOut})
    def put(self, name: Label, query: ImageUpload, upload: Body, caller: Caller) -> ImageOut:
        """Add an image: the body is its bytes, of any length.

        A name is never given to other bytes: an instance would not be what its image is. The same bytes under the same
        name again are answered like the first time, so that an upload may be tried again.
        """
        known = self._named(name)
        if known is not None:
            return ImageOut.of(_same(known, hashlib.file_digest(upload, "sha256").hexdigest()))
        blob = self._services.images.add(BufferedReader(upload), expected_sha256=query.sha256, format=query.format)
        try:
            described = self._described(name, query, blob)
            with self._services.store.write() as transaction:
                transaction.one_at_a_time(LOCK)
                image = self._enter(transaction, described)
                detail = f"{name}, sha256 {blob.sha256}"
                transaction.events.add("image added", actor=caller.name, origin=caller.origin, detail=detail)
        except BmprovError:
            self._drop(blob)
            raise
        return ImageOut.of(image)

    @route(HTTPMethod.GET, _ALL, roles=READERS, answers={200: ImageList})
    def all(self, query: PageQuery) -> ImageList:
        """List the images by name."""
        with self._services.store.read() as transaction:
            every = transaction.images.all()
        images, after = page_of(every, query, "images", (str,), lambda image: (image.name,))
        return ImageList(images=[ImageOut.of(image) for image in images], next=after)

    @route(HTTPMethod.GET, _ONE, roles=READERS, answers={200: ImageOut})
    def one(self, name: Key) -> ImageOut:
        """Show an image."""
        image = self._named(name)
        if image is None:
            raise no_image(name)
        return ImageOut.of(image)

    @route(HTTPMethod.DELETE, _ONE, roles=ADMINS, answers={204: None})
    def remove(self, name: Key, caller: Caller) -> None:
        """Remove an image that no instance uses."""
        remove_image(self._services.store, self._services.images, name, caller)

    def _drop(self, blob: Blob) -> None:
        """Remove bytes that came and were not entered, unless another name has them."""
        with self._services.store.write() as transaction:
            transaction.one_at_a_time(LOCK)
            if all(image.sha256 != blob.sha256 for image in transaction.images.all()):
                self._services.images.remove(blob.sha256)

    def _described(self, name: str, query: ImageUpload, blob: Blob) -> Image:
        """The image as it will be entered. A layout that cannot be read is no reason to refuse it."""
        image = Image(
            id="",
            name=name,
            format=blob.format,
            sha256=blob.sha256,
            size_bytes=blob.size_bytes,
            raw_tree_sha512=blob.raw_tree_sha512,
            raw_size_bytes=blob.raw_size_bytes,
            arch=query.arch,
            min_disk_bytes=blob.raw_size_bytes,
        )
        try:
            return _with_layout(image, self._services.images.layout(blob))
        except Invalid as error:
            return replace(image, remarks=(f"its layout is unknown: {error.why}",))

    def _named(self, name: str) -> Image | None:
        with self._services.store.read() as transaction:
            return transaction.images.named(name)

    def _enter(self, transaction: Transaction, image: Image) -> Image:
        """The entry of bytes that are in the store.

        Raises:
            Conflict: another request took the name, or removed the same bytes, while they were being sent.
        """
        known = transaction.images.named(image.name)
        if known is not None:
            return _same(known, image.sha256)
        if not self._services.images.has(image.sha256):
            raise Conflict(f"the bytes of image '{image.name}' were removed by another request", "send them again")
        image = replace(image, id=str(uuid.uuid4()), created_at=transaction.now)
        transaction.images.add(image)
        return image


def _with_layout(image: Image, found: Layout) -> Image:
    """What was told when it was added wins over what the loaders say, and that is remarked."""
    odd = image.arch and found.arch and image.arch is not found.arch
    remark = (f"it was added as {image.arch}, and its loader is for {found.arch}",) if odd else ()
    return replace(
        image,
        arch=image.arch or found.arch,
        layout=found.table.value,
        boot_modes=found.boot_modes,
        min_disk_bytes=found.min_disk_bytes + _SEED_ROOM_BYTES,
        remarks=(*found.remarks, *remark),
    )


def _same(known: Image, sha256: str) -> Image:
    if known.sha256 != sha256:
        raise Conflict(f"there is an image named '{known.name}' already", "choose another name, or remove it first")
    return known
