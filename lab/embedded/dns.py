"""Resolvers: DNS over UDP and TCP as a recursive server answers, with the faults of `lab.world.Resolver`."""

from __future__ import annotations

import fnmatch
import functools
import itertools
import socket
import struct
import threading
import time

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from lab.embedded import sockets
from lab.embedded.log import Log
from lab.names import Names
from lab.servers import Record
from lab.world import DnsFault, DnsManner, Resolver

_NEGATIVE_TTL = 60
_RCODES = {
    DnsManner.NXDOMAIN: dns.rcode.NXDOMAIN,
    DnsManner.SERVFAIL: dns.rcode.SERVFAIL,
    DnsManner.REFUSED: dns.rcode.REFUSED,
    DnsManner.NODATA: dns.rcode.NOERROR,
    DnsManner.FORMERR: dns.rcode.FORMERR,
    DnsManner.BADVERS: dns.rcode.BADVERS,
}
_RIGHT = DnsFault(manner=DnsManner.ANSWER)


def respond(query: dns.message.Message, names: Names, rewrites_to: tuple[str, ...] = ()) -> dns.message.Message:
    """The right answer to `query`: records, or a negative answer with its SOA."""
    response = dns.message.make_response(query, recursion_available=True)
    question = query.question[0]
    name = question.name.to_text(omit_final_dot=True)
    rdtype = dns.rdatatype.to_text(question.rdtype)
    answer = names.look_up(name, rdtype)
    records = answer.records
    if not answer.exists and rewrites_to and rdtype == "A":
        records = (Record(name=name, type="A", values=rewrites_to),)
    elif not answer.exists:
        response.set_rcode(dns.rcode.NXDOMAIN)
    for record in records:
        response.answer.append(_rrset(record))
    if not records or records[-1].type == "CNAME":
        _add_soa(response, names.zone(name))
    return response


@functools.cache
def _rrset(record: Record) -> dns.rrset.RRset:
    values = [f"{value}." if record.type == "CNAME" else value for value in record.values]
    return dns.rrset.from_text_list(f"{record.name}.", record.ttl, "IN", record.type, values)


def _add_soa(response: dns.message.Message, zone: str) -> None:
    response.authority.append(_soa(zone))


@functools.cache
def _soa(zone: str) -> dns.rrset.RRset:
    owner = f"{zone}." if zone else "."
    soa = f"ns1.{zone or 'root-servers.net'}. hostmaster.{zone or 'root-servers.net'}. 1 7200 3600 1209600 60"
    return dns.rrset.from_text(owner, _NEGATIVE_TTL, "IN", "SOA", soa)


