//! A listing for people.

use std::fmt;

use askama::Template;

use super::ListingOptions;
use super::query::{Query, Sort};
use super::readme::Readme;
use super::selection::{Selection, Totals};
use super::shape::Shape;
use crate::content::kind::kind;
use crate::content::path::SitePath;
use crate::content::shown::{Grouped, Link, Name, Size, Time};
use crate::handler::own_page::{Frame, SCRIPT};
use crate::store::{EntryKind, EntryRef};

/// Writes the page of a folder.
pub(super) struct Html {
    path: SitePath<'static>,
    query: Query,
    archives: bool,
    /// The upload section; empty where nothing can be uploaded.
    upload: String,
}

#[derive(Template)]
#[template(path = "listing.html", block = "start")]
struct Start<'a> {
    frame: Frame<'a>,
    filter: &'a str,
    hidden: Vec<(&'static str, &'static str)>,
}

#[derive(Template)]
#[template(path = "listing.html", block = "list")]
struct List<'a> {
    totals: Totals,
    archives: bool,
    upload: &'a str,
    columns: [Column; 3],
    has_parent: bool,
}

struct Column {
    title: &'static str,
    class: Option<&'static str>,
    sorted: Option<&'static str>,
    link: String,
}

#[derive(Template)]
#[template(path = "listing_row.html")]
struct Row<'a> {
    link: Link<'a>,
    name: Name<'a>,
    kind: &'static str,
    is_folder: bool,
    /// Whether the name has more than ASCII and so perhaps another direction than the page.
    is_wide: bool,
    size: Option<Size>,
    bytes: Grouped,
    time: Option<Time>,
}

#[derive(Template)]
#[template(path = "listing.html", block = "end")]
struct End<'a> {
    pages: Option<Pages>,
    readme: Option<&'a Readme>,
    script: &'static str,
}

struct Pages {
    number: usize,
    count: usize,
    previous: Option<String>,
    next: Option<String>,
}

impl Html {
    /// `origin` is where the folder is asked for: `http://host`.
    pub(super) fn new(
        options: &ListingOptions,
        path: SitePath<'static>,
        query: Query,
        origin: &str,
    ) -> Self {
        let panel = options.uploads.as_ref().filter(|panel| panel.is_for(path.as_bytes()));
        let upload = panel.map(|panel| panel.section(path.as_bytes(), origin));
        Self { path, query, archives: options.archives, upload: upload.unwrap_or_default() }
    }

    fn columns(&self) -> [Column; 3] {
        Sort::ALL.map(|sort| {
            let is_current = sort == self.query.sort;
            let descending = self.query.descending;
            let (title, class) = match sort {
                Sort::Name => ("Name", None),
                Sort::Size => ("Size", Some("size")),
                Sort::Time => ("Changed", Some("time")),
            };
            let sorted = match (is_current, descending) {
                (false, _) => None,
                (true, false) => Some("ascending"),
                (true, true) => Some("descending"),
            };
            // The largest and the latest are what people look for first.
            let turned = if is_current { !descending } else { sort != Sort::Name };
            Column { title, class, sorted, link: self.query.sorted_by(sort, turned) }
        })
    }

    fn pages(&self, selection: &Selection) -> Option<Pages> {
        let (number, count) = (selection.page, selection.pages);
        let link = |page: usize| self.query.at_page(page);
        (count > 1).then(|| Pages {
            number,
            count,
            previous: (number > 1).then(|| link(number - 1)),
            next: (number < count).then(|| link(number + 1)),
        })
    }
}

impl Shape for Html {
    fn start(&self, out: &mut Vec<u8>) {
        render(
            &Start {
                frame: Frame::new(self.path.as_bytes()),
                filter: &self.query.filter,
                hidden: self.query.order_pairs(),
            },
            out,
        );
    }

    fn list(&self, selection: &Selection, out: &mut Vec<u8>) {
        render(
            &List {
                totals: selection.totals,
                archives: self.archives,
                upload: &self.upload,
                columns: self.columns(),
                has_parent: self.path.as_bytes() != b"/",
            },
            out,
        );
    }

    fn row(&self, _: usize, entry: EntryRef<'_>, out: &mut Vec<u8>) {
        let is_folder = entry.kind == EntryKind::Folder;
        render(
            &Row {
                link: Link(entry.name),
                name: Name(entry.name),
                kind: if is_folder { "dir" } else { kind(entry.name) },
                is_folder,
                is_wide: !entry.name.is_ascii(),
                size: (!is_folder).then_some(Size(entry.size)),
                bytes: Grouped(entry.size),
                time: entry.modified.and_then(Time::new),
            },
            out,
        );
        out.push(b'\n');
    }

    fn end(&self, selection: &Selection, out: &mut Vec<u8>) {
        let pages = self.pages(selection);
        let readme = selection.readme.as_deref();
        render(&End { pages, readme, script: SCRIPT }, out);
    }
}

/// `3 folders, 12 files, 4.2 MiB`
impl fmt::Display for Totals {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        let grouped = |count: usize| Grouped(count as u64);
        if self.folders > 0 {
            let (count, s) = (grouped(self.folders), plural(self.folders));
            write!(formatter, "{count} folder{s}")?;
        }
        if self.files > 0 {
            let comma = if self.folders > 0 { ", " } else { "" };
            let (count, s) = (grouped(self.files), plural(self.files));
            write!(formatter, "{comma}{count} file{s}, {}", Size(self.bytes))?;
        }
        if self.folders + self.files == 0 {
            formatter.write_str("Nothing here")?;
        }
        if self.is_cut {
            formatter.write_str("; there are more, which are not shown")?;
        }
        Ok(())
    }
}

fn render(template: &impl Template, out: &mut Vec<u8>) {
    // Neither memory nor our values fail to be written.
    let _ = template.render_into(&mut Utf8(out));
}

/// Bytes that text is appended to.
struct Utf8<'o>(&'o mut Vec<u8>);

impl fmt::Write for Utf8<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}
