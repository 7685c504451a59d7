"""The Images page: what machines can be deployed with, who uses it, and taking it away."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, flash, redirect
from markupsafe import Markup
from werkzeug.wrappers import Response

from bmprov.errors import Conflict
from bmprov.model import Image
from bmprov.orders.catalogue import no_image, remove_image
from bmprov.roles import ADMINS, READERS
from bmprov.services import Services
from bmprov.store import Transaction
from bmprov.store.images import Use
from bmprov.web.live.topic import Topics, page_state
from bmprov.web.render import page, part
from bmprov.web.visitor import allowed, visitor

TOPIC = "images"


@dataclass(frozen=True)
class Entry:
    """An image of the catalogue, and the instances that were deployed from it."""

    image: Image
    uses: Sequence[Use]


class Catalogue:
    """The topic of the page: one region, the list."""

    every_s: float | None = None

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:
        """The list of the images by name."""
        uses = transaction.images.uses()
        entries = [Entry(image, uses.get(image.id, ())) for image in transaction.images.all()]
        return {"images-list": part("images_parts.html", "catalogue", entries)}


class ImagesPage:
    """The page at `/images`."""

    def __init__(self, services: Services, topics: Topics) -> None:
        self._services = services
        self._topic = Catalogue()
        topics.add(TOPIC, self._topic)

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        web.add_url_rule("/images", view_func=self.images)
        web.add_url_rule("/images/<name>/remove", "confirm_image_removal", self.confirm_removal, methods=["GET"])
        web.add_url_rule("/images/<name>/remove", "remove_image", self.remove, methods=["POST"])

    @allowed(READERS)
    def images(self) -> str:
        """The page."""
        with self._services.store.read() as transaction:
            state = page_state(TOPIC, self._topic, transaction)
        return page("images.html", title="Images", state=state)

    @allowed(ADMINS)
    def confirm_removal(self, name: str) -> str:
        """What removing an image means, and the button that does it."""
        with self._services.store.read() as transaction:
            image = transaction.images.named(name)
            if image is None:
                raise no_image(name)
            uses = transaction.images.uses().get(image.id, [])
        return page("image_remove.html", title=f"Remove image {image.name}", image=image, uses=uses)

    @allowed(ADMINS)
    def remove(self, name: str) -> Response:
        """Remove it, unless an instance uses it."""
        try:
            remove_image(self._services.store, self._services.images, name, visitor().caller)
        except Conflict as refused:
            flash(f"Nothing was removed: {refused.why}. {refused.check[:1].upper()}{refused.check[1:]}.", "bad")
        else:
            flash(f"Image {name} is removed.", "good")
        return redirect("/images", 303)
