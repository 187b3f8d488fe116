//! Which system calls are left: a seccomp filter.
//!
//! It is a list of what is denied (`EPERM`), not of what is allowed. What an event loop, an allocator and a
//! C library call differs by version, processor and load; a list of that is wrong one day, on somebody
//! else's machine, after an upgrade, at the worst moment. What no file server ever calls does not change: to
//! become another program or another process, to look into others, to change the machine, to mount, to
//! change namespaces, keys, clocks or users. Those are also the calls in which faults of kernels are looked
//! for. Calls for another processor architecture end the process; those of x32 do not exist.
//!
//! Threads are needed, other processes are not: `clone` without `CLONE_THREAD` is denied. `clone3` has its
//! flags where a filter cannot see them; it is said not to exist (`ENOSYS`), and the C library takes `clone`.
//!
//! What Landlock knows nothing of is denied here for all files: permissions, owners, attributes and times,
//! by path and by descriptor, since the server changes none of them. Sockets are those of TCP and UDP, a
//! pair of connected ones, and the one that interfaces are listed by. One that is known by a path or a name,
//! such as that of a container's daemon, could be as good as a program; the C library looks up names of hosts
//! without such a one when it has to.
//!
//! Kernels from 5.11 on know beforehand which calls such a filter lets through, and do not run it for those.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition,
    SeccompFilter, SeccompRule, TargetArch, sock_filter,
};

use super::error::ConfineError;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What no file server calls.
const DENIED: &[i64] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_get_robust_list,
    libc::SYS_kcmp,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_pidfd_getfd,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_tkill,
    PROCESS_MRELEASE,
    // Who gets how much of processors and disks.
    libc::SYS_ioprio_set,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_setpriority,
    // Permissions, owners, attributes and times of files.
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_fremovexattr,
    libc::SYS_fsetxattr,
    libc::SYS_lremovexattr,
    libc::SYS_lsetxattr,
    libc::SYS_removexattr,
    libc::SYS_setxattr,
    libc::SYS_utimensat,
    FCHMODAT2,
    FILE_SETATTR,
    REMOVEXATTRAT,
    SETXATTRAT,
    // Watches of everything that happens on a file system, or is about to.
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // Memory, semaphores and messages that processes share by numbers and names.
    libc::SYS_mq_open,
    libc::SYS_mq_unlink,
    libc::SYS_msgctl,
    libc::SYS_msgget,
    libc::SYS_msgrcv,
    libc::SYS_msgsnd,
    libc::SYS_semctl,
    libc::SYS_semget,
    libc::SYS_semop,
    libc::SYS_semtimedop,
    libc::SYS_shmat,
    libc::SYS_shmctl,
    libc::SYS_shmget,
    // Mounts and roots.
    libc::SYS_chroot,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_pivot_root,
    libc::SYS_umount2,
    LISTMOUNT,
    LISTNS,
    OPEN_TREE_ATTR,
    STATMOUNT,
    // Files without a path.
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    // Devices.
    libc::SYS_mknodat,
    // Namespaces.
    libc::SYS_setns,
    libc::SYS_unshare,
    // Users.
    libc::SYS_capset,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setuid,
    // Keys of the kernel.
    libc::SYS_add_key,
    libc::SYS_keyctl,
    libc::SYS_request_key,
    // Parts of the kernel that are large, and of no use here.
    libc::SYS_bpf,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_lookup_dcookie,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_userfaultfd,
    LSM_SET_SELF_ATTR,
    // The machine.
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_nfsservctl,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_vhangup,
    QUOTACTL_FD,
];

// Those that C libraries have no name for yet; their numbers are the same everywhere.
const QUOTACTL_FD: i64 = 443;
const PROCESS_MRELEASE: i64 = 448;
const FCHMODAT2: i64 = 452;
const STATMOUNT: i64 = 457;
const LISTMOUNT: i64 = 458;
const LSM_SET_SELF_ATTR: i64 = 460;
const SETXATTRAT: i64 = 463;
const REMOVEXATTRAT: i64 = 466;
const OPEN_TREE_ATTR: i64 = 467;
const FILE_SETATTR: i64 = 469;
const LISTNS: i64 = 470;

/// The same where they have other names.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_fork,
    libc::SYS_futimesat,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_lchown,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_utime,
    libc::SYS_utimes,
    libc::SYS_vfork,
];

#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// Numbers from here on are those of x32, another way into the kernel of x86-64; nowhere are they any of ours.
const X32: u32 = 0x4000_0000;

/// Instructions before those of the filter, which begins anew: load the number of the call; if it is one of
/// x32, it does not exist. Each number by itself would double the filter.
const NO_X32: [sock_filter; 3] = [
    sock_filter { code: 0x20, jt: 0, jf: 0, k: 0 },
    sock_filter { code: 0x35, jt: 0, jf: 1, k: X32 },
    sock_filter { code: 0x06, jt: 0, jf: 0, k: 0x0005_0000 | ENOSYS },
];

/// "No such call", as a filter returns it.
const ENOSYS: u32 = libc::ENOSYS.unsigned_abs();

