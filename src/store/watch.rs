//! Changes on the disk without a look at every file: the kernel keeps a list of what happens in the
//! folders that are watched (inotify), and one read of it serves all files in them.
//!
//! The kernel sees nothing of what other machines do to a network's file system, of what is written
//! to a file by another of its names, or through memory that it is mapped to. So only folders of
//! file systems that live on this machine are watched, links of both kinds are left out, and what is
//! watched is looked at all the same now and then.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::resolve::Root;

/// The state of everything that is watched: another one after any change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WatchState(NonZeroU64);

impl WatchState {
    /// A state by number; 0 is of no watch.
    pub(super) fn numbered(number: u64) -> Option<Self> {
        NonZeroU64::new(number).map(Self)
    }
}

/// How long the list of what happened is not read again: a change shows as late as one that is looked for.
const READ_EVERY: Duration = super::cached::FRESH;

/// How long nothing must have happened before anything is watched: where files come and go all the
/// time, looking at them is cheaper.
const CALM: Duration = Duration::from_secs(1);

#[cfg(target_os = "linux")]
pub(super) use linux::{Watch, is_local};
#[cfg(not(target_os = "linux"))]
pub(super) use nowhere::Watch;

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests;

#[cfg(target_os = "linux")]
mod linux {
    use std::collections::HashMap;
    use std::mem::MaybeUninit;
    use std::os::fd::{AsRawFd, OwnedFd};
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::{Mutex, MutexGuard, PoisonError};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
    use rustix::fs::{AtFlags, FileType, OFlags, Statx, StatxFlags, fstatfs, statx};
    use rustix::io::Errno;

    use super::{CALM, Duration, Instant, READ_EVERY, Root, WatchState};

    /// Folders watched at most. Users have some thousands of watches for all of their programs, and
    /// each takes about a kibibyte of the kernel's memory.
    const MAX_FOLDERS: usize = 1024;

    /// How long it takes until those that were watched first make room for others.
    const START_OVER: Duration = Duration::from_mins(1);

    /// Bytes read at once; an event has 16 and a name.
    const BUFFER: usize = 4096;

    /// Everything that may change what a name leads to, or what is behind it.
    const CHANGES: WatchFlags = WatchFlags::CREATE
        .union(WatchFlags::DELETE)
        .union(WatchFlags::MOVE)
        .union(WatchFlags::MODIFY)
        .union(WatchFlags::CLOSE_WRITE)
        .union(WatchFlags::ATTRIB)
        .union(WatchFlags::DELETE_SELF)
        .union(WatchFlags::MOVE_SELF)
        .union(WatchFlags::ONLYDIR);

    /// File systems of which everything that happens is seen here (`statfs(2)` has their numbers).
    const LOCAL: [u64; 10] = [
        0xef53,      // ext2, ext3, ext4
        0x5846_5342, // xfs
        0x9123_683e, // btrfs
        0x0102_1994, // tmpfs
        0x8584_58f6, // ramfs
        0xf2f5_2010, // f2fs
        0x2fc1_2fc1, // zfs
        0xca45_1a4e, // bcachefs
        0x794c_7630, // overlayfs, whose layers nobody may change beneath it
        0x7371_7368, // squashfs
    ];

    /// Folders beneath a root that are watched.
    pub(in crate::store) struct Watch {
        epoch: Instant,
        /// When the list was last read, in nanoseconds after the epoch.
        read: AtomicU64,
        /// The number of the [`WatchState`]; 0 while nothing is watched.
        state: AtomicU64,
        inner: Mutex<Inner>,
    }

    #[derive(Default)]
    struct Inner {
        inotify: Option<OwnedFd>,
        /// By path: those that are watched, with all that lead to them, and those that cannot be.
        folders: HashMap<Box<[u8]>, Option<Mount>>,
        begun: Option<Instant>,
        /// The numbers of states go on where they were.
        last: u64,
        changed: Option<Instant>,
        /// There are no more of these descriptors for this user, or this system has none.
        is_refused: bool,
    }

    /// Where a folder is mounted, by number.
    type Mount = u64;

    impl Default for Watch {
        fn default() -> Self {
            Self {
                epoch: Instant::now(),
                read: AtomicU64::new(0),
                state: AtomicU64::new(0),
                inner: Mutex::default(),
            }
        }
    }

