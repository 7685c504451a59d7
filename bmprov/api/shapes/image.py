"""Images of the catalogue."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from bmprov.api.shapes.base import Reply, Request, Sha256, moment
from bmprov.api.shapes.page import PageOut
from bmprov.model import Arch, BootMode, Image


class ImageUpload(Request):
    """What is known about an image that is being uploaded."""

    sha256: Sha256 | None = Field(None, description="SHA-256 of the bytes that are sent; checked when it is given")
    format: Literal["raw", "raw.zst"] | None = Field(None, description="told by the content when it is not given")
    arch: Arch | None = Field(None, description="told by the image's UEFI loader when it is not given")


class ImageOut(Reply):
    """An image: `sha256` and `size_bytes` are of the stored bytes, the `raw_` ones of the disk's content.

    What is null or empty of `arch`, `layout` and `boot_modes` is not known, and no machine is refused for it.
    """

    id: str
    name: str
    format: str
    arch: Arch | None
    sha256: str
    size_bytes: int
    raw_tree_sha512: str = Field(description="SHA-512 of the SHA-512 digests of its pieces of 4 MiB")
    raw_size_bytes: int
    layout: str = Field(description="the kind of its partition table: `gpt` or `mbr`; empty when it is unknown")
    boot_modes: list[BootMode] | None = Field(description="the firmwares that can boot it; null when that is unknown")
    min_disk_bytes: int = Field(description="the smallest disk that holds it and the instance's data")
    remarks: list[str] = Field(description="what is odd about it, in sentences")
    created_at: datetime

    @classmethod
    def of(cls, image: Image) -> Self:
        """An image as the API shows it."""
        return cls(**{**vars(image), "created_at": moment(image.created_at)})


class ImageList(PageOut):
    """Images by name."""

    images: list[ImageOut]
