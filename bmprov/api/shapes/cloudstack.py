"""The extension's calls: CloudStack's payload as it came, and the object that the extension prints."""

from typing import Any

from pydantic import ConfigDict, RootModel

from bmprov.api.shapes.base import Reply


class Payload(RootModel[dict[str, Any]]):
    """The CloudStack payload, without the extension's own settings. Its meaning is `bmprov.payload`'s business."""

    model_config = ConfigDict(frozen=True)


class Answered(Reply):
    """Nothing has to be waited for: `answer` is the object to print."""

    answer: dict[str, Any]
