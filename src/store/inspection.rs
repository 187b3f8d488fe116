//! Whether a folder is there, and how much room there is.

use std::io;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

/// What a look at a folder shows.
#[derive(Debug, Default)]
pub struct Inspection {
    /// Why nothing in it can be opened, if that is so.
    pub fault: Option<io::Error>,
    /// Bytes left for this process on its file system, and bytes there are in all.
    pub space: Option<(u64, u64)>,
}

impl Inspection {
    /// Looks. May wait for a disk.
    pub(super) fn of(folder: &Path) -> Self {
        let usable = match std::fs::metadata(folder) {
            Ok(metadata) if metadata.is_dir() => {
                access(folder, Access::EXEC_OK).map_err(io::Error::from)
            }
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) => Err(error),
        };
        let space = statvfs(folder).ok();
        Self {
            fault: usable.err(),
            space: space.map(|space| {
                let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
                (bytes(space.f_bavail), bytes(space.f_blocks))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_room_and_one_that_is_not_there_has_a_fault() {
        let folder = tempfile::tempdir().unwrap();
        let inspection = Inspection::of(folder.path());
        assert!(inspection.fault.is_none());
        assert!(inspection.space.is_some_and(|(free, total)| free <= total && total > 0));
        let inspection = Inspection::of(&folder.path().join("none"));
        assert!(inspection.space.is_none());
        assert_eq!(inspection.fault.unwrap().kind(), io::ErrorKind::NotFound);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let fault = Inspection::of(&file).fault.unwrap();
        assert_eq!(fault.kind(), io::ErrorKind::NotADirectory);
    }
}
