"""A DNS question as bytes in, a record out; and answers as bytes.

RFC 1035, 4 (layout), RFC 6891 (EDNS), RFC 2181, 5.2 and 11. Records are packed by dnslib. What else is in a question's
packet, beside header, question and EDNS, is not looked at.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from dnslib import EDNS0, RR, DNSBuffer, DNSError, DNSHeader, DNSLabel, DNSQuestion, DNSRecord

HEADER = struct.Struct("!HHHHHH")
_OPT = struct.Struct("!HHBBHH")
RESPONSE, _AUTHORITATIVE, TRUNCATED, _DESIRED, _AVAILABLE, _CHECKING_OFF = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x10
_OPT_KIND, _DNSSEC_OK = 41, 0x8000
_LABEL_BYTES, _NAME_BYTES = 63, 255
PLAIN_BYTES = 512  # RFC 1035, 4.2.1: the longest answer by UDP to who does not say more
EDNS_BYTES = 1232  # what passes every path unfragmented (DNS flag day 2020)

NO_ERROR, FORM_ERROR, SERVER_FAILURE, NO_SUCH_NAME, NOT_IMPLEMENTED, REFUSED, BAD_VERSION = 0, 1, 2, 3, 4, 5, 16
A, NS, SOA, PTR, AAAA, IXFR, AXFR, ANY = 1, 2, 6, 12, 28, 251, 252, 255
INTERNET = 1


@dataclass(frozen=True)
class Query:
    """A question. `raw` are its bytes as they came; `edns_bytes` is how much the asker takes by UDP, if it says so."""

    id: int
    labels: tuple[bytes, ...]
    kind: int
    group: int
    raw: bytes
    recursion: bool = False
    checking_off: bool = False
    edns_bytes: int | None = None
    edns_version: int = 0
    dnssec: bool = False

    @property
    def name(self) -> str:
        """The name in lower case, without the last dot; bytes beyond ASCII are in nobody's name here."""
        return b".".join(self.labels).decode("ascii", "replace").lower()

    @property
    def limit_bytes(self) -> int:
        """How long an answer by UDP may be."""
        return PLAIN_BYTES if self.edns_bytes is None else max(PLAIN_BYTES, min(self.edns_bytes, EDNS_BYTES))


class BadQueryError(ValueError):
    """The bytes are no question that can be answered. `reply` is what the asker is told; None says nothing at all."""

    def __init__(self, why: str, reply: bytes | None) -> None:
        super().__init__(why)
        self.reply = reply


def parse(data: bytes) -> Query:
    """The question in `data`.

    Raises:
        BadQueryError: there is none. The only error of this function, whatever the bytes are.
    """
    if len(data) < HEADER.size:
        raise BadQueryError(f"{len(data)} bytes are too few", None)
    number, flags, questions, answers, authorities, more = HEADER.unpack_from(data)
    if flags & RESPONSE:
        raise BadQueryError("it is an answer", None)  # to answer those would let two servers talk for ever
    if flags >> 11 & 15:
        raise BadQueryError("only questions are answered", _bare(number, flags, NOT_IMPLEMENTED))
    if (questions, answers, authorities) != (1, 0, 0):
        raise BadQueryError("not one question", _bare(number, flags, FORM_ERROR))
    try:
        labels, kind, group, end = _question(data)
    except ValueError as error:
        raise BadQueryError(str(error), _bare(number, flags, FORM_ERROR)) from error
    told = _edns(data[end:]) if more else None
    return Query(
        id=number,
        labels=labels,
        kind=kind,
        group=group,
        raw=data[HEADER.size : end],
        recursion=bool(flags & _DESIRED),
        checking_off=bool(flags & _CHECKING_OFF),
        edns_bytes=told[0] if told else None,
        edns_version=told[1] if told else 0,
        dnssec=bool(told and told[2]),
    )


