//! Users and groups: started as root, the process becomes one that can do less.

use std::io;

use rustix::process::geteuid;

use super::error::AccountError;

/// Whether this process is root now.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Somebody to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    user: u32,
    group: u32,
    /// All groups it is in.
    groups: Vec<u32>,
}

#[cfg(target_os = "linux")]
mod system {
    use std::ffi::CString;

    use nix::unistd::{
        Gid, Group, Uid, User, getegid, getgrouplist, getgroups, setgid, setgroups, setuid,
    };

    use super::{Account, AccountError, geteuid, io};

    impl Account {
        /// Looks up a user, and a group if it is to be another than the user's own; names or numbers.
        ///
        /// # Errors
        /// When there is no such user or group.
        pub fn find(user: &str, group: Option<&str>) -> Result<Self, AccountError> {
            let entry = match user.parse() {
                Ok(number) => User::from_uid(Uid::from_raw(number)),
                Err(_) => User::from_name(user),
            };
            let entry = entry.map_err(|error| system("look users up", error))?;
            let number =
                entry.as_ref().map(|entry| entry.uid.as_raw()).or_else(|| user.parse().ok());
            let number = number.ok_or_else(|| AccountError::NoUser(user.to_owned()))?;
            let group = match (group, &entry) {
                (Some(group), _) => group_number(group)?,
                (None, Some(entry)) => entry.gid.as_raw(),
                (None, None) => return Err(AccountError::GroupNeeded(user.to_owned())),
            };
            let name = entry.as_ref().and_then(|entry| CString::new(entry.name.as_str()).ok());
            let groups = match name {
                None => vec![group],
                Some(name) => getgrouplist(&name, Gid::from_raw(group))
                    .map_err(|error| system("look groups up", error))?
                    .into_iter()
                    .map(Gid::as_raw)
                    .collect(),
            };
            Ok(Self { name: user.to_owned(), user: number, group, groups })
        }

        /// Becomes it, for good. To be called while there is one thread, and what only root can open is
        /// open.
        ///
        /// # Errors
        /// When this process is neither root nor it already.
        pub fn take_on(&self) -> Result<(), AccountError> {
            let now = geteuid().as_raw();
            if now == self.user && getegid().as_raw() == self.group && now != 0 {
                return Ok(());
            }
            if now != 0 {
                return Err(AccountError::NotRoot { user: self.name.clone() });
            }
            let groups: Vec<_> = self.groups.iter().copied().map(Gid::from_raw).collect();
            // The user last: no other could change the groups.
            setgroups(&groups).map_err(|error| system("give up the groups of root", error))?;
            setgid(Gid::from_raw(self.group))
                .map_err(|error| system("take on the group", error))?;
            setuid(Uid::from_raw(self.user)).map_err(|error| system("take on the user", error))?;
            // Never to be seen, and too bad to be taken on trust.
            let is_back = self.user != 0 && setuid(Uid::from_raw(0)).is_ok();
            let has_more = getgroups().is_ok_and(|now| now.iter().any(|it| !groups.contains(it)));
            if is_back || has_more {
                let error = io::Error::other("the system gave it back");
                return Err(AccountError::System { what: "give up being root", error });
            }
            Ok(())
        }
    }

    fn group_number(group: &str) -> Result<u32, AccountError> {
        if let Ok(number) = group.parse() {
            return Ok(number);
        }
        let entry = Group::from_name(group).map_err(|error| system("look groups up", error))?;
        let entry = entry.ok_or_else(|| AccountError::NoGroup(group.to_owned()))?;
        Ok(entry.gid.as_raw())
    }

    fn system(what: &'static str, error: nix::errno::Errno) -> AccountError {
        AccountError::System { what, error: error.into() }
    }
}

#[cfg(not(target_os = "linux"))]
impl Account {
    /// Nobody has said how elsewhere.
    ///
    /// # Errors
    /// Always.
    pub fn find(_: &str, _: Option<&str>) -> Result<Self, AccountError> {
        let error = io::ErrorKind::Unsupported.into();
        Err(AccountError::System { what: "become another user on this system", error })
    }

    /// Nobody has said how elsewhere.
    ///
    /// # Errors
    /// Always.
    pub fn take_on(&self) -> Result<(), AccountError> {
        Err(AccountError::NotRoot { user: self.name.clone() })
    }
}

impl Account {
    /// Whether it is root.
    pub fn is_root(&self) -> bool {
        self.user == 0
    }

    /// The name or number that it was asked for by.
    pub fn name(&self) -> &str {
        &self.name
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn users_and_groups_are_found_by_name_and_by_number() {
        let root = Account::find("root", None).unwrap();
        assert!(root.is_root() && root.groups.contains(&0));
        assert_eq!(Account::find("0", None).unwrap().groups, root.groups);
        let nobody = Account::find("nobody", Some("0")).unwrap();
        assert!(!nobody.is_root() && nobody.group == 0);
        let unknown = Account::find("4000000123", Some("4000000124")).unwrap();
        assert_eq!((unknown.user, unknown.groups), (4_000_000_123, vec![4_000_000_124]));
    }

    #[test]
    fn what_there_is_not_is_named() {
        for (user, group, said) in [
            ("no such one", None, "no user \"no such one\""),
            ("root", Some("no such one"), "no group \"no such one\""),
            ("4000000123", None, "set group too"),
            ("-1", None, "no user \"-1\""),
            ("", None, "no user \"\""),
        ] {
            let error = Account::find(user, group).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
