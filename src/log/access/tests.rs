use std::io::Write;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use super::*;
use crate::log::RequestId;

fn entry(target: &[u8]) -> Entry<'_> {
    Entry {
        client: Ipv4Addr::LOCALHOST.into(),
        time: UNIX_EPOCH,
        method: Some("GET"),
        target,
        protocol: "HTTP/1.1",
        status: 200,
        bytes_out: 1,
        bytes_in: 0,
        referer: None,
        user_agent: None,
        host: None,
        duration: None,
        request_id: RequestId::Made(0),
        cache: None,
        subject: None,
    }
}

/// The number that a line's target holds.
fn number(line: &str) -> u64 {
    let target = line.split(' ').nth(6).expect("a target");
    target.trim_start_matches('/').parse().expect("a number")
}

/// A sink that waits for permission before each write.
struct Gate {
    entered: Sender<()>,
    open: Receiver<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Both fail only when the test is over.
        let _ = self.entered.send(());
        let _ = self.open.recv();
        self.written.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Gate {}

struct Blocked {
    log: AccessLog,
    entered: Receiver<()>,
    open: Sender<()>,
    written: Arc<Mutex<Vec<u8>>>,
}

/// A log whose output takes nothing until `open` is dropped.
fn blocked(max_queued: usize) -> Blocked {
    let (entered_here, entered) = mpsc::channel();
    let (open, opened) = mpsc::channel();
    let written = Arc::default();
    let gate = Gate { entered: entered_here, open: opened, written: Arc::clone(&written) };
    let log = AccessLog::start(AccessLogFormat::Common, Box::new(gate), max_queued).unwrap();
    Blocked { log, entered, open, written }
}

#[test]
fn a_blocked_output_costs_counted_lines_and_nothing_else() {
    let Blocked { log, entered, open, written } = blocked(3 * BATCH);
    let mut recorder = log.recorder();
    let mut total = 0_u64;
    let mut record = |count: u64| {
        for _ in 0..count {
            recorder.record(&entry(format!("/{total}").as_bytes()));
            total += 1;
        }
    };
    record(1_000);
    entered.recv().expect("the writer began");
    // Would never return if a full queue were waited for.
    record(2_000);
    let dropped = log.dropped();
    assert!(dropped > 0);
    drop(open);
    drop(recorder);
    let shared = Arc::clone(&log.shared);
    log.close(Duration::from_mins(1));

    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    let numbers: Vec<u64> = written.lines().map(number).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "in order, none twice");
    assert_eq!(numbers.len() as u64 + shared.dropped(), total);
    assert!(shared.dropped() >= dropped);
}

#[test]
fn a_flush_into_a_full_queue_keeps_the_lines_for_later() {
    let Blocked { log, entered, open, written } = blocked(1);
    let mut recorder = log.recorder();
    recorder.record(&entry(b"/1"));
    recorder.flush();
    entered.recv().expect("the writer began");
    recorder.record(&entry(b"/2"));
    recorder.flush();
    assert_eq!((recorder.lines, log.dropped()), (1, 0));
    // Room is given back only after the write, at a time that nothing here can wait for.
    open.send(()).unwrap();
    while recorder.lines > 0 {
        thread::yield_now();
        recorder.flush();
    }
    drop((recorder, open));
    log.close(Duration::from_mins(1));
    let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert_eq!(written.lines().map(number).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn closing_does_not_wait_for_ever() {
    let Blocked { log, entered, open, .. } = blocked(100);
    let mut recorder = log.recorder();
    recorder.record(&entry(b"/1"));
    recorder.flush();
    entered.recv().expect("the writer began");
    log.close(Duration::ZERO);
    drop(open);
}

#[test]
fn lines_after_the_close_are_counted_as_dropped() {
    let Blocked { log, open, .. } = blocked(100);
    drop(open);
    let mut recorder = log.recorder();
    let shared = Arc::clone(&log.shared);
    log.close(Duration::from_mins(1));
    recorder.record(&entry(b"/1"));
    recorder.flush();
    assert_eq!(shared.dropped(), 1);
}

#[test]
fn every_worker_writes_whole_lines_into_one_file() {
    const EACH: u64 = 2_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/access.log");
    let destination =
        Destination::File { path: path.clone(), rotation: Rotation::Daily, max_files: 7 };
    let log = AccessLog::open(AccessLogFormat::Combined, &destination).unwrap();
    thread::scope(|scope| {
        for worker in 0..4 {
            let mut recorder = log.recorder();
            scope.spawn(move || {
                for at in 0..EACH {
                    recorder.record(&entry(format!("/{}", worker * EACH + at).as_bytes()));
                    if at % 7 == 0 {
                        recorder.flush();
                    }
                }
            });
        }
    });
    log.close(Duration::from_mins(1));
    let mut numbers: Vec<u64> =
        std::fs::read_to_string(&path).unwrap().lines().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..4 * EACH).collect::<Vec<_>>());
}

#[test]
fn a_file_that_cannot_be_written_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let destination = Destination::File {
        path: folder.path().to_owned(),
        rotation: Rotation::Never,
        max_files: 0,
    };
    let error = AccessLog::open(AccessLogFormat::Common, &destination).unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert!(text.contains("access_log") && text.contains("another file"), "{text}");
    assert_eq!(text.lines().count(), 1);
}
