// Sends the requests of the demonstrations and shows what came back.
// Every page works without this file; it only adds.
"use strict";

(() => {
  const PHRASES = {
    200: "OK", 201: "Created", 204: "No Content", 206: "Partial Content", 303: "See Other", 304: "Not Modified",
    400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 409: "Conflict",
    412: "Precondition Failed", 413: "Content Too Large", 416: "Range Not Satisfiable", 500: "Internal Server Error",
    501: "Not Implemented", 503: "Service Unavailable", 507: "Insufficient Storage",
  };

  // The fields worth showing at once, in this order; the others are folded away.
  const MAIN_FIELDS = [
    "Content-Type", "Content-Length", "Content-Range", "Content-Disposition", "Content-Encoding", "Location", "Allow",
    "ETag", "Last-Modified", "Cache-Control", "Accept-Ranges", "Vary", "Retry-After",
  ];

  const SHOWN_CHARACTERS = 1200;
  const DEFAULT_UPLOAD_LIMIT = 10 * 1024 * 1024;

  const all = (selector, within = document) => [...within.querySelectorAll(selector)];

  /** Makes an element; `text` is always set as text, never parsed as HTML. */
  function make(tag, className, text) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  }

  const counted = (n, unit) => `${n.toLocaleString("en")} ${unit}${n === 1 ? "" : "s"}`;

  function size(bytes) {
    if (bytes < 1024) return counted(bytes, "byte");
    const mebi = bytes >= 1024 * 1024;
    return `${(bytes / (mebi ? 1024 * 1024 : 1024)).toFixed(1)} ${mebi ? "MiB" : "KiB"}`;
  }

  const fieldName = (name) => (name === "etag" ? "ETag" : name.replace(/(^|-)[a-z]/g, (c) => c.toUpperCase()));

  // ---- one request and its answer -------------------------------------------------------------

  /** The protocol the last answer for this URL came by, as the browser measured it. */
  function protocolOf(url) {
    const entry = performance.getEntriesByName(url).pop();
    const names = { "http/1.0": "HTTP/1.0", "http/1.1": "HTTP/1.1", h2: "HTTP/2" };
    return (entry && names[entry.nextHopProtocol]) || "HTTP/1.1";
  }

  /** Bytes as text in the encoding that Content-Type names, or null when they are not text. */
  function asText(bytes, type) {
    if (!/^(text\/|multipart\/|application\/(json|javascript|xml))|\+xml|\+json/.test(type)) return null;
    const charset = /charset="?([^\s;"]+)/i.exec(type);
    try {
      return new TextDecoder(charset ? charset[1] : "utf-8").decode(bytes);
    } catch {
      return new TextDecoder().decode(bytes);
    }
  }

  async function send(method, path, fields = {}) {
    const url = new URL(path, document.baseURI);
    const started = performance.now();
    const response = await fetch(url, { method, headers: fields, cache: "no-store" });
    const bytes = new Uint8Array(await response.arrayBuffer());
    const took = performance.now() - started;
    return {
      method, fields, url, took, bytes,
      status: response.status,
      phrase: response.statusText || PHRASES[response.status] || "",
      arrivedAt: response.redirected ? new URL(response.url) : null,
      headers: response.headers,
      text: bytes.length ? asText(bytes, response.headers.get("Content-Type") || "") : null,
    };
  }

  // ---- showing it -------------------------------------------------------------------------------

  function fieldList(pairs) {
    const list = make("dl");
    for (const [name, value] of pairs) {
      const row = make("div");
      row.append(make("dt", "", name), make("dd", "", value));
      list.append(row);
    }
    return list;
  }

  function summary(x) {
    const where = x.arrivedAt ? `The browser was sent on to ${x.arrivedAt.pathname} and went there. ` : "";
    const body = x.bytes.length ? `${counted(x.bytes.length, "byte")} of body` : "No body";
    return `${where}${body}, in ${x.took < 10 ? x.took.toFixed(1) : Math.round(x.took)} ms.`;
  }

  function exchange(x) {
    const box = make("div", "exchange fresh");

    const ask = make("div", "ask");
    const lines = [`${x.method} ${x.url.pathname}${x.url.search} ${protocolOf(x.url.href)}`, `Host: ${x.url.host}`];
    for (const [name, value] of Object.entries(x.fields)) lines.push(`${name}: ${value}`);
    ask.append(make("p", "who", "Request"), make("pre", "", lines.join("\n")));

    const answer = make("div", "answer");
    const status = make("p", `status s${String(x.status)[0]}`);
    status.append(make("b", "", x.status), ` ${x.phrase}`);
    answer.append(make("p", "who", "Response"), status);

    const main = MAIN_FIELDS.filter((name) => x.headers.has(name));
    const known = new Set(main.map((name) => name.toLowerCase()));
    const others = [...x.headers].filter(([name]) => !known.has(name));
    answer.append(fieldList(main.map((name) => [name, x.headers.get(name)])));
    if (others.length) {
      const more = make("details");
      more.append(make("summary", "", counted(others.length, "more field")));
      more.append(fieldList(others.map(([name, value]) => [fieldName(name), value])));
      answer.append(more);
    }
    if (x.text) {
      const cut = x.text.length > SHOWN_CHARACTERS;
      const body = make("pre", "body", cut ? `${x.text.slice(0, SHOWN_CHARACTERS)}…` : x.text);
      body.tabIndex = 0;
      answer.append(body);
    }
    answer.append(make("p", "note", summary(x)));

    box.append(ask, answer);
    return box;
  }

  function failure(error) {
    const box = make("div", "exchange fresh");
    const answer = make("div", "answer");
    answer.append(make("p", "who", "No response"), make("p", "note", `The server could not be reached, or it closed the connection. Is it still running? (${error.message})`));
    box.append(answer);
    return box;
  }

  // Screen readers hear one short sentence, not the whole box.
  const voice = make("p", "quietly");
  voice.setAttribute("role", "status");

  function show(out, exchanges) {
    out.replaceChildren(...exchanges.map(exchange));
    voice.textContent = exchanges.map((x) => `${x.status} ${x.phrase}. ${summary(x)}`).join(" Then ");
  }

  async function busy(button, work, out) {
    button.disabled = true;
    try {
      show(out, await work());
    } catch (error) {
      out.replaceChildren(failure(error));
      voice.textContent = "No response.";
    } finally {
      button.disabled = false;
      button.focus({ preventScroll: true });
    }
  }

  // ---- the demonstrations -----------------------------------------------------------------------

  /** Sends a request, then the same with what the first answer said as a condition. */
  async function askTwice(method, path, by) {
    const first = await send(method, path);
    const tag = first.headers.get("ETag");
    const date = first.headers.get("Last-Modified");
    if (by === "etag" && tag) return [first, await send(method, path, { "If-None-Match": tag })];
    if (by === "date" && date) return [first, await send(method, path, { "If-Modified-Since": date })];
    return [first];
  }

  function prepareDemo(demo) {
    const out = demo.querySelector(".out");
    const chooser = demo.querySelector(".bytes");
    const range = chooser ? prepareBytes(chooser) : null;
    for (const button of all(".try button", demo)) {
      const { method, path, again, fields } = button.dataset;
      button.addEventListener("click", () => busy(button, async () => {
        if (again) return askTwice(method, path, again);
        if (button.dataset.range) return [await send(method, path, { Range: range() })];
        return [await send(method, path, fields ? JSON.parse(fields) : {})];
      }, out));
    }
    for (const group of all(".try", demo)) group.hidden = false;
  }

  /** The strip of 27 bytes: drag over it or type two numbers. Returns a function that gives the range. */
  function prepareBytes(chooser) {
    const strip = chooser.querySelector(".strip");
    const first = chooser.querySelector("[data-end=first]");
    const last = chooser.querySelector("[data-end=last]");
    const cells = [..."abcdefghijklmnopqrstuvwxyz↵"].map((letter) => make("span", "", letter));
    strip.append(...cells);
    chooser.hidden = false;

    const paint = () => cells.forEach((cell, i) => cell.classList.toggle("in", i >= Number(first.value) && i <= Number(last.value)));
    const at = (event) => {
      const box = strip.getBoundingClientRect();
      return Math.max(0, Math.min(26, Math.floor((event.clientX - box.left) / box.width * 27)));
    };
    let anchor = null;
    const stretch = (event) => {
      const here = at(event);
      first.value = Math.min(anchor, here);
      last.value = Math.max(anchor, here);
      paint();
    };
    strip.addEventListener("pointerdown", (event) => { anchor = at(event); strip.setPointerCapture(event.pointerId); stretch(event); });
    strip.addEventListener("pointermove", (event) => { if (anchor !== null) stretch(event); });
    for (const end of ["pointerup", "pointercancel"]) strip.addEventListener(end, () => { anchor = null; });
    first.addEventListener("input", paint);
    last.addEventListener("input", paint);
    paint();
    return () => `bytes=${first.value}-${last.value}`;
  }

  function prepareOwn(form) {
    const out = form.closest(".demo").querySelector(".out");
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { method, path, name, value } = form.elements;
      // Always this server, however the path is written.
      const local = `/${path.value.trim().replace(/^[/\\]+/, "")}`;
      const field = name.value.trim();
      busy(form.querySelector("button"), async () => [await send(method.value, local, field ? { [field]: value.value.trim() } : {})], out);
    });
  }

  // ---- lines to copy ------------------------------------------------------------------------------

  function prepareCurl(box) {
    const commands = all("code > span", box);
    const base = new URL(".", document.baseURI).href;
    for (const command of commands) {
      command.textContent = command.textContent
        .replaceAll("http://127.0.0.1:8000/", base)
        .replace("nc 127.0.0.1 8000", `nc ${location.hostname} ${location.port || 80}`);
    }
    if (!navigator.clipboard) return;
    const button = make("button", "", "Copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(commands.map((command) => command.textContent).join("\n"));
        button.textContent = "Copied";
      } catch {
        button.textContent = "Not allowed";
      }
      voice.textContent = button.textContent;
      setTimeout(() => { button.textContent = "Copy"; }, 1500);
    });
    box.classList.add("copies");
    box.append(button);
  }

  // ---- forms ----------------------------------------------------------------------------------------

  const MEANING = {
    405: "Uploads are off on this server, so nothing was stored. They are turned on with enable_file_uploads in the configuration.",
    409: "A file of that name is there already, and upload_conflict says to keep it.",
    413: "That is more than max_upload_size allows. Nothing was stored.",
    507: "The disk of the server is full. Nothing was stored.",
  };

  /** Posts a form with progress; fetch cannot report how much has been sent. */
  function post(form, onProgress) {
    return new Promise((resolve, reject) => {
      const url = new URL(form.action);
      const started = performance.now();
      const request = new XMLHttpRequest();
      request.open("POST", url);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "arraybuffer";
      request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) onProgress(event.loaded / event.total); });
      request.addEventListener("error", () => reject(new Error("the connection ended before the answer")));
      request.addEventListener("load", () => {
        const headers = new Headers();
        for (const line of request.getAllResponseHeaders().trim().split("\r\n")) {
          const colon = line.indexOf(":");
          if (colon > 0) headers.append(line.slice(0, colon), line.slice(colon + 1).trim());
        }
        const bytes = new Uint8Array(request.response || []);
        resolve({
          method: "POST", fields: { Accept: "application/json" }, url, headers, bytes, arrivedAt: null,
          took: performance.now() - started,
          status: request.status,
          phrase: request.statusText || PHRASES[request.status] || "",
          text: asText(bytes, headers.get("Content-Type") || ""),
        });
      });
      request.send(new FormData(form));
    });
  }

  function prepareForm(form) {
    const out = form.nextElementSibling;
    const bar = form.querySelector("progress");
    const picker = form.querySelector("input[type=file]");
    if (picker) prepareFiles(picker, form.querySelector(".chosen"));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      if (bar) { bar.value = 0; bar.hidden = false; }
      busy(form.querySelector("button"), async () => {
        try {
          return [await post(form, (part) => { if (bar) bar.value = part; })];
        } finally {
          if (bar) bar.hidden = true;
        }
      }, out).then(() => {
        const code = out.querySelector(".status b");
        const words = code && MEANING[code.textContent];
        if (words) {
          out.querySelector(".answer .note").prepend(`${words} `);
          voice.textContent += ` ${words}`;
        }
      });
    });
  }

  function prepareFiles(picker, list) {
    picker.addEventListener("change", () => {
      const files = [...picker.files];
      const rows = files.map((file) => {
        const row = make("li");
        row.append(make("span", "", file.name), make("span", "", size(file.size)));
        return row;
      });
      const total = files.reduce((sum, file) => sum + file.size, 0);
      if (files.length > 1 || total > DEFAULT_UPLOAD_LIMIT) {
        const tooMuch = total > DEFAULT_UPLOAD_LIMIT;
        rows.push(make("li", tooMuch ? "sum too" : "sum", `${counted(files.length, "file")}, ${size(total)}${tooMuch ? ": more than the usual limit of 10 MiB" : ""}`));
      }
      list.replaceChildren(...rows);
    });
    for (const type of ["dragenter", "dragover"]) picker.addEventListener(type, () => picker.classList.add("over"));
    for (const type of ["dragleave", "drop"]) picker.addEventListener(type, () => picker.classList.remove("over"));
  }

  // ---- begin ------------------------------------------------------------------------------------------

  document.body.append(voice);
  all(".demo").forEach(prepareDemo);
  all("form.own").forEach(prepareOwn);
  all(".curl").forEach(prepareCurl);
  all("form.send").forEach(prepareForm);

  for (const asked of all(".asked")) {
    if (location.pathname !== "/404.html") {
      let path = location.pathname;
      try { path = decodeURI(path); } catch { /* not UTF-8: shown as it was sent */ }
      asked.querySelector("code").textContent = path;
      asked.hidden = false;
    }
  }
})();
