"""Rendering a page: its template inside the frame that all pages share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import current_app, g, render_template
from markupsafe import Markup


@dataclass(frozen=True)
class State:
    """What a live page shows when it is first painted: its topic, the topic's etag, and its regions as HTML by id."""

    topic: str
    etag: str
    regions: Mapping[str, str] = field(default_factory=dict)


def page(template: str, *, title: str, state: State | None = None, **more: Any) -> str:  # noqa: ANN401 - a template's
    """A page in its frame. `state` makes it live."""
    g.lives = state is not None
    return render_template(template, title=title, state=state, visitor=g.get("visitor"), **more)


def part(template: str, macro: str, *arguments: Any) -> Markup:  # noqa: ANN401 - a macro's
    """One macro of a template as HTML: how a topic renders a region. It has what `looks.py` installs; no request."""
    module = current_app.jinja_env.get_template(template).module
    return Markup(getattr(module, macro)(*arguments))  # noqa: S704 - a macro escapes what is written into it
