//! Files in other codings: kept in the entry of the file itself, so that one lookup finds them, they
//! share its budget, and they go when it goes or changes.
//!
//! 1. A precompressed sibling comes first. Which there are is seen when the file is loaded; the one
//!    that a request would get is looked at again with the file.
//! 2. Else the content is compressed, once, however many ask for it meanwhile.
//! 3. What is not worth it, or not there, is remembered as well.

use std::mem::size_of;
use std::sync::Arc;
use std::time::Instant;

use super::{Cached, Kept, Origin, Outcome, Seen, Shard, WatchState};
use crate::content::coding::{Accepted, Coding};
use crate::content::etag::EntityTag;
use crate::content::path::SitePath;
use crate::message::CacheUse;
use crate::store::cached::compressor::Compressed;
use crate::store::object::{Content, Object, Representation};
use crate::store::version::Version;
use crate::store::{Answer, Found, Store, StoreError};

/// Turns of looking, loading and making that a request takes before it is content with the plain
/// file: more than there are codings to be found missing.
const TURNS: usize = 6;

/// The precompressed siblings of a file, of which there is at least one.
#[derive(Clone, Copy, Debug)]
pub struct Siblings {
    /// The file, as it was seen.
    pub of: Seen,
    /// Those that are not older, by coding in the order of [`Coding::ALL`].
    pub versions: [Option<Version>; Coding::COUNT],
}

/// What is known of a file in other codings.
#[derive(Default)]
pub(super) struct Codings {
    siblings: Option<Siblings>,
    variants: [Variant; Coding::COUNT],
}

/// A file in a coding.
#[derive(Default)]
enum Variant {
    #[default]
    Unknown,
    /// It cannot be had, or is not worth it.
    Absent,
    Here(Object),
}

/// Where a request that takes other codings finds itself.
enum Position {
    /// With nothing to look at.
    Fresh(Choice),
    /// With something to look at first.
    Stale(Basis, Choice),
    /// With an answer that is no file, to be looked at first.
    Bare,
    Unknown,
}

/// What suits a request.
enum Choice {
    /// It is there.
    Ready(Outcome),
    /// It is to be made.
    Make(Recipe),
}

/// What suits a request, as it lies in the entry.
enum Pick<'k> {
    /// The entry's own answer.
    Plain,
    Here(&'k Object),
    /// It is to be made, of the sibling named.
    Missing(Coding, Option<(Seen, Version)>),
}

/// A variant to be made.
struct Recipe {
    plain: Object,
    coding: Coding,
    /// The file whose sibling it is; `None` to compress its content.
    sibling_of: Option<(Seen, Version)>,
}

/// What must not have changed since an answer was kept.
struct Basis {
    meta: Arc<Representation>,
    seen: Seen,
    coding: Coding,
    sibling: Option<Version>,
    /// Whether it is time to ask for a watch over it.
    asks: bool,
}

/// What came of making a variant.
#[derive(Clone)]
pub(super) enum Made {
    Here(Object),
    Absent,
    /// What it was to be made from is no longer there.
    Changed,
    /// Too many are at it.
    Busy,
}

impl Codings {
    /// Of a file that was loaded just now; nothing for most.
    pub(super) fn of(siblings: Option<&Siblings>) -> Option<Box<Self>> {
        siblings.map(|siblings| Box::new(Self { siblings: Some(*siblings), ..Self::default() }))
    }

    /// Bytes of memory.
    pub(super) const WEIGHT: usize = size_of::<Self>() + 16;

    fn sibling(&self, coding: Coding) -> Option<(Seen, Version)> {
        let siblings = self.siblings.as_ref()?;
        Some((siblings.of, siblings.versions[coding as usize]?))
    }
}

impl Kept {
    fn sibling(&self, coding: Coding) -> Option<(Seen, Version)> {
        self.codings.as_ref()?.sibling(coding)
    }

    /// What suits somebody who accepts these codings, and the coding whose sibling bears on it.
    #[inline]
    fn pick(&self, object: &Object, accepted: Accepted, first: Coding) -> (Pick<'_>, Coding) {
        let pays = object.meta.pays_compressed() && matches!(object.content, Content::Bytes(_));
        let Some(known) = self.codings.as_deref() else {
            return if pays { (Pick::Missing(first, None), first) } else { (Pick::Plain, first) };
        };
        let offer = |coding: Coding, sibling_of| match &known.variants[coding as usize] {
            Variant::Absent => None,
            Variant::Here(object) => Some((Pick::Here(object), coding)),
            Variant::Unknown => Some((Pick::Missing(coding, sibling_of), coding)),
        };
        if known.siblings.is_some() {
            for coding in accepted.codings() {
                if let Some(sibling) = known.sibling(coding)
                    && let Some(pick) = offer(coding, Some(sibling))
                {
                    return pick;
                }
            }
        }
        if !pays {
            return (Pick::Plain, first);
        }
        accepted.codings().find_map(|coding| offer(coding, None)).unwrap_or((Pick::Plain, first))
    }
}

