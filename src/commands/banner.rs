//! What the server prints when it has started.

use std::fmt::{self, Write as _};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::Path;

use if_addrs::IfOperStatus;

use crate::tls::Fingerprint;

/// What there is to say at the start; its `Display` is the text.
///
/// The first URL in it leads to the first listening socket. A socket that listens on every address
/// (`0.0.0.0`, `[::]`) is named once as it is, and has `localhost` and each address of the machine
/// as URLs; `[::]` is taken to accept IPv4 too, as it does unless told otherwise.
#[derive(Clone, Copy, Debug)]
pub struct Banner<'a> {
    /// Version of the program.
    pub version: &'a str,
    /// The folder served.
    pub root: &'a Path,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// The addresses of the listening sockets, with the ports really bound.
    pub addresses: &'a [SocketAddr],
    /// The addresses of the machine's network interfaces; see [`interfaces`].
    pub interfaces: &'a [IpAddr],
    /// The path of the status page, when it is on.
    pub status_path: Option<&'a str>,
    /// The features that are on.
    pub features: &'a [&'a str],
    /// The fingerprint of the certificate, when it is one that nobody vouches for.
    pub self_signed: Option<Fingerprint>,
    /// The folder that this certificate is kept in; `None`: in memory alone.
    pub certificate_folder: Option<&'a Path>,
    /// What is restricted of what this process can do.
    pub sandbox: &'a [&'a str],
    /// Whether the sockets were passed by systemd.
    pub is_passed: bool,
    /// The configuration file, when one was read.
    pub config_file: Option<&'a Path>,
    /// Whether to use colours.
    pub colors: bool,
}

/// The addresses of the network interfaces that are up; none when the system does not tell.
pub fn interfaces() -> Vec<IpAddr> {
    if_addrs::get_if_addrs()
        .unwrap_or_default()
        .into_iter()
        .filter(|interface| interface.oper_status != IfOperStatus::Down)
        .map(|interface| interface.ip())
        .collect()
}

const BOLD: &str = "\x1b[1m";
const DIM: &str = "\x1b[2m";
const LINK: &str = "\x1b[36m";

impl fmt::Display for Banner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (local, network) = self.urls();
        let status = self.status_path.and_then(|path| {
            let first = local.first().or(network.first())?;
            Some(format!("{}{path}", first.trim_end_matches('/')))
        });
        let every_address = self.addresses.iter().filter(|at| at.ip().is_unspecified());

        self.styled(f, BOLD, format_args!("salver {}", self.version))?;
        f.write_str("\n\n")?;
        self.row(f, "Folder", "", [printable(self.root)])?;
        self.row(f, "Local", LINK, local)?;
        self.row(f, "Network", LINK, network)?;
        self.row(f, "Status", LINK, status)?;
        self.row(f, "Listening", "", every_address)?;
        let passed = "passed by systemd; host and port are not used";
        self.row(f, "Sockets", "", self.is_passed.then_some(passed))?;
        let features = (!self.features.is_empty()).then(|| self.features.join(", "));
        self.row(f, "Features", "", features)?;
        self.row(f, "TLS", "", self.own_certificate().into_iter().flatten())?;
        let sandbox = (!self.sandbox.is_empty()).then(|| self.sandbox.join(", "));
        self.row(f, "Sandbox", "", sandbox)?;
        self.row(f, "Config", "", self.config_file.map(printable))?;
        f.write_char('\n')?;
        self.styled(f, DIM, format_args!("Press Ctrl+C to stop."))?;
        f.write_char('\n')
    }
}

