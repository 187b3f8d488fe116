"use strict";
(() => {
  const find = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const live = () => find("#live");
  const news = find("#news");

  // ---- Numbers, as the server writes them.
  const grouped = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
  function number(value) {
    if (value === 0) return "0";
    if (value < 0.01) return "< 0.01";
    if (value < 0.995) return value.toFixed(2);
    return value < 99.95 ? value.toFixed(1).replace(/\.0$/, "") : grouped.format(value);
  }
  function size(bytes) {
    if (bytes < 1024) return `${Math.round(bytes)} B`;
    let unit = -1;
    do { bytes /= 1024; unit += 1; } while (bytes >= 1023.95 && unit < 5);
    return `${bytes.toFixed(1)} ${["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit]}`;
  }
  function time(micros) {
    if (micros < 999.5) return `${Math.round(micros)} \u00b5s`;
    const [value, unit] = micros < 999500 ? [micros / 1e3, "ms"] : [micros / 1e6, "s"];
    return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
  }
  const units = { count: number, rate: value => `${number(value)}/s`, bytes: value => `${size(value)}/s`, time };
  const unknown = "\u2013";

  // ---- Clocks: the server's are UTC, the reader's may be others. The choice is kept.
  const store = {
    get: name => { try { return localStorage.getItem(name); } catch { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* only for now, then */ } },
  };
  let isLocal = store.get("salver-clock") === "local";
  const two = value => String(value).padStart(2, "0");
  function clock(date, seconds = true) {
    const [hours, minutes] = isLocal ? [date.getHours(), date.getMinutes()] : [date.getUTCHours(), date.getUTCMinutes()];
    const rest = isLocal ? date.getSeconds() : date.getUTCSeconds();
    return `${two(hours)}:${two(minutes)}${seconds ? `:${two(rest)}` : ""}`;
  }
  function localise(root) {
    if (!isLocal) return;
    for (const label of all("[data-unix]", root)) label.textContent = clock(new Date(label.dataset.unix * 1000), false);
    for (const element of all("time", root)) {
      const date = new Date(element.dateTime);
      if (isNaN(date)) continue;
      const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
      element.textContent = element.textContent.length > 8 ? `${day} ${clock(date, false)}` : clock(date);
      element.title = element.dateTime;
    }
    const zone = find(".bar nav + .zone", root);
    if (zone) zone.textContent = `Times are local (${Intl.DateTimeFormat().resolvedOptions().timeZone}).`;
  }

  // ---- Bringing the page up to date: what is the same stays the same element, with its focus, its
  // selection and where it is scrolled to.
  const kept = new Set(["open", "style", "tabindex", "role", "aria-label", "aria-valuetext", "aria-valuenow", "aria-valuemin", "aria-valuemax"]);
  const keyOf = node => node.nodeType === 1 && node.dataset.key || null;
  const isLike = (old, next) => old.nodeType === next.nodeType && old.nodeName === next.nodeName && keyOf(old) === keyOf(next);

  function morph(old, next) {
    if (old.nodeType !== 1) {
      if (old.data !== next.data) old.data = next.data;
      return;
    }
    if (old.hasAttribute("data-keep")) return;
    for (const { name } of [...old.attributes]) {
      if (!next.hasAttribute(name) && !kept.has(name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    const wanted = new Map();
    for (const child of next.children) if (keyOf(child)) wanted.set(keyOf(child), null);
    for (const child of [...old.children]) {
      const key = keyOf(child);
      if (!key) continue;
      // Rows that are gone go first, so that those behind them need not be moved.
      if (!wanted.has(key) || wanted.get(key)) child.remove();
      else wanted.set(key, child);
    }
    let at = old.firstChild;
    for (const child of [...next.childNodes]) {
      const known = keyOf(child) ? wanted.get(keyOf(child)) : null;
      if (known && known.parentNode === old) {
        if (keyOf(child)) wanted.set(keyOf(child), null);
        if (known === at) at = at.nextSibling;
        else if (old.moveBefore) old.moveBefore(known, at);
        else old.insertBefore(known, at);
        morph(known, child);
      } else if (at && !keyOf(child) && isLike(at, child)) {
        const same = at;
        at = at.nextSibling;
        morph(same, child);
      } else {
        old.insertBefore(child, at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  }

  function withSelection(change) {
    const selection = getSelection();
    const { anchorNode, anchorOffset, focusNode, focusOffset, isCollapsed } = selection;
    change();
    if (isCollapsed || !anchorNode || !anchorNode.isConnected || !focusNode.isConnected) return;
    if (selection.anchorNode === anchorNode && selection.anchorOffset === anchorOffset
      && selection.focusNode === focusNode && selection.focusOffset === focusOffset) return;
    const within = (node, offset) => Math.min(offset, node.nodeType === 3 ? node.length : node.childNodes.length);
    selection.setBaseAndExtent(anchorNode, within(anchorNode, anchorOffset), focusNode, within(focusNode, focusOffset));
  }

  let latest = live().outerHTML;
  function show(html) {
    const next = find("#live", new DOMParser().parseFromString(html, "text/html"));
    if (!next) return;
    latest = html;
    const before = live().dataset.state;
    localise(next);
    withSelection(() => morph(live(), next));
    prepare();
    cross();
    document.title = live().dataset.title;
    const { state, verdict } = live().dataset;
    mark(state);
    if (state !== before) news.textContent = `${verdict}: ${state}`;
  }

  // The tab's icon has the colour and the shape of the state.
  const icon = find("link[rel=icon]");
  const plain = icon.href;
  function mark(state) {
    const shape = {
      amber: "%3Cpath d='M20 10 30 30H10z' fill='%23ffb02e' stroke='%23fff'/%3E",
      red: "%3Cpath d='M15 11h10l5 5v10l-5 5H15l-5-5V16z' fill='%23e0254a' stroke='%23fff' stroke-width='2'/%3E",
    }[state];
    const href = shape ? plain.replace("%3C/svg%3E", `${shape}%3C/svg%3E`) : plain;
    if (icon.href !== href) icon.href = href;
  }

  // ---- The crosshair: one time over all charts; the legends say what was then.
  let at = null; // { part } of the width under the pointer, or { step } chosen by key; null is now
  let band = null; // the row of the heat map under the pointer
  const data = element => {
    const { end, steps, step, first, every } = element.dataset;
    return { end: +end, steps: +steps, step: +step, first: +first, every: +every };
  };
  const values = new WeakMap();
  function list(item) {
    const text = item.dataset.values;
    const known = values.get(item);
    if (known && known.text === text) return known.list;
    const list = text ? text.split(",").map(value => value === "" ? null : +value) : [];
    values.set(item, { text, list });
    return list;
  }
  const said = new Map(); // what the legends say of now, while they speak of another time

  function cross() {
    for (const [element, text] of said) {
      // What came anew in the meantime is newer than what was kept.
      if (element.isConnected && element.dataset.then === element.textContent) element.textContent = text;
      delete element.dataset.then;
    }
    said.clear();
    let spoken = "";
    for (const plot of all(".plot")) {
      const line = find(".cross", plot);
      const { end, steps, step, first, every } = data(plot);
      const start = end - steps;
      const count = Math.ceil((end - first) / every);
      const wanted = at && Math.floor((("part" in at ? start + at.part * steps : at.step / step) - first) / every);
      const column = at && Math.max(0, Math.min(count - 1, wanted));
      if (!at || count < 1 || Number.isNaN(column)) {
        line.classList.remove("on");
        continue;
      }
      const from = Math.max(first + column * every, start);
      const to = Math.min(first + (column + 1) * every, end);
      line.style.left = `${((from + to) / 2 - start) / steps * 100}%`;
      line.dataset.when = clock(new Date(from * step * 1000));
      line.classList.add("on");
      const words = [line.dataset.when, ...legend(plot, column)];
      if (plot === document.activeElement) spoken = words.join(", ");
    }
    return spoken;
  }
  function say(element, text) {
    if (!element || element.textContent === text) return;
    if (!said.has(element)) said.set(element, element.textContent);
    element.textContent = text;
    element.dataset.then = text;
  }
  function legend(plot, column) {
    const figure = plot.closest("figure");
    const words = [];
    const items = all("li[data-values]", figure);
    const unit = items.length && units[items[0].parentNode.dataset.unit];
    for (const item of items) {
      const value = list(item)[column];
      const text = value == null ? unknown : unit(value);
      say(find("b", item), text);
      words.push(`${find("span", item).textContent} ${text}`);
    }
    if (plot.dataset.cells) words.push(...cells(plot, column, find(".most", figure)));
    return words;
  }
  function cells(plot, column, item) {
    const [first, counts = ""] = plot.dataset.cells.split(";")[column].split(":");
    const numbers = counts.split(",").map(Number);
    const edge = index => time(16 * 2 ** index);
    const name = index => index === 0 ? `up to ${edge(0)}` : index === 23 ? `over ${edge(22)}` : `${edge(index - 1)} to ${edge(index)}`;
    const count = index => numbers[index - first] || 0;
    const busiest = counts ? +first + numbers.indexOf(Math.max(...numbers)) : null;
    const chosen = band ?? busiest;
    const text = chosen === null ? unknown : `${name(chosen)}: ${grouped.format(count(chosen))}`;
    say(find("b", item), text);
    say(find("span", item), band === null ? "most" : "");
    return [text];
  }

  // What the script adds to the charts: they can be focused, and read with the arrow keys.
  function prepare() {
    for (const plot of all(".plot:not([tabindex])")) {
      plot.tabIndex = 0;
      plot.setAttribute("role", "slider");
      plot.setAttribute("aria-label", `${find("h3", plot.closest("figure")).textContent.trim()}: values by time`);
      plot.setAttribute("aria-valuemin", "0");
      plot.setAttribute("aria-valuemax", "100");
      plot.setAttribute("aria-valuenow", "100");
      plot.setAttribute("aria-valuetext", "now");
    }
  }
  function point(event) {
    const plot = event.target.closest?.(".plot");
    if (!plot) {
      if (at && "part" in at) { at = band = null; cross(); }
      return;
    }
    const box = plot.getBoundingClientRect();
    at = { part: Math.max(0, Math.min(1, (event.clientX - box.left) / box.width)) };
    band = null;
    if (plot.dataset.bands) {
      const [low, high] = plot.dataset.bands.split(" ").map(Number);
      const row = Math.floor((event.clientY - box.top) / 150 * (high - low + 1));
      if (row >= 0 && row <= high - low) band = high - row;
    }
    cross();
  }
  document.addEventListener("pointermove", point);
  document.addEventListener("pointerdown", point);
  document.documentElement.addEventListener("pointerleave", () => { if (at && "part" in at) { at = band = null; cross(); } });
  document.addEventListener("keydown", event => {
    const plot = event.target;
    if (!plot.matches?.(".plot") || event.ctrlKey || event.altKey || event.metaKey) return;
    const { end, steps, step, first, every } = data(plot);
    const jump = event.shiftKey ? 10 : 1;
    const by = { ArrowLeft: -jump, ArrowDown: -jump, ArrowRight: jump, ArrowUp: jump, PageDown: -10, PageUp: 10, Home: -1e9, End: 1e9 }[event.key];
    if (event.key === "Escape") at = band = null;
    else if (by) {
      const now = !at ? end : "part" in at ? end - steps + at.part * steps : at.step / step;
      // The middle of a column, lest a rounded number fall into the next.
      const column = Math.floor((now - first) / every) + (at || by > 0 ? by : by + 1);
      const last = Math.ceil((end - first) / every) - 1;
      at = { step: (first + (Math.max(0, Math.min(last, column)) + 0.5) * every) * step };
      band = null;
    } else return;
    event.preventDefault();
    const spoken = cross();
    plot.setAttribute("aria-valuetext", spoken || "now");
    plot.setAttribute("aria-valuenow", at ? Math.round((at.step / step - end + steps) / steps * 100) : 100);
  });
  document.addEventListener("focusout", event => {
    if (event.target.matches?.(".plot") && at && "step" in at) { at = null; cross(); }
  });

  // ---- The connection.
  const pulse = document.createElement("span");
  pulse.className = "pulse";
  const button = (text, onclick) => {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.addEventListener("click", onclick);
    return made;
  };
  const pause = button("Pause", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Resume" : "Pause";
    if (isPaused) { close(); tell("paused"); } else open();
  });
  const zone = button(isLocal ? "UTC" : "Local time", () => {
    isLocal = !isLocal;
    store.set("salver-clock", isLocal ? "local" : "utc");
    zone.textContent = isLocal ? "UTC" : "Local time";
    show(latest);
    tell();
  });
  find(".tools").replaceChildren(pulse, pause, zone);

  let isPaused = false;
  let source = null;
  let heard = performance.now();
  let heardAt = new Date();
  let retry = null;
  let wait = 1000;
  let state = "live";

  function tell(now = state) {
    const text = {
      live: "Live",
      paused: `Paused at ${clock(heardAt)}`,
      lost: `Not live since ${clock(heardAt)}`,
    }[now];
    if (pulse.textContent !== text) pulse.textContent = text;
    pulse.classList.toggle("lost", now === "lost");
    pulse.classList.toggle("paused", now === "paused");
    document.body.classList.toggle("stale", now === "lost");
    if (now !== state && (now === "lost" || state === "lost")) news.textContent = text;
    state = now;
  }
  function close() {
    clearTimeout(retry);
    retry = null;
    if (source) source.close();
    source = null;
  }
  function open() {
    close();
    if (isPaused || document.hidden) return;
    heard = performance.now();
    source = new EventSource(`${location.pathname}?events&range=${live().dataset.range}`);
    source.onmessage = event => {
      heard = performance.now();
      heardAt = new Date();
      wait = 1000;
      show(event.data);
      tell("live");
      pulse.classList.remove("beat");
      requestAnimationFrame(() => pulse.classList.add("beat"));
    };
    source.onerror = () => {
      tell("lost");
      // The browser tries again by itself, unless it was told that there is nothing here.
      if (source && source.readyState === EventSource.CLOSED) again();
    };
  }
  function again() {
    close();
    retry = setTimeout(open, wait);
    wait = Math.min(wait * 2, 15000);
  }
  // A connection may be dead without anybody having said so.
  setInterval(() => {
    if (isPaused || document.hidden || !source) return;
    const silence = performance.now() - heard;
    if (silence > 4000) tell("lost");
    if (silence > 12000) again();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (document.hidden) close(); else if (!isPaused) open(); });
  addEventListener("pagehide", close);
  addEventListener("pageshow", event => { if (event.persisted) open(); });

  prepare();
  localise(live());
  mark(live().dataset.state);
  tell();
  open();
})();
