"""The figures as a table in Markdown, and where it stands in the README."""

START = "<!-- comparison: made by benches/compare -->\n"
END = "<!-- end of comparison -->\n"
BYTES = "bytes"
# Rounds that a median needs.
FEWEST = 5


def amount(value):
    """Three digits or so; more are noise."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def ratio(value):
    """What a ratio is worth: two digits or three."""
    if value < 0.1:
        return f"{value:.3f}"
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def conditions(data):
    """Where and how the figures came about, as sentences."""
    machine = data["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in data["versions"].items())
    trial = " A trial: too few rounds to go by." if data["rounds"] < FEWEST else ""
    return [f"Measured on {data['date']}: {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; one "
            f"worker on one core, the client on another; {data['rounds']} x {data['seconds']} s.{trial}",
            f"{versions}."]


def markdown(data):
    names = list(data["versions"])
    first, base = names[0], next((row["base"] for row in data["workloads"] if row["base"]), names[-1])
    lines = ["CPU time per request in microseconds (memory in bytes where it says so), and its ratio to that of "
             f"{base} in the same round: the median, and between which the middle half of the rounds lies.", "",
             " | ".join(["| ", f"{first} / {base}"] + names) + " |",
             "| --- |" + " --: |" * (len(names) + 1)]
    for row in data["workloads"]:
        title = row["title"] + (", bytes" if row["unit"] == BYTES else "")
        lines.append(f"| {title} | " + " | ".join([compared(row, first)] + [cell(row, name) for name in names]) + " |")
    left_out = [f"{name} ({row['title']}): {reason}" for row in data["workloads"]
                for name, reason in row["left_out"].items()]
    missing = data.get("missing", [])
    lines += [""] + conditions(data)
    if missing:
        lines.append(f"Not installed: {', '.join(missing)}.")
    if left_out:
        lines.append(f"Left out: {'; '.join(left_out)}.")
    return "\n".join(lines) + "\n"


def compared(row, name):
    own = row["servers"].get(name)
    if not own or not own["ratio"] or row["base"] == name:
        return "-"
    middle, low, high = (ratio(value) for value in own["ratio"])
    return f"**{middle}**" if low == high else f"**{middle}** ({low}-{high})"


def cell(row, name):
    own = row["servers"].get(name)
    if not own:
        return "-"
    coding = f", {own['coding']}" if "coding" in own else ""
    errors = f", {own['errors']} errors" if own["errors"] else ""
    return amount(own["cost"]) + coding + errors


def into(readme, data):
    """The README with its table made anew."""
    before, rest = readme.split(START)
    after = rest.split(END)[1]
    return f"{before}{START}\n{markdown(data)}\n{END}{after}"