class Server:
    """One resolver on one address."""

    def __init__(self, resolver: Resolver, names: Names, address: str, log: Log) -> None:
        self._resolver = resolver
        self._names = names
        self._address = address
        self._log = log
        self._count = itertools.count()
        self._hits = [itertools.count() for _ in resolver.faults]

    def start(self, acceptor: sockets.Acceptor) -> None:
        """Listen; UDP in a thread of its own."""
        acceptor.add(sockets.stream_listener(self._address, 53), self._serve_stream)
        datagrams = socket.socket(sockets.family_of(self._address), socket.SOCK_DGRAM)
        sockets.bind(datagrams, self._address, 53)
        threading.Thread(target=self._serve_datagrams, args=(datagrams,), daemon=True).start()

    def _serve_datagrams(self, datagrams: socket.socket) -> None:
        while True:
            wire, peer = datagrams.recvfrom(65535)
            threading.Thread(target=self._serve_datagram, args=(datagrams, wire, peer), daemon=True).start()

    def _serve_datagram(self, datagrams: socket.socket, wire: bytes, peer: tuple[str, int]) -> None:
        answer = self._answer(wire, "udp", peer)
        if answer is not None:
            datagrams.sendto(answer, peer)

    def _serve_stream(self, connection: socket.socket) -> None:
        stream = connection.makefile("rb")
        peer = connection.getpeername()
        while len(head := stream.read(2)) == 2:
            wire = stream.read(struct.unpack("!H", head)[0])
            answer = self._answer(wire, "tcp", peer)
            if answer is None:
                sockets.hold(connection)
                return
            connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _answer(self, wire: bytes, transport: str, peer: tuple[str, int]) -> bytes | None:
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        if not query.question:
            return None
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(query.question[0].rdtype)
        self._log.write(
            "dns", server=self._address, transport=transport, name=name, type=rdtype, **{"from": list(peer[:2])}
        )
        fault = self._fault(name, rdtype, transport, edns=query.edns >= 0)
        if fault.delay:
            time.sleep(fault.delay)
        return self._play(query, fault, transport)

    def _fault(self, name: str, rdtype: str, transport: str, *, edns: bool) -> DnsFault:
        for number, fault in enumerate(self._resolver.faults):
            if (
                transport in fault.transports
                and (not fault.types or rdtype in fault.types)
                and fault.edns in (None, edns)
                and fnmatch.fnmatchcase(name, fault.names)
                and next(self._hits[number]) % fault.every == fault.every - 1
            ):
                return fault
        return _RIGHT

    def _play(self, query: dns.message.Message, fault: DnsFault, transport: str) -> bytes | None:
        count = next(self._count)
        manner = fault.manner
        if manner is DnsManner.SILENT:
            return None
        if manner is DnsManner.GARBAGE:
            return b"\x00\x01\x02garbage"
        if manner is DnsManner.HEADER:
            return struct.pack("!HHHHHH", query.id, 0x8181, 0, 0, 0, 0)
        if manner is DnsManner.FLIP:
            manner = DnsManner.NXDOMAIN if count % 2 else DnsManner.ANSWER
        if manner in _RCODES:
            response = dns.message.make_response(query, recursion_available=True)
            response.set_rcode(_RCODES[manner])
            if manner in (DnsManner.NXDOMAIN, DnsManner.NODATA):
                _add_soa(response, self._names.zone(query.question[0].name.to_text(omit_final_dot=True)))
            if fault.extended:
                code, text = fault.extended
                response.use_edns(edns=0, options=[dns.edns.EDEOption(dns.edns.EDECode(code), text)])
            return response.to_wire()
        response = respond(query, self._names, self._resolver.rewrites_to)
        if manner is DnsManner.LAME:
            response.answer, response.authority = [], []
            response.flags &= ~dns.flags.RA
            response.use_edns(edns=False)
        if manner is DnsManner.OVERSIZED:
            filling = dns.rrset.from_text_list(response.question[0].name, 60, "IN", "TXT", ["x" * 255])
            response.answer = [filling] * 6 + response.answer
            return response.to_wire(max_size=65535)
        if manner is DnsManner.WRONG_ID:
            response.id = (query.id + 1) % 65536
        if manner in CHOICES:
            response.answer = [CHOICES[manner](rrset, count) for rrset in response.answer]
        if manner is DnsManner.TRUNCATE and transport == "udp":
            response.answer = []
            response.authority = []
            response.flags |= dns.flags.TC
        size = (query.payload or 512) if transport == "udp" else 65535
        return response.to_wire(max_size=size, prefer_truncation=True)


def _one_of(rrset: dns.rrset.RRset, count: int) -> dns.rrset.RRset:
    """One record, another one every time."""
    records = sorted(rrset, key=str)
    return dns.rrset.from_rdata(rrset.name, rrset.ttl, records[count % len(records)])


def _without_one(rrset: dns.rrset.RRset, count: int) -> dns.rrset.RRset:
    items = list(rrset)
    if len(items) > 1:
        del items[count % len(items)]
    return dns.rrset.from_rdata_list(rrset.name, rrset.ttl, items)


CHOICES = {DnsManner.SUBSET: _without_one, DnsManner.SINGLE: _one_of}
"""Manners that answer with another choice of the records every time."""
