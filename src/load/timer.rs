//! Waking up to within some tens of microseconds. The timers of the event loop know milliseconds,
//! which would have requests go out in bursts.

use std::io;
use std::time::Instant;

#[cfg(target_os = "linux")]
mod precise {
    use std::os::fd::OwnedFd;

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Instant, io};

    /// A timer of the kernel's (`timerfd_create(2)`).
    pub(in crate::load) struct Timer(AsyncFd<OwnedFd>);

    impl Timer {
        #[expect(
            deprecated,
            reason = "it is for descriptors that may be closed; an `OwnedFd` stays open"
        )]
        pub(in crate::load) fn new() -> io::Result<Self> {
            let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
            let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
            Ok(Self(AsyncFd::with_interest(timer, Interest::READABLE)?))
        }

        /// Waits until then.
        pub(in crate::load) async fn until(&self, at: Instant) -> io::Result<()> {
            let wait = at.saturating_duration_since(Instant::now());
            if wait.is_zero() {
                // Others shall have their turn all the same.
                tokio::task::yield_now().await;
                return Ok(());
            }
            let once = Itimerspec {
                it_interval: Timespec::default(),
                it_value: Timespec::try_from(wait).map_err(io::Error::other)?,
            };
            timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::empty(), &once)?;
            loop {
                let mut ready = self.0.readable().await?;
                let read = ready.try_io(|timer| {
                    rustix::io::read(timer.get_ref(), &mut [0; 8]).map_err(io::Error::from)
                });
                if let Ok(read) = read {
                    return read.map(|_| ());
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod precise {
    use super::{Instant, io};

    pub(in crate::load) struct Timer;

    impl Timer {
        pub(in crate::load) fn new() -> io::Result<Self> {
            Ok(Self)
        }

        pub(in crate::load) async fn until(&self, at: Instant) -> io::Result<()> {
            tokio::time::sleep_until(at.into()).await;
            Ok(())
        }
    }
}

pub(super) use precise::Timer;
