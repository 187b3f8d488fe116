//! A form leaves the same files however its bytes are cut into pieces: all that the answer names
//! and no other, or, when it is refused, none.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use std::{fs, thread_local};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version, header};
use salver::content::path::SitePath;
use salver::handler::{Codings, Handler, Reply, Upload, UploadMemory, UploadOptions, UploadPanel};
use salver::message::{Body, BodyError, Fields, Incoming, Peer, Request, RequestBody, Target};
use salver::store::upload::{self, Conflict, UploadFolder};
use salver::store::{Changes, Disk, DiskOptions, Symlinks};

use crate::folder::Folder;

const LIMIT: u64 = 1 << 20;

struct Site {
    folder: PathBuf,
    upload: Upload,
    runtime: tokio::runtime::Runtime,
    _root: Folder,
}

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
}

/// The first byte says how long the pieces are, also those of uneven length; the rest is the body.
pub(crate) fn check(data: &[u8]) {
    let Some((&step, body)) = data.split_first() else { return };
    SITE.with_borrow(|site| {
        let whole = site.outcome(body, Cut::Evenly(body.len().max(1)));
        assert_eq!(whole, site.outcome(body, Cut::Evenly(usize::from(step) + 1)));
        assert_eq!(whole, site.outcome(body, Cut::Unevenly(step.into())));
    });
}

impl Site {
    fn new() -> Self {
        let root = Folder::new("forms");
        let folder = root.path().join("uploads");
        fs::create_dir_all(&folder).unwrap();
        let uploads = UploadFolder::open(upload::UploadOptions {
            folder: folder.clone(),
            max_drafts: 1000,
            expiry: Duration::from_mins(1),
            changes: Changes::default(),
        });
        let disk = Disk::open(DiskOptions {
            root: root.path().to_owned(),
            index_files: Vec::new(),
            show_hidden: false,
            symlinks: Symlinks::Inside,
            cache_control: None,
            sandboxed: None,
            codings: true,
            max_entries: None,
        });
        let place = SitePath::parse(b"/uploads/").ok();
        let panel = UploadPanel {
            place: place.clone(),
            max_size: LIMIT,
            conflict: "rename",
            resumable: None,
        };
        let upload = Upload::new(UploadOptions {
            max_conflict: Conflict::Rename,
            memory: UploadMemory::default(),
            folder: uploads.unwrap(),
            place,
            store: Arc::new(disk.unwrap()),
            max_size: LIMIT,
            log: None,
            panel,
            codings: Codings::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        Self { folder, upload, runtime, _root: root }
    }

    /// What is said and what is left; `None` when it is refused. Of several reasons, the pieces
    /// decide which comes first.
    fn outcome(&self, body: &[u8], cut: Cut) -> Option<(String, Vec<String>)> {
        let mut fields = HeaderMap::new();
        let form = HeaderValue::from_static("multipart/form-data; boundary=b");
        fields.insert(header::CONTENT_TYPE, form);
        let mut pieces = Pieces { rest: Bytes::copy_from_slice(body), cut };
        let request = Request {
            method: Method::POST,
            target: Target::origin(b"/upload"),
            version: Version::HTTP_11,
            fields: Fields::Map(&fields),
            received: Instant::now(),
            peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: false },
            body: RequestBody::Incoming(&mut pieces),
        };
        let Reply::Later(reply) = self.upload.handle(request) else { panic!("a form is read") };
        let response = self.runtime.block_on(reply).expect("a form is answered");
        let said = match (response.detail, response.body) {
            (Some(detail), _) => detail.into_owned(),
            (None, Body::Bytes(json)) => String::from_utf8(json.to_vec()).unwrap(),
            (None, other) => panic!("{other:?}"),
        };
        let status = response.status.as_u16();
        let left = self.clear();
        if status == 201 {
            let receipt: serde_json::Value = serde_json::from_str(&said).unwrap();
            let files = receipt["files"].as_array().unwrap();
            assert_eq!(files.len(), left.len(), "{said} {left:?}");
            return Some((said, left));
        }
        assert!((400..500).contains(&status) && left.is_empty(), "{status} {said} {left:?}");
        None
    }

    /// Removes what is there for all to see; says what it was.
    fn clear(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).unwrap().map(|entry| entry.unwrap());
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.file_name().into_string().unwrap();
            if !name.starts_with('.') {
                fs::remove_file(entry.path()).unwrap();
                names.push(name);
            }
        }
        names.sort();
        names
    }
}

/// Where a body is cut.
#[derive(Clone, Copy)]
enum Cut {
    /// Into pieces of that length.
    Evenly(usize),
    /// Into pieces of 1 to 32 bytes, which the number decides.
    Unevenly(u32),
}

impl Cut {
    fn next_length(&mut self) -> usize {
        match self {
            Self::Evenly(length) => *length,
            Self::Unevenly(state) => {
                *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                usize::try_from(*state >> 27).unwrap() + 1
            }
        }
    }
}

struct Pieces {
    rest: Bytes,
    cut: Cut,
}

impl Incoming for Pieces {
    fn length(&self) -> Option<u64> {
        None
    }

    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        let length = self.cut.next_length().min(self.rest.len());
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
