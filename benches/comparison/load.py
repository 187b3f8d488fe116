"""Who asks: wrk and h2load, and, for what they do not do, this file run as a program of its own; or `salver bench`
for everything but connections that are only held.

Each returns (answers, errors, seconds). Where an answer takes long, a part of one counts as a part.
"""
import json
import os
import re
import resource
import socket
import ssl
import subprocess
import sys
import threading
import time

HOST = "127.0.0.1"
MIB = 1024 * 1024
# What wrk prints is for people; these lines are for us.
REPORT = """
done = function(summary)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.duration, e.status,
    e.connect + e.read + e.write + e.timeout))
end
"""
# One cipher and one curve, or a server could win by asking for less.
ONE_CIPHER = ["--tls-cipher", "TLS13_AES_128_GCM_SHA256", "--tls-group", "X25519"]
OPENSSL = """openssl_conf = a
[a]
ssl_conf = b
[b]
system_default = c
[c]
MinProtocol = TLSv1.3
Ciphersuites = TLS_AES_128_GCM_SHA256
Groups = X25519
"""


def request(port, path, headers):
    lines = [f"GET {path} HTTP/1.1", f"Host: {HOST}:{port}"] + [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines) + "\r\n\r\n"


def quoted(text):
    return json.dumps(text).replace("\\u", "\\\\u")


