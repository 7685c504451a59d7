"""Sentences on pages: what is to be typed stands out, words of the trade have their tips, and all else is text."""

from bmprov.web.glossary import GLOSSARY
from bmprov.web.looks import explained, prose


def test_what_is_to_be_typed() -> None:
    assert prose("see `bmprov <x>`, then wait") == "see <code>bmprov &lt;x&gt;</code>, then wait"


def test_words_of_the_trade_have_tips() -> None:
    """But not where they are a part of a command, or of another word."""
    told = explained("the ramdisk <b> of `--boot ramdisk` is on no VLAN, BMCs or not")
    assert told.count("<button") == 2
    assert 'popovertarget="tip-ramdisk">ramdisk</button> &lt;b&gt; of <code>--boot ramdisk</code>' in told
    assert told.endswith('popovertarget="tip-VLAN">VLAN</button>, BMCs or not')


def test_each_has_a_meaning() -> None:
    told = explained("BMC DHCP iPXE MAC NIC PXE ramdisk TFTP VLAN")
    tips = {part.partition('"')[0] for part in told.split('popovertarget="tip-')[1:]}
    assert len(tips) == 9
    assert tips <= GLOSSARY.keys()
