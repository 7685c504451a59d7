"""The documents of a BMC that speaks Redfish, as JSON: vendors leave out what sushy's classes require."""

from collections.abc import Mapping
from typing import Any

from sushy.exceptions import ResourceNotFoundError

from bmprov.errors import BmcRefused
from bmprov.power import BmcLogin

_MOST_MEMBERS = 64

Document = Mapping[str, Any]


class Documents:
    """The documents of a BMC. What is linked and is not there is left out."""

    def __init__(self, system: Any, login: BmcLogin) -> None:  # noqa: ANN401 - sushy has no types
        self.system: Document = system.json
        self._wire = system._conn  # noqa: SLF001 - sushy gives no other way to what it has no class for
        self._login = login

    def get(self, reference: object) -> Document:
        """What a link leads to; nothing when it leads nowhere."""
        path = reference.get("@odata.id") if isinstance(reference, Mapping) else None
        if not isinstance(path, str):
            return {}
        try:
            found = self._wire.get(path).json()
        except ResourceNotFoundError:
            return {}
        return found if isinstance(found, Mapping) else {}

    def linked(self, name: str) -> list[Document]:
        """The documents that the system links to by this name."""
        references = (self.system.get("Links") or {}).get(name) or []
        return [found for reference in references[:_MOST_MEMBERS] if (found := self.get(reference))]

    def service(self, name: str) -> Document:
        """A service of the root."""
        return self.get(self.get({"@odata.id": "/redfish/v1/"}).get(name))

    def members(self, reference: object) -> list[Document]:
        """The members of a collection, whether they come with it or must be fetched one by one."""
        members = self.get(reference).get("Members") or []
        whole = [member for member in members if isinstance(member, Mapping) and set(member) > {"@odata.id"}]
        return whole or [found for member in members[:_MOST_MEMBERS] if (found := self.get(member))]

    def offered(self, document: Document, action: str) -> list[str]:
        """The kinds of reset that an action offers."""
        told = (document.get("Actions") or {}).get(f"#{action}") or {}
        offered: list[str] = told.get("ResetType@Redfish.AllowableValues") or []
        return offered

    def has(self, document: Document, action: str) -> bool:
        """Whether a document offers an action."""
        return bool(self._target(document, action))

    def act(self, document: Document, action: str, what: str, body: Mapping[str, Any]) -> None:
        """Do an action of a document."""
        target = self._target(document, action)
        if not target:
            raise BmcRefused(f"BMC {self._login.address} has no way to {what}", "look for a newer firmware of the BMC")
        self._wire.post(target, data=dict(body))

    def patch(self, document: Document, body: Mapping[str, Any]) -> None:
        """Change a document."""
        path = document["@odata.id"]
        etag = self._wire.get(path).headers.get("ETag")
        self._wire.patch(path, data=dict(body), etag=etag)

    def keep_secret(self, word: str) -> None:
        """Let nothing of what the BMC answers to a request carry this word on."""
        self._wire.keep_secret(word)

    @staticmethod
    def _target(document: Document, action: str) -> str:
        told = (document.get("Actions") or {}).get(f"#{action}") or {}
        return str(told.get("target") or "")
