"use strict";
(() => {
  const find = (selector, root = document) => root.querySelector(selector);

  // An element; attributes that begin with "on" are listeners. Text never becomes markup.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value === true) element.setAttribute(name, "");
      else if (value !== false && value != null) element.setAttribute(name, value);
    }
    element.append(...children);
    return element;
  }
  const button = (text, onclick, more) => make("button", { type: "button", onclick, ...more }, text);
  const icon = (name, text, onclick, more) => button("", onclick, { class: `icon ${name}`, "aria-label": text, title: text, ...more });

  const number = new Intl.NumberFormat("en");
  const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1, useGrouping: false });
  const count = (n, one, many = `${one}s`) => `${number.format(n)} ${n === 1 ? one : many}`;
  function size(bytes) {
    if (bytes < 1024) return `${Math.round(bytes)} B`;
    let unit = -1;
    do { bytes /= 1024; unit += 1; } while (bytes >= 1023.95 && unit < 5);
    return `${tenths.format(bytes)} ${["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"][unit]}`;
  }
  function duration(seconds) {
    if (!Number.isFinite(seconds)) return "";
    if (seconds < 60) return `${Math.max(1, Math.round(seconds))} s`;
    if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
    return `${Math.floor(seconds / 3600)} h ${Math.round(seconds % 3600 / 60)} min`;
  }
  function decoded(path) {
    try { return decodeURIComponent(path); } catch { return path; }
  }

  const live = make("p", { class: "quiet", "aria-live": "polite" });
  document.body.append(live);
  const say = text => { live.textContent = text; };
  const idle = self.requestIdleCallback || (work => setTimeout(work, 30));

  async function copy(text, where) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Only secure origins have a clipboard; a selection can be copied everywhere.
      const field = make("textarea", { class: "quiet", readonly: true });
      field.value = text;
      where.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
    say("Copied");
  }
  function copier(make, text) {
    const copying = make(async () => {
      await copy(text(), copying.parentNode);
      copying.classList.add("copied");
      setTimeout(() => copying.classList.remove("copied"), 1500);
      copying.focus();
    });
    return copying;
  }

  // A question with buttons; the answer is null when it is waved away.
  function ask(title, content, choices) {
    return new Promise(resolve => {
      let answer = null;
      const dialog = make("dialog", { class: "ask", "aria-labelledby": "asked" }, make("h2", { id: "asked" }, title), ...content,
        make("div", { class: "go" }, ...choices.map(([value, text], index) =>
          button(text, () => { answer = value; dialog.close(); }, { class: index === 0 && "main", autofocus: index === 0 }))));
      dialog.addEventListener("close", () => { dialog.remove(); resolve(answer); });
      document.body.append(dialog);
      dialog.showModal();
    });
  }

  // ---- The list: filter, order, times, keys.

  const list = find("#list");
  const tbody = list?.tBodies[0];
  const totals = find("#totals");
  const filter = find("#filter");
  const collator = new Intl.Collator("en", { numeric: true, sensitivity: "base" });
  const asked = new URLSearchParams(location.search);
  const words = ["name", "size", "time"];
  let sort = words.includes(asked.get("sort")) ? asked.get("sort") : "name";
  let descending = asked.get("order") === "desc";
  let served = asked.get("filter") || ""; // the filter of the rows that the server sent
  let entries = [];
  let shown = [];
  let up = null;
  let all = totals?.textContent;
  let latest = null; // the request for rows that is under way

  // Whether rows are missing here, so that only the server can filter and sort.
  const partial = () => served !== "" || Boolean(find("nav.pages"));

  function read(row) {
    const link = row.cells[0].firstElementChild;
    const name = link.textContent.replace(/\/$/, "");
    return {
      row, link, name,
      key: name.toLowerCase(),
      kind: link.classList[0],
      folder: link.classList.contains("dir"),
      bytes: Number(row.cells[1].title.replace(/\D/g, "")),
      time: row.cells[2].firstElementChild?.dateTime || "",
    };
  }
  function load() {
    const rows = [...tbody.rows];
    up = find(".up", tbody) && rows.shift();
    entries = rows.map(read);
    shown = entries;
    idle(() => tell(entries, 0));
  }

  function before(a, b) {
    if (a.folder !== b.folder) return a.folder ? -1 : 1;
    let by = sort === "size" ? a.bytes - b.bytes : sort === "time" ? (a.time > b.time) - (a.time < b.time) : 0;
    by ||= collator.compare(a.name, b.name) || (a.name > b.name) - (a.name < b.name);
    return descending ? -by : by;
  }
  function show() {
    const text = filter.value.toLowerCase();
    shown = text && !partial() ? entries.filter(entry => entry.key.includes(text)) : entries;
    const held = document.activeElement;
    tbody.replaceChildren(...up && !text ? [up] : [], ...shown.map(entry => entry.row));
    if (tbody.contains(held)) held.focus();
    if (text && shown.length === 0) tbody.dataset.none = `No name here has “${filter.value}” in it.`;
    else delete tbody.dataset.none;
    if (!text || partial()) totals.textContent = all;
    else {
      const folders = shown.filter(entry => entry.folder).length;
      const files = shown.length - folders;
      const bytes = shown.reduce((sum, entry) => sum + entry.bytes, 0);
      totals.textContent = `${[folders && count(folders, "folder"), files && `${count(files, "file")}, ${size(bytes)}`].filter(Boolean).join(", ") || "Nothing"} (of ${number.format(entries.length)})`;
    }
    mark(text);
  }
  function mark(text) {
    if (!self.Highlight) return;
    CSS.highlights.delete("match");
    if (!text) return;
    const ranges = [];
    for (const { key, link } of shown.slice(0, 500)) {
      const from = key.indexOf(text);
      if (from < 0 || key.length > link.firstChild.length) continue;
      ranges.push(new StaticRange({ startContainer: link.firstChild, startOffset: from, endContainer: link.firstChild, endOffset: from + text.length }));
    }
    CSS.highlights.set("match", new Highlight(...ranges));
  }

  function address(by, down, text, page) {
    const query = new URLSearchParams();
    if (by !== "name" || down) query.set("sort", by);
    if (down) query.set("order", "desc");
    if (text) query.set("filter", text);
    if (page > 1) query.set("page", page);
    return `${location.pathname}${query.size ? "?" : ""}${query}`;
  }
  const page = () => Number(new URLSearchParams(location.search).get("page")) || 1;
  // The address bar and the links of the columns say what is seen.
  function keep() {
    history.replaceState(history.state, "", address(sort, descending, filter.value, partial() ? page() : 1) + location.hash);
    [...list.tHead.rows[0].cells].forEach((cell, index) => {
      const here = words[index] === sort;
      if (here) cell.ariaSort = descending ? "descending" : "ascending";
      else cell.removeAttribute("aria-sort");
      const query = new URLSearchParams({ sort: words[index], order: (here ? !descending : index > 0) ? "desc" : "asc" });
      if (filter.value) query.set("filter", filter.value);
      find("a", cell).href = `?${query}`;
    });
  }

  // Fetches the rows again and puts them in the place of those that are here.
  async function fetchRows(text, at, fresh) {
    latest?.abort();
    const mine = latest = new AbortController();
    try {
      const answer = await fetch(address(sort, descending, text, at), { headers: { Accept: "text/html" }, cache: "no-cache", signal: mine.signal });
      if (!answer.ok) throw new Error(answer.status);
      const next = new DOMParser().parseFromString(await answer.text(), "text/html");
      if (mine.signal.aborted || !find("#list", next)) return;
      const held = tbody.contains(document.activeElement) && document.activeElement.getAttribute("href");
      tbody.replaceChildren(...find("#list", next).tBodies[0].rows);
      all = find("#totals", next).textContent;
      find("nav.pages")?.remove();
      const pages = find("nav.pages", next);
      if (pages) list.after(pages);
      served = text;
      load();
      show();
      if (fresh) entries.filter(entry => fresh.has(entry.link.getAttribute("href"))).forEach(({ row }) => row.classList.add("fresh"));
      if (held) entries.find(entry => entry.link.getAttribute("href") === held)?.link.focus();
    } catch (error) {
      if (error.name !== "AbortError") say("The folder could not be read again.");
    }
  }
  const refresh = fresh => list && (partial() ? fetchRows(filter.value, page(), fresh) : fetchRows("", 1, fresh));

  let timer = 0;
  function filtered() {
    clearTimeout(timer);
    if (!partial()) {
      show();
      keep();
      return;
    }
    timer = setTimeout(async () => {
      await fetchRows(filter.value, 1);
      history.replaceState(history.state, "", address(sort, descending, filter.value, 1) + location.hash);
      keep();
    }, 200);
  }

  const ago = new Intl.RelativeTimeFormat("en");
  const moment = new Intl.DateTimeFormat("en", { dateStyle: "full", timeStyle: "long" });
  const units = [["year", 31557600], ["month", 2629800], ["day", 86400], ["hour", 3600], ["minute", 60]];
  function relative(seconds) {
    const distance = Math.abs(seconds);
    const [unit, length] = units.find(([, length]) => distance >= length) || [];
    return unit ? ago.format(Math.sign(seconds) * Math.floor(distance / length), unit) : "just now";
  }
  // Times for people, some rows at a time.
  function tell(whose, from) {
    if (whose !== entries) return;
    const now = Date.now();
    for (const { row } of entries.slice(from, from + 400)) {
      const time = row.cells[2].firstElementChild;
      if (!time) continue;
      const date = new Date(time.dateTime);
      const text = relative((date - now) / 1000);
      if (time.textContent !== text) time.textContent = text;
      time.title ||= `${moment.format(date)}\n${time.dateTime}`;
    }
    if (from + 400 < entries.length) idle(() => tell(whose, from + 400));
  }

  const help = [
    [["a", "/"], "Filter by typing"], [["Esc"], "Clear the filter, close what is open"],
    [["↑", "↓", "Home", "End"], "Move through the rows"], [["Enter"], "Open"],
    [["Backspace"], "Parent folder (also Alt + ↑)"], [["←", "→"], "Previous and next file in the preview"], [["?"], "This help"],
  ];
  const showHelp = () => ask("Keys", [make("dl", {}, ...help.flatMap(([keys, text]) =>
    [make("dt", {}, ...keys.map(key => make("kbd", {}, key))), make("dd", {}, text)]))], [["", "Close"]]);

  function keys(event) {
    const { key, target } = event;
    if (event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || find("dialog[open]")) return;
    const inFilter = target === filter;
    if (key === "ArrowUp" && event.altKey || key === "Backspace" && !target.matches("input, textarea, [contenteditable]")) {
      if (up) location.assign("../");
      event.preventDefault();
      return;
    }
    if (event.altKey || !inFilter && target.matches("input, select, textarea")) return;
    const inRows = tbody.contains(target);
    if (["ArrowDown", "ArrowUp"].includes(key) || ["Home", "End"].includes(key) && inRows) {
      const away = target === document.body && tbody.getBoundingClientRect().bottom < 0;
      if (!inRows && !inFilter && target !== document.body || away) return;
      const rows = tbody.rows;
      const at = inRows ? target.closest("tr").sectionRowIndex : -1;
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[key];
      if (to < 0 && inRows) filter.focus();
      else if (to >= 0) find("a", rows[Math.min(to, rows.length - 1)] || tbody)?.focus();
      event.preventDefault();
    } else if (key === "Escape" && (inFilter || filter.value)) {
      filter.value = "";
      filtered();
      event.preventDefault();
    } else if (inFilter) {
      if (key !== "Enter") return;
      event.preventDefault();
      if (shown.length === 1) shown[0].link.click();
      else shown[0]?.link.focus();
    } else if (key === "?") showHelp();
    else if (key === "/") {
      event.preventDefault();
      filter.select();
    } else if (key.length === 1 && key !== " ") {
      filter.focus();
      filter.setSelectionRange(filter.value.length, filter.value.length);
    }
  }

  if (list) {
    load();
    filter.addEventListener("input", filtered);
    filter.form.addEventListener("submit", event => event.preventDefault());
    document.addEventListener("keydown", keys);
    find(".bar").append(button("?", showHelp, { class: "keys", "aria-label": "Keys", title: "Keys" }));
    list.tHead.addEventListener("click", event => {
      const link = event.target.closest("a");
      if (!link || partial() || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      event.preventDefault();
      const query = new URLSearchParams(link.search);
      sort = query.get("sort");
      descending = query.get("order") === "desc";
      entries.sort(before);
      show();
      keep();
      say(`Sorted by ${link.textContent.toLowerCase()}, ${descending ? "descending" : "ascending"}`);
    });
    mark(filter.value.toLowerCase());
    setInterval(() => document.hidden || tell(entries, 0), 60000);
  }

  // ---- The preview.

  const MOST_TEXT = 512 * 1024;
  const MOST_PDF = 64 * 1024 * 1024;
  const upload = find("#upload");

  function viewer() {
    let current = null;
    let pushed = Boolean(history.state?.preview); // whether the entry before this one is the bare folder
    let leaving = false;
    let loading = null;
    let object = "";
    const heading = make("h2", { id: "viewed", dir: "auto" });
    const facts = make("p");
    const stage = make("div", { class: "stage", tabindex: 0 });
    const previous = icon("previous", "Previous file", () => step(-1));
    const next = icon("next", "Next file", () => step(1));
    const open = make("a", { class: "button icon open", "aria-label": "Open in a tab", title: "Open in a tab", target: "_blank", rel: "noopener" });
    const save = make("a", { class: "button icon save", "aria-label": "Download", title: "Download", download: true });
    const link = copier(work => icon("link", "Copy link", work), () => current.link.href);
    const dialog = make("dialog", { class: "view", "aria-labelledby": "viewed" },
      make("div", {}, make("div", {}, heading, facts), make("div", { class: "tools" }, previous, next, open, save, link, icon("close", "Close", () => dialog.close()))),
      stage);
    document.body.append(dialog);

    const files = () => shown.filter(entry => !entry.folder);
    const place = entry => `#${entry.link.getAttribute("href").slice(2)}`;
    const named = () => location.hash.length > 1 && entries.find(entry => !entry.folder && place(entry) === location.hash);
    function step(by) {
      const beside = files();
      const to = beside[beside.indexOf(current) + by];
      if (!to) return;
      history.replaceState(history.state, "", place(to));
      draw(to);
    }
    function empty() {
      loading?.abort();
      for (const medium of stage.querySelectorAll("video, audio")) {
        medium.pause();
        medium.removeAttribute("src");
        medium.load();
      }
      stage.replaceChildren();
      if (object) URL.revokeObjectURL(object);
      object = "";
    }
    // What is told where nothing can be shown.
    function note(entry, text) {
      stage.append(make("div", { class: `note ${entry.kind}` }, make("p", {}, text), make("a", { class: "button main", href: `${entry.link.href}?download`, download: true }, "Download")));
    }
    const failed = (entry, element) => element.addEventListener("error", () => {
      if (!element.isConnected || !dialog.open) return;
      element.hidden = true;
      note(entry, "This browser cannot show this file.");
    });
    const draws = {
      image(entry) {
        const picture = make("img", { src: entry.link.href, alt: entry.name, onclick: () => picture.classList.toggle("full") });
        picture.addEventListener("load", () => { facts.textContent += `, ${picture.naturalWidth} × ${picture.naturalHeight}`; });
        failed(entry, picture);
        stage.append(picture);
      },
      video(entry) {
        const medium = make(entry.kind, { src: entry.link.href, controls: true, preload: "metadata", playsinline: true });
        failed(entry, medium);
        stage.append(medium);
      },
      async pdf(entry, signal) {
        if (navigator.pdfViewerEnabled === false || upload && entry.bytes > MOST_PDF) return note(entry, "This file cannot be shown here.");
        let source = entry.link.href;
        if (upload) {
          // The policy of uploaded files forbids plug-ins; a copy of the bytes is shown instead.
          const bytes = await (await get(source, signal)).arrayBuffer();
          source = object = URL.createObjectURL(new Blob([bytes], { type: "application/pdf" }));
        }
        stage.append(make("iframe", { src: source, title: entry.name }));
      },
      markdown(entry) {
        stage.append(make("iframe", { src: `${entry.link.href}?render`, title: entry.name, sandbox: "allow-popups allow-popups-to-escape-sandbox" }));
      },
      async text(entry, signal) {
        if (entry.bytes === 0) return note(entry, "This file is empty.");
        const cut = entry.bytes > MOST_TEXT;
        const answer = await get(entry.link.href, signal, cut ? { Range: `bytes=0-${MOST_TEXT - 1}` } : {});
        const bytes = new Uint8Array(await answer.arrayBuffer());
        const text = decode(bytes, /charset="?([^\s;"]+)/i.exec(answer.headers.get("Content-Type"))?.[1]);
        if (entry.kind === "file" && /\0/.test(text)) return note(entry, "There is no preview of files of this kind.");
        const lines = text.replace(/\r?\n$/, "").split("\n").length;
        const numbers = Array.from({ length: lines }, (_, index) => index + 1).join("\n");
        stage.append(make("div", { class: "lines" }, make("pre", { "aria-hidden": "true" }, numbers), make("pre", { dir: "auto" }, text)));
        if (cut) stage.append(make("div", { class: "cut" }, `These are the first 512 KiB of ${size(entry.bytes)}. Download the file to see all of it.`));
      },
    };
    draws.audio = draws.video;
    draws.code = draws.text;
    draws.file = (entry, signal) => entry.bytes <= MOST_TEXT ? draws.text(entry, signal) : note(entry, "There is no preview of files of this kind.");
    async function get(url, signal, headers) {
      const answer = await fetch(url, { signal, headers });
      if (!answer.ok) throw new Error(`The server answered ${answer.status}.`);
      return answer;
    }
    function decode(bytes, charset = "utf-8") {
      const mark = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : bytes[0] === 0xfe && bytes[1] === 0xff ? "utf-16be" : charset;
      try { return new TextDecoder(mark).decode(bytes); } catch { return new TextDecoder().decode(bytes); }
    }

    async function draw(entry) {
      empty();
      current = entry;
      const { signal } = loading = new AbortController();
      heading.textContent = entry.name;
      const time = entry.row.cells[2].firstElementChild;
      facts.textContent = [entry.row.cells[1].textContent, time?.textContent].filter(Boolean).join(", ");
      facts.title = [entry.row.cells[1].title, time?.title].filter(Boolean).join("\n");
      open.href = entry.link.href;
      save.href = `${entry.link.href}?download`;
      const beside = files();
      previous.disabled = beside[0] === entry;
      next.disabled = beside.at(-1) === entry;
      if (!dialog.open) dialog.showModal();
      if (!dialog.contains(document.activeElement) || document.activeElement.disabled) stage.focus();
      stage.scrollTo(0, 0);
      try {
        if (draws[entry.kind]) await draws[entry.kind](entry, signal);
        else note(entry, "There is no preview of files of this kind.");
      } catch (error) {
        if (!signal.aborted) note(entry, `This file could not be read. ${error.message}`);
      }
    }
    function push() {
      history.pushState({ preview: true }, "", place(current));
      pushed = true;
    }
    function look(entry) {
      draw(entry);
      stage.focus();
      if (!leaving) push();
    }

    dialog.addEventListener("close", () => {
      empty();
      if (pushed) {
        pushed = false;
        leaving = true;
        history.back();
      } else if (named()) history.replaceState(null, "", location.pathname + location.search);
      current.link.focus();
    });
    dialog.addEventListener("click", event => { if (event.target === dialog) dialog.close(); });
    dialog.addEventListener("keydown", event => {
      if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.target.matches("video, audio")) return;
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (by) {
        event.preventDefault();
        step(by);
      }
    });
    addEventListener("popstate", () => {
      if (leaving) {
        leaving = false;
        history.replaceState(history.state, "", address(sort, descending, filter.value, partial() ? page() : 1));
        if (dialog.open) push();
        return;
      }
      const entry = named();
      pushed = Boolean(history.state?.preview);
      if (entry) draw(entry);
      else if (dialog.open) {
        pushed = false;
        dialog.close();
      }
    });
    tbody.addEventListener("click", event => {
      const clicked = event.target.closest("a");
      if (!clicked || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
      const entry = shown.find(entry => entry.link === clicked);
      // A page is a page: it opens as one.
      if (!entry || entry.folder || /\.x?html?$/.test(entry.key)) return;
      event.preventDefault();
      look(entry);
    });
    const entry = named();
    if (entry) draw(entry);
  }
  if (list) viewer();

  // ---- Uploads.

  const MIB = 1024 * 1024;
  const DIRECT = 8 * MIB; // up to this size a file goes in one request
  const PIECE = 16 * MIB;
  const AT_ONCE = 3;
  const MOST_ROWS = 200;
  const DELAYS = [0.5, 1, 2, 4, 8, 15, 30, 30, 30, 60, 60, 60];
  const TUS = { "Tus-Resumable": "1.0.0" };

  // The network failed, or the server is busy: worth another try.
  class Lost extends Error {}

  function uploads() {
    const { max, conflict: allowed, tus, folder } = upload.dataset;
    const most = Number(max) || Infinity;
    const served = folder.endsWith("/"); // else the folder has no address, and PUT none to go to
    const title = document.title.replace(/ - salver$/, "");
    let queue = []; // all that was not cancelled
    let fresh = new Set();
    let wake = new Set();
    let beat = 0;
    let refreshing = 0;
    let speed = 0;
    let last = null;

    const heading = make("span");
    const overall = make("progress", { "aria-label": "All uploads", max: 1, value: 0 });
    const facts = make("p");
    const rows = make("ul");
    const again = button("Retry now", () => { [...wake].forEach(go => go()); });
    const retry = button("Retry failed", () => {
      for (const item of queue.filter(item => item.state === "failed" && !item.final)) set(item, "waiting", "Waiting");
      pump();
    });
    const cancelAll = button("Cancel all", () => queue.filter(isOpen).forEach(cancel));
    const close = icon("close", "Close", () => { queue = []; rows.replaceChildren(); panel.hidden = true; });
    const panel = make("section", { class: "queue", "aria-label": "Uploads", hidden: true },
      make("div", {}, make("h2", {}, heading, close), overall, facts, make("p", { class: "go" }, again, retry, cancelAll)), rows);
    document.body.append(panel);

    const isOpen = item => ["waiting", "uploading", "paused"].includes(item.state);
    const running = () => queue.filter(item => ["uploading", "paused"].includes(item.state));

    function row(item) {
      if (item.row || rows.childElementCount >= MOST_ROWS && item.state === "waiting") return;
      item.bar = make("progress", { max: item.file.size || 1, value: 0, "aria-label": item.path });
      item.word = make("span");
      item.row = make("li", {}, make("span", { title: item.path, dir: "auto" }, item.path), item.word,
        icon("close", `Cancel ${item.path}`, () => cancel(item)), item.bar);
      rows.append(item.row);
    }
    function set(item, state, text) {
      item.state = state;
      item.text = text;
      row(item);
      if (item.row) {
        item.row.className = state;
        find("p", item.row)?.remove();
        item.word.textContent = state === "failed" ? "Failed" : text;
        if (state === "failed") item.row.append(make("p", {}, text));
        if (state === "done" && rows.childElementCount > MOST_ROWS) item.row.remove();
      }
      paint();
    }
    function paint() {
      const total = queue.reduce((sum, item) => sum + item.file.size + 1, 0);
      const sent = queue.reduce((sum, item) => sum + (isOpen(item) ? item.sent : item.file.size + 1), 0);
      const open = queue.filter(isOpen);
      const done = queue.filter(item => item.state === "done").length;
      const bad = queue.filter(item => item.state === "failed");
      panel.hidden = queue.length === 0;
      overall.max = total || 1;
      overall.value = sent;
      const percent = `${Math.floor(100 * sent / (total || 1))}%`;
      const now = performance.now();
      if (last && now - last.at > 400) {
        const rate = Math.max(0, sent - last.sent) * 1000 / (now - last.at);
        speed = speed ? speed * 0.8 + rate * 0.2 : rate;
        last = { at: now, sent };
      } else last ||= { at: now, sent };
      for (const item of running()) {
        if (!item.row) continue;
        item.bar.value = item.sent;
        if (item.state === "uploading") item.word.textContent = `${Math.floor(100 * item.sent / (item.file.size || 1))}%`;
      }
      heading.textContent = open.length ? `Uploading ${count(open.length, "file")}` : bad.length ? `${count(bad.length, "file")} failed` : count(done, "file uploaded", "files uploaded");
      facts.textContent = open.length
        ? [percent, `${size(sent)} of ${size(total)}`, speed > 1 && `${size(speed)}/s`, speed > 1 && `${duration((total - sent) / speed)} left`].filter(Boolean).join(" · ")
        : [`${number.format(done)} done`, bad.length && `${number.format(bad.length)} failed`, size(queue.reduce((sum, item) => sum + (item.state === "done" ? item.file.size : 0), 0))].filter(Boolean).join(" · ");
      again.hidden = !wake.size;
      retry.hidden = !bad.some(item => !item.final);
      cancelAll.hidden = !open.length;
      close.hidden = Boolean(open.length);
      document.title = open.length ? `${percent} - ${title}` : `${title} - salver`;
      if (open.length && !beat) beat = setInterval(paint, 500);
      else if (!open.length && beat) {
        clearInterval(beat);
        beat = 0;
        last = null;
        speed = 0;
        say(bad.length ? `${count(bad.length, "file")} could not be uploaded` : count(done, "file uploaded", "files uploaded"));
      }
    }

    function pump() {
      for (const item of queue) {
        if (running().length >= AT_ONCE) break;
        if (item.state === "waiting") run(item);
      }
    }
    async function run(item) {
      let failures = 0;
      let best = 0;
      item.sent = 0;
      while (item.state !== "cancelled") {
        set(item, "uploading", "");
        try {
          const stored = tus && (!served || item.file.size > DIRECT) ? await resumable(item) : await put(item);
          finish(item, stored);
          break;
        } catch (error) {
          if (item.state === "cancelled") break;
          if (item.sent > best) failures = 0;
          best = Math.max(best, item.sent);
          const readable = await item.file.slice(0, 1).arrayBuffer().catch(() => false);
          if (!readable) fail(item, "The file cannot be read, or has changed.");
          else if (error instanceof Lost && failures < DELAYS.length) {
            await pause(item, DELAYS[failures], error.message);
            failures += 1;
            continue;
          } else fail(item, error.message || "The upload failed.");
          break;
        }
      }
      pump();
    }
    function pause(item, seconds, why) {
      return new Promise(resolve => {
        const go = () => {
          clearTimeout(waiting);
          wake.delete(go);
          removeEventListener("online", go);
          resolve();
        };
        const waiting = setTimeout(go, seconds * 1000);
        wake.add(go);
        item.go = go;
        addEventListener("online", go);
        set(item, "paused", why);
      });
    }
    function finish(item, stored) {
      forget(item);
      if (stored === "skipped") return set(item, "skipped", "Skipped");
      set(item, "done", "Done");
      const path = stored || (served ? folder + encoded(item.path) : "");
      if (item.row && path) find("span", item.row).replaceChildren(make("a", { href: path }, item.path));
      if (path.startsWith(folder)) {
        const [first, ...rest] = path.slice(folder.length).split("/");
        fresh.add(`./${first}${rest.length ? "/" : ""}`);
      }
      refreshing ||= setTimeout(() => {
        refreshing = 0;
        const seen = fresh;
        refresh(seen);
        if (!queue.some(isOpen)) fresh = new Set();
      }, queue.some(isOpen) ? 1200 : 0);
    }
    function fail(item, text, final = false) {
      item.final = final;
      set(item, "failed", text);
      say(`${item.path}: ${text}`);
    }
    function cancel(item) {
      item.state = "cancelled";
      item.xhr?.abort();
      item.go?.();
      item.row?.remove();
      queue = queue.filter(other => other !== item);
      if (item.url) fetch(item.url, { method: "DELETE", headers: TUS }).catch(() => {});
      forget(item);
      paint();
      pump();
    }

    // One request; what was sent counts from `from`.
    function send(item, method, url, headers, body, from = 0) {
      return new Promise((resolve, reject) => {
        const xhr = item.xhr = new XMLHttpRequest();
        xhr.open(method, url);
        for (const [name, value] of Object.entries(headers)) xhr.setRequestHeader(name, value);
        if (body) xhr.upload.onprogress = event => { if (event.loaded) item.sent = from + event.loaded; };
        xhr.onload = () => {
          if ([429, 502, 503, 504].includes(xhr.status)) reject(new Lost("The server is busy"));
          else resolve(xhr);
        };
        xhr.onerror = () => reject(new Lost("Connection lost"));
        xhr.onabort = () => reject(new Error("Cancelled"));
        xhr.send(body);
      });
    }
    const ok = xhr => xhr.status >= 200 && xhr.status < 300;
    function refusal(xhr) {
      let detail = "";
      try {
        const problem = JSON.parse(xhr.responseText);
        detail = problem.detail || problem.message || problem.title;
      } catch { /* no JSON */ }
      return new Error(detail || `The server answered ${xhr.status} ${xhr.statusText}`);
    }
    const encoded = path => path.split("/").map(encodeURIComponent).join("/");
    const json = { Accept: "application/json" };

    async function put(item) {
      let answer;
      if (served) answer = await send(item, "PUT", `${folder}${encoded(item.path)}?conflict=${item.conflict}`, json, item.file);
      else {
        const form = new FormData();
        form.append("file", item.file, item.file.name);
        answer = await send(item, "POST", `${upload.querySelector("form").action}?conflict=${item.conflict}`, json, form);
      }
      if (answer.status === 409 && item.skip) return "skipped";
      if (!ok(answer)) throw refusal(answer);
      try { return JSON.parse(answer.responseText).files[0].url; } catch { return null; }
    }

    const key = item => `salver-tus ${JSON.stringify([folder, item.path, item.file.size, item.file.lastModified])}`;
    function remembered(item) {
      try { return localStorage.getItem(key(item)); } catch { return null; }
    }
    function remember(item, url) {
      item.url = url;
      try { localStorage.setItem(key(item), url); } catch { /* then it lives as long as the page */ }
    }
    function forget(item) {
      item.url = null;
      try { localStorage.removeItem(key(item)); } catch { /* nothing is kept */ }
    }
    function base64(text) {
      return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
    }
    // How much of it the server has; null when it knows nothing of it.
    async function offset(item, url) {
      const answer = await send(item, "HEAD", url, TUS);
      if ([403, 404, 410].includes(answer.status)) return null;
      if (!ok(answer)) throw new Lost("The server is busy");
      return Number(answer.getResponseHeader("Upload-Offset"));
    }
    // tus 1.0: https://tus.io/protocols/resumable-upload
    async function resumable(item) {
      const { file } = item;
      let at = null;
      item.url ||= remembered(item);
      if (item.url) at = await offset(item, item.url);
      let stored = null;
      if (at === null) {
        forget(item);
        const pairs = { filename: file.name, relativePath: item.path, folder, conflict: item.conflict, filetype: file.type };
        const metadata = Object.entries(pairs).filter(([, value]) => value).map(([name, value]) => `${name} ${base64(value)}`).join(",");
        const answer = await send(item, "POST", tus, { ...TUS, ...json, "Upload-Length": file.size, "Upload-Metadata": metadata });
        if (answer.status === 409 && item.skip) return "skipped";
        if (!ok(answer)) throw refusal(answer);
        remember(item, new URL(answer.getResponseHeader("Location"), new URL(tus, location)).pathname);
        stored = answer.getResponseHeader("Content-Location");
        at = 0;
      }
      while (at < file.size) {
        item.sent = at;
        const headers = { ...TUS, ...json, "Upload-Offset": at, "Content-Type": "application/offset+octet-stream" };
        const answer = await send(item, "PATCH", item.url, headers, file.slice(at, at + PIECE), at);
        if (answer.status === 423) throw new Lost("The server is busy");
        if (answer.status === 409) {
          // Either the offset was not the server's, or the name is taken.
          const now = await offset(item, item.url);
          if (now !== null && now !== at && now < file.size) {
            at = now;
            continue;
          }
          if (item.skip) return "skipped";
          throw refusal(answer);
        }
        if ([404, 410].includes(answer.status)) {
          forget(item);
          throw new Lost("Starting again");
        }
        if (!ok(answer)) throw refusal(answer);
        at = Number(answer.getResponseHeader("Upload-Offset"));
        stored = answer.getResponseHeader("Content-Location");
      }
      return stored;
    }

    // Which of the names are taken, asked before anything is sent.
    async function taken(tops) {
      if (!served) return [];
      try {
        const answer = await fetch(`${folder}?format=json`, { headers: json, cache: "no-cache" });
        const names = new Set((await answer.json()).entries.map(entry => entry.name.replace(/\/$/, "")));
        return tops.filter(top => names.has(top));
      } catch {
        return [];
      }
    }
    async function add(files) {
      if (!files.length) return;
      const top = path => path.split("/")[0];
      let items = files.map(({ file, path }) => ({ file, path, state: "waiting", sent: 0, conflict: allowed === "reject" ? "reject" : "rename" }));
      const clashes = await taken([...new Set(items.filter(item => item.file.size <= most).map(item => top(item.path)))]);
      if (clashes.length) {
        const choices = [allowed !== "reject" && ["rename", "Keep both"], allowed === "replace" && ["replace", "Replace"], ["skip", "Skip"]].filter(Boolean);
        const names = clashes.slice(0, 50).map(name => make("li", { dir: "auto" }, name));
        if (clashes.length > 50) names.push(make("li", {}, `and ${number.format(clashes.length - 50)} more`));
        const choice = await ask(clashes.length === 1 ? "This name is taken" : `${number.format(clashes.length)} names are taken`, [make("ul", {}, ...names)], choices);
        if (choice === null) return say("Nothing was uploaded");
        const clash = new Set(clashes);
        for (const item of items.filter(item => clash.has(top(item.path)))) {
          item.skip = choice === "skip";
          item.conflict = item.skip ? "reject" : choice;
        }
        if (choice === "skip") items = items.filter(item => !item.skip || item.path.includes("/"));
      }
      if (!queue.some(isOpen)) close.click();
      queue.push(...items);
      for (const item of items) {
        row(item);
        if (item.file.size > most) fail(item, `It has ${size(item.file.size)}; this server takes ${size(most)} at most.`, true);
        else if (item.row) item.word.textContent = "Waiting";
      }
      paint();
      say(`Uploading ${count(items.filter(isOpen).length, "file")}`);
      pump();
    }

    // What was dropped, with all that lies in folders.
    async function walk(entry, path, into) {
      if (entry.isFile) {
        await new Promise(resolve => entry.file(file => { into.push({ file, path: path + file.name }); resolve(); }, resolve));
        return;
      }
      const reader = entry.createReader();
      for (;;) {
        const batch = await new Promise(resolve => reader.readEntries(resolve, () => resolve([])));
        if (!batch.length) return;
        for (const inner of batch) await walk(inner, `${path}${entry.name}/`, into);
      }
    }
    async function dropped(data) {
      const entries = [...data.items].map(item => item.webkitGetAsEntry?.()).filter(Boolean);
      if (!entries.length) return add([...data.files].map(file => ({ file, path: file.name })));
      const files = [];
      for (const entry of entries) await walk(entry, "", files);
      return add(files);
    }

    // The form becomes buttons; choosing is sending.
    const form = find("form", upload);
    const input = find("#files");
    const folders = make("input", { type: "file", id: "folders", webkitdirectory: true, multiple: true });
    form.classList.add("script");
    find("button", form).remove();
    form.prepend(input);
    form.append(folders, make("label", { for: "folders" }, "Choose a folder"));
    find("label[for=files]", form).classList.add("main");
    for (const chooser of [input, folders]) {
      chooser.addEventListener("change", () => {
        const files = [...chooser.files].map(file => ({ file, path: file.webkitRelativePath || file.name }));
        chooser.value = "";
        add(files);
      });
    }
    form.addEventListener("submit", event => event.preventDefault());
    form.after(make("span", { class: "or" }, "or drop or paste files anywhere on this page."));
    const curl = find("#curl");
    if (curl) {
      curl.textContent = `curl -F file=@FILE ${location.origin}${folder}`;
      curl.after(copier(work => button("Copy", work), () => curl.textContent));
    }

    const over = make("div", { class: "over", hidden: true }, `Drop files to add them to ${decoded(folder)}`);
    document.body.append(over);
    const carries = event => event.dataTransfer?.types.includes("Files") && !find("dialog[open]");
    addEventListener("dragover", event => {
      if (!carries(event)) return;
      event.preventDefault();
      event.dataTransfer.dropEffect = "copy";
      over.hidden = false;
    });
    addEventListener("dragleave", event => { if (!event.relatedTarget) over.hidden = true; });
    addEventListener("drop", event => {
      over.hidden = true;
      if (!carries(event)) return;
      event.preventDefault();
      dropped(event.dataTransfer);
    });
    addEventListener("paste", event => {
      const files = [...event.clipboardData?.files || []];
      if (!files.length || find("dialog[open]")) return;
      event.preventDefault();
      const stamp = new Date().toISOString().slice(0, 19).replace("T", " ").replaceAll(":", ".");
      add(files.map(file => {
        const named = file.name === "image.png" ? new File([file], `pasted ${stamp}.png`, { type: file.type }) : file;
        return { file: named, path: named.name };
      }));
    });
    addEventListener("beforeunload", event => { if (queue.some(isOpen)) event.preventDefault(); });
  }
  if (upload) uploads();
})();
