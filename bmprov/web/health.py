"""The Health page: what is wrong, worst first, with what to check; then how each part of the service is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import Blueprint, jsonify
from markupsafe import Markup
from werkzeug.wrappers import Response

from bmprov.census import SilentBmc
from bmprov.health import Checkup, Facts, Trouble, troubles
from bmprov.health.facts import LeftAlone
from bmprov.roles import READERS
from bmprov.services import Services
from bmprov.signs import Part, Sign
from bmprov.store import Transaction
from bmprov.web.badge import Badge
from bmprov.web.live.topic import Topics, page_state
from bmprov.web.render import page, part
from bmprov.web.visitor import allowed

TOPIC = "health"
_PARTS = "health_parts.html"
_CARDS = ("bmcs", "sweeps", "work", "processes", "stores", "drift", "peers")


@dataclass(frozen=True)
class Silence:
    """A machine whose BMC does not answer, and whether it is left alone for a while (None: it is asked as ever)."""

    bmc: SilentBmc
    left_alone: LeftAlone | None


@dataclass(frozen=True)
class Picture:
    """The facts as the page shows them."""

    facts: Facts
    troubles: tuple[Trouble, ...]
    silences: tuple[Silence, ...]

    @classmethod
    def of(cls, facts: Facts) -> "Picture":
        """The picture of these facts."""
        return cls(facts, tuple(troubles(facts, facts.at)), tuple(_silences(facts)))

    @property
    def sites(self) -> frozenset[str]:
        """Their names."""
        return frozenset(self.facts.census.sites) if self.facts.census else frozenset()

    @property
    def workers(self) -> list[Sign]:
        """The workers that are alive."""
        return [one for one in self.facts.pulse.processes if one.part is Part.WORKER] if self.facts.pulse else []

    @property
    def others(self) -> list[Sign]:
        """The other processes that are alive."""
        return [one for one in self.facts.pulse.processes if one.part is not Part.WORKER] if self.facts.pulse else []


class Wellbeing:
    """The topic of the page: a region of what is wrong, and one for each part of the service."""

    every_s: float | None = 5.0

    def __init__(self, checkup: Checkup) -> None:
        self._checkup = checkup

    def look(self, transaction: Transaction) -> Mapping[str, Markup]:  # noqa: ARG002 - the facts have their own
        """The regions; what could not be asked says so in its own."""
        picture = Picture.of(self._checkup.facts())
        return {f"health-{name}": part(_PARTS, name, picture) for name in ("troubles", *_CARDS)}


class HealthPage:
    """The page at `/health`."""

    def __init__(self, services: Services, topics: Topics, badge: Badge) -> None:
        self._services = services
        self._badge = badge
        self._topic = Wellbeing(services.checkup)
        topics.add(TOPIC, self._topic)

    def register(self, web: Blueprint) -> None:
        """Add the views."""
        web.add_url_rule("/health", view_func=self.health)
        web.add_url_rule("/health/badge", "health_badge", self.tally)

    @allowed(READERS)
    def health(self) -> str:
        """The page."""
        with self._services.store.read() as transaction:
            state = page_state(TOPIC, self._topic, transaction)
        return page("health.html", title="Health", state=state, cards=_CARDS)

    @allowed(READERS)
    def tally(self) -> Response:
        """How many troubles there are, for the menus of open pages."""
        told = self._badge.told()
        return jsonify(errors=told.errors, warnings=told.warnings)


def _silences(facts: Facts) -> Iterator[Silence]:
    left_alone = {one.address: one for one in facts.pulse.left_alone} if facts.pulse else {}
    for bmc in facts.census.silent if facts.census else ():
        yield Silence(bmc, left_alone.get(bmc.address))
