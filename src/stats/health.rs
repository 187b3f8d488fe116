//! Whether all is well, and if not, why.

use std::time::Duration;

use super::first;
use super::observed::{Disks, Observed, Space};
use super::process::Usage;
use super::snapshot::{Check, Health, State};

/// What is looked at.
pub(super) struct Signs<'a> {
    pub(super) observed: &'a Observed,
    pub(super) disks: &'a Disks,
    /// Why the configuration that was to be taken over was not.
    pub(super) configuration_fault: Option<&'a str>,
    /// How long ago the disks answered.
    pub(super) disks_age: Duration,
    pub(super) usage: &'a Usage,
    pub(super) open_connections: u64,
    /// Connections refused in the last minute since there was no room for anybody.
    pub(super) refused: u64,
    /// Answers of the last minute, and how many of them failed by the server's fault.
    pub(super) answers: u64,
    pub(super) faults: u64,
    /// Times in the last minute that no connection could be accepted.
    pub(super) unaccepted: u64,
    /// Lines of the access log lost in the last minute.
    pub(super) lost_lines: u64,
    pub(super) draining: bool,
}

/// The name of the check that says whether the configuration as last read is in use.
const CONFIGURATION: &str = "configuration";

/// A disk is taken for hung when it has not answered for so long: it is asked every second.
const HUNG: Duration = Duration::from_secs(15);

/// Bytes left on a file system below which somebody should look, if they are less than a twentieth.
const LOW: u64 = 1 << 30;

/// Server errors per minute that are a mishap rather than a fault.
const MISHAPS: u64 = 5;

/// Looks at everything.
pub(super) fn examine(signs: &Signs<'_>) -> Health {
    let mut checks = vec![root(signs), errors(signs), descriptors(signs), connections(signs)];
    match (&signs.disks.uploads_fault, signs.disks.uploads) {
        // Not red: what is there is still served.
        (Some(fault), _) => {
            let text = format!("uploads are refused: {fault}");
            checks.push(check("upload_room", State::Amber, text));
        }
        (None, space) => checks.extend(space.map(uploads)),
    }
    checks.extend(signs.configuration_fault.map(configuration));
    if let Some(certificates) = &signs.observed.certificates {
        checks.extend(certificates.iter().map(|certificate| {
            let names = certificate.names.first().map_or("the certificate", String::as_str);
            expiry(names, certificate.days_left)
        }));
    }
    if let Some(fault) = &signs.observed.certificate_fault {
        let text = format!("the old ones stay in use: {fault}");
        checks.push(check("certificate", State::Amber, text));
    }
    if signs.observed.dropped_log_lines.is_some() {
        checks.push(access_log(signs.lost_lines));
    }
    if signs.draining {
        checks.push(check("drain", State::Amber, "stopping: the last requests are being finished"));
    }
    summary(checks)
}

/// The same health after a configuration was taken over, or could not be for this `fault`: nobody is
/// to be told of one and not of the other until somebody looks at everything again.
pub(super) fn with_configuration(health: &Health, fault: Option<&str>) -> Health {
    let others = health.checks.iter().filter(|check| check.name != CONFIGURATION).cloned();
    summary(others.chain(fault.map(configuration)).collect())
}

fn summary(checks: Vec<Check>) -> Health {
    // Stable, so that the order does not change from one look to the next.
    let checks = first(checks, usize::MAX, |one, two| two.state.cmp(&one.state));
    let state = checks.iter().map(|check| check.state).max().unwrap_or_default();
    Health { state, checks }
}

fn configuration(fault: &str) -> Check {
    check(CONFIGURATION, State::Amber, format!("the old one stays in use: {fault}"))
}

fn check(name: &str, state: State, text: impl Into<String>) -> Check {
    Check { name: name.to_owned(), state, text: text.into() }
}

fn root(signs: &Signs<'_>) -> Check {
    let name = "document_root";
    if signs.disks_age > HUNG {
        let seconds = signs.disks_age.as_secs();
        let text =
            format!("its disk has not answered for {seconds} s; what is in memory is served");
        return check(name, State::Red, text);
    }
    match &signs.disks.root_fault {
        Some(fault) => {
            let text =
                format!("it cannot be read: {fault}; mount it, or give this user the right to");
            check(name, State::Red, text)
        }
        None => check(name, State::Green, "readable"),
    }
}

