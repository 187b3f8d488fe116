//! Content on its way into a file, a device, or to standard output.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use indicatif::ProgressBar;

use super::coding::Coding;
use super::console::Console;
use super::error::{Ending, GetError};
use super::head;
use super::partial::Partial;
use super::place::Place;
use super::text::{Kind, Text};
use super::transfer::Session;
use super::writer::{Sink, Writer};
use crate::client::Response;
use crate::content::shown::Size;

/// How long what has come may take to be written once a signal has come.
const LEAVE: Duration = Duration::from_millis(500);

impl Session {
    /// Prints content.
    pub(super) async fn show(
        &self,
        response: Response,
        kind: Kind,
        first: Option<Bytes>,
    ) -> Result<(), GetError> {
        let url = head::url(&response.url);
        let reason = "the content is no text, and would garble the terminal; -o FILE saves it";
        let sink: Box<dyn Sink> = match kind {
            Kind::Text { charset, is_page } if self.shows_text() => {
                Box::new(Text::new(self.console.clone(), charset, is_page))
            }
            _ if self.console.is_terminal => {
                return Err(GetError::Content { url, reason: reason.to_owned() });
            }
            _ => Box::new(Output(self.console.clone())),
        };
        // What is read is decoded, also if that was not asked for; what a program gets, only then.
        let coding = coding(&response, self.options.compressed || self.shows_text())?;
        let hidden = ProgressBar::hidden();
        self.pour(response, first, sink, coding, 1, &hidden, GetError::Output).await
    }

    fn shows_text(&self) -> bool {
        self.console.is_terminal || self.place == Place::AsItIs
    }

    /// Saves content behind what is there, and gives it its name.
    pub(super) async fn save(
        &self,
        response: Response,
        partial: Partial,
        first: Option<Bytes>,
    ) -> Result<Ending, GetError> {
        match self.fill(response, &partial, first).await {
            Ok(()) => self.land(partial),
            Err(error) => Err(partial.kept(error)),
        }
    }

    async fn fill(
        &self,
        response: Response,
        partial: &Partial,
        first: Option<Bytes>,
    ) -> Result<(), GetError> {
        let coding = coding(&response, self.options.compressed)?;
        let total = response.length().map(|rest| rest.saturating_add(partial.length()));
        let path = partial.target().to_owned();
        let sink = Box::new(IntoFile(partial.end()?));
        let bar = self.console.bar(&path.to_string_lossy(), partial.length(), total);
        let failed = |source| GetError::File { path: path.clone(), source };
        let poured = self.pour(response, first, sink, coding, Writer::BLOCK, &bar, failed).await;
        bar.finish_and_clear();
        poured
    }

    /// All of it is there.
    pub(super) fn land(&self, partial: Partial) -> Result<Ending, GetError> {
        let name = head::line(&partial.target().to_string_lossy());
        let path = partial.target().to_owned();
        partial.land(self.options.force)?;
        let size = std::fs::metadata(path).map_or(0, |meta| meta.len());
        // Whoever reads standard output may have wanted it there.
        let is_missed = self.place == Place::AsItIs && self.console.is_read && !self.options.resume;
        let hint = if is_missed { "; -o - writes to standard output" } else { "" };
        self.console.say(&format!("Saved {name} ({}){hint}", Size(size)));
        Ok(Ending::Fine)
    }

    /// Writes content to a device or a pipe.
    pub(super) async fn write_into(
        &self,
        path: &Path,
        response: Response,
    ) -> Result<Ending, GetError> {
        let coding = coding(&response, self.options.compressed)?;
        let failed = |source| GetError::File { path: path.to_owned(), source };
        let opened = path.to_owned();
        let open = move || File::options().write(true).open(opened);
        // Whoever reads a pipe may not be there yet.
        let file = self.unless_stopped(tokio::task::spawn_blocking(open)).await?;
        let file = file.map_err(io::Error::other).flatten().map_err(failed)?;
        let bar = self.console.bar(&path.to_string_lossy(), 0, response.length());
        let sink = Box::new(IntoFile(file));
        let poured = self.pour(response, None, sink, coding, Writer::BLOCK, &bar, failed).await;
        bar.finish_and_clear();
        poured.map(|()| Ending::Fine)
    }

    #[expect(clippy::too_many_arguments, reason = "from where, through what, to where")]
    async fn pour(
        &self,
        mut response: Response,
        mut first: Option<Bytes>,
        sink: Box<dyn Sink>,
        coding: Option<Coding>,
        enough: usize,
        bar: &ProgressBar,
        failed: impl Fn(io::Error) -> GetError,
    ) -> Result<(), GetError> {
        let url = head::url(&response.url);
        let sink = match coding {
            Some(coding) => coding.undone(sink).map_err(&failed)?,
            None => sink,
        };
        let mut writer = Writer::start(sink, enough);
        let came = loop {
            match self.chunk(&mut response, &mut first).await {
                Ok(Some(bytes)) => {
                    bar.inc(bytes.len() as u64);
                    match self.unless_stopped(writer.write(bytes)).await {
                        Ok(true) => {}
                        Ok(false) => break Ok(()),
                        Err(stopped) => break Err(stopped),
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        let finished = writer.finish(came.is_ok());
        let written = if let Err(GetError::Stopped(_)) = came {
            // Whoever reads a pipe may never read on.
            tokio::time::timeout(LEAVE, finished).await.unwrap_or(Ok(()))
        } else {
            finished.await
        };
        came.and(written.map_err(|error| {
            // What the system did not say, the decoder said.
            if coding.is_some() && error.raw_os_error().is_none() {
                let reason =
                    format!("the content is not in the coding it is said to be in: {error}");
                return GetError::Content { url, reason };
            }
            failed(error)
        }))
    }
}

/// The coding to undo, if it is to be.
fn coding(response: &Response, undo: bool) -> Result<Option<Coding>, GetError> {
    if !undo {
        return Ok(None);
    }
    Coding::of(&response.fields).map_err(|coding| GetError::Content {
        url: head::url(&response.url),
        reason: format!(
            "it came in the coding '{}', which is not known here; -o FILE without --compressed \
             saves it as it is",
            head::line(&coding)
        ),
    })
}

/// Bytes into a file, as they are.
struct IntoFile(File);

impl Write for IntoFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for IntoFile {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes to standard output, as they are.
struct Output(Console);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.print(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Output {
    fn finish(self: Box<Self>) -> io::Result<()> {
        Ok(())
    }
}
