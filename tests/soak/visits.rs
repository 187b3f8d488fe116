//! Requests that read, each checked to the last byte.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::time::Instant;

use serde_json::Value;

use crate::ask::{Asker, Way};
use crate::dice::Dice;
use crate::moving::Content;
use crate::site::{NOT_FOUND, Site};
use crate::support::Response;

/// Somebody who looks around.
pub struct Visitor<'s> {
    pub site: &'s Site,
    pub asker: Asker<'s>,
    pub dice: Dice,
}

type Visit = (usize, fn(&mut Visitor<'_>));

/// What is done, and how often in comparison.
pub const VISITS: &[Visit] = &[
    (40, fixed),
    (40, moving),
    (10, range),
    (5, ranges),
    (10, moving_range),
    (10, conditions),
    (8, head),
    (8, missing),
    (6, listing),
    (6, moving_listing),
    (6, markdown),
    (4, cors),
    (4, pipeline),
    (4, streams),
    (3, status),
    (1, archive),
    (1, moving_archive),
];

impl Visitor<'_> {
    pub fn visit(&mut self) {
        let all = VISITS.iter().map(|(weight, _)| weight).sum();
        let mut place = self.dice.below(all);
        for (weight, visit) in VISITS {
            if place < *weight {
                return visit(self);
            }
            place -= weight;
        }
    }

    fn a_fixed_file(&mut self) -> (String, Vec<u8>) {
        let site = self.site;
        // Large ones are a matter of minutes, not of seconds.
        let is_large_too = self.dice.once_in(15);
        let few: Vec<_> = site
            .fixed
            .iter()
            .filter(|(_, content)| is_large_too || content.len() < 400_000)
            .collect();
        let (name, content) = self.dice.pick(&few);
        (format!("/{name}"), (*content).clone())
    }

    fn codings(&mut self) -> &'static str {
        let all =
            ["identity", "gzip", "br", "zstd", "gzip, deflate, br, zstd", "br;q=0.2, gzip;q=0.5"];
        self.dice.pick::<&str>(&all)
    }
}

fn fixed(visitor: &mut Visitor<'_>) {
    let (target, content) = visitor.a_fixed_file();
    let codings = visitor.codings();
    let response = visitor.asker.get(&target, &[("Accept-Encoding", codings)]);
    assert_eq!(response.status, 200, "{target}");
    assert!(response.field("etag").is_some() && response.field("date").is_some());
    same(&target, &response.decoded(), &content);
}

fn moving(visitor: &mut Visitor<'_>) {
    let names = visitor.site.moving.names();
    let name = visitor.dice.pick(&names);
    let codings = visitor.codings();
    let since = Instant::now();
    let response = visitor.asker.get(&format!("/{name}"), &[("Accept-Encoding", codings)]);
    let seen = match response.status {
        200 => Some(response.decoded()),
        404 => None,
        other => panic!("/{name}: {other}"),
    };
    one_of(name, seen.as_deref(), &visitor.site.moving.editions(name, since));
}

fn range(visitor: &mut Visitor<'_>) {
    let (target, content) = visitor.a_fixed_file();
    if content.is_empty() {
        return;
    }
    let from = visitor.dice.below(content.len());
    let to = from + visitor.dice.below(content.len() - from);
    let response = visitor.asker.get(&target, &[("Range", &format!("bytes={from}-{to}"))]);
    assert_eq!(response.status, 206, "{target}");
    let said = format!("bytes {from}-{to}/{}", content.len());
    assert_eq!(response.field("content-range"), Some(&*said));
    same(&target, &response.body, &content[from..=to]);
    let beyond = format!("bytes={}-", content.len());
    assert_eq!(visitor.asker.get(&target, &[("Range", &beyond)]).status, 416, "{target}");
}

