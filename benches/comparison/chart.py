"""The figures as a picture: SVG that needs nothing, reads as text, and is light or dark as its reader likes."""
import textwrap
from xml.sax.saxutils import escape

from .table import BYTES, amount, conditions, ratio

# Bars that are longer than this many times the base are cut, and end in a point.
LONGEST = 3.0
LINE, TITLE, AFTER = 17, 21, 17
MARGIN, GAP = 20, 30
NAMES, VALUES = 110, 34

STYLE = """
  :root { color-scheme: light dark; --page: #fff; --edge: #d1d9e0; --text: #1f2328; --dim: #59636e; --own: #0969da;
          --other: #8c959f; }
  @media (prefers-color-scheme: dark) {
    :root { --page: #0d1117; --edge: #3d444d; --text: #f0f6fc; --dim: #9198a1; --own: #4493f8; --other: #6e7681; }
  }
  text { font: 12px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--text); }
  .heading { font-size: 16px; font-weight: 600; }
  .title { font-weight: 600; }
  .dim { fill: var(--dim); }
  .value { font-variant-numeric: tabular-nums; }
  .own { font-weight: 600; }
  .page { fill: var(--page); stroke: var(--edge); }
  .one { stroke: var(--dim); stroke-dasharray: 2 2; }
  .bar { fill: var(--other); }
  .bar.own { fill: var(--own); }
"""


def svg(data, columns):
    """The picture, in one column for narrow screens or in several."""
    width = 400 if columns == 1 else 800
    inner = width - 2 * MARGIN
    column = (inner - GAP * (columns - 1)) / columns
    own = next(iter(data["versions"]))
    groups = [row for row in data["workloads"] if row["servers"]]
    base = groups[0]["base"] if groups else own
    about = (f"CPU time per request (idle: memory) as a multiple of {base}'s, the dotted line. Less is better. Bars "
             f"with a point are longer than {LONGEST:.0f}.")
    parts, y = [text(MARGIN, MARGIN + 12, f"{own} and others", "heading")], MARGIN + 34
    y = paragraph(parts, about, y, inner) + 14
    rows = [groups[at:at + columns] for at in range(0, len(groups), columns)]
    for row in rows:
        for at, group in enumerate(row):
            parts += bars(group, own, MARGIN + at * (column + GAP), y, column)
        y += TITLE + AFTER + LINE * max(len(group["servers"]) for group in row)
    for sentence in conditions(data):
        y = paragraph(parts, sentence, y + 4, inner)
    height = round(y + MARGIN - 12)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" \
role="img" aria-labelledby="title desc">
<title id="title">{own} and other servers, compared by what a request costs</title>
<desc id="desc">{escape(description(groups, own))}</desc>
<style>{STYLE}</style>
<rect class="page" x="0.5" y="0.5" width="{width - 1}" height="{height - 1}" rx="6"/>
{chr(10).join(parts)}
</svg>
"""


def text(x, y, words, kind="", anchor="start"):
    kind = f' class="{kind.strip()}"' if kind else ""
    anchor = f' text-anchor="{anchor}"' if anchor != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{kind}{anchor}>{escape(words)}</text>'


def paragraph(parts, words, y, width):
    """Lines of small print; where the next line goes."""
    for line in textwrap.wrap(words, int(width / 6.3)):
        parts.append(text(MARGIN, y, line, "dim"))
        y += 16
    return y


def bars(group, own, x, y, width):
    """A workload: its title, and a bar for each server, the cheapest first."""
    of_base = group["servers"][group["base"]]["cost"]
    unit = "B" if group["unit"] == BYTES else "µs"
    parts = [text(x, y, group["title"], "title")]
    left, room = x + NAMES, width - NAMES - VALUES
    top = y + TITLE - 13
    ranked = sorted(group["servers"].items(), key=lambda pair: pair[1]["ratio"][0] if pair[1]["ratio"] else 0)
    for at, (name, figures) in enumerate(ranked):
        times = figures["ratio"][0] if figures["ratio"] else 1.0
        middle = top + LINE * at + LINE / 2
        kind = "own" if name == own else ""
        tip = f"{name}: {amount(figures['cost'])} {unit}, {ratio(times)} times {group['base']}'s {amount(of_base)} {unit}"
        parts += [f"<g><title>{escape(tip)}</title>", text(x, middle + 4, name, kind),
                  bar(left, middle, room, times, kind),
                  text(x + width, middle + 4, ratio(times), f"value {kind}", "end"), "</g>"]
    one = left + room / LONGEST
    parts.append(f'<path class="one" d="M{one:.1f} {top:.1f}v{LINE * len(ranked):.1f}"/>')
    return parts


def bar(left, middle, room, times, kind):
    half, length = 4.5, max(1.0, room * min(times, LONGEST) / LONGEST)
    if times <= LONGEST:
        shape = f"M{left:.1f} {middle - half:.1f}h{length:.1f}v{2 * half}h{-length:.1f}z"
    else:
        body = length - half
        shape = f"M{left:.1f} {middle - half:.1f}h{body:.1f}l{half} {half}l{-half} {half}h{-body:.1f}z"
    return f'<path class="{f"bar {kind}".strip()}" d="{shape}"/>'


def description(groups, own):
    """All that the picture shows, as sentences."""
    sentences = []
    for group in groups:
        ranked = sorted((pair for pair in group["servers"].items() if pair[1]["ratio"]),
                        key=lambda pair: pair[1]["ratio"][0])
        values = ", ".join(f"{name} {ratio(figures['ratio'][0])}" for name, figures in ranked)
        sentences.append(f"{group['title']}: {values}.")
    return f"Cost of a request as a multiple of {groups[0]['base']}'s, lowest first. " + " ".join(sentences) if groups else own