fn errors(signs: &Signs<'_>) -> Check {
    let Signs { answers, faults, .. } = *signs;
    let name = "server_errors";
    let text = format!("{faults} of {answers} answers in the last minute");
    let is_many = |part: u64| faults.saturating_mul(part) > answers;
    match faults {
        0 => check(name, State::Green, "none in the last minute"),
        // A half.
        _ if faults > MISHAPS && is_many(2) => check(name, State::Red, text),
        // One in a hundred.
        _ if is_many(100) => check(name, State::Amber, text),
        _ => check(name, State::Green, text),
    }
}

fn descriptors(signs: &Signs<'_>) -> Check {
    let name = "open_files";
    let advice = "raise the limit (ulimit -n, LimitNOFILE), or lower max_connections";
    if signs.unaccepted > 0 {
        let text = format!("none was left for new connections in the last minute; {advice}");
        return check(name, State::Red, text);
    }
    let (Some(open), Some(limit)) = (signs.usage.open_files, signs.usage.open_files_limit) else {
        return check(name, State::Green, "the system does not tell");
    };
    let text = format!("{open} of {limit}");
    match limit.saturating_sub(open) {
        left if left < limit / 50 => check(name, State::Red, format!("{text}; {advice}")),
        left if left < limit / 10 => check(name, State::Amber, format!("{text}; {advice}")),
        _ => check(name, State::Green, text),
    }
}

fn connections(signs: &Signs<'_>) -> Check {
    let (open, limit) = (signs.open_connections, signs.observed.max_connections);
    let name = "connections";
    if limit == 0 {
        return check(name, State::Green, format!("{open} open"));
    }
    let text = format!("{open} of {limit}");
    if signs.refused > 0 && open < limit {
        let refused = signs.refused;
        let text = format!("{refused} refused in the last minute (max_connections); {text} now");
        return check(name, State::Amber, text);
    }
    match limit.saturating_sub(open) {
        0 => check(name, State::Red, format!("{text}: new ones are refused (max_connections)")),
        left if left <= limit / 10 => check(name, State::Amber, text),
        _ => check(name, State::Green, text),
    }
}

fn uploads(space: Space) -> Check {
    let name = "upload_room";
    let is_low = space.free < LOW && space.free < space.total / 20;
    // Never red: what is there is still served.
    match space.free >> 20 {
        0 => check(name, State::Amber, "full: uploads are refused; make room"),
        mib if is_low => {
            check(name, State::Amber, format!("{mib} MiB left for uploads: make room"))
        }
        mib if mib < 1024 => check(name, State::Green, format!("{mib} MiB left for uploads")),
        mib => check(name, State::Green, format!("{} GiB left for uploads", mib >> 10)),
    }
}

fn expiry(names: &str, days: i64) -> Check {
    let name = "certificate";
    match days {
        ..0 => check(name, State::Red, format!("{names} has expired: renew it")),
        0..7 => check(name, State::Amber, format!("{names} expires in {days} days: renew it now")),
        7..21 => check(name, State::Amber, format!("{names} expires in {days} days")),
        _ => check(name, State::Green, format!("{names}: {days} days left")),
    }
}

