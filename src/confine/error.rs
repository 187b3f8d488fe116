//! Why something could not be given up.

use std::{error, fmt, io};

/// Why the process is not confined as it was to be.
#[derive(Debug)]
pub enum ConfineError {
    /// The kernel does not restrict files, or not as much as is asked for.
    Files(String),
    /// There is no sandbox on this system.
    OtherSystem,
    /// `no_new_privs` was refused.
    Privileges(io::Error),
    /// The kernel takes no filter of system calls.
    Syscalls(String),
    /// There are that many threads already, and all but one would be left out.
    Threads(usize),
}

impl error::Error for ConfineError {}

impl fmt::Display for ConfineError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Files(why) => write!(
                formatter,
                "the sandbox cannot restrict files: {why}; it takes Linux 6.2 or later with Landlock \
                 enabled (lsm=…,landlock). Set sandbox to auto to do with what there is"
            ),
            Self::OtherSystem => formatter.write_str(
                "the sandbox is there on Linux alone; set it to auto to do with what there is",
            ),
            Self::Privileges(error) => write!(
                formatter,
                "the sandbox cannot give up new privileges: {error}; set it to auto to do with what \
                 there is"
            ),
            Self::Syscalls(why) => write!(
                formatter,
                "the sandbox cannot filter system calls: {why}; it takes a kernel with \
                 CONFIG_SECCOMP_FILTER. Set sandbox to auto to do with what there is"
            ),
            Self::Threads(count) => write!(
                formatter,
                "the sandbox has to be there before any thread, and there are {count}; set it to off"
            ),
        }
    }
}

/// Why the process cannot become the user that it was to be.
#[derive(Debug)]
pub enum AccountError {
    /// There is no such user.
    NoUser(String),
    /// There is no such group.
    NoGroup(String),
    /// A user that is a number has no entry, and so no group of its own.
    GroupNeeded(String),
    /// Only root can become another user.
    NotRoot {
        /// The user that was to be.
        user: String,
    },
    /// The list of users cannot be read, or the system refused.
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl error::Error for AccountError {}

impl fmt::Display for AccountError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoUser(name) => write!(
                formatter,
                "there is no user {name:?}: make one (useradd --system), or name another (user)"
            ),
            Self::NoGroup(name) => write!(
                formatter,
                "there is no group {name:?}: make one (groupadd --system), or name another (group)"
            ),
            Self::GroupNeeded(name) => write!(
                formatter,
                "user {name} is not in the list of users, so nobody knows its group: set group too"
            ),
            Self::NotRoot { user } => write!(
                formatter,
                "only root can become user {user:?}: start as root, or leave user and group out"
            ),
            Self::System { what, error } => write!(formatter, "cannot {what}: {error}"),
        }
    }
}
