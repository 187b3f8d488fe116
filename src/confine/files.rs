//! Which files are left: Landlock.
//!
//! Everything that Landlock knows is denied, and `places` are granted. By version of the kernel: below 5.19
//! nothing is restricted, since there files could not be moved between folders any more, as uploads are;
//! from 6.2 truncating is restricted too, and that is what `required` takes; later ones also keep it from
//! controlling devices and from signalling other processes, where they can.
//!
//! Programs cannot be executed wherever they are: no place has that right.

use std::fs;
use std::os::unix::fs::FileTypeExt;

use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};

use super::error::ConfineError;
use super::{Demand, Place, Rights};

/// The first version with which files can be moved between folders.
const LEAST: ABI = ABI::V2;

/// The first one by which nothing can be written without the right to.
const WHOLE: ABI = ABI::V3;

/// The last one that this was tried with.
const LATEST: ABI = ABI::V7;

/// Restricts this thread, and those that it starts from now on.
pub(super) fn restrict(places: &[Place], demand: Demand) -> Result<(), ConfineError> {
    let needed = match demand {
        Demand::Possible => LEAST,
        Demand::Everything => WHOLE,
    };
    let mut rules = Ruleset::default()
        .set_compatibility(CompatLevel::HardRequirement)
        .handle_access(AccessFs::from_all(needed))
        .map_err(refused)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LATEST))
        .and_then(|rules| rules.scope(Scope::from_all(LATEST)))
        .and_then(Ruleset::create)
        .map_err(refused)?;
    for place in places {
        // What is not there needs no right.
        let (Ok(found), Ok(held)) = (fs::metadata(&place.path), PathFd::new(&place.path)) else {
            continue;
        };
        let all = rights(place.rights);
        let rights = if found.is_dir() { all } else { all & AccessFs::from_file(LATEST) };
        let rule = PathBeneath::new(held, rights);
        // Pipes without a name can have no rule, and need none.
        let may_fail = found.file_type().is_fifo() || found.file_type().is_socket();
        if may_fail {
            let _ = (&mut rules).add_rule(rule);
        } else {
            (&mut rules).add_rule(rule).map_err(refused)?;
        }
    }
    let status = rules.restrict_self().map_err(refused)?;
    match status.ruleset {
        RulesetStatus::NotEnforced => Err(ConfineError::Files("the kernel has no Landlock".into())),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

fn rights(rights: Rights) -> BitFlags<AccessFs> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    match rights {
        Rights::Read => read,
        Rights::Write => {
            read | make_bitflags!(AccessFs::{
                WriteFile | Truncate | MakeReg | RemoveFile | MakeDir | RemoveDir | Refer
            })
        }
    }
}

fn refused(error: impl std::fmt::Display) -> ConfineError {
    ConfineError::Files(error.to_string())
}
