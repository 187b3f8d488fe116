//! `salver completions` and `salver man`: what shells and `man` make of them.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use salver::config::KEYS;
use support::salver;

fn printed(arguments: &[&str]) -> String {
    let output = salver().args(arguments).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{arguments:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn said(output: &Output) -> String {
    let text = [&output.stdout[..], &output.stderr[..]].concat();
    String::from_utf8(text).unwrap()
}

/// A text in a file of its own.
fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("_salver");
    fs::write(&path, text).unwrap();
    (folder, path)
}

#[test]
fn every_shell_is_told_of_every_option_and_command() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = printed(&["completions", shell]);
        for name in ["check", "status", "healthcheck", "completions", "--watch", "--insecure"] {
            // fish names options without their dashes.
            let name = if shell == "fish" { name.trim_start_matches('-') } else { name };
            assert!(script.contains(name), "{shell}: {name}");
        }
        for key in KEYS {
            assert!(script.contains(&key.flag()), "{shell}: {}", key.name);
        }
    }
    let wrong = salver().args(["completions", "tcsh"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2));
    assert!(said(&wrong).contains("bash, elvish, fish, powershell, zsh"), "{}", said(&wrong));
}

#[test]
#[ignore = "needs bash"]
fn bash_completes() {
    let (_folder, script) = file(&printed(&["completions", "bash"]));
    let complete = |words: &str| {
        // Only a shell that somebody types into has options of a completion.
        let line = format!(
            "set -u; compopt() {{ :; }}; source \"$0\"; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
             complete -p salver >/dev/null || exit 1
             _salver salver \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
             printf '%s\\n' \"${{COMPREPLY[@]}}\""
        );
        let output = Command::new("bash").args(["--norc", "-c", &line]).arg(&script).output();
        let output = output.unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
        said(&output).lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(complete("salver --cache-max-a"), ["--cache-max-age"]);
    assert_eq!(complete("salver health"), ["healthcheck"]);
    assert_eq!(complete("salver check --cache-max-a"), ["--cache-max-age"]);
    assert_eq!(complete("salver status --w"), ["--watch"]);
    assert_eq!(complete("salver completions z"), ["zsh"]);
    assert_eq!(complete("salver --sandbox r"), ["required"]);
}

#[test]
#[ignore = "needs zsh"]
fn zsh_completes() {
    let (folder, _script) = file(&printed(&["completions", "zsh"]));
    fs::create_dir(folder.path().join("pictures")).unwrap();
    // A shell with a terminal of its own, in which somebody types and asks for completions.
    let ask = r#"
        zmodload zsh/zpty
        zpty shell "TERM=dumb zsh -f -i"
        tell() { zpty -w shell "$1" }
        until_seen() { local all= piece; while zpty -r -t shell piece || sleep 0.05; do
            all+=$piece; [[ $all == *$1* ]] && { print -r -- "$all"; return }; done }
        tell "PS1= ; stty -echo; fpath=($1 \$fpath); autoload -U compinit; compinit -u -D; echo rea''dy"
        until_seen ready >/dev/null
        # What is typed is shown once it is complete.
        tell 'show() { echo "<$BUFFER>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^X" show; echo do''ne'
        until_seen done >/dev/null
        for line in "salver --cache-max-a" "salver healt" "salver status --wa" "salver check --upload-conf" "salver --sandbox=req" "salver bench --tls-ci" "salver get --max-re" "salver pict"; do
            zpty -w -n shell "$line"$'\t\x18'
            until_seen '>' | tr -d '\r' | grep -o '<.*>'
        done
        zpty -d shell
    "#;
    let mut zsh = Command::new("timeout");
    let output = zsh
        .args(["60", "zsh", "-f", "-c", ask, "ask"])
        .arg(folder.path())
        .current_dir(folder.path())
        .output()
        .unwrap();
    let said = said(&output);
    let lines: Vec<_> = said.lines().map(|line| line.replace(" >", ">")).collect();
    let expected = [
        "--cache-max-age=",
        "healthcheck",
        "status --watch=",
        "check --upload-conflict=",
        "--sandbox=required",
        "bench --tls-cipher=",
        "get --max-redirects=",
        "pictures/",
    ];
    assert_eq!(lines, expected.map(|words| format!("<salver {words}>")), "{said}");
}

#[test]
fn the_page_has_what_people_look_for() {
    let page = printed(&["man"]);
    for heading in [
        "NAME",
        "SYNOPSIS",
        "DESCRIPTION",
        "OPTIONS",
        "\"LIMITS AND TIMEOUTS\"",
        "COMMANDS",
        "\"EXIT STATUS\"",
        "ENVIRONMENT",
        "FILES",
        "SIGNALS",
        "EXAMPLES",
        "\"SEE ALSO\"",
    ] {
        assert!(page.contains(&format!("\n.SH {heading}\n")), "{heading}");
    }
    assert!(page.contains(".TH salver 1"), "{page}");
    let plain = page.replace('\\', "");
    for key in KEYS {
        assert!(plain.contains(&format!("--{}", key.flag())), "{}", key.name);
    }
    for (command, option) in [("check", "--port"), ("status", "--watch"), ("healthcheck", "-k")] {
        let page = printed(&["man", command]).replace('\\', "");
        assert!(page.contains(&format!(".TH salver-{command} 1")), "{page}");
        assert!(page.contains(option) && page.contains("SEE ALSO"), "{page}");
        assert!(plain.contains(&format!("salver-{command}(1)")), "{command}");
    }
}

#[test]
#[ignore = "needs man"]
fn man_renders_the_pages() {
    for command in ["", "check", "status", "healthcheck", "completions", "man"] {
        let arguments: Vec<_> = ["man", command].into_iter().filter(|it| !it.is_empty()).collect();
        let (_folder, page) = file(&printed(&arguments));
        let mut man = Command::new("man");
        let man = man.args(["--warnings", "-l"]).arg(&page).env("MANWIDTH", "80");
        let output = man.env("LC_ALL", "C.UTF-8").env("PAGER", "cat").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{:?}", output.stderr);
        for heading in ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "SEE ALSO"] {
            assert!(text.lines().any(|line| line == heading), "{heading}:\n{text}");
        }
    }
}
