//! `salver check`: the configuration that would be in effect, and where it comes from.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Map, Value, json};

use super::memory::Bound;
use crate::config::{ConfigError, Loaded};

/// Exit status of a wrong configuration.
const WRONG: u8 = 2;
/// Exit status when nothing is wrong but the output cannot be written.
const FAILED: u8 = 1;

/// Prints the effective configuration as one JSON object on `out`: each key with its `value`, and
/// `from`: `default`, `file config.json:3:5`, `environment SALVER_PORT`, `flag --port`; and on `err` the
/// memory that it may take. A wrong
/// configuration is one line on `err` and exit status 2.
pub fn run(
    loaded: &Result<Loaded, ConfigError>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> ExitCode {
    let (written, code) = match loaded {
        Ok(loaded) => {
            let written = print(loaded, out);
            // Not with the keys: programs read them.
            let _ = write!(err, "{}", Bound::of(&loaded.config));
            (written, ExitCode::SUCCESS)
        }
        Err(error) => (writeln!(err, "salver: {error}"), ExitCode::from(WRONG)),
    };
    match written {
        Ok(()) => code,
        // Whoever reads has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => code,
        Err(error) => {
            let _ = writeln!(err, "salver: cannot write the configuration: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn print(loaded: &Loaded, out: &mut dyn Write) -> io::Result<()> {
    let entry = |value: Value, from: String| json!({"value": value, "from": from});
    let keys: Map<_, _> = loaded
        .entries()
        .map(|(key, value, origin)| (key.name.to_owned(), entry(value, origin.to_string())))
        .collect();
    serde_json::to_writer_pretty(&mut *out, &keys)?;
    writeln!(out)?;
    out.flush()
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::config::{KEYS, Overrides, load};

    fn check(environment: &[(&str, &str)]) -> (String, String, ExitCode) {
        let environment = environment.iter().map(|(k, v)| (OsString::from(k), OsString::from(v)));
        let loaded = load(&Overrides::default(), environment);
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = run(&loaded, &mut out, &mut err);
        (String::from_utf8(out).unwrap(), String::from_utf8(err).unwrap(), code)
    }

    #[test]
    fn every_key_is_printed_with_its_value_and_origin() {
        let (out, err, code) = check(&[("SALVER_PORT", "81"), ("SALVER_SSL_PASSWORD", "hunter2")]);
        let printed: Value = serde_json::from_str(&out).unwrap();
        let printed = printed.as_object().unwrap();
        let names: Vec<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(printed.keys().collect::<Vec<_>>(), names);
        assert_eq!(printed["port"], json!({"value": 81, "from": "environment SALVER_PORT"}));
        assert_eq!(printed["host"], json!({"value": "127.0.0.1", "from": "default"}));
        assert_eq!(printed["ssl_password"]["value"], "***");
        assert!(!out.contains("hunter2"));
        assert!(err.starts_with("Memory at most"), "{err}");
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn a_wrong_configuration_is_one_line_and_status_2() {
        let (out, err, code) = check(&[("SALVER_PORT", "x")]);
        let line = "salver: environment SALVER_PORT: port takes a whole number from 0 to 65535, not \"x\"\n";
        assert_eq!((out.as_str(), err.as_str()), ("", line));
        assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(2)));
    }

    #[test]
    fn a_reader_who_leaves_is_no_failure_and_a_full_disk_is() {
        struct Broken(io::ErrorKind);
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        for (kind, expected, said) in
            [(io::ErrorKind::BrokenPipe, 0, false), (io::ErrorKind::StorageFull, 1, true)]
        {
            let mut err = Vec::new();
            let code = run(&Ok(Loaded::default()), &mut Broken(kind), &mut err);
            assert_eq!(format!("{code:?}"), format!("{:?}", ExitCode::from(expected)));
            let err = String::from_utf8(err).unwrap();
            assert_eq!(err.contains("cannot write"), said);
        }
    }
}
