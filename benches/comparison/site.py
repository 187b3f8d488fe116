"""The files that are served, and the certificate they are served with."""
import os
import random
import subprocess

KIB, MIB = 1024, 1024 * 1024
TREE = 1000
LISTED = 1000
KINDS = ("html", "css", "js", "svg", "json")


def text(size, seed):
    """Words and marks that compress about as well as source code does."""
    chance = random.Random(seed)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    words = ["".join(chance.choices(letters, range(26, 0, -1), k=chance.randint(2, 9))) for _ in range(600)]
    often = [1 / (rank + 3) for rank in range(600)]
    pieces, length = [], 0
    while length < size:
        line = chance.choices(words, often, k=8)
        pieces.append("  " * chance.randint(0, 3) + " ".join(line) + chance.choice((";", "();", " {", "}", ",")) + "\n")
        length += len(pieces[-1])
    return "".join(pieces).encode()[:size]


class Site:
    """A folder with one of each: see `files`."""

    def __init__(self, folder):
        self.root = os.path.join(folder, "site")
        self.files = {"small.html": text(KIB, 1), "app.js": text(100 * KIB, 2)}
        sizes = random.Random(4)
        self.tree = []
        for number in range(TREE):
            name = f"tree/{number % 25}/{number}.{KINDS[number % len(KINDS)]}"
            size = min(32 * KIB, max(200, int(sizes.lognormvariate(7.6, 0.9))))
            self.files[name] = text(size, 100 + number)
            self.tree.append(name)
        self.listed = [f"entry-{number:04}.txt" for number in range(LISTED)]
        self.files.update((f"folder/{name}", name.encode() * 3) for name in self.listed)
        block = random.Random(5).randbytes(MIB)
        self.files["large.bin"] = b"".join(number.to_bytes(8, "big") + block[8:] for number in range(100))
        for name, content in self.files.items():
            path = os.path.join(self.root, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(content)
        self.certificate, self.key = os.path.join(folder, "cert.pem"), os.path.join(folder, "key.pem")

    def sign(self):
        """Makes a certificate of the usual kind (P-256). False without OpenSSL."""
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                   "-days", "30", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                   "-keyout", self.key, "-out", self.certificate]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except FileNotFoundError:
            return False
