//! What the entry of a file knows of it in other codings.

use std::mem::size_of;
use std::sync::Arc;

use super::making::Recipe;
use super::{Kept, Outcome, Seen, Shard};
use crate::content::coding::{Accepted, Coding};
use crate::store::Found;
use crate::store::object::{Content, Object, Representation};
use crate::store::version::Version;

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
    pub(super) variants: [Variant; Coding::COUNT],
}

/// A file in a coding.
#[derive(Default)]
pub(super) enum Variant {
    #[default]
    Unknown,
    /// It cannot be had, or is not worth it.
    Absent,
    Here(Object),
}

/// What suits a request, as it lies in the entry.
pub(super) enum Pick<'k> {
    /// The entry's own answer.
    Plain,
    Here(&'k Object),
    /// It is to be made, of the sibling named.
    Missing(Coding, Option<(Seen, Version)>),
}

impl Codings {
    /// Of a file that was loaded just now; nothing for most.
    pub(super) fn of(siblings: Option<&Siblings>) -> Option<Box<Self>> {
        siblings.map(|siblings| Box::new(Self { siblings: Some(*siblings), ..Self::default() }))
    }

    /// Bytes of memory.
    pub(super) const WEIGHT: usize = size_of::<Self>() + 16;

    pub(super) fn sibling(&self, coding: Coding) -> Option<(Seen, Version)> {
        let siblings = self.siblings.as_ref()?;
        Some((siblings.of, siblings.versions[coding as usize]?))
    }
}

impl Kept {
    pub(super) fn sibling(&self, coding: Coding) -> Option<(Seen, Version)> {
        self.codings.as_ref()?.sibling(coding)
    }

    /// Its siblings, by coding.
    pub(super) fn siblings(&self) -> [Option<Version>; Coding::COUNT] {
        let known = self.codings.as_ref().and_then(|known| known.siblings);
        known.map_or([None; Coding::COUNT], |siblings| siblings.versions)
    }

    /// What suits somebody who accepts these codings.
    #[inline]
    pub(super) fn pick(&self, object: &Object, accepted: Accepted, first: Coding) -> Pick<'_> {
        let pays = object.meta.pays_compressed() && matches!(object.content, Content::Bytes(_));
        let Some(known) = self.codings.as_deref() else {
            return if pays { Pick::Missing(first, None) } else { Pick::Plain };
        };
        let offer = |coding: Coding, sibling_of| match &known.variants[coding as usize] {
            Variant::Absent => None,
            Variant::Here(object) => Some(Pick::Here(object)),
            Variant::Unknown => Some(Pick::Missing(coding, sibling_of)),
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
            return Pick::Plain;
        }
        accepted.codings().find_map(|coding| offer(coding, None)).unwrap_or(Pick::Plain)
    }
}

impl Shard {
    /// The entry of a file, if it is of this state.
    pub(super) fn get_same(
        &mut self,
        key: u64,
        path: &[u8],
        meta: &Arc<Representation>,
    ) -> Option<&mut Kept> {
        let is_same = |kept: &Kept| match &kept.outcome {
            Outcome::Found(Found::File(object)) => Arc::ptr_eq(&object.meta, meta),
            _ => false,
        };
        self.get(key, path).filter(|kept| is_same(kept))
    }

    /// Puts a variant into the entry that it was made from, if that is still there, and gives back
    /// what had to go. One that would push out its own entry is not kept.
    pub(super) fn add(
        &mut self,
        key: u64,
        path: &[u8],
        recipe: &Recipe,
        variant: Variant,
    ) -> Vec<Kept> {
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
