//! What the server says about itself: `tracing` to standard error, and to a file when one is named.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::filter::{ParseError, Targets};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FormatFields, MakeWriter};
use tracing_subscriber::layer::{Filter, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

use super::error::LogError;
use super::rotation::{RotatingFile, Rotation};
use super::timestamp::Timestamp;

/// Lines that may wait to be written; those beyond them are dropped. Room for all of them is taken
/// at the start (32 bytes each).
const MAX_QUEUED: usize = 1024;

/// The log file, and what keeps its thread going.
type Kept = (LogFile, WorkerGuard);

/// Libraries whose warnings are about what strangers wrote or sent, and of no use to whoever runs
/// a server: they say nothing unless the filter names them.
const SILENT: [&str; 4] = ["ammonia", "html5ever", "markup5ever", "rustls"];

/// What the filter is changed by.
type FilterHandle = reload::Handle<Targets, Registry>;

/// The form of the diagnostics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DiagnosticsFormat {
    /// A line for people: time, level, message, values.
    #[default]
    Text,
    /// One JSON object per line.
    Json,
}

/// What is said, how and where.
#[derive(Clone, Debug)]
pub struct DiagnosticsOptions {
    /// `ERROR`, `WARNING`, `INFO`, `DEBUG`, `TRACE` or `OFF`, in any case, or a filter in the
    /// language of `tracing`: levels, and levels of modules, separated by commas.
    pub filter: String,
    /// The form, on standard error and in the file.
    pub format: DiagnosticsFormat,
    /// Whether standard error gets colours; the file never does. See [`colors`].
    pub color: bool,
    /// A file that gets the same lines.
    pub file: Option<PathBuf>,
    /// When the file begins anew.
    pub rotation: Rotation,
    /// How many files to keep, the newest included; 0 keeps all.
    pub max_files: usize,
}

/// The file that gets the same lines. Copies are of the same file.
#[derive(Clone, Debug)]
pub struct LogFile(Arc<Mutex<RotatingFile>>);

impl LogFile {
    /// Opens it again under its name, for tools that move log files away; the one that is open stays when
    /// that fails, which is said. May wait for a disk.
    pub fn reopen(&self) {
        let (done, path) = {
            let mut file = self.lock();
            (file.reopen(), file.path().to_owned())
        };
        if let Err(error) = done {
            tracing::error!(
                "cannot open the log file {} again: {error}; what was open before is written to as before",
                path.display()
            );
        }
    }

    fn lock(&self) -> MutexGuard<'_, RotatingFile> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

/// Changes what is said, and keeps the log file's thread going; dropping it writes what is left (for a second at most).
#[derive(Debug)]
#[must_use = "dropped at once, it would end the log file at once"]
pub struct Guard {
    filter: FilterHandle,
    _console: WorkerGuard,
    file: Option<Kept>,
}

impl Guard {
    /// The log file, if there is one.
    pub fn file(&self) -> Option<LogFile> {
        self.file.as_ref().map(|(file, _)| file.clone())
    }

