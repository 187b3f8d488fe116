//! A snapshot in which everything is there, for the tests of its forms.

use crate::stats::snapshot::Snapshot;

pub(super) fn snapshot() -> Snapshot {
    serde_json::from_str(include_str!("../../../tests/status.json")).unwrap()
}
