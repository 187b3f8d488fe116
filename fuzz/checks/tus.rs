//! Invariant: in whatever order requests of the tus protocol come, offsets never go back, nor beyond
//! the length; what appears is what was accepted, byte for byte; what was refused leaves nothing.

use std::cell::RefCell;
use std::fs;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version, header};
use salver::handler::{Handler, Reply, Tus, TusOptions};
use salver::message::{BodyError, Fields, Incoming, Peer, Request, RequestBody, Response, Target};
use salver::store::Changes;
use salver::store::upload::{Conflict, UploadFolder, UploadOptions};

use crate::folder::Folder;

/// Bytes that a file may have.
const LARGEST: u64 = 300;

/// Uploads of one input.
const MOST: usize = 8;

const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
const CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");
const VERSION: HeaderName = HeaderName::from_static("tus-resumable");

/// SHA-1 of nothing, in Base64.
const OF_NOTHING: &str = "sha1 2jmj7l5rSw0yVb/vlWAYkK/YBwk=";

thread_local! {
    static SITE: RefCell<Site> = RefCell::new(Site::new());
}

struct Site {
    folder: Folder,
    tus: Tus,
    runtime: tokio::runtime::Runtime,
}

/// What a client knows of an upload.
struct Upload {
    target: String,
    length: u64,
    /// What was accepted.
    content: Vec<u8>,
    is_gone: bool,
}

/// The bytes are requests, each of a few bytes: what to do, to which upload, with what.
pub(crate) fn check(data: &[u8]) {
    SITE.with_borrow(|site| {
        let mut uploads = Vec::new();
        let mut script = Script(data);
        while let Some(what) = script.byte() {
            match what % 8 {
                0 | 1 => site.create(what, &mut script, &mut uploads),
                2 => site.create_as_it_stands(&mut script, &mut uploads),
                3..=5 => site.append(what, &mut script, &mut uploads),
                6 => site.look(&mut script, &uploads),
                _ => site.terminate(&mut script, &mut uploads),
            }
        }
        site.compare(&uploads);
        site.end(&uploads);
        site.clear();
    });
}

/// What is left of the input.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    fn number(&mut self) -> u64 {
        self.byte().unwrap_or_default().into()
    }

    fn bytes(&mut self, count: u64) -> Vec<u8> {
        let count = usize::try_from(count).map_or(self.0.len(), |count| count.min(self.0.len()));
        let (bytes, rest) = self.0.split_at(count);
        self.0 = rest;
        bytes.to_vec()
    }

    /// One of the uploads, if there is any.
    fn choose<'u>(&mut self, uploads: &'u mut [Upload]) -> Option<&'u mut Upload> {
        let number = usize::try_from(self.number()).ok()?;
        let count = uploads.len();
        uploads.get_mut(number.checked_rem(count)?)
    }
}

impl Site {
    fn new() -> Self {
        let folder = Folder::new("tus");
        let options = UploadOptions {
            folder: folder.path().to_owned(),
            max_drafts: 1000,
            expiry: Duration::from_hours(1),
            changes: Changes::default(),
        };
        let options_of_tus =
            TusOptions { max_size: LARGEST, place: None, max_conflict: Conflict::Rename };
        let tus = Tus::new(UploadFolder::open(options).unwrap(), options_of_tus);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        Self { folder, tus, runtime }
    }

    /// Makes an upload, perhaps with its first bytes.
    fn create(&self, what: u8, script: &mut Script<'_>, uploads: &mut Vec<Upload>) {
        if uploads.len() >= MOST {
            return;
        }
        let length = script.number() + u64::from(what & 64);
        let mut fields = fields();
        fields.insert(LENGTH, length.into());
        // Twice the same name: the second file gets another one.
        let name = if what & 32 == 0 { "filename YQ==" } else { "filename Yi50eHQ=,folder" };
        fields.insert(METADATA, HeaderValue::from_static(name));
        let mut pieces = Pieces::none();
        if what & 16 != 0 {
            fields.insert(header::CONTENT_TYPE, piece_type());
            pieces = Pieces::from(script);
        }
        let sent = pieces.rest.clone();
        let (ends, is_cut) = (sent.len() as u64 <= length, pieces.is_cut);
        let response = self.ask(Method::POST, Tus::PATH, &fields, pieces);
        let status = response.status.as_u16();
        if length > LARGEST || !ends {
            assert_eq!(status, 413);
            return;
        }
        assert_eq!(status, 201, "{response:?}");
        let target = text(&response, &header::LOCATION).to_owned();
        let upload = Upload { target, length, content: sent.to_vec(), is_gone: false };
        let offset = number(&response, &OFFSET);
        assert!(offset == sent.len() as u64 || is_cut && offset <= sent.len() as u64);
        uploads.push(upload);
    }

