//! The text below a listing that says what the folder is about.

use std::sync::Arc;
use std::time::Instant;

use crate::content::path::SitePath;
use crate::content::shown::Name;
use crate::handler::markdown::{Markup, Rendering, Renderings};
use crate::store::{Entries, EntryKind};

/// Names that such a text may have, in any case; the first that is there is shown.
const NAMES: [(&[u8], Markup); 3] =
    [(b"README.md", Markup::Markdown), (b"README.txt", Markup::Plain), (b"README", Markup::Plain)];

/// A text, ready to stand in the page.
pub(super) struct Readme {
    name: Box<[u8]>,
    rendering: Arc<Rendering>,
}

impl Readme {
    /// The text of the folder at `path` that holds `entries`.
    pub(super) async fn find(
        renderings: &Renderings,
        path: &[u8],
        entries: &Entries,
        now: Instant,
    ) -> Option<Arc<Self>> {
        let (name, markup) = NAMES.iter().find_map(|(wanted, markup)| {
            let mut files = entries.iter().filter(|entry| entry.kind == EntryKind::File);
            let found = files.find(|entry| entry.name.eq_ignore_ascii_case(wanted))?;
            Some((found.name, *markup))
        })?;
        let file = SitePath::of_entry(path, name);
        let rendering = renderings.html(&file, markup, now).await?;
        Some(Arc::new(Self { name: name.into(), rendering }))
    }

    pub(super) fn html(&self) -> &str {
        &self.rendering.html
    }

    pub(super) fn name(&self) -> Name<'_> {
        Name(&self.name)
    }
}
