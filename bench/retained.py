"""The clients of retained.sh, on a bare socket: MQTT 3.1.1, no library in the way.

    retained.py fill <port> <count>     retains count messages on retained/<n % (count / 10)>/<n>/x
    retained.py read <port> <count>     time to the first and last of them, and to the last of ten that a narrow wildcard matches
    retained.py idle <port> <filters>   holds wildcard filters that match nothing, until it is killed
"""
import json
import os
import select
import socket
import struct
import sys
import time


def text(value):
    data = value.encode()
    return struct.pack("!H", len(data)) + data


def packet(first, body):
    length, size = len(body), b""
    while True:
        digit, length = length % 128, length // 128
        size += bytes([digit | (128 if length else 0)])
        if not length:
            return bytes([first]) + size + body


def connect(port, name):
    sock = socket.create_connection(("127.0.0.1", port))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(packet(0x10, text("MQTT") + bytes([4, 2, 0, 0]) + text(f"{name}-{os.getpid()}")))
    assert sock.recv(4) == b"\x20\x02\x00\x00", "CONNECT was refused"
    return sock


class Reader:
    def __init__(self, sock):
        self.sock, self.buffer, self.start = sock, bytearray(), 0

    def packets(self):
        """Types of the packets that have arrived, waiting for at least one."""
        while True:
            types = []
            buffer, at, end = self.buffer, self.start, len(self.buffer)
            while end - at >= 2:
                length, shift, offset = 0, 0, at + 1
                while offset < end:
                    digit = buffer[offset]
                    length |= (digit & 127) << shift
                    shift += 7
                    offset += 1
                    if digit < 128:
                        break
                else:
                    break
                if end - offset < length:
                    break
                types.append(buffer[at] >> 4)
                at = offset + length
            self.start = at
            if types:
                return types
            del buffer[:at]
            self.start = 0
            data = self.sock.recv(1 << 18)
            assert data, "closed by the broker"
            buffer += data


def ping(sock, reader):
    sock.sendall(b"\xC0\x00")
    while 13 not in reader.packets():
        pass


def fill(port, count):
    sock = connect(port, "fill")
    reader = Reader(sock)
    payload = b"x" * 64
    groups = max(1, count // 10)
    started = time.monotonic()
    batch = bytearray()
    acknowledged = 0
    for n in range(count):
        # Every hundredth at QoS 1: its PUBACK keeps the sender in step with the broker.
        qos = n % 100 == 99
        body = text(f"retained/{n % groups}/{n}/x") + (struct.pack("!H", n % 65535 + 1) if qos else b"") + payload
        batch += packet(0x33 if qos else 0x31, body)
        if qos or n == count - 1:
            sock.sendall(batch)
            batch.clear()
            while qos and acknowledged < (n + 1) // 100:
                acknowledged += reader.packets().count(4)
    ping(sock, reader)
    print(json.dumps({"filledSeconds": round(time.monotonic() - started, 3)}, separators=(",", ":")))


def subscribe(port, pattern, count):
    sock = connect(port, "read")
    reader = Reader(sock)
    started = time.monotonic()
    sock.sendall(packet(0x82, struct.pack("!H", 1) + text(pattern) + b"\x00"))
    first, seen = None, 0
    while seen < count:
        ready = select.select([sock], [], [], 120)[0]
        assert ready or reader.start < len(reader.buffer), f"only {seen} of {count}"
        seen += reader.packets().count(3)
        if seen and first is None:
            first = time.monotonic() - started
    last = time.monotonic() - started
    sock.sendall(b"\xE0\x00")
    sock.close()
    return first, last


def read(port, count):
    narrow = min(subscribe(port, f"retained/{group}/+/x", 10)[1] for group in (77, 78, 79))
    first, last = subscribe(port, "retained/#", count)
    print(json.dumps({"firstMilliseconds": round(first * 1000, 2), "lastSeconds": round(last, 3), "narrowMilliseconds": round(narrow * 1000, 2)}, separators=(",", ":")))


def idle(port, filters):
    socks = []
    each = 100
    for start in range(0, filters, each):
        sock = connect(port, f"idle{start}")
        body = struct.pack("!H", 1)
        for n in range(start, min(start + each, filters)):
            body += text(f"idle/{n}/+/state/#" if n % 2 else f"idle/+/{n}/#") + b"\x00"
        sock.sendall(packet(0x82, body))
        answer = Reader(sock)
        while 9 not in answer.packets():
            pass
        socks.append(sock)
    print("subscribed", flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    {"fill": fill, "read": read, "idle": idle}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
