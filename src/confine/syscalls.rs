//! Which system calls are left: a seccomp filter.
//!
//! It is a list of what is denied (`EPERM`), not of what is allowed. What an event loop, an allocator and a
//! C library call differs by version, processor and load; a list of that is wrong one day, on somebody
//! else's machine, after an upgrade, at the worst moment. What no file server ever calls does not change: to
//! become another program or another process, to look into others, to change the machine, to mount, to
//! change namespaces, keys, clocks or users. Those are also the calls in which faults of kernels are looked
//! for. Calls for another processor architecture end the process; those of x32 are denied by their own
//! numbers.
//!
//! Threads are needed, other processes are not: `clone` without `CLONE_THREAD` is denied. `clone3` has its
//! flags where a filter cannot see them; it is said not to exist (`ENOSYS`), and the C library takes `clone`.
//!
//! Kernels from 5.11 on know beforehand which calls such a filter lets through, and do not run it for those.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use super::error::ConfineError;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// What no file server calls.
const DENIED: &[i64] = &[
    // Other programs.
    libc::SYS_execve,
    libc::SYS_execveat,
    // Other processes.
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
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
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_userfaultfd,
    // The machine.
    libc::SYS_acct,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_init_module,
    libc::SYS_kexec_load,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_vhangup,
];

/// The same where they have other names.
#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_mknod,
    libc::SYS_modify_ldt,
    libc::SYS_vfork,
    // x32 has numbers of its own for execve, ptrace, kexec_load, process_vm_readv and _writev, execveat.
    X32 + 520,
    X32 + 521,
    X32 + 528,
    X32 + 539,
    X32 + 540,
    X32 + 545,
];

#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// What x32, another way into the kernel of x86-64, adds to a number.
#[cfg(target_arch = "x86_64")]
const X32: i64 = 0x4000_0000;

/// The families of sockets that there is a use for; the last for the addresses of interfaces.
const FAMILIES: [i32; 4] = [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6, libc::AF_NETLINK];

/// Puts words into the input of a terminal, as if somebody had typed them: in a shell, after the end:
/// `TIOCSTI` and `TIOCLINUX`, whose type differs between C libraries.
const TYPING: [u64; 2] = [0x5412, 0x541c];

/// Restricts this thread, and those that it starts from now on.
pub(super) fn restrict() -> Result<(), ConfineError> {
    let arch = TargetArch::try_from(std::env::consts::ARCH).map_err(refused)?;
    let rules = denied().map_err(refused)?;
    // The other one last: it would be found missing first.
    let absent = Rules::from([(libc::SYS_clone3, Vec::new())]);
    for (rules, errno) in [(rules, libc::EPERM), (absent, libc::ENOSYS)] {
        let action = SeccompAction::Errno(errno.unsigned_abs());
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, action, arch);
        let program = filter.and_then(BpfProgram::try_from).map_err(refused)?;
        seccompiler::apply_filter(&program).map_err(refused)?;
    }
    Ok(())
}

fn denied() -> Result<Rules, seccompiler::BackendError> {
    let all = DENIED.iter().chain(DENIED_HERE);
    let mut rules: Rules = all.map(|number| (*number, Vec::new())).collect();
    let is = |argument, operator, value| {
        SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)
    };
    let thread = libc::CLONE_THREAD.unsigned_abs().into();
    let process = SeccompRule::new(vec![is(0, SeccompCmpOp::MaskedEq(thread), 0)?])?;
    rules.insert(libc::SYS_clone, vec![process]);
    let other_family = FAMILIES.map(|known| is(0, SeccompCmpOp::Ne, known.unsigned_abs().into()));
    let other_family: Result<Vec<_>, _> = other_family.into_iter().collect();
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(other_family?)?]);
    let typing = TYPING.map(|code| SeccompRule::new(vec![is(1, SeccompCmpOp::Eq, code)?]));
    rules.insert(libc::SYS_ioctl, typing.into_iter().collect::<Result<_, _>>()?);
    #[cfg(target_arch = "x86_64")]
    for (number, conditions) in rules.clone() {
        rules.insert(number | X32, conditions);
    }
    Ok(rules)
}

fn refused(error: impl std::fmt::Display) -> ConfineError {
    ConfineError::Syscalls(error.to_string())
}
