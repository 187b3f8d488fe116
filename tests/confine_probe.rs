//! Confines a process and has its threads try what they must not be able to do any more.
//!
//! It is a program without the test runner, which has threads: it starts itself once more, and that process
//! confines itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]

#[cfg(target_os = "linux")]
fn main() {
    linux::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, File, OpenOptions};
    use std::io;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::thread;

    use nix::unistd::{Uid, setuid};
    use rustix::net::{AddressFamily, SocketType, socket};
    use salver::confine::{ConfineError, Demand, Place, Rights, confine};

    /// What the process that is confined is told by, and what it has for a folder.
    const ROLE: &str = "SALVER_PROBE_ROLE";
    const FOLDER: &str = "SALVER_PROBE_FOLDER";

    /// What is tried: a name, whether it must succeed, and how.
    type Row = (&'static str, bool, fn(&Path) -> io::Result<()>);

    const ROWS: &[Row] = &[
        ("read a file that was granted", true, |it| fs::read(it.join("site/a.txt")).map(drop)),
        ("list a folder that was granted", true, |it| fs::read_dir(it.join("site")).map(drop)),
        ("read a file that was granted by itself", true, |it| fs::read(it.join("one")).map(drop)),
        ("read /etc/passwd", false, |_| fs::read("/etc/passwd").map(drop)),
        ("read what lies beside a grant", false, |it| fs::read(it.join("secret")).map(drop)),
        ("read by a link that leads away", false, |it| fs::read(it.join("site/link")).map(drop)),
        ("read by dots", false, |it| fs::read(it.join("site/../secret")).map(drop)),
        ("read the environment of another process", false, |_| {
            let parent = std::os::unix::process::parent_id();
            fs::read(format!("/proc/{parent}/environ")).map(drop)
        }),
        ("list /", false, |_| fs::read_dir("/").map(drop)),
        ("write where one may read", false, |it| fs::write(it.join("site/a.txt"), "x")),
        ("truncate where one may read", false, |it| {
            rustix::fs::open(
                it.join("site/a.txt"),
                rustix::fs::OFlags::RDONLY | rustix::fs::OFlags::TRUNC,
                rustix::fs::Mode::empty(),
            )?;
            Ok(())
        }),
        ("make a file where one may read", false, |it| File::create(it.join("site/n")).map(drop)),
        ("remove where one may read", false, |it| fs::remove_file(it.join("site/a.txt"))),
        ("write in /tmp", false, |_| File::create("/tmp/salver-probe").map(drop)),
        ("make, append, rename, remove where one may write", true, |it| {
            let (old, new) = (it.join("logs/l"), it.join("logs/l.1"));
            fs::write(&old, "x")?;
            OpenOptions::new().append(true).open(&old)?;
            fs::rename(&old, &new)?;
            fs::remove_file(&new)
        }),
        ("move between folders where one may write", true, |it| {
            let (folder, file) = (it.join("logs/d"), it.join("logs/m"));
            fs::create_dir(&folder)?;
            fs::write(&file, "x")?;
            fs::rename(&file, folder.join("m"))?;
            fs::hard_link(folder.join("m"), &file)?;
            fs::remove_file(&file)?;
            fs::remove_dir_all(&folder)
        }),
        ("make a link where one may write", false, |it| {
            std::os::unix::fs::symlink("/etc", it.join("logs/link"))
        }),
        ("move out of a grant", false, |it| {
            fs::write(it.join("logs/out"), "x")?;
            let moved = fs::rename(it.join("logs/out"), it.join("out"));
            fs::remove_file(it.join("logs/out"))?;
            moved
        }),
        ("start a program", false, |_| Command::new("/bin/true").status().map(drop)),
        // Returns only when it fails.
        ("become a program", false, |_| Err(Command::new("/bin/true").exec())),
        ("become a program that was granted", false, |it| {
            Err(Command::new(it.join("site/true")).exec())
        }),
        ("become another user", false, |_| Ok(setuid(Uid::from_raw(65_534))?)),
        ("change the root", false, |it| Ok(rustix::process::chroot(it)?)),
        ("open a raw socket", false, |_| {
            socket(AddressFamily::PACKET, SocketType::DGRAM, None)?;
            Ok(())
        }),
        ("ask for another processor's crypto", false, |_| {
            // AF_ALG
            socket(AddressFamily::from_raw(38), SocketType::SEQPACKET, None)?;
            Ok(())
        }),
        ("listen and connect", true, |_| {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            TcpStream::connect(listener.local_addr()?).map(drop)
        }),
        ("start a thread", true, |_| {
            thread::spawn(|| ()).join().map_err(|_| io::ErrorKind::Other.into())
        }),
    ];

    pub(crate) fn main() {
        match std::env::var(ROLE).as_deref() {
            Ok("tries") => tries(),
            Ok("nests") => nests(),
            Ok("has threads") => has_threads(),
            _ => {
                for role in ["tries", "nests", "has threads"] {
                    parent(role);
                }
            }
        }
    }

    fn parent(role: &str) {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["site", "logs"] {
            fs::create_dir(path(name)).unwrap();
        }
        for name in ["site/a.txt", "one", "secret"] {
            fs::write(path(name), "0123456789").unwrap();
        }
        fs::copy("/bin/true", path("site/true")).unwrap();
        std::os::unix::fs::symlink(path("secret"), path("site/link")).unwrap();
        let own = std::env::current_exe().unwrap();
        let status = Command::new(own).env(ROLE, role).env(FOLDER, folder.path()).status().unwrap();
        assert!(status.success(), "{role}: {status}");
        assert_eq!(fs::read(path("site/a.txt")).unwrap(), b"0123456789");
        println!("confined, a process {role}: as it should");
    }

    fn folder() -> PathBuf {
        std::env::var_os(FOLDER).unwrap().into()
    }

    fn places() -> Vec<Place> {
        let granted = [
            ("site", Rights::Read),
            ("one", Rights::Read),
            ("logs", Rights::Write),
            ("not there", Rights::Write),
        ];
        let place = |(name, rights)| Place { path: folder().join(name), rights, key: "" };
        granted.map(place).into()
    }

    fn try_all() -> Vec<String> {
        let folder = folder();
        let outcome = |(name, may, try_it): &Row| match (may, try_it(&folder)) {
            (true, Ok(())) => None,
            (true, Err(error)) => Some(format!("cannot {name}: {error}")),
            (false, Ok(())) => Some(format!("can {name}")),
            (false, Err(error)) => {
                // Moved out of a grant is "another file system"; every other refusal says what it is.
                let is_refusal = error.kind() == io::ErrorKind::PermissionDenied
                    || error.kind() == io::ErrorKind::CrossesDevices;
                (!is_refusal).then(|| format!("cannot {name}, but only since {error}"))
            }
        };
        ROWS.iter().filter_map(outcome).collect()
    }

    /// Everything, from the thread that is confined, from a new one, and from those of a pool.
    fn tries() {
        // Each of them is possible before, or its failure would tell nothing.
        for (name, _, before) in ROWS.iter().filter(|row| row.0.starts_with("read ")) {
            assert!(before(&folder()).is_ok(), "{name}: not even before");
        }
        let confined = confine(&places(), Demand::Everything).unwrap();
        assert_eq!(confined.in_force(), ["files", "system calls"]);
        assert_eq!(try_all(), [""; 0]);
        assert_eq!(thread::spawn(try_all).join().unwrap(), [""; 0]);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for _ in 0..3 {
            assert_eq!(runtime.block_on(runtime.spawn_blocking(try_all)).unwrap(), [""; 0]);
        }
    }

    /// A kernel takes 16 of them; what is not to be had is an error only if it is asked for.
    fn nests() {
        let fault = (0..20).find_map(|_| confine(&places(), Demand::Everything).err());
        assert!(matches!(fault, Some(ConfineError::Files(_))), "{fault:?}");
        let said = fault.unwrap().to_string();
        assert!(said.contains("cannot restrict files") && said.contains("auto"), "{said}");
        let confined = confine(&places(), Demand::Possible).unwrap();
        assert_eq!(confined.in_force(), ["system calls"]);
    }

    /// Those would be left out.
    fn has_threads() {
        let (end, wait) = std::sync::mpsc::channel::<()>();
        let other = thread::spawn(move || wait.recv());
        let fault = confine(&places(), Demand::Everything).err();
        assert!(matches!(fault, Some(ConfineError::Threads(2))), "{fault:?}");
        assert!(confine(&places(), Demand::Possible).unwrap().in_force().is_empty());
        assert!(fs::read("/etc/passwd").is_ok());
        drop(end);
        assert!(other.join().unwrap().is_err());
    }
}
