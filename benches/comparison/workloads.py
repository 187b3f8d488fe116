"""What is asked, and what must be answered."""
import dataclasses
import gzip
import http.client
import shutil
import subprocess

from . import load
from .site import KIB, LISTED, MIB

RANGE = (50 * MIB, 64 * KIB)
BROWSER = {
    "Connection": "keep-alive",
    "Cache-Control": "max-age=0",
    "sec-ch-ua": '"Chromium";v="140", "Not=A?Brand";v="24"',
    "sec-ch-ua-mobile": "?0",
    "sec-ch-ua-platform": '"Linux"',
    "Upgrade-Insecure-Requests": "1",
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    "Sec-Fetch-Site": "none",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-User": "?1",
    "Sec-Fetch-Dest": "document",
    "Accept-Encoding": "gzip, deflate, br, zstd",
    "Accept-Language": "en-GB,en;q=0.9,de;q=0.7",
}


@dataclasses.dataclass(frozen=True)
class Workload:
    name: str
    title: str
    path: str = "/small.html"
    status: int = 200
    headers: dict = dataclasses.field(default_factory=dict)
    connections: int = 64
    variant: str = "plain"
    tool: str = "wrk"
    tree: bool = False
    pipelined: int = 1
    seconds: int = 1    # times as long as the others: few answers fit into a second
    closing: bool = False


WORKLOADS = [
    Workload("small", "A file of 1 KiB"),
    Workload("browser", "Asked for by a browser", headers=BROWSER),
    Workload("tree", "1,000 small files in turn", tree=True),
    Workload("new-connections", "A new connection for each", headers={"Connection": "close"}, closing=True),
    Workload("not-modified", "304 Not Modified", status=304),
    Workload("not-found", "404 Not Found", path="/nothing.html", status=404),
    Workload("pipelined", "16 requests at a time", pipelined=16),
    Workload("medium", "A file of 100 KiB", path="/app.js"),
    Workload("range", "64 KiB out of 100 MiB", path="/large.bin", status=206,
             headers={"Range": f"bytes={RANGE[0]}-{sum(RANGE) - 1}"}),
    Workload("large", "A file of 100 MiB", path="/large.bin", connections=4, tool="download", seconds=2),
    Workload("gzip", "100 KiB, gzip", path="/app.js", variant="compressed", connections=16,
             headers={"Accept-Encoding": "gzip"}),
    Workload("compressed", "100 KiB, gzip or br or zstd", path="/app.js", variant="compressed", connections=16,
             headers={"Accept-Encoding": BROWSER["Accept-Encoding"]}),
    Workload("listing", "A folder of 1,000 files", path="/folder/", connections=4),
    Workload("tls-small", "TLS: a file of 1 KiB", variant="tls"),
    Workload("tls-handshake", "TLS: a handshake for each", variant="tls", connections=8,
             tool="handshake", headers={"Connection": "close"}, seconds=2),
    Workload("tls-large", "TLS: a file of 100 MiB", path="/large.bin", connections=4, variant="tls", tool="download",
             seconds=2),
    Workload("http2", "HTTP/2: a file of 1 KiB", variant="tls", connections=10, tool="h2load"),
    Workload("idle", "Memory of an idle connection", tool="hold", connections=10000),
]


class WrongAnswer(Exception):
    """What is not to be timed, and why."""


def fetch(port, variant, path, headers):
    if variant == "tls":
        connection = http.client.HTTPSConnection(load.HOST, port, timeout=30, context=load.trusting())
    else:
        connection = http.client.HTTPConnection(load.HOST, port, timeout=30)
    try:
        connection.putrequest("GET", path, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def headers_for(workload, server):
    """What is sent to this server: its own validators where it is about those."""
    if workload.status != 304:
        return dict(workload.headers)
    given = fetch(server.port, server.variant, workload.path, {})[1]
    pairs = {"If-None-Match": given.get("ETag"), "If-Modified-Since": given.get("Last-Modified")}
    return {name: value for name, value in pairs.items() if value}


def check(workload, server, headers, site):
    """Raises `WrongAnswer` unless the server answers as it should; returns what it compressed to, and how."""
    for path in ["/" + name for name in site.tree] if workload.tree else [workload.path]:
        status, fields, content = fetch(server.port, server.variant, path, headers)
        if status != workload.status:
            raise WrongAnswer(f"{path} answered with {status}, not {workload.status}")
        coding = fields.get("Content-Encoding", "identity")
        size = len(content)
        if workload.name == "listing":
            text = content.decode("utf-8", "replace")
            if not all(f"entry-{number:04}.txt" in text for number in (0, LISTED // 2, LISTED - 1)):
                raise WrongAnswer("the listing lacks names")
        elif status in (200, 206):
            want = site.files[path[1:]]
            if status == 206:
                want = want[RANGE[0]:sum(RANGE)]
            if decoded(content, coding) not in (want, None):
                raise WrongAnswer(f"{path} came with other content")
    if workload.variant == "compressed" and coding == "identity":
        raise WrongAnswer("does not compress")
    return {"coding": coding, "bytes": size} if coding != "identity" else {}


def decoded(content, coding):
    """The content as it was; nothing where no decoder is at hand."""
    if coding == "identity":
        return content
    if coding == "gzip":
        return gzip.decompress(content)
    program = {"br": "brotli", "zstd": "zstd"}.get(coding)
    if program is None or shutil.which(program) is None:
        return None
    return subprocess.run([program, "-dc"], input=content, capture_output=True, check=False).stdout
