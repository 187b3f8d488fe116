//! Requests that leave something, and what is there afterwards.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::time::Instant;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::ask::{Asker, Field};
use crate::dice::Dice;
use crate::site::{LIMIT, Site};
use crate::support::upload::{FORM, JSON, form, names, part, uploads};
use crate::support::{PATIENCE, Response};
use crate::visits::same;

/// Files that are kept on the disk until the end.
const KEPT: usize = 200;

/// Somebody who brings things.
pub struct Uploader<'s> {
    pub site: &'s Site,
    pub asker: Asker<'s>,
    pub dice: Dice,
    /// Goes before all of his names.
    pub sign: String,
    pub count: u64,
    pub accepted: Accepted,
}

/// What was said to be stored.
#[derive(Default)]
pub struct Accepted {
    files: VecDeque<(String, Vec<u8>)>,
    forms: BTreeSet<String>,
}

impl Accepted {
    pub fn merge(&mut self, other: Self) {
        self.files.extend(other.files);
        self.forms.extend(other.forms);
    }

    /// Everything is there, and nothing else.
    pub fn check(self, site: &Site) {
        let mut files: BTreeMap<_, _> = self.files.into_iter().collect();
        for name in names(&site.server) {
            let content = files.remove(&name);
            let content =
                content.unwrap_or_else(|| panic!("{name} was not accepted, and is there"));
            same(&name, &fs::read(uploads(&site.server).join(&name)).expect("a file"), &content);
        }
        assert!(files.is_empty(), "accepted, and not there: {:?}", files.keys());
        let lines = fs::read_to_string(site.around.join("forms.jsonl")).expect("the log of forms");
        let mut forms = self.forms;
        for line in lines.lines() {
            let line: Value = serde_json::from_str(line).expect("a whole line");
            let id = line["fields"]["id"][0].as_str().expect("an id");
            assert!(forms.remove(id), "form {id} was not accepted, or is there twice");
        }
        assert!(forms.is_empty(), "accepted, and not in the log: {forms:?}");
    }
}

