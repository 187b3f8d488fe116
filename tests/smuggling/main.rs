//! Request smuggling: what two servers might read in two ways (RFC 9112 sections 6, 7 and 11.2).
//!
//! Each [`variant::Variant`] is a request, or what some server takes for one, with another request
//! hidden in it. Behind it goes a last request, so that whatever is left over meets it. Here they
//! go straight to the server, and exactly what must be answered is answered; in [`fronts`] they go
//! through the servers that people put before this one.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]
#![allow(unreachable_pub)]

mod answers;
mod chunks;
mod coding;
mod fronts;
mod heads;
mod length;
mod proxy;
#[path = "../support/mod.rs"]
mod support;
mod variant;

use std::collections::BTreeMap;

use support::{Server, Setup, setup};
use variant::Variant;

/// A server that redirects, takes forms, and has something to give.
fn site() -> Setup {
    setup().file("d/a.txt", "a").flag("--enable-file-uploads")
}

#[test]
fn each_variant_is_refused_or_answered_as_often_as_the_standard_says() {
    let server = site().start();
    let variants = variant::all();
    let mut outcomes = BTreeMap::<&str, BTreeMap<String, u32>>::new();
    let mut wrong = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        let got = ask(&server, variant, number);
        *outcomes.entry(variant.class).or_default().entry(got.clone()).or_default() += 1;
        if !variant.expected.contains(&got.as_str()) {
            let Variant { class, about, expected, .. } = variant;
            wrong.push(format!("{class}: {about}\n  expected {expected:?}, got {got}"));
        }
    }
    eprintln!("{} variants: {outcomes:#?}", variants.len());
    assert!(variants.len() > 900, "only {} variants", variants.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), variants.len(), wrong.join("\n"));
}

#[test]
fn arriving_in_two_pieces_changes_nothing() {
    let server = site().start();
    for (number, variant) in variant::all().iter().enumerate() {
        let bytes = [variant.numbered(number), variant::last(number)].concat();
        let mut client = server.connect();
        // Behind the first CR, wherever that is: line ends are where pieces are put together.
        let middle = bytes.iter().position(|&byte| byte == b'\r').map_or(1, |at| at + 1);
        let (first, second) = bytes.split_at(middle);
        if client.try_send(first).and_then(|()| client.try_send(second)).is_ok() {
            let _ = client.try_finish();
        }
        let got = answers::signature(&client.rest(), variant.is_head());
        assert!(variant.expected.contains(&got.as_str()), "{}: {got}", variant.about);
    }
}

/// What comes back to a variant with the last request behind it, a letter for each answer.
fn ask(server: &Server, variant: &Variant, number: usize) -> String {
    let mut client = server.connect();
    let bytes = [variant.numbered(number), variant::last(number)].concat();
    if client.try_send(bytes).is_ok() {
        let _ = client.try_finish();
    }
    answers::signature(&client.rest(), variant.is_head())
}
