#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Echo server and client of the lab (RFC 862), over UDP and TCP.

echo.py serve ADDRESS [PORT]
echo.py udp|tcp HOST [--port N] [--size BYTES] [--count N] [--source PORT] [--timeout SECONDS]

The client sends random bytes, both ways at once for TCP, compares what comes back and says so in
one line; exit status 1 if anything differs or is missing.
"""
import argparse
import hashlib
import os
import selectors
import socket
import socketserver
import sys
import threading
import time


class TcpEcho(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class TcpServer(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


class UdpEcho(socketserver.BaseRequestHandler):
    def handle(self):
        data, sock = self.request
        sock.sendto(data, self.client_address)


def serve(address, port):
    if ':' in address:
        TcpServer.address_family = socketserver.UDPServer.address_family = socket.AF_INET6
    socketserver.UDPServer.max_packet_size = 65535
    udp = socketserver.UDPServer((address, port), UdpEcho)
    tcp = TcpServer((address, port), TcpEcho)
    threading.Thread(target=udp.serve_forever, daemon=True).start()
    tcp.serve_forever()


def connect(kind, options):
    found = socket.getaddrinfo(options.host, options.port, type=kind)
    family, _, _, _, address = found[0]
    sock = socket.socket(family, kind)
    sock.settimeout(options.timeout)
    if options.source:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(('', options.source))
    sock.connect(address)
    return sock


def udp(options):
    """Returns (bytes echoed, bytes sent). One datagram at a time: nothing is lost to full queues."""
    sock = connect(socket.SOCK_DGRAM, options)
    echoed = 0
    for number in range(options.count):
        data = number.to_bytes(4, 'big') + os.urandom(max(0, options.size - 4))
        data = data[:options.size]
        deadline = time.monotonic() + options.timeout
        while time.monotonic() < deadline:
            sock.send(data)
            try:
                if sock.recv(65535) == data:
                    echoed += len(data)
                    break
            except ConnectionRefusedError:
                raise
            except OSError:  # a timeout, or the path MTU became known: send again
                continue
    return echoed, options.count * options.size


def tcp(options):
    sock = connect(socket.SOCK_STREAM, options)
    total = options.size * options.count
    sent, received, left = hashlib.sha256(), hashlib.sha256(), total
    echoed = 0
    sock.setblocking(False)
    selector = selectors.DefaultSelector()
    selector.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE)
    pending = b''
    while echoed < total:
        events = selector.select(options.timeout)
        if not events:
            break
        for _, mask in events:
            if mask & selectors.EVENT_READ:
                data = sock.recv(65536)
                if not data:
                    return echoed, total
                received.update(data)
                echoed += len(data)
            if mask & selectors.EVENT_WRITE:
                if not pending and left:
                    pending = os.urandom(min(left, 65536))
                    sent.update(pending)
                    left -= len(pending)
                if pending:
                    pending = pending[sock.send(pending):]
                else:
                    selector.modify(sock, selectors.EVENT_READ)
    return (echoed if sent.digest() == received.digest() else 0), total


def main():
    if len(sys.argv) > 2 and sys.argv[1] == 'serve':
        serve(sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 7)
        return 0
    parser = argparse.ArgumentParser()
    parser.add_argument('protocol', choices=['udp', 'tcp'])
    parser.add_argument('host')
    parser.add_argument('--port', type=int, default=7)
    parser.add_argument('--size', type=int, default=1000)
    parser.add_argument('--count', type=int, default=10)
    parser.add_argument('--source', type=int, default=0)
    parser.add_argument('--timeout', type=float, default=3)
    options = parser.parse_args()
    try:
        echoed, total = {'udp': udp, 'tcp': tcp}[options.protocol](options)
    except OSError as error:
        print(f'{options.protocol} {options.host}: {error}')
        return 1
    verdict = 'all came back unchanged' if echoed == total else 'NOT all came back unchanged'
    print(f'{options.protocol} {options.host}: sent {total} bytes, {echoed} echoed: {verdict}')
    return 0 if echoed == total else 1


if __name__ == '__main__':
    sys.exit(main())
