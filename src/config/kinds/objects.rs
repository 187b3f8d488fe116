//! Lists of objects. On the command line and in the environment they are written as JSON too.

use jsonc_parser::common::Ranged;

use super::{Mismatch, Raw, Reason};
use crate::config::jsonc;

/// Reads each object of a list.
pub(super) fn objects<T>(
    raw: Raw<'_>,
    read: fn(Raw<'_>) -> Result<T, Mismatch>,
) -> Result<Vec<T>, Mismatch> {
    if !raw.is_text() {
        return raw.elements().ok_or_else(|| raw.wrong())?.into_iter().map(read).collect();
    }
    let text = raw.string().ok_or_else(|| raw.wrong())?;
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let value = jsonc::parse(text).map_err(|_| raw.wrong())?;
    // Where in the text it is wrong would be taken for a place in a file.
    objects(Raw::json(&value, raw.base()), read)
        .map_err(|mismatch| Mismatch { at: None, ..mismatch })
}

/// The members of those names, in their order. Another one is refused, after `has` has said which
/// there are; so is one that is there twice.
pub(super) fn members<'a, const N: usize>(
    raw: Raw<'a>,
    names: [&str; N],
    has: &str,
) -> Result<[Option<Raw<'a>>; N], Mismatch> {
    let object = raw.object().ok_or_else(|| raw.wrong())?;
    let mut members = [None; N];
    for property in &object.properties {
        let name = property.name.as_str();
        let refused =
            |why| Err(Mismatch { at: Some(property.range().start), reason: Reason::Refused(why) });
        let Some(at) = names.iter().position(|known| *known == name) else {
            return refused(format!("{has}, no {name:?}"));
        };
        if members[at].replace(Raw::json(&property.value, raw.base())).is_some() {
            return refused(format!("{name:?} is there twice"));
        }
    }
    Ok(members)
}
