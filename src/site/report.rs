//! What the store knows, in the words of the status.

use crate::stats::snapshot::{Cache, HotFile};
use crate::stats::{Disks, Space};
use crate::store::{CacheReport, Inspection};

pub(super) fn cache(report: CacheReport) -> Cache {
    let hottest = report.hottest.into_iter().map(|file| HotFile {
        path: String::from_utf8_lossy(&file.path).into_owned(),
        hits: file.hits,
        bytes: file.length,
    });
    Cache {
        evictions: report.evictions,
        entries: report.entries as u64,
        bytes: report.bytes as u64,
        limit_bytes: report.max_bytes as u64,
        open_files: report.open_files as u64,
        compressions: report.compressions.times,
        compressed_from_bytes: report.compressions.bytes_in,
        compressed_to_bytes: report.compressions.bytes_out,
        hottest: hottest.collect(),
        ..Cache::default()
    }
}

pub(super) fn disks(root: Option<&Inspection>, uploads: Option<&Inspection>) -> Disks {
    Disks {
        root_fault: root.and_then(fault),
        root: root.and_then(space),
        uploads_fault: uploads.and_then(fault),
        uploads: uploads.and_then(space),
    }
}

fn space(inspection: &Inspection) -> Option<Space> {
    inspection.space.map(|(free, total)| Space { free, total })
}

fn fault(inspection: &Inspection) -> Option<String> {
    inspection.fault.as_ref().map(ToString::to_string)
}
