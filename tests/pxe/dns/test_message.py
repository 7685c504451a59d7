"""Questions and answers as bytes, judged by dnspython."""

import random

import dns.edns
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dnslib
import pytest
from hypothesis import example, given
from hypothesis import strategies as some

from pxe.dns.message import (
    BAD_VERSION,
    HEADER,
    NO_ERROR,
    A,
    BadQueryError,
    Query,
    answers,
    parse,
    question_for_another,
    reply,
    truncated,
)


def asked(name: str = "rack1-07.bmprov.internal.", kind: str = "A", **more: bool | int) -> bytes:
    return dns.message.make_query(name, kind, id=4711, **more).to_wire()


def good(data: bytes) -> bytes | None:
    """What is made of a packet: the reply, or what a malformed one is told."""
    try:
        query = parse(data)
    except BadQueryError as error:
        return error.reply
    record = dnslib.RR(dnslib.DNSLabel(query.labels), A, rdata=dnslib.A("10.1.0.9"), ttl=5)
    return reply(query, NO_ERROR, [record], ours=True)


def test_a_question_is_read_and_answered() -> None:
    """As it was asked: its id, its letters, its wish for recursion; and EDNS only to who has it."""
    question = dns.message.make_query("Rack1-07.BMPROV.internal.", "A", use_edns=0, payload=4096, want_dnssec=True)
    query = parse(question.to_wire())
    assert (query.name, query.kind, query.group) == ("rack1-07.bmprov.internal", 1, 1)
    assert (query.recursion, query.dnssec, query.limit_bytes) == (True, True, 1232)
    told = dns.message.from_wire(good(question.to_wire()) or b"")
    assert question.is_response(told)
    assert str(told.answer[0]) == "Rack1-07.BMPROV.internal. 5 IN A 10.1.0.9"
    assert told.flags & dns.flags.AA
    assert told.edns == 0
    plain = dns.message.from_wire(good(asked()) or b"")
    assert plain.edns == -1


def test_an_edns_of_the_future_is_told_ours() -> None:
    """RFC 6891, 6.1.3."""
    query = parse(dns.message.make_query("x.", "A", use_edns=1).to_wire())
    assert query.edns_version == 1
    assert dns.message.from_wire(reply(query, BAD_VERSION)).rcode() == dns.rcode.BADVERS


def test_what_is_too_long_says_so() -> None:
    """The question, and the bit that makes resolvers ask by TCP."""
    question = dns.message.make_query("x.example.", "TXT", use_edns=0)
    told = dns.message.from_wire(truncated(parse(question.to_wire())))
    assert question.is_response(told)
    assert told.flags & dns.flags.TC
    assert not told.answer


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", None),
        (asked()[:11], None),
        (asked()[:20], dns.rcode.FORMERR),
        (dns.message.make_response(dns.message.from_wire(asked())).to_wire(), None),
        (dns.message.Message(id=7).to_wire(), dns.rcode.FORMERR),
        (HEADER.pack(7, 0, 1, 0, 0, 0) + b"\xc0\x0c\0\1\0\1", dns.rcode.FORMERR),
        (HEADER.pack(7, 0, 1, 0, 0, 0) + b"\x3f" + b"a" * 63 + b"\xc0\0\0\1\0\1", dns.rcode.FORMERR),
        (HEADER.pack(7, 0, 1, 0, 0, 0) + b"\x41" + b"a" * 65 + b"\0\0\1\0\1", dns.rcode.FORMERR),
        (HEADER.pack(7, 0, 1, 0, 0, 0) + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\1\0\1", dns.rcode.FORMERR),
        (HEADER.pack(7, 0x2000, 0, 0, 0, 0), dns.rcode.NOTIMP),
        (HEADER.pack(7, 0, 2, 0, 0, 0) + asked()[12:] * 2, dns.rcode.FORMERR),
    ],
)
def test_what_is_no_question_is_told_so_or_nothing(data: bytes, code: int | None) -> None:
    """Never an answer to an answer; names that point elsewhere, or are longer than DNS has, are malformed."""
    told = good(data)
    assert (dns.message.from_wire(told).rcode() if told else None) == code


@given(some.binary(max_size=600))
@example(HEADER.pack(7, 0, 1, 0, 0, 1) + b"\0\0\1\0\1" + b"\0\0\x29\xff")
def test_no_bytes_break_it(data: bytes) -> None:
    """Whatever comes, it is a question or a `BadQueryError`."""
    told = good(HEADER.pack(7, 0, 1, 0, 0, 1) + data)
    assert told is None or told[:2] == b"\0\7"
    assert good(data) is None or len(data) >= HEADER.size


@given(some.integers(0, 200), some.integers(0, 255), some.randoms(use_true_random=False))
def test_no_changed_byte_breaks_it(place: int, value: int, chance: random.Random) -> None:
    """A good packet with a byte of any field changed, or cut off there."""
    whole = bytearray(asked(use_edns=0, payload=1400))
    whole[place % len(whole)] = value
    data = bytes(whole[: chance.choice([len(whole), place % len(whole)])])
    told = good(data)
    assert told is None or (told[:2] == data[:2] and told[2] & 0x80)


def query(data: bytes) -> Query:
    return parse(data)


@given(some.integers(0, 65535), some.booleans(), some.booleans())
def test_the_question_for_another_is_the_same(number: int, edns: bool, dnssec: bool) -> None:  # noqa: FBT001
    """And only an answer with its id and its question is one to it."""
    mine = query(asked("www.Example.", "AAAA", use_edns=0 if edns else False, want_dnssec=edns and dnssec))
    passed = dns.message.from_wire(question_for_another(mine, number))
    assert (passed.id, passed.flags, passed.edns >= 0) == (number, dns.flags.RD, edns)
    assert passed.question[0].to_text() == "www.Example. IN AAAA"
    assert bool(passed.ednsflags & dns.flags.DO) == (edns and dnssec)
    told = dns.message.make_response(passed).to_wire()
    assert answers(told, mine, number)
    assert answers(told.replace(b"Example", b"exAMPLE"), mine, number)
    assert not answers(told, mine, (number + 1) % 65536)
    assert not answers(question_for_another(mine, number), mine, number)
    other = query(asked("www.Example.", "A", use_edns=False))
    assert not answers(told, other, number)
    assert not answers(told, query(asked("w.Example.", "AAAA")), number)
