//! What is in `packaging/` starts this program, with options and keys that there are.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use parse_dockerfile::{Command as Words, Dockerfile, HealthcheckArguments, Instruction};
use salver::cli;
use salver::config::{self, Config, Overrides};

const PROGRAM: &str = "/usr/bin/salver";

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn packaging(name: &str) -> PathBuf {
    repository().join("packaging").join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(packaging(name)).unwrap()
}

/// The values of a setting, in order.
fn settings<'a>(unit: &'a str, name: &str) -> Vec<&'a str> {
    unit.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
}

/// What the program makes of a command line.
fn parsed<'a>(words: impl IntoIterator<Item = &'a str>) -> cli::Invocation {
    let words: Vec<OsString> = words.into_iter().map(OsString::from).collect();
    cli::parse(words.clone()).unwrap_or_else(|exit| panic!("{words:?}: {}", exit.text))
}

fn load(variables: &[(&str, &str)], file: Option<PathBuf>) -> Config {
    let overrides = Overrides { config_file: file, ..Overrides::default() };
    let variables = variables.iter().map(|(name, value)| (name.into(), value.into()));
    config::load(&overrides, variables).unwrap().config
}

#[test]
fn the_unit_starts_the_program_with_the_example_configuration() {
    let unit = text("salver.service");
    let [start] = settings(&unit, "ExecStart")[..] else { panic!("{unit}") };
    assert_eq!(start.split(' ').next(), Some(PROGRAM));
    let invocation = parsed(start.split(' '));
    assert_eq!(invocation.command, cli::Command::Serve);
    let file = invocation.overrides.config_file.unwrap();
    assert_eq!(file, Path::new("/etc/salver/config.json"));
    let config = load(&[], Some(packaging("config.json")));
    assert_eq!((config.port, config.host.len()), (80, 2));
    // What may be switched on in it is right, too.
    let example = text("config.json");
    let all: Vec<_> = example.lines().map(|line| line.replacen("// \"", "\"", 1)).collect();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    fs::write(&file, all.join("\n")).unwrap();
    let config = load(&[], Some(file));
    assert!(config.enable_ssl && config.enable_file_uploads);
    // It may write where the unit lets it.
    for (name, under) in [("StateDirectory", "/var/lib"), ("LogsDirectory", "/var/log")] {
        let [folder] = settings(&unit, name)[..] else { panic!("{unit}") };
        assert!(example.contains(&format!("{under}/{folder}/")), "{name}");
    }
}

#[test]
fn the_unit_speaks_the_protocol_that_the_program_speaks() {
    let unit = text("salver.service");
    for (name, value) in [
        ("Type", "notify"),
        ("ExecReload", "/bin/kill -HUP $MAINPID"),
        ("NoNewPrivileges", "yes"),
        ("ProtectSystem", "strict"),
        ("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE"),
    ] {
        assert_eq!(settings(&unit, name), [value], "{name}");
    }
    // Wrong usage is 2, which no restart mends.
    assert_eq!(settings(&unit, "RestartPreventExitStatus"), ["2"]);
    let stop: u64 = settings(&unit, "TimeoutStopSec")[0].parse().unwrap();
    assert!(stop > Config::default().shutdown_timeout.as_secs());
    let families = settings(&unit, "RestrictAddressFamilies")[0];
    for family in ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_UNIX"] {
        assert!(families.split(' ').any(|it| it == family), "{family}");
    }
    let calls = settings(&unit, "SystemCallFilter").join(" ");
    for call in
        ["landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self", "seccomp"]
    {
        assert!(calls.split(' ').any(|it| it == call), "{call}");
    }
    let socket = text("salver.socket");
    assert_eq!(settings(&socket, "ListenStream"), ["80"]);
    // Its name would be another role.
    assert_ne!(settings(&socket, "FileDescriptorName"), ["redirect"]);
    assert!(settings(&socket, "Accept").is_empty());
}

#[test]
#[ignore = "needs systemd-analyze"]
fn systemd_understands_the_units() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ["salver.service", "salver.socket"] {
        let file = folder.path().join(name);
        // The program has to be there.
        let unit = text(name).replace(PROGRAM, env!("CARGO_BIN_EXE_salver"));
        fs::write(&file, unit).unwrap();
        files.push(file);
    }
    let mut verify = Command::new("systemd-analyze");
    let output = verify.args(["verify", "--man=no"]).args(&files).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    // Units of the machine are looked at as well.
    let ours: Vec<_> = said.lines().filter(|line| line.contains("salver")).collect();
    assert!(output.status.success() && ours.is_empty(), "{said}");
    let mut security = Command::new("systemd-analyze");
    let security = security.args(["security", "--offline=true", "--threshold=20"]).arg(&files[0]);
    let output = security.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