impl<S: Origin> Cached<S> {
    /// The answer, if it is there and nothing need be looked at first.
    #[inline]
    fn hit(
        &self,
        key: u64,
        path: &[u8],
        accepted: Accepted,
        first: Coding,
        now: Instant,
    ) -> Option<Outcome> {
        let moment = self.moment(now);
        let mut shard = self.shard(key);
        let kept = shard.peek(key, path)?;
        if now.saturating_duration_since(kept.loaded) >= self.max_age {
            return None;
        }
        if !kept.freshness.holds(&moment) {
            return None;
        }
        let pick = match &kept.outcome {
            Outcome::Found(Found::File(object)) => {
                let (pick, coding) = kept.pick(object, accepted, first);
                kept.freshness.holds_beside(coding, &moment).then_some(pick)?
            }
            // Nothing lies beside what is no file.
            _ => Pick::Plain,
        };
        let outcome = match pick {
            Pick::Plain => kept.outcome.clone(),
            Pick::Here(object) => Outcome::Found(Found::File(object.clone())),
            Pick::Missing(..) => return None,
        };
        kept.hits += 1;
        Some(outcome)
    }

    fn position(
        &self,
        key: u64,
        path: &[u8],
        accepted: Accepted,
        first: Coding,
        now: Instant,
    ) -> Position {
        let moment = self.moment(now);
        let mut shard = self.shard(key);
        let kept = match shard.peek(key, path) {
            Some(kept) if now.saturating_duration_since(kept.loaded) < self.max_age => kept,
            _ => return Position::Unknown,
        };
        kept.hits += 1;
        let Outcome::Found(Found::File(object)) = &kept.outcome else {
            return if kept.freshness.holds(&moment) {
                Position::Fresh(Choice::Ready(kept.outcome.clone()))
            } else {
                Position::Bare
            };
        };
        let (pick, coding) = kept.pick(object, accepted, first);
        let choice = match pick {
            Pick::Plain => Choice::Ready(kept.outcome.clone()),
            Pick::Here(object) => Choice::Ready(Outcome::Found(Found::File(object.clone()))),
            Pick::Missing(coding, sibling_of) => {
                Choice::Make(Recipe { plain: object.clone(), coding, sibling_of })
            }
        };
        if kept.freshness.holds(&moment) && kept.freshness.holds_beside(coding, &moment) {
            return Position::Fresh(choice);
        }
        let Some(seen) = kept.seen else { return Position::Unknown };
        let sibling = kept.sibling(coding).map(|(_, version)| version);
        let meta = Arc::clone(&object.meta);
        let asks = kept.freshness.asks(&moment);
        Position::Stale(Basis { meta, seen, coding, sibling, asks }, choice)
    }

