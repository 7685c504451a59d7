"""The catalogue's entries. The bytes are on disk, named by their SHA-256."""

from collections import defaultdict
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from bmprov.errors import Conflict
from bmprov.model import Image
from bmprov.store import schema
from bmprov.store.rows import from_image, to_image

_I = schema.images.c
_NAMED = select(schema.images).where((_I.name == bindparam("what")) | (_I.id == bindparam("what")))
_N, _M = schema.instances.c, schema.machines.c


@dataclass(frozen=True)
class Use:
    """An instance that was deployed from an image, and the machine that it has."""

    instance_id: str
    instance: str
    machine: str


class Images:
    """The catalogue in one transaction."""

    def __init__(self, connection: Connection, now: float) -> None:
        self._connection = connection
        self._now = now

    def add(self, image: Image) -> None:
        """Enter an image.

        Raises:
            Conflict: the name is taken.
        """
        try:
            self._connection.execute(insert(schema.images), from_image(image))
        except IntegrityError as error:
            raise Conflict(
                f"there is an image named '{image.name}' already", "choose another name, or remove it first"
            ) from error

    def named(self, name: str) -> Image | None:
        """The image with this name or this id."""
        row = self._connection.execute(_NAMED, {"what": name}).mappings().first()
        return to_image(dict(row)) if row else None

    def all(self) -> list[Image]:
        """All images by name."""
        query = select(schema.images).order_by(schema.images.c.name)
        return [to_image(dict(row)) for row in self._connection.execute(query).mappings()]

    def uses(self) -> dict[str, list[Use]]:
        """The instances of each image that has any, by the image's id; by name of the instance."""
        query = select(_N.image_id, _N.id, _N.name, _M.name).join_from(schema.instances, schema.machines)
        found = defaultdict(list)
        for image_id, *use in self._connection.execute(query.where(_N.image_id.is_not(None)).order_by(_N.name)):
            found[str(image_id)].append(Use(*use))
        return dict(found)

    def set_digest(self, image: Image, raw_tree_sha512: str) -> None:
        """Note the digest of an image's content."""
        row = schema.images.c.id == image.id
        self._connection.execute(update(schema.images).where(row).values(raw_tree_sha512=raw_tree_sha512))

    def remove(self, image: Image) -> bool:
        """Forget an image; True when no other entry names the same bytes, so that they may go too.

        Raises:
            Conflict: an instance uses it.
        """
        try:
            self._connection.execute(delete(schema.images).where(schema.images.c.id == image.id))
        except IntegrityError as error:
            raise Conflict(f"image '{image.name}' is in use by an instance", "delete the instance first") from error
        return (
            self._connection.execute(select(schema.images.c.id).where(schema.images.c.sha256 == image.sha256)).first()
            is None
        )