    impl Watch {
        /// The state now, or shortly before; `None` while nothing is watched. The list is read when
        /// that is due.
        #[inline]
        pub(in crate::store) fn state(&self, now: Instant) -> Option<WatchState> {
            if self.state.load(Ordering::Relaxed) == 0 {
                return None;
            }
            if self.is_due(now) {
                self.catch_up(now);
            }
            // In this order: who reads the list writes the state before the time.
            WatchState::numbered(self.state.load(Ordering::Acquire))
        }

        /// Watches all that leads to `path`, and if it is a folder what is in it. The state from now
        /// on; `None` when that cannot be had, or not without waiting.
        ///
        /// What is looked at *after* this is as it was seen for as long as the state remains.
        pub(in crate::store) fn over(
            &self,
            root: &Root,
            path: &[u8],
            is_folder: bool,
            now: Instant,
        ) -> Option<WatchState> {
            let folder = if is_folder { path } else { parent(path) };
            let mut inner = self.lock();
            let is_long =
                |than: Duration| move |since: Instant| now.saturating_duration_since(since) >= than;
            if inner.is_refused || !inner.changed.is_none_or(is_long(CALM)) {
                return None;
            }
            if inner.folders.len() >= MAX_FOLDERS {
                if inner.begun.is_some_and(is_long(START_OVER)) {
                    self.stop(&mut inner);
                }
                return None;
            }
            let mount = inner.watch_all(root, folder, now)?;
            if !is_plain(root, path, mount) {
                return None;
            }
            if self.state.load(Ordering::Relaxed) == 0 {
                inner.last += 1;
                self.read.store(self.nanoseconds(now), Ordering::Release);
                self.state.store(inner.last, Ordering::Release);
            }
            WatchState::numbered(inner.last)
        }

        /// Gives up all that is watched: it is of another root.
        pub(in crate::store) fn forget(&self) {
            self.stop(&mut self.lock());
        }

        fn is_due(&self, now: Instant) -> bool {
            let read = Duration::from_nanos(self.read.load(Ordering::Acquire));
            now.saturating_duration_since(self.epoch).saturating_sub(read) >= READ_EVERY
        }

        #[cold]
        fn catch_up(&self, now: Instant) {
            let mut inner = self.lock();
            // Somebody else may have done it meanwhile.
            if self.is_due(now) {
                match inner.happened() {
                    Happened::Nothing => {}
                    Happened::Changes => {
                        inner.changed = Some(now);
                        inner.last += 1;
                        self.state.store(inner.last, Ordering::Release);
                    }
                    Happened::Upheaval => {
                        inner.changed = Some(now);
                        self.stop(&mut inner);
                    }
                }
                self.read.fetch_max(self.nanoseconds(now), Ordering::Release);
            }
        }

        fn stop(&self, inner: &mut Inner) {
            self.state.store(0, Ordering::Release);
            // A state that comes after is none that was.
            inner.last += 1;
            inner.inotify = None;
            inner.folders.clear();
        }

        fn nanoseconds(&self, time: Instant) -> u64 {
            let since = time.saturating_duration_since(self.epoch).as_nanos();
            u64::try_from(since).unwrap_or(u64::MAX)
        }

        fn lock(&self) -> MutexGuard<'_, Inner> {
            // Nothing in here can panic half-way.
            self.inner.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    /// What the list says.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    enum Happened {
        Nothing,
        Changes,
        /// Paths may lead to other folders than those that are watched, or not all is known.
        Upheaval,
    }

    impl Inner {
        /// Reads all of the list.
        fn happened(&self) -> Happened {
            let Some(inotify) = &self.inotify else { return Happened::Nothing };
            let mut buffer = [MaybeUninit::uninit(); BUFFER];
            let mut reader = Reader::new(inotify, &mut buffer);
            let mut happened = Happened::Nothing;
            loop {
                match reader.next() {
                    Ok(event) => happened = happened.max(weigh(event.events())),
                    Err(Errno::AGAIN) => return happened,
                    Err(Errno::INTR) => {}
                    Err(_) => return Happened::Upheaval,
                }
            }
        }

        /// Watches a folder and all that lead to it.
        fn watch_all(&mut self, root: &Root, folder: &[u8], now: Instant) -> Option<Mount> {
            if let Some(known) = self.folders.get(folder) {
                return *known;
            }
            let mut mount = None;
            let slashes = (0..folder.len()).filter(|at| folder[*at] == b'/');
            for end in std::iter::once(0).chain(slashes).chain([folder.len()]) {
                mount = Some(self.watch(root, &folder[..end], now)?);
            }
            mount
        }

