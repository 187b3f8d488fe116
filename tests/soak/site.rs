//! What is served, and under which settings.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::dice::Dice;
use crate::moving::Moving;
use crate::support::over::{self, Over};
use crate::support::{Server, Setup, setup};

/// Bytes of an upload at most.
pub const LIMIT: usize = 1_000_000;

pub const NOT_FOUND: &[u8] = b"<!doctype html><title>Nothing</title><p>Nothing is on this tray.";

/// A server, and what it may answer.
pub struct Site {
    pub server: Server,
    pub over: Over,
    /// Files that stay as they are, by their paths below the root.
    pub fixed: BTreeMap<String, Vec<u8>>,
    pub moving: Moving,
    /// Where its configuration and its logs are.
    pub around: PathBuf,
}

impl Site {
    pub fn start(over: Over) -> Self {
        let setup = setup().over(over);
        let around = setup.root().parent().expect("a folder").to_owned();
        let fixed = fixed();
        let setup = fixed.iter().fold(setup, |setup, (name, content)| setup.file(name, content));
        let setup = precompressed(setup, &fixed["fixed/app.js"]).file("404.html", NOT_FOUND);
        fs::create_dir(around.join("logs")).expect("a folder for logs");
        let moving = Moving::new(&setup.root(), around.join("drafts"));
        let server = setup.config(&settings(&around, 0)).start();
        Self { server, over, fixed, moving, around }
    }

    /// The names directly in a folder of fixed files, with their lengths.
    pub fn lengths(&self, folder: &str) -> BTreeMap<String, usize> {
        let inside = self.fixed.iter().filter_map(|(name, content)| {
            let name = name.strip_prefix(folder)?;
            (!name.contains('/')).then(|| (name.to_owned(), content.len()))
        });
        inside.collect()
    }
}

fn fixed() -> BTreeMap<String, Vec<u8>> {
    let mut dice = Dice::new(7);
    let mut files = BTreeMap::from([
        ("fixed/small.txt".to_owned(), b"0123456789".to_vec()),
        ("fixed/empty.txt".to_owned(), Vec::new()),
        ("fixed/page.html".to_owned(), dice.text(20_000)),
        ("fixed/app.js".to_owned(), dice.text(60_000)),
        ("fixed/data.json".to_owned(), dice.text(300_000)),
        ("fixed/long.txt".to_owned(), dice.text(2_500_000)),
        ("fixed/picture.png".to_owned(), dice.bytes(150_000)),
        ("fixed/film.mp4".to_owned(), dice.bytes(6_000_000)),
        (
            "fixed/note.md".to_owned(),
            [b"# Heading of the note\n\n", dice.text(9000).as_slice()].concat(),
        ),
    ]);
    for number in 0..40 {
        let length = dice.below(12_000);
        let content = if number % 3 == 0 { dice.bytes(length) } else { dice.text(length) };
        files.insert(format!("fixed/box/{number:02}.txt"), content);
    }
    files
}

/// Puts what a site's author compressed beside a file.
fn precompressed(setup: Setup, content: &[u8]) -> Setup {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(content).expect("memory");
    let zstd = zstd::encode_all(content, 15).expect("memory");
    setup.file("fixed/app.js.gz", gzip.finish().expect("memory")).file("fixed/app.js.zst", zstd)
}

/// The configuration of a round: what must not change the bytes that are asked for changes, the memory
/// that the cache may have does not.
pub fn settings(around: &Path, round: usize) -> String {
    let path = |name: &str| serde_json::json!(around.join(name)).to_string();
    let (forms, log) = (path("forms.jsonl"), path("logs/access.log"));
    let compression = round % 4 != 3;
    let keep_alive_requests = [0, 0, 300][round % 3];
    let log_format = ["combined", "json", "common"][round % 3];
    let keep_alive = 5 + round % 50;
    format!(
        r#"{{
            "host": "127.0.0.1", "port": 0, "max_threads": 2,
            "cache_max_size": 32, "enable_cache": true, "cache_max_age": {cache_age},
            "enable_compression": {compression}, "enable_archives": true,
            "enable_cors": true, "cors_max_age": {round}, "cors_allow_methods": ["GET", "HEAD"],
            "enable_file_uploads": true, "max_upload_size": {LIMIT}, "form_log": {forms},
            "access_log": {log}, "access_log_format": "{log_format}",
            "server_version": "{round}", "browser_cache_time": {browser},
            "keep_alive_timeout": {keep_alive}, "keep_alive_requests": {keep_alive_requests},
            "security_headers": {{ "X-Round": "{round}" }},
            "headers": [{{ "match": "/fixed/**", "set": {{ "X-Rule": "round {round}" }} }}],
        }}"#,
        cache_age = 1 + round % 60,
        browser = round % 5,
    )
}

/// Ones that cannot be used.
pub fn wrong_settings(around: &Path, round: usize) -> String {
    match round % 4 {
        0 => "{".to_owned(),
        1 => r#"{ "prot": 1 }"#.to_owned(),
        2 => settings(around, round).replace("\"max_threads\": 2", "\"max_threads\": -2"),
        _ => settings(around, round).replace("\"enable_cache\": true", "\"enable_cache\": 1"),
    }
}

/// Has the next configuration taken over, or refused, after its log was moved away.
pub fn reload(site: &Site, round: usize) {
    let logs = site.around.join("logs");
    // None yet if nobody has asked.
    let _ = fs::rename(logs.join("access.log"), logs.join("access.old"));
    let is_wrong = round % 6 == 5;
    let kind = if is_wrong { wrong_settings } else { settings };
    let said = site.server.reload(&kind(&site.around, round));
    assert_eq!(said.contains("in use stays"), is_wrong, "round {round}: {said}");
}

/// The client's side of a handshake that is never finished.
pub fn half_a_greeting() -> Vec<u8> {
    let config = over::config("http/1.1");
    let session = tokio_rustls::rustls::ClientConnection::new(config, over::name());
    let mut bytes = Vec::new();
    session.expect("a session").write_tls(&mut bytes).expect("memory");
    bytes.truncate(bytes.len() / 2);
    bytes
}