def reply(query: Query, code: int, found: Sequence[RR] = (), about: Sequence[RR] = (), *, ours: bool = False) -> bytes:
    """An answer of ours: the records `found`, and `about` who says so. `ours` says that nobody knows better."""
    bits = RESPONSE | (_AUTHORITATIVE if ours else 0) | _echoed(query) | code & 15
    question = DNSQuestion(DNSLabel(query.labels), query.kind, query.group)
    record = DNSRecord(DNSHeader(id=query.id, bitmap=bits), q=question)
    record.add_answer(*found)
    record.add_auth(*about)
    if query.edns_bytes is not None:
        record.add_ar(EDNS0(udp_len=EDNS_BYTES, ext_rcode=code >> 4))
    return bytes(record.pack())


def truncated(query: Query) -> bytes:
    """The answer that says: ask again by TCP."""
    whole = bytearray(reply(query, NO_ERROR))
    whole[2] |= TRUNCATED >> 8
    return bytes(whole)


def with_recursion(answer: bytes) -> bytes:
    """An answer that says that other names may be asked for too."""
    return answer[:3] + bytes([answer[3] | _AVAILABLE]) + answer[4:]


def question_for_another(query: Query, number: int) -> bytes:
    """The same question, to a server that is to find the answer."""
    bits = _DESIRED | (_CHECKING_OFF if query.checking_off else 0)
    asked = HEADER.pack(number, bits, 1, 0, 0, int(query.edns_bytes is not None)) + query.raw
    if query.edns_bytes is None:
        return asked
    return asked + b"\0" + _OPT.pack(_OPT_KIND, EDNS_BYTES, 0, 0, _DNSSEC_OK if query.dnssec else 0, 0)


def answers(data: bytes, query: Query, number: int) -> bool:
    """Whether `data` is an answer to `question_for_another(query, number)`."""
    end = HEADER.size + len(query.raw)
    if len(data) < end:
        return False
    told, flags, questions, *_ = HEADER.unpack_from(data)
    echoed = data[HEADER.size : end]
    same = echoed[:-4].lower() == query.raw[:-4].lower() and echoed[-4:] == query.raw[-4:]
    return told == number and bool(flags & RESPONSE) and questions == 1 and same


def code_of(data: bytes) -> int:
    """The response code of an answer."""
    return data[3] & 15


def is_truncated(data: bytes) -> bool:
    """Whether an answer says that there is more by TCP."""
    return bool(data[2] << 8 & TRUNCATED)


def passed_on(data: bytes, query: Query) -> bytes:
    """Another's answer, as the answer to `query`; never one of authority."""
    return query.id.to_bytes(2) + bytes([data[2] & ~(_AUTHORITATIVE >> 8)]) + data[3:]


def _question(data: bytes) -> tuple[tuple[bytes, ...], int, int, int]:
    buffer = DNSBuffer(data)
    buffer.offset = HEADER.size
    try:
        question = DNSQuestion.parse(buffer)
    except (DNSError, ValueError) as error:
        raise ValueError(f"no question ({error})") from error
    labels: tuple[bytes, ...] = question.qname.label
    name_bytes = sum(len(label) + 1 for label in labels) + 1
    if name_bytes > _NAME_BYTES or any(len(label) > _LABEL_BYTES for label in labels):
        raise ValueError("the name is too long")
    if buffer.offset != HEADER.size + name_bytes + 4:  # nothing precedes a question that it could point to
        raise ValueError("the name is compressed")
    return labels, question.qtype, question.qclass, buffer.offset


def _edns(data: bytes) -> tuple[int, int, bool] | None:
    """Size, version and DNSSEC's flag, from the first additional record, where every client puts them."""
    if len(data) < 1 + _OPT.size or data[0]:
        return None
    kind, size, _, version, flags, _ = _OPT.unpack_from(data, 1)
    return (size, version, bool(flags & _DNSSEC_OK)) if kind == _OPT_KIND else None


def _echoed(query: Query) -> int:
    return (_DESIRED if query.recursion else 0) | (_CHECKING_OFF if query.checking_off else 0)


def _bare(number: int, flags: int, code: int) -> bytes:
    return HEADER.pack(number, RESPONSE | flags & 0x7900 | code, 0, 0, 0, 0)
