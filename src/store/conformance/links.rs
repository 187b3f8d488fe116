//! Symbolic links, and that none leads outside.

use std::os::fd::AsRawFd;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, RenameFlags, renameat_with};

use super::*;

/// Links: name, target (`@` is the folder above the root), and what it gives under each policy.
const LINKS: [(&str, &str, [&str; 3]); 20] = [
    ("file", "real/a.txt", ["", "a", "a"]),
    ("dotted", "./real/./a.txt", ["", "a", "a"]),
    ("real/up", "../real/a.txt", ["", "a", "a"]),
    ("folder", "real", ["", "(folder)", "(folder)"]),
    ("slash", "real/", ["", "(folder)", "(folder)"]),
    ("file-slash", "real/a.txt/", ["", "", ""]),
    ("chain1", "chain2", ["", "a", "a"]),
    ("chain2", "chain3", ["", "a", "a"]),
    ("chain3", "folder/a.txt", ["", "a", "a"]),
    ("loop", "loop", ["", "", ""]),
    ("dangling", "nothing", ["", "", ""]),
    ("absolute-inside", "@/root/real/a.txt", ["", "a", "a"]),
    ("absolute-outside", "@/outside/secret.txt", ["", "", "secret"]),
    ("outside", "../outside/secret.txt", ["", "", "secret"]),
    ("outside-folder", "../outside", ["", "", "(folder)"]),
    ("real/deep", "../../outside/secret.txt", ["", "", "secret"]),
    ("out-and-in", "../root/real/a.txt", ["", "", "a"]),
    ("above", "../real/a.txt", ["", "", ""]),
    ("via", "outside", ["", "", "secret"]),
    ("device", "/dev/null", ["", "", ""]),
];

#[tokio::test]
async fn a_link_is_followed_as_far_as_the_policy_goes() {
    for (column, policy) in POLICIES.into_iter().enumerate() {
        let change = |options: &mut DiskOptions| options.symlinks = policy;
        on_each_store_with(change, async |site| {
            site.write("real/a.txt", "a");
            let place = site.place.path().to_str().unwrap();
            for (name, target, _) in LINKS {
                symlink(target.replace('@', place), site.path(name)).unwrap();
            }
            for (name, _, gives) in LINKS {
                let expected = if gives[column].is_empty() { "(not found)" } else { gives[column] };
                let found = site.get(&format!("/{name}")).await;
                assert_eq!(found, expected, "{name}, {policy:?}");
            }
            // What leads through a link is found as the link is.
            let through = [
                ("/folder/a.txt", ["(not found)", "a", "a"]),
                ("/outside-folder/secret.txt", ["(not found)", "(not found)", "secret"]),
            ];
            for (path, gives) in through {
                assert_eq!(site.get(path).await, gives[column], "{path}, {policy:?}");
            }
            // And listed as it is found.
            let mut expected: Vec<_> = LINKS
                .iter()
                .filter(|(name, _, gives)| !name.contains('/') && !gives[column].is_empty())
                .map(|(name, _, gives)| match gives[column] {
                    "(folder)" => format!("{name}/"),
                    content => format!("{name} {}", content.len()),
                })
                .collect();
            expected.push("real/".into());
            expected.sort();
            assert_eq!(site.names("/").await, expected, "{policy:?}");
        })
        .await;
    }
}

#[tokio::test]
async fn a_long_chain_of_links_ends() {
    on_each_store(async |site| {
        site.write("l0", "end");
        for number in 1..=60 {
            let target = format!("l{}", number - 1);
            symlink(target, site.path(format!("l{number}"))).unwrap();
        }
        assert_eq!(site.get("/l40").await, "end");
        assert_eq!(site.get("/l41").await, "(not found)");
    })
    .await;
}

#[tokio::test]
async fn magic_links_lead_nowhere() {
    let deleted = tempfile::tempfile().unwrap();
    let descriptor = deleted.as_raw_fd();
    for policy in POLICIES {
        let change = |options: &mut DiskOptions| options.symlinks = policy;
        on_each_store_with(change, async |site| {
            let secret = site.place.path().join("outside/secret.txt");
            let root = format!("/proc/self/root{}", secret.display());
            let links = [
                ("fd", format!("/proc/self/fd/{descriptor}")),
                ("root", root),
                ("exe", "/proc/self/exe".into()),
            ];
            for (name, target) in links {
                if policy == Symlinks::Always && name != "fd" {
                    // By name these are ordinary places, and all places are allowed.
                    continue;
                }
                symlink(target, site.path(name)).unwrap();
                let found = site.get(&format!("/{name}")).await;
                assert_eq!(found, "(not found)", "{name}, {policy:?}");
            }
        })
        .await;
    }
}

#[test]
fn a_folder_swapped_for_a_link_is_never_followed_outside() {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let runtime = runtime.unwrap();
    for policy in [Symlinks::Never, Symlinks::Inside] {
        for (name, open) in &STORES[..2] {
            let site = Site::new(*open, |options| options.symlinks = policy);
            site.write("a/secret.txt", "inside");
            site.write("a/sub/x", "");
            symlink("../outside", site.path("b")).unwrap();
            symlink("a/sub/../secret.txt", site.path("through")).unwrap();
            let (a, b) = (site.path("a"), site.path("b"));
            let stop = AtomicBool::new(false);
            let (mut found, mut refused) = (0, 0);
            std::thread::scope(|scope| {
                let _stop = StopOnDrop(&stop);
                scope.spawn(|| {
                    let exchange = RenameFlags::EXCHANGE;
                    while !stop.load(Ordering::Relaxed) {
                        renameat_with(CWD, &a, CWD, &b, exchange).unwrap();
                    }
                });
                runtime.block_on(async {
                    for number in 0..20_000 {
                        let path = ["/a/secret.txt", "/through"][number % 2];
                        match &*site.get(path).await {
                            "inside" => found += 1,
                            "(not found)" => refused += 1,
                            other => panic!("{name}, {policy:?}: {other}"),
                        }
                    }
                });
            });
            println!("{name}, {policy:?}: {found} found, {refused} refused");
            assert!(found > 0 && refused > 0);
        }
    }
}
