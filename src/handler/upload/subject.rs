//! What a request is about, by its path.

use crate::content::path::SitePath;
use crate::handler::landing::{self, Refused};

/// The page that takes files wherever they land.
pub(super) const PAGE: &[u8] = b"/upload";

/// Where forms can be sent to that have nothing to do with files.
const SUBMIT: &[u8] = b"/submit";

/// What a request is about.
#[derive(Debug)]
pub(super) enum Subject {
    /// [`PAGE`].
    Page,
    /// [`SUBMIT`].
    Submit,
    /// A folder that takes uploads: its names below the upload folder.
    Folder(Vec<Box<[u8]>>),
    /// A file in one, which may not be there yet.
    File(Vec<Box<[u8]>>, Box<[u8]>),
}

impl Subject {
    /// What a path is about, if it has to do with uploads. `Err` when nothing may be sent there.
    pub(super) fn of(
        path: &SitePath<'_>,
        place: Option<&SitePath<'_>>,
    ) -> Option<Result<Self, Refused>> {
        match path.as_bytes() {
            PAGE | b"/upload/" => return Some(Ok(Self::Page)),
            SUBMIT => return Some(Ok(Self::Submit)),
            _ => {}
        }
        let mut names = landing::names_below(path, place?)?;
        let name = if path.is_folder() { None } else { names.pop() };
        if name.as_ref().is_some_and(|name| name.first() == Some(&b'.')) {
            return Some(Err(landing::hidden()));
        }
        if let Err(refused) = landing::check_folder(&names) {
            return Some(Err(refused));
        }
        Some(Ok(match name {
            Some(name) => Self::File(names, name),
            None => Self::Folder(names),
        }))
    }

    /// The methods for it.
    pub(super) fn allow(&self) -> &'static str {
        match self {
            Self::Page | Self::Folder(_) => "GET, HEAD, POST, OPTIONS",
            Self::Submit => "POST, OPTIONS",
            Self::File(..) => "GET, HEAD, PUT, OPTIONS",
        }
    }
}
