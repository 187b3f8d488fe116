"""How each server is started: one worker, access log off, files kept open or in memory where it can,
compression and TLS only where the workload is about them."""
import collections
import os
import pwd
import re
import shutil
import socket
import subprocess
import time

HOST = "127.0.0.1"
TICKS = os.sysconf("SC_CLK_TCK")
TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml",
         "json": "application/json"}
TEXTS = [kind for kind in TYPES.values() if kind != "text/html"]

# What a start is given. `variant` is plain, compressed or tls; `folder` is for what the server writes.
Start = collections.namedtuple("Start", "binary port site folder variant")


def conf(start, text):
    path = os.path.join(start.folder, "conf")
    with open(path, "w") as file:
        file.write(text)
    return path


def user():
    """Started by root, servers would give up the right to read the files."""
    return pwd.getpwuid(os.getuid()).pw_name if os.getuid() == 0 else None


def salver(start):
    command = [start.binary, f"--host={HOST}", f"--port={start.port}", "--access-log=off", "--max-threads=1"]
    if start.variant == "tls":
        command += ["--enable-ssl", f"--ssl-cert={start.site.certificate}", f"--ssl-key={start.site.key}"]
    return command + [start.site.root]


def nginx(start):
    types = " ".join(f"{kind} {ending};" for ending, kind in TYPES.items())
    temporary = " ".join(f"{what}_temp_path {start.folder}/{what};"
                         for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    extra, ssl = "", ""
    if start.variant == "compressed":
        extra = f"gzip on; gzip_types {' '.join(TEXTS)};"
    if start.variant == "tls":
        ssl = " ssl http2"
        extra = (f"ssl_certificate {start.site.certificate}; ssl_certificate_key {start.site.key}; "
                 "ssl_protocols TLSv1.2 TLSv1.3;")
    return [start.binary, "-p", start.folder, "-e", f"{start.folder}/start.log", "-c", conf(start, f"""
{f"user {user()};" if user() else ""} worker_processes 1; daemon off;
pid {start.folder}/nginx.pid; error_log {start.folder}/error.log crit;
events {{ worker_connections 16384; }}
http {{
  types {{ {types} }} {temporary} {extra}
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  open_file_cache max=20000 inactive=60s; open_file_cache_valid 30s; open_file_cache_errors on;
  server {{ listen {HOST}:{start.port}{ssl} backlog=4096; root {start.site.root}; autoindex on; }}
}}""")]


def lighttpd(start):
    types = ", ".join(f'".{ending}" => "{kind}"' for ending, kind in TYPES.items())
    modules, extra = {
        "plain": ("", ""),
        "compressed": ('"mod_deflate",', f"""deflate.allowed-encodings = ("zstd", "br", "gzip")
deflate.mimetypes = ("text/html", {", ".join(f'"{kind}"' for kind in TEXTS)})"""),
        "tls": ('"mod_openssl",', f"""ssl.engine = "enable"
ssl.pemfile = "{start.site.certificate}"
ssl.privkey = "{start.site.key}" """),
    }[start.variant]
    return [start.binary, "-D", "-f", conf(start, f"""
server.modules = ({modules} "mod_dirlisting")
server.document-root = "{start.site.root}"
server.bind = "{HOST}"
server.port = {start.port}
server.errorlog = "{start.folder}/error.log"
server.network-backend = "sendfile"
server.stat-cache-engine = "inotify"
server.max-fds = 20000
server.max-connections = 16384
server.listen-backlog = 4096
server.max-keep-alive-requests = 65535
server.max-keep-alive-idle = 75
mimetype.assign = ({types}, "" => "application/octet-stream")
dir-listing.activate = "enable"
{extra}""")]


def h2o(start):
    ssl = f"""
  ssl:
    certificate-file: {start.site.certificate}
    key-file: {start.site.key}""" if start.variant == "tls" else ""
    return [start.binary, "-m", "worker", "-c", conf(start, f"""
{f"user: {user()}" if user() else ""}
listen:
  host: {HOST}
  port: {start.port}{ssl}
num-threads: 1
max-connections: 16384
pid-file: {start.folder}/h2o.pid
error-log: {start.folder}/error.log
compress: {"ON" if start.variant == "compressed" else "OFF"}
file.dirlisting: ON
hosts:
  default:
    paths:
      "/":
        file.dir: {start.site.root}
""")]


def caddy(start):
    scheme, tls = "http", ""
    if start.variant == "tls":
        scheme, tls = "https", f"tls {start.site.certificate} {start.site.key}"
    return [start.binary, "run", "--adapter", "caddyfile", "--config", conf(start, f"""{{
  admin off
  auto_https off
  default_sni localhost
}}
{scheme}://localhost:{start.port}, {scheme}://{HOST}:{start.port} {{
  bind {HOST}
  {tls}
  {"encode zstd gzip" if start.variant == "compressed" else ""}
  root * {start.site.root}
  file_server browse
}}
""")]


def static_web_server(start):
    command = [start.binary, "--root", start.site.root, "--host", HOST, "--port", str(start.port), "--log-level",
               "error", "--threads-multiplier", "1", "--directory-listing", "true",
               "--compression", str(start.variant == "compressed").lower()]
    if start.variant == "tls":
        command += ["--http2", "true", "--http2-tls-cert", start.site.certificate, "--http2-tls-key", start.site.key]
    return command


def miniserve(start):
    command = [start.binary, start.site.root, "--interfaces", HOST, "--port", str(start.port), "--workers", "1"]
    if start.variant == "compressed":
        command += ["--compress-response"]
    if start.variant == "tls":
        command += ["--tls-cert", start.site.certificate, "--tls-key", start.site.key]
    return command


def dufs(start):
    command = [start.binary, "--bind", HOST, "--port", str(start.port), "--log-format", ""]
    if start.variant == "tls":
        command += ["--tls-cert", start.site.certificate, "--tls-key", start.site.key]
    return command + [start.site.root]


# name -> (how it is started, what tells its version)
KNOWN = {
    "salver": (salver, "--version"),
    "nginx": (nginx, "-v"),
    "lighttpd": (lighttpd, "-v"),
    "h2o": (h2o, "-v"),
    "static-web-server": (static_web_server, "--version"),
    "caddy": (caddy, "version"),
    "miniserve": (miniserve, "--version"),
    "dufs": (dufs, "--version"),
}


def find(name, given=None):
    """The path of a server's program; distributions keep some out of the search path."""
    places = os.environ.get("PATH", "") + os.pathsep + "/usr/local/sbin:/usr/sbin:/sbin"
    return shutil.which(given or name, path=places)


def version(name, binary):
    output = subprocess.run([binary, KNOWN[name][1]], capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?", output.stdout + output.stderr)
    return found.group() if found else "?"


class Missing(Exception):
    """A server that cannot do what is asked; the text says why."""


class Server:
    """A running server, pinned to the first processor."""

    def __init__(self, name, binary, site, folder, variant):
        with socket.socket() as free:
            free.bind((HOST, 0))
            self.port = free.getsockname()[1]
        self.name, self.variant = name, variant
        folder = os.path.join(folder, f"{name}-{variant}")
        os.makedirs(folder, exist_ok=True)
        command = KNOWN[name][0](Start(binary, self.port, site, folder, variant))
        # Some keep things in the home folder.
        home = dict(os.environ, HOME=folder, XDG_DATA_HOME=folder, XDG_CONFIG_HOME=folder)
        with open(os.path.join(folder, "output"), "wb") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=home,
                                            preexec_fn=lambda: os.sched_setaffinity(0, {0}))
        end = time.monotonic() + 15
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Missing(f"ended at once ({self.process.returncode})")
            try:
                socket.create_connection((HOST, self.port), 1).close()
                return
            except OSError:
                time.sleep(0.01)
        self.stop()
        raise Missing("does not listen")

    def processes(self):
        """It and all that it started."""
        found = [self.process.pid]
        for pid in found:
            try:
                for thread in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{thread}/children") as file:
                        found += map(int, file.read().split())
            except OSError:
                pass
        return found

    def cpu(self):
        """Seconds of processor time used until now."""
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rsplit(")", 1)[1].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                pass
        return total / TICKS

    def resident(self):
        """Bytes of memory in use."""
        total = 0
        for pid in self.processes():
            try:
                with open(f"/proc/{pid}/status") as file:
                    found = re.search(r"VmRSS:\s+(\d+)", file.read())
                total += int(found.group(1)) * 1024 if found else 0
            except OSError:
                pass
        return total

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
