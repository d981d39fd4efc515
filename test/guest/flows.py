#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Many flows of many subscribers, for what each worker gets of them.

flows.py serve ADDRESS OTHER          echo by TCP and UDP; UDP is answered from the other address too
flows.py run PREFIX COUNT ADDRESS     from COUNT subscribers, each a /64 of PREFIX, to that server; NAT64's address

Each subscriber sends a datagram and a ping, both again so large that they come in fragments, and 20000 octets by TCP.
All of it has to come back. The answer from the other address is a flow that begins outside.
"""
import concurrent.futures
import ipaddress
import os
import socket
import socketserver
import struct
import sys
import threading

PORT = 7000
SMALL, LARGE, STREAM = 100, 4000, 20000
TRIES, SECONDS = 5, 8
ECHO_REQUEST, ECHO_REPLY = 128, 129


class TcpEcho(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 128


def serve(address, other):
    sockets = []
    for own in (address, other):
        sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sockets[-1].bind((own, PORT))
    threading.Thread(target=TcpServer((address, PORT), TcpEcho).serve_forever, daemon=True).start()
    while True:
        data, peer = sockets[0].recvfrom(65536)
        for own in sockets:
            own.sendto(data, peer)


def opened(source, address, kind, protocol=0):
    own = socket.socket(socket.AF_INET6, kind, protocol)
    own.settimeout(SECONDS)
    own.bind((source, 0))
    if kind == socket.SOCK_STREAM:
        own.connect((address, PORT))
    return own


def datagrams(source, address, length):
    """Both answers, from two addresses."""
    data, froms = os.urandom(length), set()
    with opened(source, address, socket.SOCK_DGRAM) as own:
        own.sendto(data, (address, PORT))
        while len(froms) < 2:
            got, peer = own.recvfrom(65536)
            if got == data:
                froms.add(peer[0])


def ping(source, address, length):
    data = os.urandom(length)
    with opened(source, address, socket.SOCK_DGRAM, socket.IPPROTO_ICMPV6) as own:
        # The kernel fills in checksum and identifier.
        own.sendto(struct.pack('!BBHHH', ECHO_REQUEST, 0, 0, 0, 1) + data, (address, 0))
        while True:
            got = own.recv(65536)
            if got[0] == ECHO_REPLY and got[8:] == data:
                return


def stream(source, address, length):
    data, got = os.urandom(length), b''
    with opened(source, address, socket.SOCK_STREAM) as own:
        own.sendall(data)
        while len(got) < length:
            part = own.recv(65536)
            if not part:
                break
            got += part
    if got != data:
        raise OSError('other octets came back')


def attempt(what, source, address, length):
    """Why it failed, or None. What is lost on a busy machine is sent again."""
    for _ in range(TRIES):
        try:
            what(source, address, length)
            return None
        except OSError as error:
            reason = f'{source}: {what.__name__} of {length} octets: {error}'
    return reason


def run(prefix, count, address):
    ways = ((datagrams, SMALL), (ping, SMALL), (stream, STREAM), (datagrams, LARGE), (ping, LARGE))
    subnets = ipaddress.ip_network(prefix).subnets(new_prefix=64)
    sources = [str(next(subnets)[1]) for _ in range(count)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        done = [pool.submit(attempt, way, source, address, length) for source in sources for way, length in ways]
    failures = [one.result() for one in done if one.result()]
    print(*failures[:10], sep='\n', end='\n' if failures else '')
    print(f'{len(done) - len(failures)} of {len(done)} exchanges of {count} subscribers')
    return 1 if failures else 0


if __name__ == '__main__':
    if sys.argv[1] == 'serve':
        serve(*sys.argv[2:])
    sys.exit(run(sys.argv[2], int(sys.argv[3]), sys.argv[4]))