fn ranges(visitor: &mut Visitor<'_>) {
    let content = &visitor.site.fixed["fixed/film.mp4"];
    let from = visitor.dice.below(4_000_000);
    let field = format!("bytes=0-99,{from}-{},-50", from + 70_000);
    let field = if from < 200 { "bytes=0-99,1000-2000,-50".to_owned() } else { field };
    let response = visitor.asker.get("/fixed/film.mp4", &[("Range", &field)]);
    assert_eq!(response.status, 206);
    let boundary = response.field("content-type").expect("a type");
    let boundary = boundary.strip_prefix("multipart/byteranges; boundary=").expect("a boundary");
    let mut rest = &response.body[..];
    for _ in 0..3 {
        let end = rest.windows(4).position(|bytes| bytes == b"\r\n\r\n").expect("a head") + 4;
        let head = String::from_utf8_lossy(&rest[..end]).to_lowercase();
        assert!(head.contains(&format!("--{}\r\n", boundary.trim_matches('"').to_lowercase())));
        let said = head.split("content-range: bytes ").nth(1).expect("a range");
        let (span, total) = said.trim_end().split_once('/').expect("a total");
        assert_eq!(total.lines().next(), Some(&*content.len().to_string()));
        let (from, to) = span.split_once('-').expect("two numbers");
        let (from, to): (usize, usize) = (from.parse().expect("one"), to.parse().expect("two"));
        same(&field, &rest[end..=end + to - from], &content[from..=to]);
        rest = &rest[end + 1 + to - from..];
    }
    assert!(rest.starts_with(b"\r\n--"), "{field}");
}

/// A part is of one edition, and the next part of the same one if its tag says so.
fn moving_range(visitor: &mut Visitor<'_>) {
    let names = visitor.site.moving.names();
    let name = visitor.dice.pick(&names);
    let since = Instant::now();
    let target = format!("/{name}");
    let first = visitor.asker.get(&target, &[("Range", "bytes=0-15")]);
    if first.status == 404 {
        return one_of(name, None, &visitor.site.moving.editions(name, since));
    }
    let tag = first.field("etag").expect("a tag").to_owned();
    let rest = visitor.asker.get(&target, &[("Range", "bytes=16-"), ("If-Range", &tag)]);
    let whole = match rest.status {
        206 => [first.body, rest.body].concat(),
        200 => rest.body,
        404 => return one_of(name, None, &visitor.site.moving.editions(name, since)),
        other => panic!("{target}: {other}"),
    };
    one_of(name, Some(&whole), &visitor.site.moving.editions(name, since));
}

fn conditions(visitor: &mut Visitor<'_>) {
    let (target, content) = visitor.a_fixed_file();
    let response = visitor.asker.ask("HEAD", &target, &[], b"");
    let tag = response.field("etag").expect("a tag").to_owned();
    let date = response.field("last-modified").expect("a date").to_owned();
    for field in [("If-None-Match", &*tag), ("If-Modified-Since", &*date)] {
        let response = visitor.asker.get(&target, &[field]);
        assert_eq!((response.status, response.body.len()), (304, 0), "{target} {field:?}");
        assert_eq!(response.field("etag"), Some(&*tag));
    }
    assert_eq!(visitor.asker.get(&target, &[("If-Match", "\"other\"")]).status, 412, "{target}");
    let other = [("If-Range", "\"other\""), ("Range", "bytes=0-0")];
    let whole = visitor.asker.get(&target, &other);
    assert_eq!(whole.status, 200);
    same(&target, &whole.body, &content);
}

fn head(visitor: &mut Visitor<'_>) {
    let (target, content) = visitor.a_fixed_file();
    let response = visitor.asker.ask("HEAD", &target, &[], b"");
    assert_eq!((response.status, response.body.len()), (200, 0), "{target}");
    assert_eq!(response.field("content-length"), Some(&*content.len().to_string()));
}

fn missing(visitor: &mut Visitor<'_>) {
    let target = format!("/none/{}", visitor.dice.next());
    let page = visitor.asker.get(&target, &[("Accept", "text/html")]);
    assert_eq!(page.status, 404, "{target}");
    same(&target, &page.body, NOT_FOUND);
    let problem = visitor.asker.get(&target, &[("Accept", "application/json")]);
    assert_eq!((problem.status, &json(&problem)["status"]), (404, &404.into()));
    assert_eq!(visitor.asker.get("/.hidden", &[]).status, 404);
    assert_eq!(visitor.asker.ask("DELETE", "/fixed/small.txt", &[], b"").status, 405);
}

fn json(response: &Response) -> Value {
    let content = response.decoded();
    serde_json::from_slice(&content)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&content)))
}

