use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc;

use super::*;

/// A sink that answers each write as told, and takes everything when it is told nothing.
#[derive(Clone, Default)]
struct Scripted {
    answers: Arc<Mutex<VecDeque<io::Result<usize>>>>,
    taken: Arc<Mutex<Vec<u8>>>,
    reopened: Arc<AtomicUsize>,
}

impl Scripted {
    fn with(answers: impl IntoIterator<Item = io::Result<usize>>) -> Self {
        let this = Self::default();
        this.answers.lock().unwrap().extend(answers);
        this
    }

    fn text(&self) -> String {
        String::from_utf8(self.taken.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Scripted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let answer = self.answers.lock().unwrap().pop_front();
        let count = answer.unwrap_or(Ok(bytes.len()))?.min(bytes.len());
        self.taken.lock().unwrap().extend_from_slice(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Scripted {
    fn reopen(&mut self) -> io::Result<()> {
        self.reopened.fetch_add(1, Ordering::Relaxed);
        Err(ErrorKind::NotFound.into())
    }
}

/// What is told through `tracing`, as text.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<u8>>>);

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a writer over these messages; what it said.
fn run(sink: &Scripted, shared: &Shared, messages: Vec<Message>) -> Vec<String> {
    let (sender, inbox) = mpsc::channel();
    for message in messages {
        if let Message::Batch(text) = &message {
            assert!(shared.reserve(text.len()), "the queue has room");
        }
        sender.send(message).unwrap();
    }
    drop(sender);
    let told = Told::default();
    let for_lines = told.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(move || for_lines.clone())
        .with_ansi(false)
        .with_target(false)
        .without_time()
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        Writer::new(Box::new(sink.clone()), inbox, shared).run();
    });
    let told = String::from_utf8(told.0.lock().unwrap().clone()).unwrap();
    told.lines().map(|line| line.trim().to_owned()).collect()
}

fn batch(text: &str) -> Message {
    Message::Batch(text.as_bytes().to_vec())
}

#[test]
fn batches_are_written_in_order_and_their_buffers_kept() {
    let (sink, shared) = (Scripted::default(), Shared::new(100));
    let told = run(&sink, &shared, vec![batch("a\nb\n"), batch("c\n")]);
    assert_eq!(sink.text(), "a\nb\nc\n");
    assert_eq!(told, [""; 0]);
    assert_eq!(shared.queued.load(Ordering::Relaxed), 0);
    assert_eq!(shared.spares.lock().unwrap().len(), 2);
    assert!(shared.buffer().is_empty());
}

#[test]
fn what_came_before_the_close_is_written() {
    let (sink, shared) = (Scripted::default(), Shared::new(100));
    run(&sink, &shared, vec![batch("a\n"), Message::Close, batch("b\n")]);
    assert_eq!(sink.text(), "a\nb\n");
}

#[test]
fn short_interrupted_and_full_writes_go_on() {
    let sink = Scripted::with([
        Ok(1),
        Err(ErrorKind::Interrupted.into()),
        Err(ErrorKind::WouldBlock.into()),
        Ok(2),
    ]);
    let told = run(&sink, &Shared::new(100), vec![batch("abc\ndef\n")]);
    assert_eq!(sink.text(), "abc\ndef\n");
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_broken_output_is_told_of_once_and_once_more_when_it_works_again() {
    let sink = Scripted::with([
        Ok(5),
        Err(ErrorKind::StorageFull.into()),
        Err(ErrorKind::StorageFull.into()),
    ]);
    let shared = Shared::new(100);
    let messages = vec![batch("abc\ndef\nghi\n"), batch("jkl\n"), batch("mno\n")];
    let told = run(&sink, &shared, messages);
    assert_eq!(sink.text(), "abc\nd\nmno\n", "the line that was cut off is ended");
    assert_eq!(
        told,
        [
            "ERROR cannot write the access log: no storage space; its lines are lost until that \
             is mended, the server goes on",
            "INFO the access log can be written again; 3 lines are lost",
        ]
    );
    assert_eq!(shared.queued.load(Ordering::Relaxed), 0);
}

#[test]
fn an_output_that_stays_broken_is_told_of_at_the_end() {
    let broken = || Err(ErrorKind::BrokenPipe.into());
    let sink = Scripted::with([broken(), broken()]);
    let told = run(&sink, &Shared::new(100), vec![batch("a\n"), batch("b\nc\n")]);
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("ERROR cannot write the access log: broken pipe"), "{told:?}");
    assert_eq!(told[1], "WARN the last 3 lines of the access log could not be written");
}

#[test]
fn dropped_lines_are_told_of_with_their_total() {
    let (sink, shared) = (Scripted::default(), Shared::new(100));
    shared.drop_lines(7);
    let told = run(&sink, &shared, vec![batch("a\n"), batch("b\n")]);
    assert_eq!(
        told,
        [
            "WARN 7 lines of the access log were dropped: its output is too slow",
            "WARN 7 lines of the access log were dropped in all",
        ]
    );
}

#[test]
fn notices_are_rare_and_complete() {
    let start = Instant::now();
    let at = |seconds| start + Duration::from_secs(seconds);
    let mut notices = Notices::default();
    // Seconds, dropped until then, told then, wait after that.
    let rows = [
        (0, 0, None, None),
        (1, 5, Some(5), None),
        (2, 5, None, None),
        (4, 8, None, Some(7)),
        (10, 9, None, Some(1)),
        (11, 9, Some(4), None),
        (50, 9, None, None),
        (51, 10, Some(1), None),
    ];
    for (second, total, told, wait) in rows {
        let now = at(second);
        assert_eq!(notices.due(total, now), told, "told after {second} s");
        let wait = wait.map(Duration::from_secs);
        assert_eq!(notices.pause(total, now), wait, "wait after {second} s");
    }
}

#[test]
fn a_reopen_reaches_the_sink_between_batches_and_may_fail() {
    let sink = Scripted::default();
    let messages = vec![batch("a\n"), Message::Reopen, batch("b\n")];
    let told = run(&sink, &Shared::new(100), messages);
    assert_eq!(sink.reopened.load(Ordering::Relaxed), 1);
    assert_eq!(sink.text(), "a\nb\n");
    assert!(told[0].starts_with("ERROR cannot open the access log again"), "{told:?}");
}

#[test]
fn the_queue_has_a_limit_but_takes_any_first_batch() {
    let shared = Shared::new(10);
    assert!(shared.reserve(50));
    assert!(!shared.reserve(1));
    shared.release(50);
    assert!(shared.reserve(6));
    assert!(shared.reserve(4));
    assert!(!shared.reserve(1));
    assert_eq!(shared.queued.load(Ordering::Relaxed), 10);
}

#[test]
fn huge_buffers_are_not_kept() {
    let shared = Shared::new(10);
    shared.recycle(Vec::with_capacity(LARGEST_SPARE + 1));
    assert!(shared.spares.lock().unwrap().is_empty());
}
