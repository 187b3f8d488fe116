//! Files in other codings: kept in the entry of the file itself, so that one lookup finds them, they
//! share its budget, and they go when it goes or changes.
//!
//! 1. A precompressed sibling comes first. Which there are is seen when the file is loaded; they are
//!    looked at again with the file.
//! 2. Else the content is compressed, once, however many ask for it meanwhile.
//! 3. What is not worth it, or not there, is remembered as well.

use std::sync::Arc;
use std::time::Instant;

use super::making::{Made, Recipe};
use super::variants::Pick;
use super::{Cached, Origin, Outcome, Seen, Verdict, WatchState};
use crate::content::coding::{Accepted, Coding};
use crate::content::path::SitePath;
use crate::message::CacheUse;
use crate::store::object::{Object, Representation};
use crate::store::version::Version;
use crate::store::{Answer, Found, Store, StoreError};

/// Turns of looking, loading and making that a request takes before it is content with the plain
/// file: more than there are codings to be found missing.
const TURNS: usize = 6;

/// Where a request that takes other codings finds itself.
enum Position {
    /// With nothing to look at.
    Fresh(Choice),
    /// With something to look at first.
    Stale(Box<Basis>, Choice),
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

/// What must not have changed since an answer was kept.
struct Basis {
    meta: Arc<Representation>,
    seen: Seen,
    siblings: [Option<Version>; Coding::COUNT],
    /// Whether it is time to ask for a watch over it.
    asks: bool,
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
                let is_fresh = kept.freshness.holds_beside(&moment);
                is_fresh.then(|| kept.pick(object, accepted, first))?
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
        let pick = kept.pick(object, accepted, first);
        let choice = match pick {
            Pick::Plain => Choice::Ready(kept.outcome.clone()),
            Pick::Here(object) => Choice::Ready(Outcome::Found(Found::File(object.clone()))),
            Pick::Missing(coding, sibling_of) => {
                Choice::Make(Recipe { plain: object.clone(), coding, sibling_of })
            }
        };
        if kept.freshness.holds(&moment) && kept.freshness.holds_beside(&moment) {
            return Position::Fresh(choice);
        }
        let Some(seen) = kept.seen else { return Position::Unknown };
        let siblings = kept.siblings();
        let meta = Arc::clone(&object.meta);
        let asks = kept.freshness.asks(&moment);
        Position::Stale(Box::new(Basis { meta, seen, siblings, asks }), choice)
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
                match self.judge_now(path, &basis) {
                    Verdict::Same => {
                        self.confirm_coded(key, bytes, &basis, now, watch);
                        return Answer::Ready(outcome.found(CacheUse::Revalidated));
                    }
                    Verdict::Blind => return Answer::Ready(outcome.found(CacheUse::Hit)),
                    Verdict::Other => {}
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
        let beside = !basis.meta.is_sandboxed;
        if basis.asks { self.origin.watch(path, basis.seen, beside, now) } else { None }
    }

    /// Whether that still holds, if it is known without waiting.
    fn judge_now(&self, path: &SitePath<'_>, basis: &Basis) -> Verdict {
        fn of<T: PartialEq>(looked: Answer<'_, Result<T, StoreError>>, known: &T) -> Verdict {
            match looked {
                Answer::Ready(looked) => Verdict::of(&looked, known),
                Answer::Later(_) => Verdict::Other,
            }
        }
        let verdict = of(self.origin.look(path), &basis.seen);
        if verdict != Verdict::Same || basis.meta.is_sandboxed {
            return verdict;
        }
        let verdicts = Coding::ALL.into_iter().zip(&basis.siblings).map(|(coding, sibling)| {
            of(self.origin.look_sibling(path, basis.seen, coding), sibling)
        });
        verdicts.into_iter().find(|verdict| *verdict != Verdict::Same).unwrap_or(Verdict::Same)
    }

    async fn judge(&self, path: &SitePath<'_>, basis: &Basis) -> Verdict {
        let verdict = Verdict::of(&self.origin.look(path).wait().await, &basis.seen);
        if verdict != Verdict::Same || basis.meta.is_sandboxed {
            return verdict;
        }
        for (coding, sibling) in Coding::ALL.into_iter().zip(&basis.siblings) {
            let looked = self.origin.look_sibling(path, basis.seen, coding).wait().await;
            let verdict = Verdict::of(&looked, sibling);
            if verdict != Verdict::Same {
                return verdict;
            }
        }
        Verdict::Same
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
            kept.freshness.confirm_beside(now);
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
                Position::Stale(basis, choice) => match self.judge(path, &basis).await {
                    Verdict::Same => {
                        self.confirm_coded(key, bytes, &basis, now, None);
                        cache = CacheUse::Revalidated;
                    }
                    Verdict::Blind => {
                        return match choice {
                            Choice::Ready(outcome) => outcome.found(cache),
                            Choice::Make(recipe) => {
                                Ok(Found::File(Object { cache: Some(cache), ..recipe.plain }))
                            }
                        };
                    }
                    Verdict::Other => self.forget(key, bytes, &basis.meta),
                },
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
}
