//! What each level of each coding gives and costs: the table behind the levels of
//! `content::compress`.
//!
//! `cargo bench --bench compression` measures the sample site and made-up files; files named after
//! `--` are measured instead, with `--fast` at the lower levels only.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a benchmark prints, and stops when its set-up fails"
)]

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

/// Each is compressed again and again for so long.
const PATIENCE: Duration = Duration::from_millis(60);

struct Sample {
    name: String,
    bytes: Vec<u8>,
}

fn main() {
    let named: Vec<_> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    hop();
    let most = if std::env::args().any(|name| name == "--fast") { 5 } else { i32::MAX };
    let samples = if named.is_empty() { samples() } else { named.iter().map(file).collect() };
    for sample in &samples {
        println!("\n{}, {} bytes\n", sample.name, sample.bytes.len());
        println!("| level | bytes | of the whole | ms | MB/s |\n| --- | --- | --- | --- | --- |");
        for level in (1..=9).filter(|level| *level <= most) {
            let effort = Compression::new(level.unsigned_abs());
            measure(&format!("gzip {level}"), sample, |bytes| gzip(bytes, effort));
        }
        for level in (1..=11).filter(|level| *level <= most) {
            measure(&format!("br {level}"), sample, |bytes| br(bytes, level));
        }
        let levels = [-3, -1, 1, 2, 3, 5, 7, 9, 11, 12, 13, 15, 16, 17, 19];
        for level in levels.into_iter().filter(|level| *level <= most) {
            let name = format!("zstd {level}");
            measure(&name, sample, |bytes| zstd::bulk::compress(bytes, level).unwrap());
        }
    }
}

/// What going to a thread that may wait and back takes: what is compressed in less stays where it is.
fn hop() {
    const ROUNDS: u32 = 10_000;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut times = runtime.block_on(async {
        let mut times = Vec::new();
        for _ in 0..ROUNDS {
            let begun = Instant::now();
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            times.push(begun.elapsed());
        }
        times
    });
    times.sort_unstable();
    let [best, median] = [0, times.len() / 2].map(|at| times[at].as_secs_f64() * 1e6);
    println!("to another thread and back: {best:.1} us at best, {median:.1} us in the middle");
}

fn measure(name: &str, sample: &Sample, compress: impl Fn(&[u8]) -> Vec<u8>) {
    let start = Instant::now();
    let (mut rounds, mut best, mut size) = (0, Duration::MAX, 0);
    while rounds < 2 || start.elapsed() < PATIENCE {
        let begun = Instant::now();
        size = compress(&sample.bytes).len();
        best = best.min(begun.elapsed());
        rounds += 1;
    }
    let whole = sample.bytes.len() as f64;
    let share = 100.0 * size as f64 / whole;
    let seconds = best.as_secs_f64();
    let speed = whole / seconds / 1e6;
    println!("| {name} | {size} | {share:.1} % | {:.2} | {speed:.1} |", seconds * 1e3);
}

fn gzip(bytes: &[u8], effort: Compression) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), effort);
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn br(mut bytes: &[u8], quality: i32) -> Vec<u8> {
    let params = brotli::enc::BrotliEncoderParams {
        quality,
        size_hint: bytes.len(),
        ..brotli::enc::BrotliEncoderParams::default()
    };
    let mut out = Vec::new();
    brotli::BrotliCompress(&mut bytes, &mut out, &params).unwrap();
    out
}

fn file(name: &String) -> Sample {
    Sample { name: name.clone(), bytes: fs::read(name).unwrap() }
}

fn samples() -> Vec<Sample> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shipped = [
        "htdocs/index.html",
        "src/pages/listing.css",
        "src/pages/listing.js",
        "config.schema.json",
        "README.md",
    ];
    let shipped = shipped.map(|name| {
        let bytes = fs::read(here.join(name)).unwrap();
        Sample { name: name.to_owned(), bytes }
    });
    let made = |name: &str, text: String| Sample { name: name.to_owned(), bytes: text.into() };
    let mut all = Vec::from(shipped);
    all.push(made("made-up script", script(100_000)));
    all.push(made("made-up JSON", json(100_000)));
    all.push(made("made-up page", page(100_000)));
    all.push(made("made-up script, large", script(1_000_000)));
    all
}

/// Numbers that look like chance and are always the same.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn word(&mut self) -> &'static str {
        const WORDS: &[&str] = &[
            "value", "index", "request", "node", "parent", "handler", "result", "options", "state",
            "element", "callback", "listener", "buffer", "offset", "length", "render", "update",
            "current", "target", "context", "promise", "error", "message", "length", "children",
        ];
        WORDS[usize::try_from(self.below(WORDS.len() as u64)).unwrap()]
    }
}

fn script(length: usize) -> String {
    let mut chance = Chance(7);
    let mut text = String::new();
    while text.len() < length {
        let (a, b, c) = (chance.word(), chance.word(), chance.word());
        let (number, small) = (chance.below(10_000), chance.below(100));
        let _ = match chance.below(5) {
            0 => {
                writeln!(text, "function {a}{number}({b}, {c}) {{\n  return {b}.{c}({small});\n}}")
            }
            1 => writeln!(text, "  const {a}{small} = this.{b}.{c}({number});"),
            2 => {
                writeln!(text, "  if ({a}.{b} === {number}) {{ throw new Error('{c} {small}'); }}")
            }
            3 => {
                writeln!(text, "  for (let i = 0; i < {a}.length; i++) {{ {b}[i] = {c}{number}; }}")
            }
            _ => writeln!(text, "  // {a} {b} of the {c}, see {number:x}"),
        };
    }
    text.truncate(length);
    text
}

fn json(length: usize) -> String {
    let mut chance = Chance(11);
    let mut text = String::from("[");
    while text.len() < length {
        let (a, b) = (chance.word(), chance.word());
        let (id, size, x) = (chance.below(1 << 40), chance.below(100_000), chance.below(1000));
        let _ = write!(
            text,
            "{{\"id\":\"{id:010x}\",\"name\":\"{a} {b}\",\"size\":{size},\"tags\":[\"{b}\"],\"x\":0.{x}}},"
        );
    }
    text.push_str("{}]");
    text
}

fn page(length: usize) -> String {
    let mut chance = Chance(13);
    let mut text = String::from("<!doctype html>\n<title>page</title>\n");
    while text.len() < length {
        let (a, b, c) = (chance.word(), chance.word(), chance.word());
        let n = chance.below(1000);
        let _ = writeln!(
            text,
            "<li class=\"{a}\"><a href=\"/{b}/{n}.html\">{c} {b}</a><p>The {a} of {b} is {c}.</p></li>"
        );
    }
    text
}