fn listing(visitor: &mut Visitor<'_>) {
    let expected = visitor.site.lengths("fixed/box/");
    let codings = visitor.codings();
    let fields = [("Accept-Encoding", codings)];
    let order = ["?format=json", "?format=json&sort=size&order=desc"][visitor.dice.below(2)];
    let response = visitor.asker.get(&format!("/fixed/box/{order}"), &fields);
    assert_eq!(response.status, 200);
    let listing = json(&response);
    let found = listing["entries"].as_array().expect("entries").iter().map(|entry| {
        let length = usize::try_from(entry["size"].as_u64().expect("a size")).expect("little");
        (entry["name"].as_str().expect("a name").to_owned(), length)
    });
    assert_eq!(found.collect::<BTreeMap<_, _>>(), expected);
    let page = visitor.asker.get("/fixed/box/", &[("Accept", "text/html"), fields[0]]);
    let text = String::from_utf8(page.decoded()).expect("text");
    assert!(page.status == 200 && text.contains("</table>"), "{text}");
    for name in expected.keys() {
        assert!(text.contains(&format!(">{name}</a>")), "{name} in {text}");
    }
}

fn moving_listing(visitor: &mut Visitor<'_>) {
    let since = Instant::now();
    let listing = json(&visitor.asker.get("/moving/?format=json", &[]));
    let mut lengths = BTreeMap::new();
    for entry in listing["entries"].as_array().expect("entries") {
        if entry["type"] == "file" {
            let name = format!("moving/{}", entry["name"].as_str().expect("a name"));
            lengths.insert(name, entry["size"].as_u64().expect("a size"));
        }
    }
    for name in visitor.site.moving.names() {
        if name.matches('/').count() == 1 {
            let seen = lengths.remove(&name);
            let editions = visitor.site.moving.editions(&name, since);
            let mut known =
                editions.iter().map(|content| content.as_ref().map(|it| it.len() as u64));
            assert!(known.any(|length| length == seen), "{name} with {seen:?} bytes is listed");
        }
    }
    assert!(lengths.is_empty(), "{lengths:?}");
}

fn markdown(visitor: &mut Visitor<'_>) {
    let codings = visitor.codings();
    let page = visitor.asker.get("/fixed/note.md?render", &[("Accept-Encoding", codings)]);
    assert_eq!(page.status, 200);
    let text = String::from_utf8(page.decoded()).expect("text");
    assert!(text.contains("<h1>Heading of the note</h1>"), "{text}");
    let name = "moving/f03.md";
    let since = Instant::now();
    let page = visitor.asker.get(&format!("/{name}?render"), &[]);
    let text = String::from_utf8(page.decoded()).expect("text");
    let editions = visitor.site.moving.editions(name, since);
    let shown = |content: &Content| match content {
        // Its first line is in no other one.
        Some(content) if content.len() < 1 << 20 => {
            page.status == 200 && text.contains(std::str::from_utf8(&content[..16]).expect("text"))
        }
        Some(content) => page.status == 200 && page.body == **content,
        None => page.status == 404,
    };
    assert!(editions.iter().any(shown), "{} {text}", page.status);
}

