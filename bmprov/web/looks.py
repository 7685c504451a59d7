"""What all templates may use: times, sizes, where files are, and the words that need a tip."""

import re
from collections.abc import Callable
from datetime import UTC, datetime

from flask import Flask
from markupsafe import Markup, escape

from bmprov.quantities import memory, size, span
from bmprov.step_words import plain
from bmprov.web.assets import Assets
from bmprov.web.badge import Badge
from bmprov.web.doings import asked, doing
from bmprov.web.glossary import GLOSSARY

_JARGON = re.compile(r"\b(BMC|DHCP|iPXE|MAC|NIC|PXE|ramdisk|TFTP|VLAN)\b")


def install(app: Flask, assets: Assets, badge: Badge) -> None:
    """Give these to every template."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters |= {"moment": moment, "ago": ago, "size": size, "span": span, "memory": memory}
    app.jinja_env.filters |= {"doing": doing, "asked": asked, "plain": plain, "prose": prose, "explained": explained}
    app.jinja_env.globals |= {"asset": assets.url, "glossary": GLOSSARY, "badge": badge.told}


def moment(seconds: float | None) -> Markup:
    """A time as `<time>`, in UTC until the page's script has put it into the reader's own zone."""
    return _time(seconds, "clock")


def ago(seconds: float | None) -> Markup:
    """A time as `<time>` that the page's script keeps as `3 min ago`; the HTML itself never ages."""
    return _time(seconds, "ago")


def prose(words: str) -> Markup:
    """A sentence in which `what stands so` is something to type."""
    return _typed(words, escape)


def explained(words: str) -> Markup:
    """The same, in which words of the trade have their tips."""
    return _typed(words, _with_tips)


def _typed(words: str, told: Callable[[str], Markup]) -> Markup:
    code = Markup("<code>{}</code>")
    parts = (code.format(part) if number % 2 else told(part) for number, part in enumerate(words.split("`")))
    return Markup("").join(parts)


def _with_tips(words: str) -> Markup:
    term = Markup('<button type="button" class="term" popovertarget="tip-{0}">{0}</button>')
    parts = (term.format(part) if number % 2 else escape(part) for number, part in enumerate(_JARGON.split(words)))
    return Markup("").join(parts)


def _time(seconds: float | None, how: str) -> Markup:
    if seconds is None:
        return Markup("never")
    at = datetime.fromtimestamp(seconds, UTC)
    return Markup('<time datetime="{}" data-show="{}">{:%Y-%m-%d %H:%M:%S} UTC</time>').format(
        at.isoformat(timespec="milliseconds"), how, at
    )
