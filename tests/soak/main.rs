//! Everything at once, for as long as wanted: `SALVER_SOAK_SECONDS` (20 by itself, 3600 before a release).
//!
//! Two servers, plain and TLS, each with HTTP/2, are asked for everything that there is by clients that
//! check each byte, while files are replaced, configurations taken over and connections broken.

#![allow(clippy::expect_used, clippy::unwrap_used)]
#![allow(unreachable_pub)]
#![allow(clippy::print_stderr)] // it is to be watched

mod aborts;
mod ask;
mod dice;
mod figures;
mod moving;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod uploads;
mod visits;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use ask::{ANSWERS, Asker, Way};
use dice::Dice;
use figures::{Figures, descriptor_names, idle_descriptors};
use site::Site;
use support::over::Over;
use uploads::{Accepted, Uploader};
use visits::Visitor;

const WAYS: [Way; 4] = [Way::KeepAlive, Way::Http2, Way::Close, Way::KeepAlive];

/// Minutes until memory is as it stays.
const SETTLED: usize = 5;

/// So much more than then it may be in the end: a part of it, and KiB.
const GROWTH: (u64, u64) = (10, 4096);

/// A run, and what was found.
struct Soak {
    start: Instant,
    end: Instant,
    faults: Mutex<Vec<String>>,
}

impl Soak {
    fn is_over(&self) -> bool {
        Instant::now() >= self.end || self.faults.lock().expect("faults").len() > 50
    }

    /// Does something again and again. What it finds does not end it.
    fn repeat(&self, pause: Duration, mut act: impl FnMut()) {
        while !self.is_over() {
            self.attempt(&mut act);
            thread::sleep(pause);
        }
    }

    fn attempt(&self, act: impl FnOnce()) {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(act)) {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
            let text = format!("after {} s: {text:.2000}", self.start.elapsed().as_secs());
            eprintln!("FAULT {text}");
            self.faults.lock().expect("faults").push(text);
        }
    }
}

#[test]
#[ignore = "takes as long as SALVER_SOAK_SECONDS says, 20 s by itself"]
fn under_everything_at_once_each_answer_is_right_and_nothing_is_leaked() {
    let seconds =
        std::env::var("SALVER_SOAK_SECONDS").map_or(20, |text| text.parse().expect("seconds"));
    let sites = [Site::start(Over::Plain), Site::start(Over::Tls)];
    let accepted = [Mutex::new(Accepted::default()), Mutex::new(Accepted::default())];
    let start = Instant::now();
    let soak = Soak { start, end: start + Duration::from_secs(seconds), faults: Mutex::default() };
    let before: Vec<_> = sites.iter().map(|site| warm_up(&soak, site)).collect();
    let mut minutes = Vec::new();
    thread::scope(|scope| {
        for (site, accepted) in sites.iter().zip(&accepted) {
            begin(scope, &soak, site, accepted);
        }
        minutes = watch(&soak, &sites);
    });
    eprintln!("{} answers", ANSWERS.load(Ordering::Relaxed));
    for ((site, accepted), before) in sites.iter().zip(accepted).zip(before) {
        soak.attempt(|| accepted.into_inner().expect("a list").check(site));
        let after = idle_descriptors(&site.server, before, Duration::from_mins(2));
        eprintln!("{:?}: {before} descriptors at first, {after} in the end", site.over);
        let names = descriptor_names(&site.server);
        soak.attempt(|| assert!(after <= before, "{before} descriptors became {after}: {names:?}"));
    }
    if minutes.len() > SETTLED * 2 {
        for (then, now) in minutes[SETTLED].iter().zip(&minutes[minutes.len() - 1]) {
            let (then, now) = (then.resident, now.resident);
            let most = then + then / GROWTH.0 + GROWTH.1;
            soak.attempt(|| assert!(now <= most, "{then} KiB became {now} KiB of memory"));
        }
    }
    let faults = soak.faults.into_inner().expect("faults");
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// Asks for everything once or more; the descriptors that a server has afterwards.
fn warm_up(soak: &Soak, site: &Site) -> usize {
    for way in [Way::KeepAlive, Way::Http2] {
        let mut visitor = visitor(site, way, 1);
        for (_, visit) in visits::VISITS {
            soak.attempt(|| visit(&mut visitor));
        }
    }
    idle_descriptors(&site.server, 0, Duration::from_secs(2))
}

fn visitor(site: &Site, way: Way, seed: u64) -> Visitor<'_> {
    Visitor { site, asker: Asker::new(&site.server, site.over, way), dice: Dice::new(seed) }
}

/// Starts all who have to do with a site.
fn begin<'s>(
    scope: &'s thread::Scope<'s, '_>,
    soak: &'s Soak,
    site: &'s Site,
    accepted: &'s Mutex<Accepted>,
) {
    let pause = Duration::from_millis;
    for (number, way) in (1..).zip(WAYS) {
        scope.spawn(move || {
            let mut visitor = visitor(site, way, number);
            soak.repeat(pause(4), || {
                visitor.visit();
            });
        });
        scope.spawn(move || {
            let mut dice = Dice::new(1000 + number);
            soak.repeat(pause(100), || aborts::abort(site, &mut dice));
        });
    }
    for (sign, way) in [("a", Way::KeepAlive), ("b", Way::Http2)] {
        scope.spawn(move || {
            let asker = Asker::new(&site.server, site.over, way);
            let (dice, sign) = (Dice::new(77), sign.to_owned());
            let accepted_here = Accepted::default();
            let mut uploader =
                Uploader { site, asker, dice, sign, count: 0, accepted: accepted_here };
            soak.repeat(pause(150), || uploader.bring());
            accepted.lock().expect("a list").merge(uploader.accepted);
        });
    }
    scope.spawn(move || {
        let mut dice = Dice::new(5);
        soak.repeat(pause(40), || site.moving.change(&mut dice));
    });
    scope.spawn(move || {
        let mut round = 1;
        let mut due = soak.start;
        soak.repeat(pause(200), || {
            if Instant::now() >= due {
                due = Instant::now() + Duration::from_secs(10);
                site::reload(site, round);
                round += 1;
            }
        });
    });
}

/// Tells what the servers have, each minute; all of that in the end.
fn watch(soak: &Soak, sites: &[Site]) -> Vec<Vec<Figures>> {
    let mut minutes = Vec::new();
    let mut next = soak.start;
    while !soak.is_over() {
        if Instant::now() >= next {
            next += Duration::from_mins(1);
            let figures: Vec<_> = sites.iter().map(|site| Figures::of(&site.server)).collect();
            let answers = ANSWERS.load(Ordering::Relaxed);
            eprintln!("{} min, {answers} answers", minutes.len());
            for (site, Figures { resident, anonymous, descriptors }) in sites.iter().zip(&figures) {
                eprintln!(
                    "  {:?}: {resident} KiB, {anonymous} of no file, {descriptors} descriptors",
                    site.over
                );
            }
            minutes.push(figures);
        }
        thread::sleep(Duration::from_millis(200));
    }
    minutes
}