    #[inline]
    pub(super) fn find_in<'a>(
        &'a self,
        path: &'a SitePath<'a>,
        accepted: Accepted,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        let Some(first) = accepted.first() else { return self.find(path, now) };
        let bytes = path.as_bytes();
        let key = self.key(bytes);
        match self.hit(key, bytes, accepted, first, now) {
            Some(outcome) => Answer::Ready(outcome.found(CacheUse::Hit)),
            None => self.find_unready(key, path, accepted, first, now),
        }
    }

    fn find_unready<'a>(
        &'a self,
        key: u64,
        path: &'a SitePath<'a>,
        accepted: Accepted,
        first: Coding,
        now: Instant,
    ) -> Answer<'a, Result<Found, StoreError>> {
        let bytes = path.as_bytes();
        match self.position(key, bytes, accepted, first, now) {
            Position::Fresh(Choice::Ready(outcome)) => {
                return Answer::Ready(outcome.found(CacheUse::Hit));
            }
            Position::Stale(basis, Choice::Ready(outcome)) => {
                let watch = self.watch_over(path, &basis, now);
                if self.holds_now(path, &basis) {
                    self.confirm_coded(key, bytes, &basis, now, watch);
                    return Answer::Ready(outcome.found(CacheUse::Revalidated));
                }
            }
            Position::Bare => {
                if let Answer::Ready(found) = self.find(path, now) {
                    return Answer::Ready(found);
                }
            }
            Position::Fresh(_) | Position::Stale(..) | Position::Unknown => {}
        }
        Answer::later(self.bring_coded(key, path, accepted, first, now))
    }

    fn watch_over(&self, path: &SitePath<'_>, basis: &Basis, now: Instant) -> Option<WatchState> {
        let sibling = (!basis.meta.is_sandboxed).then_some(basis.coding);
        if basis.asks { self.origin.watch(path, basis.seen, sibling, now) } else { None }
    }

    /// Whether that is known without waiting.
    fn holds_now(&self, path: &SitePath<'_>, basis: &Basis) -> bool {
        let looked = self.origin.look(path);
        matches!(looked, Answer::Ready(Ok(current)) if current == basis.seen)
            && (basis.meta.is_sandboxed
                || matches!(
                    self.origin.look_sibling(path, basis.seen, basis.coding),
                    Answer::Ready(Ok(current)) if current == basis.sibling
                ))
    }

    async fn holds(&self, path: &SitePath<'_>, basis: &Basis) -> bool {
        let looked = self.origin.look(path).wait().await;
        if !matches!(looked, Ok(current) if current == basis.seen) {
            return false;
        }
        if basis.meta.is_sandboxed {
            return true;
        }
        let looked = self.origin.look_sibling(path, basis.seen, basis.coding).wait().await;
        matches!(looked, Ok(current) if current == basis.sibling)
    }

    fn confirm_coded(
        &self,
        key: u64,
        path: &[u8],
        basis: &Basis,
        now: Instant,
        watch: Option<WatchState>,
    ) {
        let mut shard = self.shard(key);
        if let Some(kept) = shard.get_same(key, path, &basis.meta) {
            kept.freshness.confirm(now, watch);
            kept.freshness.confirm_beside(basis.coding, now);
        }
    }

    /// Gives an entry up, if it is still that of this state of the file.
    fn forget(&self, key: u64, path: &[u8], meta: &Arc<Representation>) {
        let mut shard = self.shard(key);
        let gone = match shard.get_same(key, path, meta) {
            Some(_) => [shard.contents.remove(key), shard.open_files.remove(key)],
            None => [None, None],
        };
        drop(shard);
        drop(gone);
    }

    /// The answer, by whatever I/O and compression it takes.
    async fn bring_coded(
        &self,
        key: u64,
        path: &SitePath<'_>,
        accepted: Accepted,
        first: Coding,
        now: Instant,
    ) -> Result<Found, StoreError> {
        let bytes = path.as_bytes();
        let mut cache = CacheUse::Hit;
        let mut loaded = None;
        for _ in 0..TURNS {
            match self.position(key, bytes, accepted, first, now) {
                Position::Fresh(Choice::Ready(outcome)) => return outcome.found(cache),
                Position::Fresh(Choice::Make(recipe)) => {
                    match self.make(key, path, &recipe).await {
                        Made::Here(object) => {
                            let cache = Some(CacheUse::Miss);
                            return Ok(Found::File(Object { cache, ..object }));
                        }
                        Made::Busy => {
                            let cache = Some(cache);
                            return Ok(Found::File(Object { cache, ..recipe.plain }));
                        }
                        Made::Absent => {}
                        Made::Changed => self.forget(key, bytes, &recipe.plain.meta),
                    }
                }
                Position::Stale(basis, _) => {
                    if self.holds(path, &basis).await {
                        self.confirm_coded(key, bytes, &basis, now, None);
                        cache = CacheUse::Revalidated;
                    } else {
                        self.forget(key, bytes, &basis.meta);
                    }
                }
                Position::Bare | Position::Unknown => {
                    // What was not kept would not be kept the next time either.
                    if let Some(loaded) = loaded {
                        return Ok(loaded);
                    }
                    let found = self.find(path, now).wait().await?;
                    let Found::File(object) = &found else { return Ok(found) };
                    cache = object.cache.unwrap_or(CacheUse::Miss);
                    loaded = Some(found);
                }
            }
        }
        self.find(path, now).wait().await
    }

    /// Makes a variant, once for all who wait for it, and keeps it.
    async fn make(&self, key: u64, path: &SitePath<'_>, recipe: &Recipe) -> Made {
        let Recipe { plain, coding, .. } = recipe;
        let name = [path.as_bytes(), b"\0", coding.name().as_bytes()].concat();
        // Alive while somebody makes something of it, so no other state of the file has this one.
        let state = Arc::as_ptr(&plain.meta).addr() as u64;
        let making = self.making.join(&name, state, || async {
            // It may have been kept just before this began.
            if let Some(made) = self.made(key, path.as_bytes(), recipe) {
                return made;
            }
            let made = match recipe.sibling_of {
                Some((of, version)) => self.take_sibling(path, recipe, of, version).await,
                None => self.compress(plain, *coding).await,
            };
            let variant = match &made {
                Made::Here(object) => Variant::Here(object.clone()),
                Made::Absent => Variant::Absent,
                Made::Changed | Made::Busy => return made,
            };
            let gone = self.shard(key).add(key, path.as_bytes(), recipe, variant);
            // The lock is given back before anything is freed.
            drop(gone);
            made
        });
        making.await
    }

    /// The variant, if somebody has made it.
    fn made(&self, key: u64, path: &[u8], recipe: &Recipe) -> Option<Made> {
        let mut shard = self.shard(key);
        let kept = shard.get_same(key, path, &recipe.plain.meta)?;
        if kept.sibling(recipe.coding) != recipe.sibling_of {
            return None;
        }
        match &kept.codings.as_ref()?.variants[recipe.coding as usize] {
            Variant::Unknown => None,
            Variant::Absent => Some(Made::Absent),
            Variant::Here(object) => Some(Made::Here(object.clone())),
        }
    }

    async fn take_sibling(
        &self,
        path: &SitePath<'_>,
        recipe: &Recipe,
        of: Seen,
        version: Version,
    ) -> Made {
        let Recipe { plain, coding, .. } = recipe;
        // What is sent from the disk itself is so in every coding.
        let limit = match plain.content {
            Content::Bytes(_) => Some(self.max_file_bytes),
            Content::File(_) => None,
        };
        let meta = Arc::clone(&plain.meta);
        match self.origin.load_sibling(path, of, meta, *coding, limit).await {
            Ok(Some((object, current))) if current == version => Made::Here(object),
            Ok(Some(_)) => Made::Changed,
            Ok(None) => Made::Absent,
            Err(error) => {
                self.yield_descriptors(&error);
                Made::Busy
            }
        }
    }

    async fn compress(&self, plain: &Object, coding: Coding) -> Made {
        let Content::Bytes(bytes) = &plain.content else { return Made::Absent };
        match self.compressor.compress(coding, bytes.clone()).await {
            Compressed::Bytes(bytes) => {
                let etag = EntityTag::of_content(&bytes);
                let (length, written) = (bytes.len() as u64, plain.meta.modified);
                let meta = plain.meta.in_coding(coding, length, &etag, written);
                Made::Here(Object::new(Arc::new(meta), Content::Bytes(bytes)))
            }
            Compressed::Useless => Made::Absent,
            Compressed::Busy => Made::Busy,
        }
    }
}