fn words(words: &Words<'_>) -> Vec<String> {
    match words {
        Words::Exec(words) => words.value.iter().map(|word| word.value.to_string()).collect(),
        other => panic!("there is no shell for {other:?}"),
    }
}

/// The last stage of the Dockerfile, which is what is run.
fn image<'a, 'b>(file: &'b Dockerfile<'a>) -> Vec<&'b Instruction<'a>> {
    let stages: Vec<_> = file.stages().collect();
    let [build, image] = &stages[..] else { panic!("two stages") };
    assert!(build.from.image.value.starts_with("rust:"));
    assert_eq!(image.from.image.value, "scratch");
    image.instructions.iter().collect()
}

#[test]
fn the_container_runs_the_program_as_nobody_and_asks_for_its_health() {
    let text = text("Dockerfile");
    let file = parse_dockerfile::parse(&text).unwrap();
    let (mut variables, mut ports) = (Vec::new(), Vec::new());
    let (mut user, mut stop, mut health, mut program) = (None, None, None, None);
    for instruction in image(&file) {
        match instruction {
            Instruction::Env(env) => variables.push(env.arguments.value.to_string()),
            Instruction::Expose(expose) => {
                ports.extend(expose.arguments.iter().map(|port| port.value.to_string()));
            }
            Instruction::User(it) => user = Some(it.arguments.value.to_string()),
            Instruction::Stopsignal(it) => stop = Some(it.arguments.value.to_string()),
            Instruction::Entrypoint(it) => program = Some(words(&it.arguments)),
            Instruction::Healthcheck(it) => match &it.arguments {
                HealthcheckArguments::Cmd { arguments, .. } => health = Some(words(arguments)),
                other => panic!("{other:?}"),
            },
            _ => {}
        }
    }
    let (program, health) = (program.unwrap(), health.unwrap());
    assert_eq!(program[0], health[0]);
    let of = |words: &[String]| parsed(words.iter().map(String::as_str)).command;
    assert_eq!(of(&program), cli::Command::Serve);
    let is_check = |check: &cli::HealthcheckOptions| check.url.is_none() && !check.insecure;
    assert!(matches!(of(&health), cli::Command::Healthcheck(check) if is_check(&check)));
    assert_eq!(stop.as_deref(), Some("SIGTERM"));
    let user = user.unwrap();
    assert!(user.split(':').all(|id| id.parse().is_ok_and(|id: u32| id > 0)), "{user}");
    // Variables would come before a file that somebody puts in the place of this one.
    assert_eq!(variables, ["SALVER_CONFIG=/etc/salver/config.json"]);
    assert!(text.contains("\nCOPY packaging/container.json /etc/salver/config.json\n"));
    let config = load(&[], Some(packaging("container.json")));
    assert_eq!(ports, [config.port.to_string()]);
    assert!(config.host[0].is_unspecified());
    assert_eq!(config.document_root, Path::new("/srv/site"));
}

#[test]
fn the_container_is_built_with_a_compiler_that_is_new_enough_from_what_the_build_needs() {
    let manifest = fs::read_to_string(repository().join("Cargo.toml")).unwrap();
    let needed = manifest.lines().find_map(|line| line.strip_prefix("rust-version = ")).unwrap();
    let docker = text("Dockerfile");
    assert!(docker.contains(&format!("FROM rust:{}-alpine", needed.trim_matches('"'))), "{needed}");
    // What is left out is left out of the build.
    let ignored = text("Dockerfile.dockerignore");
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    for path in &kept {
        let path = path.strip_suffix("/*.rs").unwrap_or(path);
        assert!(repository().join(path).exists(), "{path}");
    }
    for needed in ["Cargo.toml", "Cargo.lock", "build.rs", "askama.toml", "src"] {
        assert!(kept.contains(&needed), "{needed}");
    }
    // Cargo looks for what the manifest names, also where it is not built.
    for (kind, folder) in [("[[bench]]", "benches"), ("[[test]]", "tests")] {
        for part in manifest.split(kind).skip(1) {
            let name = part.lines().find_map(|line| line.strip_prefix("name = ")).unwrap();
            let path = format!("{folder}/{}.rs", name.trim_matches('"'));
            let all = format!("{folder}/*.rs");
            assert!(kept.contains(&path.as_str()) || kept.contains(&all.as_str()), "{path}");
        }
    }
}
