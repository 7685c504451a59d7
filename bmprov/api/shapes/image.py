"""Images of the catalogue."""

from datetime import datetime
from typing import Literal, Self

from pydantic import Field

from bmprov.api.shapes.base import Reply, Request, Sha256, moment
from bmprov.model import Arch, Image


class ImageUpload(Request):
    """What is known about an image that is being uploaded."""

    sha256: Sha256 | None = Field(None, description="SHA-256 of the bytes that are sent; checked when it is given")
    format: Literal["raw", "raw.zst"] | None = Field(None, description="told by the content when it is not given")
    arch: Arch = Arch.X86_64


class ImageOut(Reply):
    """An image: `sha256` and `size_bytes` are of the stored bytes, the `raw_` ones of the disk's content."""

    id: str
    name: str
    format: str
    arch: Arch
    sha256: str
    size_bytes: int
    raw_sha256: str
    raw_size_bytes: int
    created_at: datetime

    @classmethod
    def of(cls, image: Image) -> Self:
        """An image as the API shows it."""
        return cls(**{**vars(image), "created_at": moment(image.created_at)})


class ImageList(Reply):
    """Images by name."""

    images: list[ImageOut]