    /// Says what is worth a line from now on, as [`DiagnosticsOptions::filter`] does.
    ///
    /// # Errors
    /// [`LogError::Filter`] when it is not understood; then nothing changes.
    pub fn turn_to(&self, filter: &str) -> Result<(), LogError> {
        let filter = parse_filter(filter)?;
        // It fails when nobody listens any more.
        let _ = self.filter.reload(filter);
        Ok(())
    }
}

/// Sets up diagnostics for the whole process.
///
/// # Errors
/// When the filter is not understood, the file cannot be written, or it was done before.
pub fn init(options: &DiagnosticsOptions) -> Result<Guard, LogError> {
    let (file, file_guard) = open_file(options)?;
    // A terminal or pipe that takes nothing must not hold up who has something to say.
    let (console, console_guard) = queue("log-stderr").finish(io::stderr());
    let (subscriber, filter) = subscriber(options, console, file)?;
    subscriber.try_init().map_err(|_| LogError::AlreadySetUp)?;
    Ok(Guard { filter, _console: console_guard, file: file_guard })
}

/// Does some work whose diagnostics go to standard error at once, since there is to be no thread yet
/// that could write them.
///
/// # Errors
/// [`LogError::Filter`] when the filter is not understood.
pub fn without_threads<T>(
    options: &DiagnosticsOptions,
    work: impl FnOnce() -> T,
) -> Result<T, LogError> {
    let (subscriber, _) = subscriber::<_, fn() -> io::Stderr>(options, io::stderr, None)?;
    Ok(tracing::subscriber::with_default(subscriber, work))
}

/// Whether to use colours: what was asked for; else only on a terminal that has them (`TERM` is not
/// `dumb`), and not where `NO_COLOR` is set to anything but nothing (<https://no-color.org>).
pub fn colors(setting: Option<bool>, is_terminal: bool) -> bool {
    let (no_color, term) = (std::env::var_os("NO_COLOR"), std::env::var_os("TERM"));
    colors_in(setting, is_terminal, no_color.as_deref(), term.as_deref())
}

/// The same in an environment with these variables.
fn colors_in(
    setting: Option<bool>,
    is_terminal: bool,
    no_color: Option<&OsStr>,
    term: Option<&OsStr>,
) -> bool {
    let unwanted = no_color.is_some_and(|value| !value.is_empty());
    let has_none = term.is_some_and(|term| term == "dumb");
    setting.unwrap_or(is_terminal && !unwanted && !has_none)
}

/// Checks a level or filter without setting anything up.
///
/// # Errors
/// [`LogError::Filter`] with the reason.
pub fn check_filter(filter: &str) -> Result<(), LogError> {
    parse_filter(filter).map(drop)
}

fn parse_filter(given: &str) -> Result<Targets, LogError> {
    let error = |reason: String| LogError::Filter { given: given.to_owned(), reason };
    let directives = match given.trim().to_ascii_uppercase().as_str() {
        "WARNING" => "warn",
        "OFF" | "ERROR" | "WARN" | "INFO" => given.trim(),
        // Of the libraries below, their internals are of no use to whoever runs a server.
        "DEBUG" => "info,salver=debug",
        "TRACE" => "info,salver=trace",
        // A bare word would be taken for the name of a module.
        _ if !given.contains(['=', ',', '[']) => return Err(error("no such level".to_owned())),
        // They would be taken for a part of the module's name, or let everything through.
        _ if given.contains(['[', '{']) => {
            return Err(error("spans and fields cannot be chosen, modules can".to_owned()));
        }
        _ => given,
    };
    let directives: Vec<_> =
        directives.split(',').map(str::trim).filter(|directive| !directive.is_empty()).collect();
    for directive in &directives {
        directive
            .parse::<Targets>()
            .map_err(|wrong: ParseError| error(format!("{directive:?} is wrong, {wrong}")))?;
    }
    let is_named = |library: &str| {
        directives.iter().any(|directive| {
            let module = directive.split(['=', ':']).next().unwrap_or_default();
            module.trim() == library
        })
    };
    let targets: Targets =
        directives.join(",").parse().map_err(|wrong: ParseError| error(wrong.to_string()))?;
    let silent = SILENT.into_iter().filter(|library| !is_named(library));
    Ok(targets.with_targets(silent.map(|library| (library, LevelFilter::OFF))))
}

fn queue(thread: &str) -> NonBlockingBuilder {
    NonBlockingBuilder::default().buffered_lines_limit(MAX_QUEUED).thread_name(thread)
}

fn open_file(
    options: &DiagnosticsOptions,
) -> Result<(Option<NonBlocking>, Option<Kept>), LogError> {
    let Some(path) = &options.file else {
        return Ok((None, None));
    };
    let file = RotatingFile::open(path, options.rotation, options.max_files);
    let file =
        file.map_err(|source| LogError::File { key: "log_file", path: path.clone(), source })?;
    let file = LogFile(Arc::new(Mutex::new(file)));
    let (writer, guard) = queue("log-file").finish(file.clone());
    Ok((Some(writer), Some((file, guard))))
}

fn subscriber<W, F>(
    options: &DiagnosticsOptions,
    console: W,
    file: Option<F>,
) -> Result<(impl Subscriber + Send + Sync + use<W, F>, FilterHandle), LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    F: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = parse_filter(&options.filter)?;
    // Which module spoke matters to somebody who looks for an error in the program.
    let with_target = Filter::<Registry>::max_level_hint(&filter) > Some(LevelFilter::INFO);
    let (filter, handle) = reload::Layer::new(filter);
    let layers = |file: F| lines::<_, FileFields>(options.format, file, false, with_target);
    let to_file = file.map(layers);
    let to_console = lines::<_, DefaultFields>(options.format, console, options.color, with_target);
    let lines = to_console.and_then(to_file).with_filter(filter);
    Ok((tracing_subscriber::registry().with(lines), handle))
}

/// Formats events into lines. Failures to write are not told of: there is nobody left to tell.
fn lines<W, N>(
    format: DiagnosticsFormat,
    writer: W,
    color: bool,
    with_target: bool,
) -> Box<dyn Layer<Registry> + Send + Sync>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
    N: for<'a> FormatFields<'a> + Default + Send + Sync + 'static,
{
    let layer = tracing_subscriber::fmt::layer()
        .log_internal_errors(false)
        .with_writer(writer)
        .with_target(with_target)
        .with_timer(Clock);
    match format {
        DiagnosticsFormat::Text => {
            layer.compact().with_ansi(color).fmt_fields(N::default()).boxed()
        }
        DiagnosticsFormat::Json => {
            layer.json().flatten_event(true).with_current_span(false).boxed()
        }
    }
}

/// UTC with milliseconds.
struct Clock;

impl FormatTime for Clock {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(Timestamp::default().rfc3339(SystemTime::now()))
    }
}

/// The default fields under another type: `tracing` keeps the text of a span's fields by the type of
/// their formatter, and the file must not get the coloured text of standard error.
#[derive(Default)]
struct FileFields(DefaultFields);

impl<'a> FormatFields<'a> for FileFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'a>, fields: R) -> fmt::Result {
        self.0.format_fields(writer, fields)
    }
}

#[cfg(test)]
mod tests;