impl Shard {
    /// The entry of a file, if it is of this state.
    fn get_same(&mut self, key: u64, path: &[u8], meta: &Arc<Representation>) -> Option<&mut Kept> {
        let is_same = |kept: &Kept| match &kept.outcome {
            Outcome::Found(Found::File(object)) => Arc::ptr_eq(&object.meta, meta),
            _ => false,
        };
        self.get(key, path).filter(|kept| is_same(kept))
    }

    /// Puts a variant into the entry that it was made from, if that is still there, and gives back
    /// what had to go. One that would push out its own entry is not kept.
    fn add(&mut self, key: u64, path: &[u8], recipe: &Recipe, variant: Variant) -> Vec<Kept> {
        let Recipe { plain, coding, sibling_of } = recipe;
        let Some(kept) = self.get_same(key, path, &plain.meta) else { return Vec::new() };
        let codings = kept.codings.as_deref();
        if codings
            .is_some_and(|known| !matches!(known.variants[*coding as usize], Variant::Unknown))
        {
            return Vec::new();
        }
        let (weight, files) = match &variant {
            Variant::Here(object) => {
                (object.weight(), usize::from(matches!(object.content, Content::File(_))))
            }
            Variant::Absent | Variant::Unknown => (0, 0),
        };
        let weight = weight + if codings.is_none() { Codings::WEIGHT } else { 0 };
        let table = match plain.content {
            Content::Bytes(_) => &mut self.contents,
            Content::File(_) => &mut self.open_files,
        };
        let grown = table.grow(key, weight, files);
        let variant = if grown.is_some() { variant } else { Variant::Absent };
        if let Some(kept) = table.get(key, path) {
            kept.note(*coding, variant, sibling_of.is_none());
        }
        grown.unwrap_or_default()
    }
}

impl Kept {
    /// Notes what became of a variant. Content that is not worth compressing in one coding is not in
    /// another.
    fn note(&mut self, coding: Coding, variant: Variant, was_compressed: bool) {
        let known = self.codings.get_or_insert_default();
        if was_compressed && matches!(variant, Variant::Absent) {
            for coding in Coding::ALL {
                let slot = &mut known.variants[coding as usize];
                if known.siblings.is_none_or(|all| all.versions[coding as usize].is_none())
                    && matches!(slot, Variant::Unknown)
                {
                    *slot = Variant::Absent;
                }
            }
        }
        known.variants[coding as usize] = variant;
    }
}