    /// The same with fields of any bytes.
    fn create_as_it_stands(&self, script: &mut Script<'_>, uploads: &mut Vec<Upload>) {
        let mut fields = fields();
        let lengths = (script.number() % 24, script.number());
        for (name, length) in [(LENGTH, lengths.0), (METADATA, lengths.1)] {
            if let Ok(value) = HeaderValue::from_bytes(&script.bytes(length)) {
                fields.insert(name, value);
            }
        }
        if uploads.len() >= MOST {
            return;
        }
        let response = self.ask(Method::POST, Tus::PATH, &fields, Pieces::none());
        let status = response.status.as_u16();
        assert!(matches!(status, 201 | 400 | 403 | 409 | 413), "{response:?}");
        if status == 201 {
            let length = fields[LENGTH].to_str().unwrap().parse().unwrap();
            assert!(length <= LARGEST);
            let target = text(&response, &header::LOCATION).to_owned();
            uploads.push(Upload { target, length, content: Vec::new(), is_gone: false });
        }
    }

    /// Appends a piece: at the right offset or another one, with a checksum or without.
    fn append(&self, what: u8, script: &mut Script<'_>, uploads: &mut [Upload]) {
        let Some(upload) = script.choose(uploads) else { return };
        let at = upload.content.len() as u64;
        let mut fields = fields();
        fields.insert(header::CONTENT_TYPE, piece_type());
        let offset = if what & 64 == 0 { at } else { script.number() };
        fields.insert(OFFSET, offset.into());
        let has_checksum = what & 32 != 0;
        if has_checksum {
            fields.insert(CHECKSUM, HeaderValue::from_static(OF_NOTHING));
        }
        let pieces = Pieces::from(script);
        let (sent, is_cut) = (pieces.rest.clone(), pieces.is_cut);
        let response = self.ask(Method::PATCH, &upload.target, &fields, pieces);
        let status = response.status.as_u16();
        let room = upload.length - at;
        if upload.is_gone {
            assert_eq!(status, 404);
        } else if offset != at {
            assert_eq!((status, number(&response, &OFFSET)), (409, at));
        } else if sent.len() as u64 > room {
            // Of a file that is whole, it is the offset that does not fit.
            assert!(status == 413 || room == 0 && status == 409, "{response:?}");
        } else if is_cut {
            assert!((400..500).contains(&status), "{response:?}");
            // What came before the cut counts, unless it was to be checked.
            if !has_checksum && room > 0 {
                upload.content.extend_from_slice(&sent);
            }
        } else if has_checksum && !sent.is_empty() {
            assert_eq!(status, 460);
        } else if room == 0 && status == 409 {
            // Of how many bytes it is, nobody said.
        } else {
            upload.content.extend_from_slice(&sent);
            let at = upload.content.len() as u64;
            assert_eq!((status, number(&response, &OFFSET)), (204, at), "{response:?}");
        }
        self.stands(upload);
    }

    fn look(&self, script: &mut Script<'_>, uploads: &[Upload]) {
        let number = usize::try_from(script.number()).unwrap();
        if let Some(upload) = number.checked_rem(uploads.len()).and_then(|at| uploads.get(at)) {
            self.stands(upload);
        }
    }

    /// An upload is as far as the client was told.
    fn stands(&self, upload: &Upload) {
        let response = self.ask(Method::HEAD, &upload.target, &fields(), Pieces::none());
        if upload.is_gone {
            assert_eq!(response.status, 404);
            return;
        }
        assert_eq!(response.status, 200);
        assert_eq!(number(&response, &LENGTH), upload.length);
        assert_eq!(number(&response, &OFFSET), upload.content.len() as u64);
    }

