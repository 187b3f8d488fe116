//! From the configuration to what is logged, how and where.

use std::io::{self, IsTerminal};

use crate::config::{self, ColoredLogging, Config};
use crate::log::{self, AccessLogFormat, Destination, DiagnosticsFormat, DiagnosticsOptions};

/// Whether lines on standard error have colours.
pub(super) fn colors(config: &Config) -> bool {
    let setting = match config.colored_logging {
        ColoredLogging::Auto => None,
        ColoredLogging::Always => Some(true),
        ColoredLogging::Never => Some(false),
    };
    log::colors(setting, io::stderr().is_terminal())
}

pub(super) fn diagnostics(config: &Config) -> DiagnosticsOptions {
    DiagnosticsOptions {
        filter: config.log_level.clone(),
        format: match config.log_format {
            config::LogFormat::Text => DiagnosticsFormat::Text,
            config::LogFormat::Json => DiagnosticsFormat::Json,
        },
        color: colors(config),
        file: config.log_file.clone(),
        rotation: rotation(config),
        max_files: config.log_max_files.saturating_add(1),
    }
}

/// The form of the access log and where it goes, if there is one.
pub(super) fn access_log(config: &Config) -> Option<(AccessLogFormat, Destination)> {
    let destination = match &config.access_log {
        config::AccessLog::Off => return None,
        config::AccessLog::Stdout => Destination::Stdout,
        config::AccessLog::File(path) => Destination::File {
            path: path.clone(),
            rotation: rotation(config),
            max_files: config.log_max_files.saturating_add(1),
        },
    };
    let format = match config.access_log_format {
        config::AccessLogFormat::Common => AccessLogFormat::Common,
        config::AccessLogFormat::Combined => AccessLogFormat::Combined,
        config::AccessLogFormat::Json => AccessLogFormat::Json,
    };
    Some((format, destination))
}

fn rotation(config: &Config) -> log::Rotation {
    match config.log_rotation {
        config::Rotation::Never => log::Rotation::Never,
        config::Rotation::Hourly => log::Rotation::Hourly,
        config::Rotation::Daily => log::Rotation::Daily,
    }
}
