"""The state of one topic: what has changed in it, and what a page lacks that shows another. No I/O.

A page tells the etag of what it shows. It lacks the regions that differ, as they are now; if regions have come or gone,
nobody can say where in the page they belong, and it must fetch itself anew.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from bmprov.web.live.etag import Checksums, group_of


@dataclass(frozen=True)
class Change:
    """What brings a page to the state that `etag` names: some regions' HTML, or (None) fetching itself anew."""

    etag: str
    regions: Mapping[str, str] | None


class Feed:
    """Begins without regions."""

    def __init__(self) -> None:
        self._regions: dict[str, str] = {}
        self._checksums = Checksums()

    @property
    def etag(self) -> str:
        """The name of the state that was taken last."""
        return self._checksums.etag

    def take(self, regions: Mapping[str, str]) -> Change | None:
        """Take a state that was just looked at; what has changed since the last one, if anything has."""
        changed = {region: html for region, html in regions.items() if self._regions.get(region) != html}
        gone = self._regions.keys() - regions.keys()
        if not changed and not gone:
            return None
        came = changed.keys() - self._regions.keys()
        for region in [*gone, *(changed.keys() - came)]:
            self._checksums.count(region, self._regions.pop(region), -1)
        for region, html in changed.items():
            self._checksums.count(region, html)
            self._regions[region] = html
        return Change(self.etag, None if came or gone else changed)

    def since(self, etag: str) -> Change | None:
        """What a page lacks that shows the state of this etag; None when it lacks nothing."""
        shown = Checksums.read(etag)
        if shown is None or not shown.same_regions(self._checksums):
            return Change(self.etag, None)
        groups = shown.differing(self._checksums)
        if not groups:
            return None
        return Change(self.etag, {one: html for one, html in self._regions.items() if group_of(one) in groups})
