"""Taking an image out of the catalogue: its entry, and its bytes when no other entry has the same."""

from bmprov.errors import NotFound
from bmprov.orders.desk import Caller
from bmprov.store import Store
from images.blobs import ImageStore

LOCK = "images"
"""What changes the catalogue waits for one another under this name, for rows and files cannot change at once."""


def remove_image(store: Store, images: ImageStore, name: str, caller: Caller) -> None:
    """Remove an image, by its name or id.

    Raises:
        NotFound: there is none.
        Conflict: an instance uses it.
    """
    with store.write() as transaction:
        transaction.one_at_a_time(LOCK)
        image = transaction.images.named(name)
        if image is None:
            raise no_image(name)
        detail = f"{image.name}, sha256 {image.sha256}"
        transaction.events.add("image removed", actor=caller.name, origin=caller.origin, detail=detail)
        if transaction.images.remove(image):
            images.remove(image.sha256)


def no_image(name: str) -> NotFound:
    """There is no such image."""
    return NotFound(f"there is no image '{name}'", "look with `bmprov image list`")
