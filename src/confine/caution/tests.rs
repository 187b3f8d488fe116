use super::*;

fn served<'a>(root: &'a Path, shows_hidden: bool, keys: &'a [&'a Path]) -> Served<'a> {
    Served { root, shows_hidden, keys }
}

#[test]
fn folders_of_the_system_are_refused_whatever_they_are_called() {
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("link");
    std::os::unix::fs::symlink("/etc", &link).unwrap();
    for root in
        ["/", "/etc", "/usr/..", "/usr", "/var", "/proc/self", "/dev", link.to_str().unwrap()]
    {
        let error = check(served(Path::new(root), false, &[])).unwrap_err();
        assert_eq!(error.reason, Reason::System, "{root}");
        assert!(error.to_string().contains("allow_unsafe_root"), "{error}");
    }
    let current = Path::new(".");
    let nowhere = Path::new("/nowhere/at/all");
    for root in [folder.path(), current, Path::new("/usr/share"), nowhere] {
        assert_eq!(check(served(root, false, &[])), Ok(()), "{}", root.display());
    }
}

#[test]
fn what_lies_in_a_folder_of_the_system_may_be_a_site() {
    for (root, expected) in [
        ("/etc/ssl", true),
        ("/boot/grub", true),
        ("/dev/mapper", true),
        ("/sys/kernel", true),
        ("/run", true),
        ("/root", true),
        ("/dev/shm/site", false),
        ("/etcetera", false),
        ("/home", false),
        ("/home/me/site", false),
        ("/media/disk", false),
        ("/mnt/disk", false),
        ("/opt/site", false),
        ("/root/site", false),
        ("/run/media/me/disk", false),
        ("/srv", false),
        ("/tmp", false),
        ("/tmp/x", false),
        ("/usr/share/doc", false),
        ("/var/lib/site", false),
        ("/var/www", false),
        ("/var/www/html", false),
    ] {
        assert_eq!(is_of_system(Path::new(root)), expected, "{root}");
    }
}

#[test]
fn what_secrets_are_kept_in_is_refused_whatever_is_hidden() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["me/.ssh/deep", "me/.aws", "me/site", "keys", "me/.sshd", ".config/site"] {
        fs::create_dir_all(folder.path().join(path)).unwrap();
    }
    let link = |target, name| {
        std::os::unix::fs::symlink(target, folder.path().join(name)).unwrap();
    };
    link("me/.ssh", "innocent");
    link("keys", ".gnupg");
    for (root, expected) in [
        ("me/.ssh", true),
        ("me/.ssh/deep", true),
        ("me/.aws", true),
        ("innocent", true),
        (".gnupg", true),
        ("me/.ssh/../site", false),
        ("me/.sshd", false),
        (".config/site", false),
        ("me", false),
    ] {
        let root = folder.path().join(root);
        let reason = check_with(served(&root, false, &[]), &[]).err().map(|it| it.reason);
        assert_eq!(reason, expected.then_some(Reason::Secret), "{}", root.display());
    }
}

#[test]
fn with_hidden_files_secrets_are_not_served_to_whomever_they_belong() {
    let folder = tempfile::tempdir().unwrap();
    let me = folder.path().canonicalize().unwrap().join("me");
    fs::create_dir_all(me.join(".git")).unwrap();
    let check = |shows_hidden| check_with(served(&me, shows_hidden, &[]), &[]);
    assert_eq!(check(true), Ok(()));
    fs::write(me.join(".netrc"), "").unwrap();
    assert_eq!(check(true).unwrap_err().reason, Reason::Secrets(me.join(".netrc")));
    assert_eq!(check(false), Ok(()));
    assert!(!is_ordinary(&me));
}

#[test]
fn a_home_and_what_homes_lie_in_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().canonicalize().unwrap();
    let anna = all.join("anna");
    let homes = [anna.clone()];
    let said = |root: &Path, shows_hidden| home_warning(root, shows_hidden, &all, &homes);
    // Nobody lives there.
    fs::write(all.join("file"), "").unwrap();
    assert_eq!(said(&all, false), None);
    fs::create_dir_all(anna.join("site")).unwrap();
    assert_eq!(said(&anna, false), None);
    fs::create_dir(anna.join(".ssh")).unwrap();
    for (root, shows_hidden, part) in [
        (&all, false, Some("/anna: all that is in them is served, without hidden files")),
        (&all, true, Some("with hidden files")),
        (&anna, false, Some("anna is a home: its hidden files")),
        (&anna.join("site"), false, None),
    ] {
        let said = said(root, shows_hidden);
        assert_eq!(said.is_some(), part.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(part.unwrap_or_default()));
    }
}

#[test]
fn a_home_is_refused_when_its_secrets_would_be_served() {
    let folder = tempfile::tempdir().unwrap();
    let all = folder.path().canonicalize().unwrap();
    let (anna, bert) = (all.join("anna"), all.join("bert"));
    for path in ["anna/.ssh", "anna/Pictures", "bert/Pictures"] {
        fs::create_dir_all(all.join(path)).unwrap();
    }
    let homes = [anna.clone(), bert.clone()];
    for (root, shows_hidden, refused) in [
        (&anna, true, true),
        (&all, true, true),
        (&anna, false, false),
        (&bert, true, false),
        (&anna.join("Pictures"), true, false),
    ] {
        let result = check_with(served(root, shows_hidden, &[]), &homes);
        assert_eq!(result.is_err(), refused, "{} {shows_hidden}", root.display());
    }
}

#[test]
fn a_private_key_is_not_served() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join(".certs")).unwrap();
    fs::create_dir_all(root.join(".well-known")).unwrap();
    for name in ["root/k", "root/.certs/k", "root/.well-known/k", "k"] {
        fs::write(folder.path().join(name), "").unwrap();
    }
    std::os::unix::fs::symlink("root/k", folder.path().join("link")).unwrap();
    for (key, shows_hidden, refused) in [
        ("root/k", false, true),
        ("link", false, true),
        ("root/.certs/k", false, false),
        ("root/.certs/k", true, true),
        ("root/.well-known/k", false, true),
        ("k", true, false),
    ] {
        let key = folder.path().join(key);
        let result = check_with(served(&root, shows_hidden, &[&key]), &[]);
        assert_eq!(result.is_err(), refused, "{} {shows_hidden}", key.display());
    }
}

#[test]
fn what_everybody_can_change_or_read_is_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("k");
    fs::write(&key, "").unwrap();
    let set = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (root_mode, key_mode, said) in [
        (0o755, 0o600, vec![]),
        (0o755, 0o640, vec![]),
        (0o777, 0o600, vec!["change what is served: chmod o-w"]),
        (0o1777, 0o600, vec!["are served: serve a folder of its own instead"]),
        (0o1775, 0o600, vec![]),
        (0o755, 0o644, vec!["read the private key"]),
        (0o775, 0o666, vec!["change the private key"]),
    ] {
        set(folder.path(), root_mode);
        set(&key, key_mode);
        let all = warnings(served(folder.path(), false, &[&key]));
        assert_eq!(all.len(), said.len(), "{all:?}");
        assert!(all.iter().zip(said).all(|(line, part)| line.contains(part)), "{all:?}");
    }
    set(folder.path(), 0o755);
    assert!(is_ordinary(folder.path()) && !is_ordinary(Path::new("/")));
    set(folder.path(), 0o1777);
    assert!(!is_ordinary(folder.path()));
}