    fn terminate(&self, script: &mut Script<'_>, uploads: &mut [Upload]) {
        let Some(upload) = script.choose(uploads) else { return };
        let response = self.ask(Method::DELETE, &upload.target, &fields(), Pieces::none());
        let wanted = if upload.is_gone { 404 } else { 204 };
        assert_eq!(response.status, wanted);
        upload.is_gone = true;
    }

    fn ask(&self, method: Method, target: &str, fields: &HeaderMap, mut body: Pieces) -> Response {
        let request = Request {
            method,
            target: Target::origin(target.as_bytes()),
            version: Version::HTTP_11,
            fields: Fields::Map(fields),
            received: Instant::now(),
            peer: Peer { address: ([127, 0, 0, 1], 1).into(), secure: false },
            body: RequestBody::Incoming(&mut body),
        };
        let Reply::Later(reply) = self.tus.handle(request) else { panic!("tus is answered later") };
        let response = self.runtime.block_on(reply).expect("tus is answered");
        assert!(response.status.as_u16() < 500, "{response:?}");
        response
    }

    /// The files that are there are the uploads that were completed, with their content.
    fn compare(&self, uploads: &[Upload]) {
        let whole = |upload: &&Upload| upload.content.len() as u64 == upload.length;
        let mut wanted: Vec<_> =
            uploads.iter().filter(whole).map(|upload| upload.content.clone()).collect();
        let mut found = Vec::new();
        visit(self.folder.path(), &mut found);
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted);
    }

    /// Ends those that are not complete, as clients do: there may be only so many in all.
    fn end(&self, uploads: &[Upload]) {
        let is_unfinished = |upload: &&Upload| (upload.content.len() as u64) < upload.length;
        for upload in uploads.iter().filter(is_unfinished).filter(|upload| !upload.is_gone) {
            let response = self.ask(Method::DELETE, &upload.target, &fields(), Pieces::none());
            assert_eq!(response.status, 204);
        }
    }

    fn clear(&self) {
        for entry in fs::read_dir(self.folder.path()).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    }
}

/// The content of all files that are there for everybody to see.
fn visit(folder: &std::path::Path, found: &mut Vec<Vec<u8>>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            if entry.file_name() != ".salver-uploads" {
                visit(&path, found);
            }
        } else {
            found.push(fs::read(path).unwrap());
        }
    }
}

fn fields() -> HeaderMap {
    HeaderMap::from_iter([(VERSION, HeaderValue::from_static("1.0.0"))])
}

fn piece_type() -> HeaderValue {
    HeaderValue::from_static("application/offset+octet-stream")
}

fn text<'r>(response: &'r Response, name: &HeaderName) -> &'r str {
    let value = response.fields.get(name).unwrap_or_else(|| panic!("no {name}: {response:?}"));
    value.to_str().unwrap()
}

fn number(response: &Response, name: &HeaderName) -> u64 {
    text(response, name).parse().unwrap()
}

/// The content of a request, in pieces.
struct Pieces {
    rest: Bytes,
    step: usize,
    /// Whether the connection breaks after it.
    is_cut: bool,
    says_length: bool,
}

impl Pieces {
    fn none() -> Self {
        Self { rest: Bytes::new(), step: 1, is_cut: false, says_length: true }
    }

    fn from(script: &mut Script<'_>) -> Self {
        let how = script.number();
        let length = script.number();
        let rest = Bytes::from(script.bytes(length));
        let step = usize::try_from(how >> 2).unwrap() + 1;
        let is_cut = how & 1 != 0;
        Self { rest, step, is_cut, says_length: how & 2 != 0 && !is_cut }
    }
}

impl Incoming for Pieces {
    fn length(&self) -> Option<u64> {
        self.says_length.then_some(self.rest.len() as u64)
    }

    fn poll_chunk(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        if self.rest.is_empty() {
            return Poll::Ready(self.is_cut.then_some(Err(BodyError::Closed)));
        }
        let length = self.step.min(self.rest.len());
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