fn access_log(lost: u64) -> Check {
    if lost == 0 {
        return check("access_log", State::Green, "no line lost in the last minute");
    }
    let text = format!("{lost} lines lost in the last minute: the output is too slow or full");
    check("access_log", State::Amber, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::snapshot::Certificate;

    fn state_of(
        change: impl FnOnce(&mut Signs<'_>, &mut Observed, &mut Disks, &mut Usage),
    ) -> (State, Health) {
        let mut observed = Observed { max_connections: 100, ..Observed::default() };
        let mut disks = Disks::default();
        let mut usage =
            Usage { open_files: Some(10), open_files_limit: Some(1000), ..Usage::default() };
        let (none, no_disks, no_usage) = (Observed::default(), Disks::default(), Usage::default());
        let mut signs = Signs {
            observed: &none,
            configuration_fault: None,
            disks: &no_disks,
            disks_age: Duration::ZERO,
            usage: &no_usage,
            open_connections: 0,
            refused: 0,
            answers: 1000,
            faults: 0,
            unaccepted: 0,
            lost_lines: 0,
            draining: false,
        };
        change(&mut signs, &mut observed, &mut disks, &mut usage);
        let signs = Signs { observed: &observed, disks: &disks, usage: &usage, ..signs };
        let health = examine(&signs);
        (health.state, health)
    }

    #[test]
    fn all_is_well_when_nothing_is_wrong() {
        assert_eq!(state_of(|_, _, _, _| {}).0, State::Green);
    }

    #[test]
    fn each_sign_counts() {
        let certificate = |days_left| Certificate { days_left, ..Certificate::default() };
        let days = |days| {
            state_of(|_, observed, _, _| observed.certificates = Some(vec![certificate(days)])).0
        };
        assert_eq!(
            [days(-1), days(0), days(6), days(20), days(21)],
            [State::Red, State::Amber, State::Amber, State::Amber, State::Green]
        );
        let free =
            |free, total| state_of(|_, _, disks, _| disks.uploads = Some(Space { free, total })).0;
        let (mib, gib) = (1 << 20, 1 << 30);
        assert_eq!(
            [free(0, gib), free(40 * mib, gib), free(40 * mib, 50 * mib), free(2 * gib, 100 * gib)],
            [State::Amber, State::Amber, State::Green, State::Green]
        );
        let unwritable = |_: &mut Signs<'_>, _: &mut Observed, disks: &mut Disks, _: &mut Usage| {
            disks.uploads_fault = Some("it is gone".to_owned());
            disks.uploads = Some(Space { free: 2 * gib, total: 2 * gib });
        };
        let (state, health) = state_of(unwritable);
        assert_eq!(state, State::Amber);
        assert_eq!(health.checks[0].text, "uploads are refused: it is gone");
        assert_eq!(state_of(|signs, _, _, _| signs.unaccepted = 1).0, State::Red);
        let unusable = |observed: &mut Observed| {
            observed.certificates = Some(vec![certificate(90)]);
            observed.certificate_fault = Some("a.pem is empty".to_owned());
        };
        assert_eq!(state_of(|_, observed, _, _| unusable(observed)).0, State::Amber);
        let errors = |count| state_of(|signs, _, _, _| signs.faults = count).0;
        assert_eq!([errors(9), errors(11), errors(600)], [State::Green, State::Amber, State::Red]);
        let open = |open| state_of(|_, _, _, usage| usage.open_files = Some(open)).0;
        assert_eq!([open(899), open(950), open(990)], [State::Green, State::Amber, State::Red]);
        let connections = |open| state_of(|signs, _, _, _| signs.open_connections = open).0;
        assert_eq!(
            [connections(50), connections(95), connections(100)],
            [State::Green, State::Amber, State::Red]
        );
        assert_eq!(
            state_of(|signs, _, _, _| signs.disks_age = Duration::from_mins(1)).0,
            State::Red
        );
        assert_eq!(state_of(|signs, _, _, _| signs.draining = true).0, State::Amber);
        let fault = |disks: &mut Disks| disks.root_fault = Some("gone".to_owned());
        assert_eq!(state_of(|_, _, disks, _| fault(disks)).0, State::Red);
    }

    #[test]
    fn a_configuration_that_could_not_be_taken_over_shows_at_once_and_so_does_one_that_could() {
        let (_, before) = state_of(|signs, _, _, _| signs.draining = true);
        let broken = with_configuration(&before, Some("no such key"));
        let names = |health: &Health| -> Vec<_> {
            health.checks.iter().map(|check| check.name.clone()).take(3).collect()
        };
        assert_eq!(names(&broken), ["drain", "configuration", "document_root"]);
        let other = with_configuration(&broken, Some("no such file"));
        assert_eq!(other.checks.len(), broken.checks.len());
        assert!(other.checks[1].text.ends_with("no such file"), "{other:?}");
        assert_eq!(with_configuration(&other, None), before);

        let (_, well) = state_of(|_, _, _, _| {});
        assert_eq!(with_configuration(&well, Some("no such key")).state, State::Amber);
        assert_eq!(with_configuration(&well, None).state, State::Green);
    }

    #[test]
    fn one_mishap_of_few_answers_is_not_red_and_the_worst_comes_first() {
        let (state, health) = state_of(|signs, _, disks, _| {
            signs.answers = 2;
            signs.faults = 2;
            disks.root_fault = Some("gone".to_owned());
        });
        assert_eq!(state, State::Red);
        assert_eq!(health.checks[0].name, "document_root");
        assert_eq!(
            (health.checks[1].name.as_str(), health.checks[1].state),
            ("server_errors", State::Amber)
        );
    }
}
