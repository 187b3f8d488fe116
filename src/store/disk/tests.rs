//! What only a folder on the disk has to get right.

use super::*;

#[tokio::test]
async fn what_changed_just_now_is_not_taken_for_unchanged_later() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("new"), "").unwrap();
    // This test itself was linked a while ago.
    let program = std::env::current_exe().unwrap();
    let name = program.file_name().unwrap().to_str().unwrap();
    for (root, name, is_old) in
        [(folder.path(), "new", false), (program.parent().unwrap(), name, true)]
    {
        let disk = Disk::open(DiskOptions { root: root.into(), ..DiskOptions::default() });
        let path = format!("/{name}");
        let path = SitePath::parse(path.as_bytes()).unwrap();
        let loaded = disk.unwrap().load(&path, 0).await.unwrap();
        assert_eq!(loaded.seen.is_some(), is_old, "{name}");
    }
}

#[test]
fn a_root_that_is_no_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "").unwrap();
    for name in ["file", "missing"] {
        let options = DiskOptions { root: folder.path().join(name), ..DiskOptions::default() };
        assert!(Disk::open(options).is_err());
    }
}
