//! Values that are right by themselves and impossible together.

use http::Method;

use super::Config;
use super::error::{ConfigError, Fault};
use super::sources::{Loaded, Origin};
use super::values::{AccessLog, CorsOrigin};

/// Two or more keys that do not go together.
struct Combination {
    /// The keys; the one that was set last, or with most say, is reported.
    keys: &'static [&'static str],
    impossible: fn(&Config) -> bool,
    advice: &'static str,
}

const COMBINATIONS: &[Combination] = &[
    Combination {
        keys: &[
            "cors_allow_credentials",
            "cors_allow_origin",
            "cors_allow_methods",
            "cors_allow_headers",
            "cors_expose_headers",
        ],
        impossible: |config| config.cors_allow_credentials && cors_wildcard(config),
        advice: "cors_allow_credentials forbids \"*\" in the other cors_ keys (Fetch standard); name \
                 each origin, method and header, or set it to false",
    },
    Combination {
        keys: &["cors_allow_origin"],
        impossible: |config| {
            config.cors_allow_origin.contains(&CorsOrigin::Any)
                && config.cors_allow_origin.len() > 1
        },
        advice: "cors_allow_origin has \"*\" beside other origins; keep \"*\" alone, or leave it out",
    },
    Combination {
        keys: &["enable_archives", "directory_listing"],
        impossible: |config| config.enable_archives && !config.directory_listing,
        advice: "enable_archives is for folders that are listed; turn directory_listing on, or \
                 archives off",
    },
    Combination {
        keys: &["ssl_cert", "ssl_key"],
        impossible: |config| config.ssl_cert.is_some() != config.ssl_key.is_some(),
        advice: "ssl_cert and ssl_key belong together; set both or neither",
    },
    Combination {
        keys: &["ssl_redirect_port", "enable_ssl"],
        impossible: |config| config.ssl_redirect_port.is_some() && !config.enable_ssl,
        advice: "ssl_redirect_port sends clients on to https, which is off; set enable_ssl to true, \
                 or leave ssl_redirect_port out",
    },
    Combination {
        keys: &["ssl_redirect_port", "port"],
        impossible: |config| config.ssl_redirect_port == Some(config.port),
        advice: "ssl_redirect_port is the same as port; give each a port of its own",
    },
    Combination {
        keys: &["log_file", "access_log"],
        impossible: |config| match (&config.log_file, &config.access_log) {
            (Some(log), AccessLog::File(access_log)) => log == access_log,
            _ => false,
        },
        advice: "log_file and access_log are the same file; give each a file of its own",
    },
    Combination {
        keys: &["group", "user"],
        impossible: |config| config.group.is_some() && config.user.is_none(),
        advice: "group is set without user, and root in another group is still root; set user too",
    },
    Combination {
        keys: &["cache_max_file_size", "cache_max_size"],
        impossible: |config| config.cache_max_file_size > config.cache_max_size,
        advice: "cache_max_file_size (KiB) is more than cache_max_size (MiB) has room for; lower the \
                 first or raise the second",
    },
];

/// Refuses values that are impossible together.
pub(super) fn check(loaded: &Loaded) -> Result<(), ConfigError> {
    match COMBINATIONS.iter().find(|combination| (combination.impossible)(&loaded.config)) {
        None => Ok(()),
        Some(Combination { keys, advice, .. }) => {
            let origins = keys.iter().map(|key| loaded.origin(key));
            let origin = origins.max().cloned().unwrap_or(Origin::Default);
            Err(ConfigError { origin, fault: Fault::Conflict { advice } })
        }
    }
}

fn cors_wildcard(config: &Config) -> bool {
    let headers = config.cors_allow_headers.iter().chain(&config.cors_expose_headers);
    config.cors_allow_origin.contains(&CorsOrigin::Any)
        || config.cors_allow_methods.iter().map(Method::as_str).any(|method| method == "*")
        || headers.into_iter().any(|header| header == "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::key::find;

    #[test]
    fn the_combinations_are_of_known_keys_and_the_defaults_are_possible() {
        let config = Config::default();
        for combination in COMBINATIONS {
            assert!(combination.keys.iter().all(|key| find(key).is_some_and(|k| k.name == *key)));
            assert!(!(combination.impossible)(&config), "{}", combination.advice);
        }
    }
}
