"""MAAS regions: how they are added, changed and shown. An API key comes in and never goes out."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr

from bmprov.api.shapes.base import Label, Line, Reply, Request, Trust, moment, moment_or_none
from bmprov.api.shapes.page import PageOut
from bmprov.errors import Invalid
from bmprov.maas_login import region_key, region_url
from bmprov.model import Erase, Region
from bmprov.orders import NewRegion, RegionChange

_TRUST = "the certificate's SHA-256 fingerprint, or a CA file on the workers; empty: their CAs"
_ZONE = "where its machines are; empty: MAAS's own zones say"
_CLOUD = "the only cloud that may use its machines; empty: any may"
_ERASE = "what MAAS does to the disks of a machine that is given back"
_NETWORKS = "whether VLANs and subnets that MAAS lacks may be made there"


def _url(text: str) -> str:
    try:
        return region_url(text)
    except Invalid as error:
        raise ValueError(str(error)) from None


def _key(secret: SecretStr) -> SecretStr:
    try:
        return SecretStr(region_key(secret.get_secret_value()))
    except Invalid as error:
        raise ValueError(str(error)) from None


Url = Annotated[Line, AfterValidator(_url), Field(examples=["http://maas.example:5240/MAAS"])]
Secret = Annotated[
    SecretStr,
    AfterValidator(_key),
    Field(max_length=1000, json_schema_extra={"writeOnly": True}, description="the API key of a user of MAAS, a:b:c"),
]
Cloud = Annotated[Line, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?)?$", description=_CLOUD)]


class RegionIn(Request):
    """A region to add."""

    name: Label | None = Field(None, description="else it gets its host's name")
    url: Url
    key: Secret
    trust: Trust = Field("", description=_TRUST)
    site: Label = Field("default", description="whose workers call it")
    zone: Line = Field("", description=_ZONE)
    cloud: Cloud = ""
    erase: Erase = Field(Erase.NONE, description=_ERASE)
    create_networks: bool = Field(False, description=_NETWORKS)

    def to_order(self) -> NewRegion:
        """The region as it is ordered."""
        same = {name: getattr(self, name) for name in RegionIn.model_fields if name not in ("name", "key")}
        return NewRegion(name=self.name or "", key=self.key.get_secret_value(), **same)


class RegionPatch(Request):
    """What is to change about a region; what is left out, or null, stays as it is."""

    url: Url | None = None
    key: Secret | None = None
    trust: Trust | None = Field(None, description=_TRUST)
    site: Label | None = None
    zone: Line | None = Field(None, description=_ZONE)
    cloud: Cloud | None = None
    erase: Erase | None = Field(None, description=_ERASE)
    create_networks: bool | None = Field(None, description=_NETWORKS)

    def to_order(self) -> RegionChange:
        """The change as it is ordered."""
        same = {name: getattr(self, name) for name in RegionPatch.model_fields if name != "key"}
        return RegionChange(key=self.key.get_secret_value() if self.key else None, **same)


class RegionOut(Reply):
    """A region, without its key. `error` says why its machines could not be listed since `read_at`."""

    id: str
    name: str
    url: str
    trust: str
    site: str
    zone: str
    cloud: str | None
    erase: Erase
    create_networks: bool
    machines: int
    read_at: datetime | None
    error: str | None
    version: str | None
    created_at: datetime

    @classmethod
    def of(cls, region: Region, machines: int) -> Self:
        """A region, and how many machines it has."""
        return cls(
            id=region.id,
            name=region.name,
            url=region.url,
            trust=region.trust,
            site=region.site,
            zone=region.zone,
            cloud=region.cloud or None,
            erase=region.erase,
            create_networks=region.create_networks,
            machines=machines,
            read_at=moment_or_none(region.read_at),
            error=region.error or None,
            version=region.version or None,
            created_at=moment(region.created_at),
        )


class RegionList(PageOut):
    """Regions by name."""

    regions: list[RegionOut]
