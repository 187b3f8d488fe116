//! Addresses.

use std::net::{IpAddr, ToSocketAddrs};

use ipnet::IpNet;
use serde_json::{Value, json};

use super::{About, Kind, Mismatch, Raw};

/// A block of addresses; one address is a block of its own.
pub(in crate::config) fn network() -> Network {
    Network
}

/// See [`network`].
pub(in crate::config) struct Network;

impl Kind for Network {
    type Value = IpNet;

    fn read(&self, raw: Raw<'_>) -> Result<IpNet, Mismatch> {
        raw.string().and_then(block).ok_or_else(|| raw.wrong())
    }

    fn show(&self, value: &IpNet) -> Value {
        if value.prefix_len() == value.max_prefix_len() {
            value.addr().to_string().into()
        } else {
            value.to_string().into()
        }
    }

    fn about(&self) -> About {
        let takes = "an IP address or a CIDR block such as 192.168.0.0/16";
        About::new(takes, json!({"type": "string", "minLength": 2}), "BLOCK")
    }
}

fn block(text: &str) -> Option<IpNet> {
    let block = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from)).ok()?;
    // 10.0.0.1/8 means the block that it lies in.
    Some(block.trunc())
}

/// Addresses to listen on, at least one.
pub(in crate::config) fn addresses() -> Addresses {
    Addresses
}

/// See [`addresses`].
pub(in crate::config) struct Addresses;

impl Kind for Addresses {
    type Value = Vec<IpAddr>;

    fn read(&self, raw: Raw<'_>) -> Result<Vec<IpAddr>, Mismatch> {
        let mut all = Vec::new();
        for element in raw.elements_or_self() {
            for address in resolve(element)? {
                // Two names may stand for one address, which can be listened on once.
                if !all.contains(&address) {
                    all.push(address);
                }
            }
        }
        if all.is_empty() { Err(raw.refused("the list is empty")) } else { Ok(all) }
    }

    fn show(&self, value: &Vec<IpAddr>) -> Value {
        let mut shown = value.iter().map(|address| Value::from(address.to_string()));
        match (shown.next(), value.len()) {
            (Some(one), 1) => one,
            (first, _) => first.into_iter().chain(shown).collect(),
        }
    }

    fn about(&self) -> About {
        let schema = json!({"type": "string", "minLength": 1});
        About::new("an IP address or a host name", schema, "ADDRESS").one_or_more()
    }
}

/// The address written there, or those that the system knows by that name.
fn resolve(raw: Raw<'_>) -> Result<Vec<IpAddr>, Mismatch> {
    let host = raw.string().ok_or_else(|| raw.wrong())?;
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    if !is_name(host) {
        return Err(raw.wrong());
    }
    match (host, 0).to_socket_addrs() {
        Ok(found) => Ok(found.map(|address| address.ip()).collect()),
        Err(_) => Err(raw.refused(format!("no address is known for the name {host:?}"))),
    }
}

/// Whether it can be a host name (RFC 1123, 2.1). A last label that begins with a digit is an
/// address gone wrong, which system resolvers guess about.
fn is_name(text: &str) -> bool {
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or_default();
    text.len() <= 253
        && text.split('.').all(is_label)
        && !last.starts_with(|c: char| c.is_ascii_digit())
}