fn cors(visitor: &mut Visitor<'_>) {
    let origin = ("Origin", "https://app.example");
    let response = visitor.asker.get("/fixed/small.txt", &[origin]);
    assert_eq!(response.field("access-control-allow-origin"), Some("*"));
    same("cors", &response.body, b"0123456789");
    let fields = [origin, ("Access-Control-Request-Method", "GET")];
    let preflight = visitor.asker.ask("OPTIONS", "/fixed/small.txt", &fields, b"");
    assert_eq!(preflight.status, 204);
    let sent = [origin, ("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(visitor.asker.ask("POST", "/submit", &sent, b"id=cross").status, 403);
}

fn pipeline(visitor: &mut Visitor<'_>) {
    let site = visitor.site;
    let names: Vec<_> =
        (0..8).map(|_| format!("/fixed/box/{:02}.txt", visitor.dice.below(40))).collect();
    let targets: Vec<_> = names.iter().map(String::as_str).collect();
    if visitor.asker.way == Way::Http2 {
        return streams(visitor);
    }
    for (target, response) in targets.iter().zip(visitor.asker.pipeline(&targets)) {
        same(target, &response.body, &site.fixed[&target[1..]]);
    }
}

fn streams(visitor: &mut Visitor<'_>) {
    let site = visitor.site;
    let mut names: Vec<_> =
        (0..12).map(|_| format!("/fixed/box/{:02}.txt", visitor.dice.below(40))).collect();
    "/fixed/film.mp4".clone_into(&mut names[0]);
    "/fixed/long.txt".clone_into(&mut names[6]);
    let targets: Vec<_> = names.iter().map(String::as_str).collect();
    let given_up = visitor.dice.below(4);
    for (target, response) in targets.iter().zip(visitor.asker.streams(&targets, given_up)) {
        if let Some(response) = response {
            same(target, &response.body, &site.fixed[&target[1..]]);
        }
    }
}

fn status(visitor: &mut Visitor<'_>) {
    let status = json(&visitor.asker.get("/server-status?format=json", &[]));
    assert!(status["requests"]["total"].is_u64() && status["health"]["state"].is_string());
    let metrics = visitor.asker.get("/metrics", &[("Accept-Encoding", "zstd")]);
    let text = String::from_utf8(metrics.decoded()).expect("text");
    assert!(metrics.status == 200 && text.contains("\nsalver_requests_total "), "{text}");
    let page = visitor.asker.get("/server-status", &[("Accept", "text/html")]);
    assert!(page.status == 200 && page.text().contains("</html>"));
    assert_eq!(visitor.asker.get("/healthz", &[]).status, 200);
}

type Unpacked = BTreeMap<String, Vec<u8>>;

fn archive(visitor: &mut Visitor<'_>) {
    let kind = *visitor.dice.pick(&["tar", "tar.gz", "tar.zst", "zip"]);
    let response = visitor.asker.get(&format!("/fixed/box/?archive={kind}"), &[]);
    assert_eq!(response.status, 200);
    let mut found = unpacked(kind, &response.body);
    for (name, content) in visitor.site.fixed.range("fixed/box/".to_owned()..) {
        let Some(name) = name.strip_prefix("fixed/") else { break };
        if name.starts_with("box/") {
            same(name, &found.remove(name).unwrap_or_else(|| panic!("{name} is there")), content);
        }
    }
    assert!(found.is_empty(), "{:?}", found.keys());
}

fn moving_archive(visitor: &mut Visitor<'_>) {
    let kind = *visitor.dice.pick(&["tar", "tar.gz", "tar.zst", "zip"]);
    let since = Instant::now();
    let response = visitor.asker.get(&format!("/moving/?archive={kind}"), &[]);
    assert_eq!(response.status, 200);
    for (name, content) in unpacked(kind, &response.body) {
        one_of(&name, Some(&content), &visitor.site.moving.editions(&name, since));
    }
}

fn unpacked(kind: &str, body: &[u8]) -> Unpacked {
    match kind {
        "tar" => untar(body),
        "tar.gz" => untar(flate2::read::GzDecoder::new(body)),
        "tar.zst" => untar(zstd::Decoder::new(body).expect("zstd")),
        _ => unzip(body),
    }
}

fn untar(bytes: impl Read) -> Unpacked {
    let mut found = Unpacked::new();
    for entry in tar::Archive::new(bytes).entries().expect("a tar") {
        let mut entry = entry.expect("an entry");
        if entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.read_to_end(&mut content).expect("a file");
            found
                .insert(entry.path().expect("a path").to_str().expect("UTF-8").to_owned(), content);
        }
    }
    found
}

fn unzip(bytes: &[u8]) -> Unpacked {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a zip");
    let mut found = Unpacked::new();
    for index in 0..archive.len() {
        let mut file = archive.by_index(index).expect("an entry");
        if !file.is_dir() {
            let mut content = Vec::new();
            file.read_to_end(&mut content).expect("a file whose sum is right");
            found.insert(file.name().expect("a name").into_owned(), content);
        }
    }
    found
}

/// Without printing megabytes.
pub fn same(what: &str, found: &[u8], expected: &[u8]) {
    if found != expected {
        let at = found.iter().zip(expected).position(|(one, other)| one != other);
        panic!("{what}: {} bytes instead of {}, other at {at:?}", found.len(), expected.len());
    }
}

fn one_of(name: &str, found: Option<&[u8]>, editions: &[Content]) {
    let is_known = editions.iter().any(|content| content.as_deref().map(Vec::as_slice) == found);
    let known: Vec<_> = editions.iter().map(|it| it.as_ref().map(|it| it.len())).collect();
    let start =
        found.map(|found| String::from_utf8_lossy(&found[..found.len().min(40)]).into_owned());
    assert!(is_known, "{name}: {:?} bytes, of {known:?}: {start:?}", found.map(<[u8]>::len));
}