/// The families of sockets that there is a use for; the last for the addresses of interfaces.
const FAMILIES: [i32; 3] = [libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// The protocols of the Internet's families: the usual one of the type, or by its number.
const PROTOCOLS: [i32; 3] = [0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Bits of the type of a socket and their values, such that `SOCK_STREAM` and `SOCK_DGRAM` (1 and 2) are left
/// of the types (0 to 15).
const OTHER_TYPES: [(u64, u64); 4] = [(8, 8), (4, 4), (3, 3), (3, 0)];

/// What puts words into the input of a terminal, as if somebody had typed them: in a shell, after the end
/// (`TIOCSTI`, `TIOCLINUX`); has signals sent to others (`FIOSETOWN`, `SIOCSPGRP`); changes attributes of files
/// (`FS_IOC_SETFLAGS` in two sizes, `FS_IOC_FSSETXATTR`) or a whole file system (`FIFREEZE`, `FITHAW`,
/// `FS_IOC_SHUTDOWN`). Numbers, since their types differ between C libraries.
const CONTROLS: [u64; 10] = [
    0x5412,
    0x541c,
    0x8901,
    0x8902,
    0x4008_6602,
    0x4004_6602,
    0x401c_5820,
    0xc004_5877,
    0xc004_5878,
    0x8004_587d,
];

/// What has signals sent to others when something happens to a file: `F_SETOWN`, `F_SETSIG`, `F_SETOWN_EX`.
const OWNERS: [u64; 3] = [8, 10, 15];

/// Restricts this thread, and those that it starts from now on.
pub(super) fn restrict() -> Result<(), ConfineError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(refused)?;
    let rules = denied().map_err(refused)?;
    // The other one last: it would be found missing first.
    let absent = Rules::from([(libc::SYS_clone3, Vec::new())]);
    let filters = [(rules, libc::EPERM, Vec::from(NO_X32)), (absent, libc::ENOSYS, Vec::new())];
    for (rules, errno, mut program) in filters {
        let action = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch);
        program.extend(filter.and_then(BpfProgram::try_from).map_err(refused)?);
        seccompiler::apply_filter(&program).map_err(refused)?;
    }
    Ok(())
}

fn denied() -> Result<Rules, BackendError> {
    let all = DENIED.iter().chain(DENIED_HERE);
    let mut rules: Rules = all.map(|number| (*number, Vec::new())).collect();
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    let process = SeccompRule::new(vec![is(0, SeccompCmpOp::MaskedEq(thread), 0)?])?;
    let any_of = |argument, all: &[u64]| {
        let rule = |value: &u64| SeccompRule::new(vec![is(argument, SeccompCmpOp::Eq, *value)?]);
        all.iter().map(rule).collect::<Result<Vec<_>, _>>()
    };
    // It is the process that asks, and becomes no other one.
    let own = u64::from(std::process::id());
    let another = is(0, SeccompCmpOp::Ne, own)?;
    let not_itself = is(0, SeccompCmpOp::Ne, 0)?;
    rules.extend([
        (libc::SYS_clone, vec![process]),
        (libc::SYS_fcntl, any_of(1, &OWNERS)?),
        (libc::SYS_ioctl, any_of(1, &CONTROLS)?),
        (libc::SYS_kill, vec![SeccompRule::new(vec![another.clone()])?]),
        (libc::SYS_prlimit64, vec![SeccompRule::new(vec![another.clone(), not_itself])?]),
        (libc::SYS_socket, other_sockets()?),
        (libc::SYS_socketpair, other_pairs()?),
        (libc::SYS_tgkill, vec![SeccompRule::new(vec![another])?]),
    ]);
    Ok(rules)
}

/// All sockets but those of TCP and UDP, and the one that interfaces are listed by.
fn other_sockets() -> Result<Vec<SeccompRule>, BackendError> {
    let netlink = libc::AF_NETLINK.unsigned_abs().into();
    let of_internet = || is(0, SeccompCmpOp::Ne, netlink);
    let mut rules = vec![SeccompRule::new(none_of(0, &FAMILIES)?)?];
    for (bits, value) in OTHER_TYPES {
        let other = is(1, SeccompCmpOp::MaskedEq(bits), value)?;
        rules.push(SeccompRule::new(vec![of_internet()?, other])?);
    }
    let mut other = none_of(2, &PROTOCOLS)?;
    other.push(of_internet()?);
    rules.push(SeccompRule::new(other)?);
    let route = libc::NETLINK_ROUTE.unsigned_abs().into();
    let not_routes = vec![is(0, SeccompCmpOp::Eq, netlink)?, is(2, SeccompCmpOp::Ne, route)?];
    rules.push(SeccompRule::new(not_routes)?);
    Ok(rules)
}

/// All pairs of sockets but streams: one of datagrams could be connected to another one by its path.
fn other_pairs() -> Result<Vec<SeccompRule>, BackendError> {
    let mut rules = vec![SeccompRule::new(none_of(0, &[libc::AF_UNIX])?)?];
    // `SOCK_STREAM` is 1: that bit has to be there, and none of the others.
    for (bit, value) in [(1, 0), (2, 2), (4, 4), (8, 8)] {
        rules.push(SeccompRule::new(vec![is(1, SeccompCmpOp::MaskedEq(bit), value)?])?);
    }
    Ok(rules)
}

/// A condition on the lower half of an argument, which is all that the kernel looks at for such numbers.
fn is(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
}

fn none_of(argument: u8, all: &[i32]) -> Result<Vec<SeccompCondition>, BackendError> {
    all.iter().map(|known| is(argument, SeccompCmpOp::Ne, known.unsigned_abs().into())).collect()
}

fn refused(error: impl std::fmt::Display) -> ConfineError {
    ConfineError::Syscalls(error.to_string())
}
