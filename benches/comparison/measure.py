"""Servers take their slices in turn, so that whatever slows the machine down slows all of them; each ratio is of
one round."""
import datetime
import json
import os
import platform
import statistics
import subprocess
import sys
import time

from . import load, servers
from .workloads import WrongAnswer, check, headers_for

BASE = "nginx"


def say(text):
    print(text, file=sys.stderr, flush=True)


def machine():
    model = "?"
    with open("/proc/cpuinfo") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    return {"cpu": model, "cores": os.cpu_count(), "kernel": platform.release().split("-")[0]}


def document(versions, rounds, seconds):
    """The head of what is kept."""
    return {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": rounds, "seconds": seconds,
            "versions": versions, "workloads": []}


def measure(workload, programs, site, folder, rounds, seconds, salver=None):
    """The figures of one workload: {"name", "title", "unit", "base", "servers", "left_out"}; with `salver` its
    `bench` asks."""
    running, left_out, told = {}, {}, {}
    try:
        for name, binary in programs.items():
            server = None
            try:
                server = servers.Server(name, binary, site, folder, workload.variant)
                headers = headers_for(workload, server)
                told[name] = check(workload, server, headers, site)
                running[name] = (server, load.Load(workload, server, headers, site, folder, salver))
            except (servers.Missing, WrongAnswer, OSError) as reason:
                left_out[name] = str(reason)
                say(f"  {name} left out: {reason}")
                if server:
                    server.stop()
        idle = workload.tool == "hold"
        figures = hold(running, workload) if idle else take_turns(running, workload, rounds, seconds * workload.seconds)
    finally:
        for server, _ in running.values():
            server.stop()
    for name in [name for name, rows in figures.items() if not any(row["cost"] for row in rows)]:
        left_out[name] = "answered too little to be measured"
        del figures[name]
    base = BASE if BASE in figures else next(iter(figures), None)
    result = {name: dict(summary(rows, figures[base]), **told[name]) for name, rows in figures.items()}
    return {"name": workload.name, "title": workload.title, "unit": "bytes" if idle else "us", "base": base,
            "servers": result, "left_out": left_out}


def take_turns(running, workload, rounds, seconds):
    for _, asking in running.values():
        asking.run(1)
    rows = {name: [] for name in running}
    for _ in range(rounds):
        for name, (server, asking) in running.items():
            before = server.cpu()
            answers, errors, took = asking.run(seconds)
            used = server.cpu() - before
            # Some close without having said so, which is what they were asked for.
            if workload.closing and errors <= answers:
                errors = 0
            if errors:
                say(f"  {name}: {errors} errors in {workload.name}")
            cost = used * 1e6 / answers if answers else None
            rows[name].append({"cost": cost, "rate": answers / took, "errors": errors})
    return rows


def hold(running, workload):
    """Bytes of memory that each of many connections takes."""
    rows = {}
    for name, (server, _) in running.items():
        before = server.resident()
        asking = subprocess.Popen([sys.executable, load.__file__, "hold", str(server.port), workload.path,
                                   str(workload.connections)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                  preexec_fn=lambda: os.sched_setaffinity(0, {1}))
        opened = int(asking.stdout.readline() or 0)
        # What a server gives back once it is quiet.
        time.sleep(1)
        cost = (server.resident() - before) / max(opened, 1)
        asking.stdin.close()
        asking.wait(20)
        if opened == workload.connections:
            rows[name] = [{"cost": cost, "rate": None, "errors": 0}]
        else:
            say(f"  {name} left out: it did not answer on {workload.connections} connections")
    return rows


def summary(rows, base):
    """Medians of the rounds, and the quartiles of the ratios within them."""
    ratios = [own["cost"] / other["cost"] for own, other in zip(rows, base) if own["cost"] and other["cost"]]
    rows = [row for row in rows if row["cost"]]
    quartiles = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    rates = [row["rate"] for row in rows if row["rate"] is not None]
    return {
        "cost": round(statistics.median(row["cost"] for row in rows), 3),
        "best": round(min(row["cost"] for row in rows), 3),
        "rate": round(statistics.median(rates), 1) if rates else None,
        "ratio": [round(ratio, 3) for ratio in (quartiles[1], quartiles[0], quartiles[2])] if quartiles else None,
        "errors": sum(row["errors"] for row in rows),
        "rounds": [round(row["cost"], 3) for row in rows],
    }


def write(path, data):
    with open(path, "w") as file:
        json.dump(data, file, indent=1)
        file.write("\n")