        fn watch(&mut self, root: &Root, folder: &[u8], now: Instant) -> Option<Mount> {
            if let Some(known) = self.folders.get(folder) {
                return *known;
            }
            // What is not there, or not in memory, may be the next time.
            let place = match root.open_plain(folder, OFlags::PATH | OFlags::DIRECTORY) {
                Ok(place) => Some(place),
                Err(Errno::LOOP) => None,
                Err(_) => return None,
            };
            let mount = place.and_then(|place| self.add(&place, now));
            if !self.is_refused && self.folders.len() < MAX_FOLDERS {
                self.folders.insert(folder.into(), mount);
            }
            mount
        }

        fn add(&mut self, folder: &OwnedFd, now: Instant) -> Option<Mount> {
            let mount = mount(&state_of(folder)?)?;
            if !is_local(folder) {
                return None;
            }
            if self.inotify.is_none() {
                match inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK) {
                    Ok(inotify) => self.inotify = Some(inotify),
                    Err(error) => {
                        tracing::debug!(%error, "folders cannot be watched: files are looked at");
                        self.is_refused = true;
                        return None;
                    }
                }
                self.begun = Some(now);
            }
            // The folder that was opened, whatever its name leads to by now.
            let name = format!("/proc/self/fd/{}", folder.as_raw_fd());
            inotify::add_watch(self.inotify.as_ref()?, name, CHANGES).ok()?;
            Some(mount)
        }
    }

    /// Whether a folder is of a file system that lives on this machine.
    pub(in crate::store) fn is_local(folder: &OwnedFd) -> bool {
        let system = fstatfs(folder).ok().and_then(|system| u64::try_from(system.f_type).ok());
        system.is_some_and(|system| LOCAL.contains(&(system & 0xffff_ffff)))
    }

    fn weigh(events: ReadFlags) -> Happened {
        let upheaval = ReadFlags::IGNORED
            | ReadFlags::QUEUE_OVERFLOW
            | ReadFlags::UNMOUNT
            | ReadFlags::DELETE_SELF
            | ReadFlags::MOVE_SELF;
        // One that somebody has open is not told of its own end.
        let of_a_folder =
            ReadFlags::CREATE | ReadFlags::DELETE | ReadFlags::MOVED_FROM | ReadFlags::MOVED_TO;
        let is_folder = events.contains(ReadFlags::ISDIR) && events.intersects(of_a_folder);
        if events.intersects(upheaval) || is_folder {
            Happened::Upheaval
        } else {
            Happened::Changes
        }
    }

    /// Whether all that may happen to what is at `path` happens in the folders that lead there: no
    /// link is on the way, it has no other name, and nothing is mounted on it. What is not there is
    /// plain.
    fn is_plain(root: &Root, path: &[u8], folder: Mount) -> bool {
        let place = match root.open_plain(path, OFlags::PATH) {
            Ok(place) => place,
            Err(Errno::NOENT) => return true,
            Err(_) => return false,
        };
        let Some(state) = state_of(&place) else { return false };
        match FileType::from_raw_mode(state.stx_mode.into()) {
            FileType::Directory => true,
            FileType::RegularFile => state.stx_nlink == 1 && mount(&state) == Some(folder),
            _ => false,
        }
    }

    fn state_of(place: &OwnedFd) -> Option<Statx> {
        let wanted = StatxFlags::TYPE | StatxFlags::NLINK | StatxFlags::MNT_ID;
        statx(place, c"", AtFlags::EMPTY_PATH, wanted).ok()
    }

    fn mount(state: &Statx) -> Option<Mount> {
        let is_told = StatxFlags::from_bits_retain(state.stx_mask).contains(StatxFlags::MNT_ID);
        is_told.then_some(state.stx_mnt_id)
    }

    fn parent(path: &[u8]) -> &[u8] {
        let end = path.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        &path[..end]
    }
}

#[cfg(not(target_os = "linux"))]
mod nowhere {
    use super::{Instant, Root, WatchState};

    /// Nothing is watched.
    #[derive(Default)]
    pub(in crate::store) struct Watch;

    impl Watch {
        pub(in crate::store) fn state(&self, _: Instant) -> Option<WatchState> {
            None
        }

        pub(in crate::store) fn over(
            &self,
            _: &Root,
            _: &[u8],
            _: bool,
            _: Instant,
        ) -> Option<WatchState> {
            None
        }

        pub(in crate::store) fn forget(&self) {}
    }
}
