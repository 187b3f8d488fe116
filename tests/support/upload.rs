//! Requests that send something, and what they leave.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::{Response, Server, Setup, setup};

pub type Field<'a> = (&'a str, &'a str);

pub const JSON: Field<'static> = ("Accept", "application/json");
pub const BROWSER: Field<'static> = ("Accept", "text/html,application/xhtml+xml,*/*;q=0.8");
pub const FORM: Field<'static> = ("Content-Type", "multipart/form-data; boundary=tray");
pub const LIMIT: usize = 5_000_000;

pub fn taking() -> Setup {
    setup().flag("--enable-file-uploads").flag(&format!("--max-upload-size={LIMIT}"))
}

pub fn uploads(server: &Server) -> PathBuf {
    server.root.join("uploads")
}

/// What is in the upload folder for everybody to see, at any depth.
pub fn names(server: &Server) -> Vec<String> {
    fn gather(folder: PathBuf, prefix: &str, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with('.') {
                continue;
            }
            let path = format!("{prefix}{name}");
            if entry.file_type().unwrap().is_dir() {
                gather(entry.path(), &format!("{path}/"), found);
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    gather(uploads(server), "", &mut found);
    found.sort();
    found
}

/// Nothing is left of what was refused, not even where nobody looks.
pub fn nothing_is_left(server: &Server) {
    assert_eq!(names(server), [""; 0]);
    let reserved = uploads(server).join(".salver-uploads");
    if let Ok(entries) = fs::read_dir(reserved) {
        assert_eq!(entries.count(), 0, "no temporary files");
    }
    let around: Vec<_> = fs::read_dir(server.root.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| !name.to_string_lossy().ends_with(".pem"))
        .collect();
    assert_eq!(around, ["root"], "nothing beside the root");
}

pub fn part(name: &str, file: Option<&str>, content: &[u8]) -> Vec<u8> {
    let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
    let head = format!("--tray\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
    [head.as_bytes(), content, b"\r\n"].concat()
}

pub fn form(parts: &[Vec<u8>]) -> Vec<u8> {
    [parts.concat(), b"--tray--\r\n".to_vec()].concat()
}

pub fn head(method: &str, target: &str, fields: &[Field<'_>], length: usize) -> String {
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let fields = fields.concat();
    format!("{method} {target} HTTP/1.1\r\nHost: x\r\n{fields}Content-Length: {length}\r\n\r\n")
}

pub fn send(
    server: &Server,
    method: &str,
    target: &str,
    fields: &[Field<'_>],
    body: &[u8],
) -> Response {
    if let Some(response) = server.request_h2(method, target, fields, body) {
        return response;
    }
    let head = head(method, target, fields, body.len());
    let mut client = server.connect();
    // A refusal may come, and the connection go, before all is sent.
    let _ = client.try_send([head.as_bytes(), body].concat());
    client.response()
}

pub fn post(server: &Server, target: &str, body: &[u8]) -> Response {
    send(server, "POST", target, &[JSON, FORM], body)
}

pub fn value(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|_| panic!("{}", response.text()))
}
