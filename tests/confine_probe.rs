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
    use std::os::unix::fs::{PermissionsExt, chown, fchown, lchown};
    use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
    use std::os::unix::process::CommandExt;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::thread;
    use std::time::SystemTime;

    use nix::unistd::{Uid, setuid};
    use rustix::fs::{AtFlags, CWD, Mode, Timespec, Timestamps, XattrFlags};
    use rustix::net::{
        AddressFamily, Protocol, SocketFlags, SocketType, netlink, socket, socketpair,
    };
    use rustix::process::{Resource, Rlimit, Signal};
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
        ("open a socket of the network's card", false, |_| {
            open_socket(AddressFamily::PACKET, SocketType::DGRAM, None)
        }),
        ("open a raw socket", false, |_| {
            open_socket(AddressFamily::INET, SocketType::RAW, Some(rustix::net::ipproto::ICMP))
        }),
        ("open a raw socket without a flag", false, |_| {
            socket(AddressFamily::INET6, SocketType::RAW, Some(rustix::net::ipproto::TCP))?;
            Ok(())
        }),
        ("open a socket for pings", false, |_| {
            open_socket(AddressFamily::INET, SocketType::DGRAM, Some(rustix::net::ipproto::ICMP))
        }),
        ("open a socket of packets in sequence", false, |_| {
            open_socket(AddressFamily::INET, SocketType::SEQPACKET, None)
        }),
        ("ask who signs in", false, |_| {
            open_socket(AddressFamily::NETLINK, SocketType::RAW, Some(netlink::AUDIT))
        }),
        ("hear of devices", false, |_| {
            open_socket(AddressFamily::NETLINK, SocketType::DGRAM, Some(netlink::KOBJECT_UEVENT))
        }),
        ("ask for interfaces", true, |_| {
            open_socket(AddressFamily::NETLINK, SocketType::RAW, None)?;
            if_addrs::get_if_addrs().map(drop)
        }),
        ("open sockets of TCP and UDP", true, |_| {
            open_socket(AddressFamily::INET, SocketType::STREAM, Some(rustix::net::ipproto::TCP))?;
            open_socket(AddressFamily::INET6, SocketType::STREAM, None)?;
            open_socket(AddressFamily::INET, SocketType::DGRAM, Some(rustix::net::ipproto::UDP))
        }),
        ("connect to a socket that lies elsewhere", false, |it| {
            UnixStream::connect(it.join("socket")).map(drop)
        }),
        ("send to a socket that lies elsewhere", false, |it| {
            UnixDatagram::unbound()?.send_to(b"x", it.join("datagrams")).map(drop)
        }),
        ("send to it through one of a pair", false, |it| {
            UnixDatagram::pair()?.0.send_to(b"x", it.join("datagrams")).map(drop)
        }),
        ("have a pair of packets in sequence", false, |_| {
            let none = SocketFlags::empty();
            socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, none, None)?;
            Ok(())
        }),
        ("have a pair of streams", true, |_| UnixStream::pair().map(drop)),
        ("look up a name", true, |_| {
            std::net::ToSocketAddrs::to_socket_addrs(&("localhost", 80)).map(drop)
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
        ("change permissions", false, |it| {
            fs::set_permissions(it.join("secret"), fs::Permissions::from_mode(0o666))
        }),
        ("change permissions of what may be written", false, |it| {
            File::create(it.join("logs/p"))?;
            fs::set_permissions(it.join("logs/p"), fs::Permissions::from_mode(0o4777))
        }),
        ("change permissions of a descriptor", false, |it| {
            let file = File::open(it.join("site/a.txt"))?;
            file.set_permissions(fs::Permissions::from_mode(0o666))
        }),
        ("change permissions by a folder", false, |it| {
            rustix::fs::chmodat(CWD, it.join("secret"), Mode::RWXO, AtFlags::empty())?;
            Ok(())
        }),
        ("change an owner", false, |it| chown(it.join("secret"), Some(0), Some(0))),
        ("change the owner of a link", false, |it| lchown(it.join("site/link"), None, None)),
        ("change the owner of a descriptor", false, |it| {
            fchown(File::open(it.join("one"))?, Some(0), Some(0))
        }),
        ("change an owner by a folder", false, |it| {
            rustix::fs::chownat(CWD, it.join("secret"), None, None, AtFlags::empty())?;
            Ok(())
        }),
        ("set an attribute", false, |it| {
            rustix::fs::setxattr(it.join("secret"), "user.x", b"1", XattrFlags::empty())?;
            Ok(())
        }),
        ("set an attribute of a link", false, |it| {
            rustix::fs::lsetxattr(it.join("secret"), "user.x", b"1", XattrFlags::empty())?;
            Ok(())
        }),
        ("set an attribute of a descriptor", false, |it| {
            let file = File::open(it.join("one"))?;
            rustix::fs::fsetxattr(file, "user.x", b"1", XattrFlags::empty())?;
            Ok(())
        }),
        ("remove an attribute", false, |it| {
            rustix::fs::removexattr(it.join("secret"), "user.x")?;
            Ok(())
        }),
        ("remove an attribute of a link", false, |it| {
            rustix::fs::lremovexattr(it.join("secret"), "user.x")?;
            Ok(())
        }),
        ("remove an attribute of a descriptor", false, |it| {
            rustix::fs::fremovexattr(File::open(it.join("one"))?, "user.x")?;
            Ok(())
        }),
        ("set times", false, |it| {
            let then = Timespec { tv_sec: 1, tv_nsec: 0 };
            let times = Timestamps { last_access: then, last_modification: then };
            rustix::fs::utimensat(CWD, it.join("secret"), &times, AtFlags::empty())?;
            Ok(())
        }),
        ("set times of a descriptor", false, |it| {
            File::open(it.join("one"))?.set_modified(SystemTime::UNIX_EPOCH)
        }),
        ("make a file immutable", false, |it| {
            let file = File::open(it.join("one"))?;
            rustix::fs::ioctl_setflags(file, rustix::fs::IFlags::NODUMP)?;
            Ok(())
        }),
        ("take descriptors away from another process", false, |_| {
            let limit = Rlimit { current: Some(3), maximum: Some(3) };
            rustix::process::prlimit(parent_process(), Resource::Nofile, limit)?;
            Ok(())
        }),
        ("know and set its own limits", true, |_| {
            let limit = rustix::process::getrlimit(Resource::Nofile);
            Ok(rustix::process::setrlimit(Resource::Nofile, limit)?)
        }),
        ("slow another process down", false, |_| {
            Ok(rustix::process::setpriority_process(parent_process(), 19)?)
        }),
        ("bind another process to a processor", false, |_| {
            let processors = rustix::thread::sched_getaffinity(None)?;
            Ok(rustix::thread::sched_setaffinity(parent_process(), &processors)?)
        }),
        ("signal another process", false, |_| {
            let other = parent_process().ok_or(io::ErrorKind::NotFound)?;
            Ok(rustix::process::kill_process(other, Signal::WINCH)?)
        }),
        ("signal all others", false, |_| {
            Ok(rustix::process::kill_current_process_group(Signal::WINCH)?)
        }),
        ("signal itself", true, |_| {
            Ok(rustix::process::kill_process(rustix::process::getpid(), Signal::WINCH)?)
        }),
        ("hold another process", false, |_| {
            let other = parent_process().ok_or(io::ErrorKind::NotFound)?;
            rustix::process::pidfd_open(other, rustix::process::PidfdFlags::empty())?;
            Ok(())
        }),
        ("start a thread", true, |_| {
            thread::spawn(|| ()).join().map_err(|_| io::ErrorKind::Other.into())
        }),
    ];

    /// What is denied whatever it is given: every argument is -1, which would be another fault.
    /// By number, where not every C library has a name.
    const CALLS: &[(&str, i64)] = &[
        ("fanotify_init", libc::SYS_fanotify_init),
        ("fanotify_mark", libc::SYS_fanotify_mark),
        ("ioprio_set", libc::SYS_ioprio_set),
        ("sched_setscheduler", libc::SYS_sched_setscheduler),
        ("sched_setparam", libc::SYS_sched_setparam),
        ("sched_setattr", libc::SYS_sched_setattr),
        ("tkill", libc::SYS_tkill),
        ("rt_sigqueueinfo", libc::SYS_rt_sigqueueinfo),
        ("rt_tgsigqueueinfo", libc::SYS_rt_tgsigqueueinfo),
        ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
        ("migrate_pages", libc::SYS_migrate_pages),
        ("move_pages", libc::SYS_move_pages),
        ("get_robust_list", libc::SYS_get_robust_list),
        ("shmget", libc::SYS_shmget),
        ("shmat", libc::SYS_shmat),
        ("shmctl", libc::SYS_shmctl),
        ("semget", libc::SYS_semget),
        ("semop", libc::SYS_semop),
        ("semctl", libc::SYS_semctl),
        ("msgget", libc::SYS_msgget),
        ("msgsnd", libc::SYS_msgsnd),
        ("msgrcv", libc::SYS_msgrcv),
        ("msgctl", libc::SYS_msgctl),
        ("mq_open", libc::SYS_mq_open),
        ("mq_unlink", libc::SYS_mq_unlink),
        ("fchmodat", libc::SYS_fchmodat),
        ("fchownat", libc::SYS_fchownat),
        ("utimensat", libc::SYS_utimensat),
        #[cfg(target_arch = "x86_64")]
        ("chmod", libc::SYS_chmod),
        #[cfg(target_arch = "x86_64")]
        ("chown", libc::SYS_chown),
        #[cfg(target_arch = "x86_64")]
        ("lchown", libc::SYS_lchown),
        #[cfg(target_arch = "x86_64")]
        ("utime", libc::SYS_utime),
        #[cfg(target_arch = "x86_64")]
        ("utimes", libc::SYS_utimes),
        #[cfg(target_arch = "x86_64")]
        ("futimesat", libc::SYS_futimesat),
        ("quotactl_fd", 443),
        ("process_mrelease", 448),
        ("fchmodat2", 452),
        ("statmount", 457),
        ("listmount", 458),
        ("lsm_set_self_attr", 460),
        ("setxattrat", 463),
        ("removexattrat", 466),
        ("open_tree_attr", 467),
        ("file_setattr", 469),
        ("listns", 470),
    ];

    /// What anybody can do who is not confined, whoever he is.
    const IN_REACH: &[&str] = &[
        "connect to a socket that lies elsewhere",
        "send to a socket that lies elsewhere",
        "send to it through one of a pair",
        "have a pair of packets in sequence",
        "hear of devices",
        "change the owner of a link",
        "set times of a descriptor",
        "signal another process",
        "hold another process",
    ];

    /// A call by its number, with nothing that it could do anything with.
    #[allow(unsafe_code, reason = "what somebody could do who runs code of his own here")]
    fn call(number: i64) -> io::Error {
        // SAFETY: no pointer is valid and no number names anything: it fails, whether it is denied or not.
        let result =
            unsafe { libc::syscall(number, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64, -1_i64) };
        assert_eq!(result, -1, "{number}");
        io::Error::last_os_error()
    }

    fn parent_process() -> Option<rustix::process::Pid> {
        rustix::process::getppid()
    }

    fn open_socket(
        family: AddressFamily,
        kind: SocketType,
        protocol: Option<Protocol>,
    ) -> io::Result<()> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        rustix::net::socket_with(family, kind, flags, protocol)?;
        Ok(())
    }

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
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o644)).unwrap();
        }
        // What is there to be connected to, and does not answer.
        let _streams = UnixListener::bind(path("socket")).unwrap();
        let _datagrams = UnixDatagram::bind(path("datagrams")).unwrap();
        fs::copy("/bin/true", path("site/true")).unwrap();
        std::os::unix::fs::symlink(path("secret"), path("site/link")).unwrap();
        let own = std::env::current_exe().unwrap();
        let status = Command::new(own).env(ROLE, role).env(FOLDER, folder.path()).status().unwrap();
        assert!(status.success(), "{role}: {status}");
        for name in ["site/a.txt", "one", "secret"] {
            assert_eq!(fs::read(path(name)).unwrap(), b"0123456789");
            assert_eq!(fs::metadata(path(name)).unwrap().permissions().mode() & 0o7777, 0o644);
        }
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
            ("/etc/hosts", Rights::Read),
            ("/etc/nsswitch.conf", Rights::Read),
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
        #[cfg(target_arch = "x86_64")]
        assert_eq!(call(0x4000_0000 + 520).raw_os_error(), Some(libc::ENOSYS), "execve of x32");
        let calls = CALLS.iter().filter_map(|(name, number)| {
            let error = call(*number);
            let is_denied = error.raw_os_error() == Some(libc::EPERM);
            (!is_denied).then(|| format!("cannot call {name}, but only since {error}"))
        });
        ROWS.iter().filter_map(outcome).chain(calls).collect()
    }

    /// Everything, from the thread that is confined, from a new one, and from those of a pool.
    fn tries() {
        // Each of them is possible before, or its failure would tell nothing.
        for (name, _, before) in ROWS.iter().filter(|row| row.0.starts_with("read ")) {
            assert!(before(&folder()).is_ok(), "{name}: not even before");
        }
        // The same for calls that every kernel has, and the rows that need no more than a socket.
        for (name, number) in CALLS.iter().filter(|(name, _)| name.starts_with("sem")) {
            assert_ne!(call(*number).raw_os_error(), Some(libc::EPERM), "{name}: not even before");
        }
        for (name, _, before) in ROWS.iter().filter(|row| IN_REACH.contains(&row.0)) {
            before(&folder()).unwrap_or_else(|error| panic!("{name}: not even before: {error}"));
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