impl Uploader<'_> {
    pub fn bring(&mut self) {
        self.count += 1;
        match self.dice.below(10) {
            0..3 => self.form(),
            3..6 => self.put(),
            6 | 7 => self.in_parts(),
            8 => self.submit(),
            _ => self.refused(),
        }
    }

    fn name(&self, of: &str) -> String {
        format!("{}-{of}-{:06}.bin", self.sign, self.count)
    }

    fn content(&mut self) -> Vec<u8> {
        let length = if self.dice.once_in(8) { 400_000 } else { 20_000 };
        let length = self.dice.below(length);
        if self.dice.once_in(2) { self.dice.bytes(length) } else { self.dice.text(length) }
    }

    /// Reads back what was accepted, and keeps it in mind.
    fn stored(&mut self, name: String, content: Vec<u8>) {
        let target = format!("/uploads/{}", name.replace(' ', "%20"));
        let back = self.asker.get(&target, &[]);
        assert_eq!(back.status, 200, "{target}");
        same(&target, &back.body, &content);
        self.accepted.files.push_back((name, content));
        if self.accepted.files.len() > KEPT
            && let Some((name, content)) = self.accepted.files.pop_front()
        {
            let path = uploads(&self.site.server).join(&name);
            same(&name, &fs::read(&path).expect("an old file"), &content);
            fs::remove_file(path).expect("an old file is removed");
        }
    }

    fn form(&mut self) {
        let (name, id) = (self.name("form"), self.name("id"));
        let contents = [self.content(), self.content()];
        let body = form(&[
            part("file", Some(&name), &contents[0]),
            part("id", None, id.as_bytes()),
            part("file", Some(&name), &contents[1]),
        ]);
        let response = self.asker.ask("POST", "/upload", &[JSON, FORM], &body);
        assert_eq!(response.status, 201, "{name}");
        self.accepted.forms.insert(id);
        let answer: Value = serde_json::from_slice(&response.body).expect("JSON");
        let files = answer["files"].as_array().expect("files").clone();
        assert_eq!(files.len(), 2, "{answer}");
        for (file, content) in files.iter().zip(contents) {
            let sum: Vec<_> =
                Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(file["sha256"], sum.concat(), "{answer}");
            self.stored(file["name"].as_str().expect("a name").to_owned(), content);
        }
    }

    fn put(&mut self) {
        let (name, content) = (self.name("put"), self.content());
        let response = self.asker.ask("PUT", &format!("/uploads/{name}"), &[JSON], &content);
        assert_eq!(response.status, 201, "{name}");
        self.stored(name, content);
    }

    fn submit(&mut self) {
        let id = self.name("submit");
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let body = format!("id={id}&text=a+b%0Ac");
        let response = self.asker.ask("POST", "/submit", &[JSON, kind], body.as_bytes());
        assert_eq!(response.status, 201, "{id}");
        self.accepted.forms.insert(id);
    }

    fn refused(&mut self) {
        let name = self.name("refused");
        let target = format!("/uploads/{name}");
        let large = vec![b'x'; LIMIT + 1];
        let ask =
            |asker: &mut Asker<'_>, method, target: &str, fields: &[Field<'_>], body: &[u8]| {
                asker.ask(method, target, fields, body).status
            };
        let asker = &mut self.asker;
        assert_eq!(ask(asker, "PUT", &target, &[JSON], &large), 413);
        let body = form(&[part("id", None, b"refused"), part("file", Some(&name), &large)]);
        assert_eq!(ask(asker, "POST", "/upload", &[JSON, FORM], &body), 413);
        let status = ask(asker, "PUT", "/uploads/.htaccess", &[JSON], b"x");
        assert!((400..500).contains(&status), "{status}");
        assert_eq!(
            ask(asker, "POST", "/upload", &[JSON, ("Content-Type", "text/plain")], b"x"),
            415
        );
        assert_eq!(asker.get(&target, &[]).status, 404, "{target}");
    }

    /// Resumable, with breaks of the connection in the middle of a part.
    fn in_parts(&mut self) {
        let (name, content) = (self.name("tus"), self.content());
        let metadata = format!("filename {}", BASE64_STANDARD.encode(&name));
        let length = content.len().to_string();
        let fields = [("Upload-Length", &*length), ("Upload-Metadata", &*metadata)];
        let begun = self.tus("POST", "/upload/tus", &fields, b"");
        assert_eq!(begun.status, 201, "{name}");
        let address = begun.field("location").expect("an address").to_owned();
        let is_given_up = self.dice.once_in(6);
        for _ in 0..self.dice.below(4) {
            let at = self.offset(&address);
            let part = &content[at..at + self.dice.below(content.len() - at)];
            if self.dice.once_in(2) {
                self.broken_part(&address, at, content.len() - at, part);
            } else {
                self.part(&address, at, part);
            }
        }
        if is_given_up {
            let begun = Instant::now();
            // A part of which the rest did not come may be at it still.
            while self.tus("DELETE", &address, &[], b"").status != 204 {
                assert!(begun.elapsed() < PATIENCE, "{name}");
            }
            assert_eq!(self.tus("HEAD", &address, &[], b"").status, 404);
            return;
        }
        for _ in 0..10 {
            let at = self.offset(&address);
            if at == content.len() {
                break;
            }
            self.part(&address, at, &content[at..]);
        }
        assert_eq!(self.offset(&address), content.len(), "{name}");
        self.stored(name, content);
    }

    fn tus(&mut self, method: &str, target: &str, fields: &[Field<'_>], body: &[u8]) -> Response {
        let fields = [&[("Tus-Resumable", "1.0.0")], fields].concat();
        self.asker.ask(method, target, &fields, body)
    }

    fn part(&mut self, address: &str, at: usize, part: &[u8]) {
        let at = at.to_string();
        let kind = ("Content-Type", "application/offset+octet-stream");
        let status = self.tus("PATCH", address, &[kind, ("Upload-Offset", &at)], part).status;
        // A part of which the rest did not come may come only now, or be at it.
        assert!(matches!(status, 204 | 409 | 423), "{address}: {status}");
    }

    /// A part of which less comes than was announced.
    fn broken_part(&mut self, address: &str, at: usize, announced: usize, part: &[u8]) {
        let mut client = self.site.server.connect();
        let head = format!(
            "PATCH {address} HTTP/1.1\r\nHost: t\r\nTus-Resumable: 1.0.0\r\nUpload-Offset: {at}\r\n\
             Content-Type: application/offset+octet-stream\r\nContent-Length: {announced}\r\n\r\n"
        );
        client.send(head);
        let _ = client.try_send(part);
    }

    fn offset(&mut self, address: &str) -> usize {
        let begun = Instant::now();
        loop {
            let response = self.tus("HEAD", address, &[], b"");
            // Another request may be at it still: of a client that has left.
            if response.status == 200 {
                let offset = response.field("upload-offset").expect("an offset");
                return offset.parse().expect("a number");
            }
            assert!(response.status == 423 && begun.elapsed() < PATIENCE, "{}", response.status);
        }
    }
}