class Load:
    """A workload as one server is asked for it."""

    def __init__(self, workload, server, headers, site, folder, salver=None):
        """With `salver` its `bench` asks."""
        self.workload, self.port, self.headers, self.salver = workload, server.port, headers, salver
        self.scheme = "https" if server.variant == "tls" else "http"
        self.script = os.path.join(folder, "script.lua")
        openssl = os.path.join(folder, "openssl.cnf")
        with open(openssl, "w") as file:
            file.write(OPENSSL)
        self.environment = dict(os.environ, OPENSSL_CONF=openssl)
        self.lines = REPORT
        paths = ["/" + name for name in site.tree] if workload.tree else [workload.path]
        self.urls = os.path.join(folder, "urls")
        with open(self.urls, "w") as file:
            file.write("\n".join(paths))
        self.size = len(site.files.get(workload.path[1:], b""))
        if workload.tree or workload.pipelined > 1:
            asked = ",\n".join(quoted(request(self.port, path, headers) * workload.pipelined) for path in paths)
            self.lines += (f"local all, at = {{{asked}}}, 0\n"
                           "request = function() at = at % #all + 1; return all[at] end\n")

    def run(self, seconds):
        workload = self.workload
        url = f"{self.scheme}://{HOST}:{self.port}{workload.path}"
        if self.salver:
            return self.bench(url, seconds)
        if workload.tool in OWN:
            output = self.call([sys.executable, os.path.abspath(__file__), workload.tool, str(self.port), workload.path,
                                str(workload.connections), str(seconds), self.scheme], seconds)
            return tuple(json.loads(output))
        if workload.tool == "h2load":
            output = self.call(["h2load", "-t", "1", "-c", str(workload.connections), "-m", "10", "-D", str(seconds),
                                url], seconds)
            counts = {what: int(count) for count, what in re.findall(r"(\d+) (succeeded|failed|errored)", output)}
            return counts["succeeded"], counts["failed"] + counts["errored"], seconds
        with open(self.script, "w") as file:
            file.write(self.lines)
        command = ["wrk", "-t", "1", "-c", str(workload.connections), "-d", f"{seconds}s", "--timeout", "10s",
                   "-s", self.script]
        for name, value in self.headers.items():
            command += ["-H", f"{name}: {value}"]
        output = self.call(command + [url], seconds)
        answers, duration, wrong, broken = map(int, re.search(r"^RESULT (.*)$", output, re.M).group(1).split())
        if workload.status >= 400:
            wrong = answers - wrong
        return answers, wrong + broken, duration / 1e6

    def bench(self, url, seconds):
        workload = self.workload
        command = [self.salver, "bench", "--json", "--threads", "1", "-c", str(workload.connections), "-d", f"{seconds}s",
                   "--timeout", "10s", "-k", *ONE_CIPHER]
        if workload.tool == "h2load":
            command += ["--http2", "--streams", "10"]
        if workload.pipelined > 1:
            command += ["--pipeline", str(workload.pipelined)]
        if workload.tree:
            command += ["--urls", self.urls]
        for name, value in self.headers.items():
            command += ["-H", f"{name}: {value}"]
        report = json.loads(self.call(command + [url], seconds))
        wrong = sum(count for status, count in report["statuses"].items() if int(status) != workload.status)
        answers = report["bytes"] / self.size if workload.tool == "download" else report["requests"]
        return answers, wrong + sum(report["errors"].values()), report["seconds"]

    def call(self, command, seconds):
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=3 * seconds + 60,
                              preexec_fn=lambda: os.sched_setaffinity(0, {1}), check=False)
        if done.returncode:
            raise OSError(f"{command[0]}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.stdout


def trusting():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def head(stream):
    """Reads the head of an answer, gives its Content-Length and how much of the content came with it."""
    data = bytearray()
    while b"\r\n\r\n" not in data:
        more = stream.recv(64 * 1024)
        if not more:
            raise OSError("closed in the head")
        data += more
    fields, rest = bytes(data).split(b"\r\n\r\n", 1)
    if b" 200 " not in fields.split(b"\r\n", 1)[0]:
        raise OSError("not 200")
    return int(re.search(rb"content-length: *(\d+)", fields, re.I).group(1)), len(rest)


def connected(port, scheme):
    plain = socket.create_connection((HOST, port), 30)
    return trusting().wrap_socket(plain, server_hostname="localhost") if scheme == "https" else plain


def download(port, path, scheme, end, answered):
    """Fetches a large file again and again, without looking at it: it must cost the server more than us."""
    asked, buffer = request(port, path, {}).encode(), bytearray(MIB)
    # The kernel drops what comes over plain TCP.
    flags = 0 if scheme == "https" else socket.MSG_TRUNC
    with connected(port, scheme) as stream:
        while time.monotonic() < end:
            stream.sendall(asked)
            length, have = head(stream)
            while have < length and time.monotonic() < end:
                read = stream.recv_into(buffer, min(MIB, length - have), flags)
                if read == 0:
                    raise OSError("closed early")
                have += read
                answered(read / length)


def handshake(port, path, scheme, end, answered):
    """A connection, a full handshake (nothing is resumed), a request; again and again."""
    asked = request(port, path, {"Connection": "close"}).encode()
    while time.monotonic() < end:
        with connected(port, scheme) as stream:
            stream.sendall(asked)
            length, have = head(stream)
            while have < length:
                read = len(stream.recv(MIB))
                if read == 0:
                    raise OSError("closed early")
                have += read
        answered(1)


OWN = {"download": download, "handshake": handshake}


def at_once(work, port, path, connections, seconds, scheme):
    """Has several threads do it, and prints what a slice of load comes to."""
    totals, guard, began = {"answers": 0.0, "errors": 0}, threading.Lock(), time.monotonic()

    def count(what, number):
        with guard:
            totals[what] += number

    def one():
        try:
            work(port, path, scheme, began + seconds, lambda part: count("answers", part))
        except OSError:
            count("errors", 1)

    threads = [threading.Thread(target=one) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps([totals["answers"], totals["errors"], time.monotonic() - began]))


def hold(port, path, count):
    """Opens connections, asks once on each, says how many work, and holds them until its input ends."""
    asked, streams = request(port, path, {}).encode(), []
    for _ in range(count):
        stream = socket.create_connection((HOST, port), 10)
        stream.sendall(asked)
        length, have = head(stream)
        while have < length:
            have += len(stream.recv(64 * 1024)) or length
        streams.append(stream)
    print(len(streams), flush=True)
    sys.stdin.read()


def main(tool, port, path, connections, seconds="0", scheme="http"):
    if tool == "hold":
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        hold(int(port), path, int(connections))
    else:
        at_once(OWN[tool], int(port), path, int(connections), int(seconds), scheme)


if __name__ == "__main__":
    main(*sys.argv[1:])