impl Banner<'_> {
    /// Its fingerprint, and where it is kept.
    fn own_certificate(&self) -> Option<[String; 2]> {
        let fingerprint = self.self_signed?;
        let place = match self.certificate_folder {
            Some(folder) => format!("kept in {}", printable(folder)),
            None => "kept in memory alone: the next start makes another one".to_owned(),
        };
        Some([format!("self-signed certificate, SHA-256 {fingerprint}"), place])
    }

    /// A label and its values, one per line; nothing at all without values.
    fn row<T: fmt::Display>(
        &self,
        f: &mut fmt::Formatter<'_>,
        label: &str,
        style: &str,
        values: impl IntoIterator<Item = T>,
    ) -> fmt::Result {
        for (at, value) in values.into_iter().enumerate() {
            let label = if at == 0 { label } else { "" };
            f.write_str("  ")?;
            self.styled(f, DIM, format_args!("{label:<10}"))?;
            f.write_char(' ')?;
            self.styled(f, style, format_args!("{value}"))?;
            f.write_char('\n')?;
        }
        Ok(())
    }

    fn styled(
        &self,
        f: &mut fmt::Formatter<'_>,
        style: &str,
        text: fmt::Arguments<'_>,
    ) -> fmt::Result {
        if self.colors && !style.is_empty() {
            write!(f, "{style}{text}\x1b[0m")
        } else {
            f.write_fmt(text)
        }
    }

    /// The URLs of this machine alone, and those that others can use.
    pub fn urls(&self) -> (Vec<String>, Vec<String>) {
        let (mut local, mut network) = (Vec::new(), Vec::new());
        for address in self.addresses {
            let (ip, port) = (address.ip(), address.port());
            if ip.is_unspecified() {
                self.add(&mut local, "localhost", port);
                let reached = self.interfaces.iter().filter(|own| is_reached(ip, **own));
                let (v4, v6): (Vec<&IpAddr>, _) = reached.partition(|own| own.is_ipv4());
                for own in v4.into_iter().chain(v6) {
                    self.add(&mut network, &host(*own), port);
                }
            } else if ip.is_loopback() {
                self.add(&mut local, &host(ip), port);
            } else {
                self.add(&mut network, &host(ip), port);
            }
        }
        (local, network)
    }

    fn add(&self, urls: &mut Vec<String>, host: &str, port: u16) {
        let url = format!("{}://{host}:{port}/", self.scheme);
        if !urls.contains(&url) {
            urls.push(url);
        }
    }
}

/// Whether a socket bound to every address is reached from elsewhere through this one. Link-local
/// addresses are not: their URLs would need the name of the reader's own interface.
fn is_reached(bound: IpAddr, own: IpAddr) -> bool {
    let link_local = match own {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !link_local
        && !own.is_loopback()
        && !own.is_unspecified()
        && (own.is_ipv4() || bound == Ipv6Addr::UNSPECIFIED)
}

/// An address as the host of a URL.
fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// A path in which nothing can act on the terminal.
fn printable(path: &Path) -> String {
    let mut text = String::new();
    for c in path.to_string_lossy().chars() {
        if c.is_control() {
            text.extend(c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn machine() -> Vec<IpAddr> {
        [
            "127.0.0.1",
            "::1",
            "192.168.1.5",
            "169.254.3.3",
            "fe80::1",
            "2001:db8::5",
            "192.168.1.5",
            "10.8.0.2",
        ]
        .map(|text| text.parse().unwrap())
        .to_vec()
    }

    fn plain<'a>(addresses: &'a [SocketAddr], interfaces: &'a [IpAddr]) -> Banner<'a> {
        Banner {
            version: "0.1.0",
            root: Path::new("/srv/site"),
            scheme: "http",
            addresses,
            interfaces,
            status_path: None,
            features: &[],
            self_signed: None,
            certificate_folder: None,
            sandbox: &[],
            is_passed: false,
            config_file: None,
            colors: false,
        }
    }

    #[test]
    fn a_local_server_says_the_least() {
        let addresses = addresses(&["127.0.0.1:8000"]);
        assert_eq!(
            plain(&addresses, &machine()).to_string(),
            "\
salver 0.1.0

  Folder     /srv/site
  Local      http://127.0.0.1:8000/

Press Ctrl+C to stop.
"
        );
    }

    #[test]
    fn a_server_on_every_address_names_each_url_once() {
        let addresses = addresses(&["0.0.0.0:8000", "[::]:8000"]);
        let interfaces = machine();
        let banner = Banner {
            status_path: Some("/server-status"),
            features: &["listing", "cache 100 MiB", "uploads"],
            sandbox: &["files", "system calls"],
            config_file: Some(Path::new("config.json")),
            ..plain(&addresses, &interfaces)
        };
        assert_eq!(
            banner.to_string(),
            "\
salver 0.1.0

  Folder     /srv/site
  Local      http://localhost:8000/
  Network    http://192.168.1.5:8000/
             http://10.8.0.2:8000/
             http://[2001:db8::5]:8000/
  Status     http://localhost:8000/server-status
  Listening  0.0.0.0:8000
             [::]:8000
  Features   listing, cache 100 MiB, uploads
  Sandbox    files, system calls
  Config     config.json

Press Ctrl+C to stop.
"
        );
    }

    #[test]
    fn a_certificate_of_our_own_is_shown_with_where_it_is() {
        let addresses = addresses(&["127.0.0.1:8000"]);
        let fingerprint = Fingerprint::default();
        let own = Banner { self_signed: Some(fingerprint), ..plain(&addresses, &[]) };
        let kept = Banner { certificate_folder: Some(Path::new("/srv/certs")), ..own };
        let first = format!("  TLS        self-signed certificate, SHA-256 {fingerprint}\n");
        for (banner, place) in [(own, "kept in memory alone"), (kept, "kept in /srv/certs\n")] {
            let expected = format!("{first}             {place}");
            assert!(banner.to_string().contains(&expected), "{banner}");
        }
        // One that somebody named is not ours to tell of.
        let named = Banner { self_signed: None, ..kept };
        assert!(!named.to_string().contains("kept"), "{named}");
    }

    #[test]
    fn colours_change_no_text() {
        let addresses = addresses(&["127.0.0.1:8000"]);
        let coloured = Banner { colors: true, ..plain(&addresses, &[]) };
        assert_eq!(
            coloured.to_string(),
            "\u{1b}[1msalver 0.1.0\u{1b}[0m\n\n  \
             \u{1b}[2mFolder    \u{1b}[0m /srv/site\n  \
             \u{1b}[2mLocal     \u{1b}[0m \u{1b}[36mhttp://127.0.0.1:8000/\u{1b}[0m\n\n\
             \u{1b}[2mPress Ctrl+C to stop.\u{1b}[0m\n"
        );
    }

    #[test]
    fn urls_follow_from_the_bound_addresses() {
        let rows: [(&[&str], &[&str], &[&str]); 6] = [
            (&["[::1]:80"], &["http://[::1]:80/"], &[]),
            (&["192.168.1.5:81"], &[], &["http://192.168.1.5:81/"]),
            (&["[fe80::1%2]:82"], &[], &["http://[fe80::1]:82/"]),
            (
                &["127.0.0.1:83", "127.0.0.1:84"],
                &["http://127.0.0.1:83/", "http://127.0.0.1:84/"],
                &[],
            ),
            (
                &["0.0.0.0:85"],
                &["http://localhost:85/"],
                &["http://192.168.1.5:85/", "http://10.8.0.2:85/"],
            ),
            (
                &["[::]:86"],
                &["http://localhost:86/"],
                &["http://192.168.1.5:86/", "http://10.8.0.2:86/", "http://[2001:db8::5]:86/"],
            ),
        ];
        for (bound, local, network) in rows {
            let (bound, machine) = (addresses(bound), machine());
            let urls = plain(&bound, &machine).urls();
            assert_eq!(urls.0, local, "{bound:?}");
            assert_eq!(urls.1, network, "{bound:?}");
        }
    }

    #[test]
    fn the_status_page_is_named_even_without_a_local_address() {
        let addresses = addresses(&["192.168.1.5:443"]);
        let banner = Banner {
            scheme: "https",
            status_path: Some("/server-status"),
            ..plain(&addresses, &[])
        };
        let text = banner.to_string();
        assert!(text.contains("Status     https://192.168.1.5:443/server-status\n"));
    }

    #[test]
    fn a_folder_name_cannot_act_on_the_terminal() {
        let addresses = addresses(&["127.0.0.1:8000"]);
        let banner =
            Banner { root: Path::new("/srv/é\x1b[2J\nhttp://evil:1/"), ..plain(&addresses, &[]) };
        let text = banner.to_string();
        assert!(text.contains("Folder     /srv/é\\u{1b}[2J\\nhttp://evil:1/\n"), "{text}");
    }

    #[test]
    fn this_machine_has_itself_as_an_address() {
        assert!(interfaces().iter().any(IpAddr::is_loopback));
    }
}
