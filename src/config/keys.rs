//! The table of keys. Each is named here and nowhere else: the file, the environment, the flags,
//! `salver check` and the JSON Schema all walk this table.
//!
//! `at_start(kind)` marks a key that a running server does not take over when it reads its configuration
//! again.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use ipnet::IpNet;

use super::key::{Key, keys};
use super::kinds::{
    self, Kind, access_log, account, addresses, at_start, bytes, certificates, cors_origin,
    file_name, header_name, header_overrides, header_rules, kib, list, log_filter, method, mib,
    network, one_of, one_or_more, or_null, password, path, product, seconds, switch, whole,
    whole_seconds,
};
use super::values::{
    AccessLog, AccessLogFormat, Certificate, ClientAuth, ColoredLogging, CorsOrigin,
    FollowSymlinks, HeaderRule, LogFormat, Rotation, Sandbox, Secret, TlsVersion, UploadConflict,
    loopback,
};

/// The longest time a timeout may be set to: a day, in seconds.
const DAY: f64 = 86_400.0;
/// The shortest: a millisecond.
const MOMENT: f64 = 0.001;
/// A year in seconds, the most a cache may keep something.
const YEAR: u64 = 31_536_000;
/// More connections than any machine has descriptors for.
const MANY: u64 = 100_000_000;

keys! {
    section "Serving" {
        /// Folder to serve.
        document_root, short 'd', old directory: PathBuf = PathBuf::from("."), path();

        /// File names tried in order when a folder is asked for; empty for none.
        index_files: Vec<String> = vec!["index.html".to_owned()], list(file_name());

        /// Show what is in a folder that has no index file.
        directory_listing, old enable_directory_listing: bool = true, switch();

        /// Entries of a folder that are listed at most; what there is beyond them is only said.
        max_listing_entries: usize = 200_000, whole(1..=MANY);

        /// List and serve names that begin with a dot; /.well-known/ is always served.
        show_hidden_files: bool = false, switch();

        /// Which symbolic links are followed: those that stay under the root, none, or all.
        follow_symlinks: FollowSymlinks = FollowSymlinks::Inside, one_of();

        /// Send what is worth it compressed (zstd, br or gzip), and files that lie compressed beside
        /// themselves (app.js.br).
        enable_compression: bool = true, switch();

        /// Offer the folders that are listed as tar and zip archives.
        enable_archives: bool = false, switch();
    }

    section "Network" {
        /// Address to listen on, or several; a name means every address it stands for now.
        host, short 'H': Vec<IpAddr> = vec![Ipv4Addr::LOCALHOST.into()], addresses();

        /// Port to listen on; 0 takes any free one and prints it.
        port, short 'p': u16 = 8000, whole(0..=65_535);

        /// Connections that may wait to be accepted.
        connection_queue: u32 = 1024, at_start(whole(1..=65_535));

        /// Addresses or CIDR blocks that may connect; empty for all.
        address_filter: Vec<IpNet> = Vec::new(), list(network());

        /// Speak HTTP/2: over TLS by ALPN, plain by prior knowledge.
        enable_http2: bool = true, switch();
    }

    section "Limits and timeouts" {
        /// Connections at once; 0 is as many as the limit of open files allows, which are the most in any
        /// case.
        max_connections: usize = 0, whole(0..=MANY);

        /// Connections at once from one client (IPv6: from one /64); 0 for no limit.
        max_connections_per_ip: usize = 0, whole(0..=MANY);

        /// Stop cleanly after that many connections; 0 for never.
        accept_limit: u64 = 0, whole(0..=u64::MAX);

        /// Requests on one connection; 0 for no limit.
        keep_alive_requests: u64 = 0, whole(0..=u64::MAX);

        /// Bytes of a request's head; more is answered with 431, a target of more than half with 414.
        max_header_size: usize = 16_384, bytes(1024..=65_535);

        /// Seconds that a client has to send a whole request head.
        header_timeout: Duration = Duration::from_secs(10), seconds(MOMENT..=DAY);

        /// Seconds that a request body, or the writing of a response, may make no progress.
        request_timeout: Duration = Duration::from_secs(30), seconds(MOMENT..=DAY);

        /// Bytes per second that a request body, or the writing of a response, must move at least, taken
        /// over `request_timeout`; 0 for any progress.
        min_rate: u32 = 256, whole(0..=1_000_000_000);

        /// Seconds in which all of a request body must have come; 0 for no limit.
        upload_timeout: Duration = Duration::from_hours(24), seconds(0.0..=7.0 * DAY);

        /// Seconds that a connection is kept without a request.
        keep_alive_timeout: Duration = Duration::from_mins(1), seconds(MOMENT..=DAY);

        /// Seconds that salver still takes requests after it was told to stop, while /healthz says 503.
        shutdown_delay: Duration = Duration::ZERO, seconds(0.0..=DAY);

        /// Seconds that requests in flight may take to finish when salver stops.
        shutdown_timeout: Duration = Duration::from_secs(10), seconds(0.0..=DAY);

        /// Worker threads; 0 for one per core. Fewer where the system allows few open files.
        max_threads: usize = 0, at_start(whole(0..=1024));
    }

    section "Cache" {
        /// Keep files that are asked for in memory.
        enable_cache: bool = true, switch();

        /// MiB of memory that the cache may use.
        ///
        /// The field holds bytes.
        cache_max_size: u64 = 100 << 20, mib(1..=1 << 20);

        /// KiB of the largest file that is cached; larger ones come from the disk.
        ///
        /// The field holds bytes.
        cache_max_file_size: u64 = 1024 << 10, kib(1..=1 << 30);

        /// Seconds that a file stays in the cache at most.
        cache_max_age: Duration = Duration::from_hours(1), seconds(MOMENT..=31_536_000.0);

        /// Let browsers keep files for `browser_cache_time`; off makes them ask each time.
        enable_browser_caching: bool = true, switch();

        /// Seconds that browsers may keep files.
        browser_cache_time: Duration = Duration::from_hours(24), whole_seconds(0..=YEAR);
    }

    section "Headers" {
        /// Product in the Server header; empty sends no such header.
        server_name: String = "salver".to_owned(), product();

        /// Version in the Server header; empty leaves it out.
        server_version: String = env!("CARGO_PKG_VERSION").to_owned(), product();

        /// Send header fields that make browsers careful.
        enable_security_headers: bool = true, switch();

        /// Security headers to change or add, by name; false leaves one out.
        ///
        /// `None` leaves the field out. Fields that belong to the connection are refused.
        security_headers: Vec<(HeaderName, Option<HeaderValue>)> = Vec::new(), header_overrides();

        /// Headers of the answers to some paths, such as `/assets/**`; of several rules that match,
        /// the last one counts.
        ///
        /// What a rule says wins over everything else.
        headers: Vec<HeaderRule> = Vec::new(), header_rules();
    }

    section "CORS" {
        /// Answer pages of other origins by the rules of CORS.
        enable_cors: bool = false, switch();

        /// Origins that may read answers, or "*" for all.
        cors_allow_origin: Vec<CorsOrigin> = vec![CorsOrigin::Any], one_or_more(cors_origin());

        /// Methods that other origins may use; resumable uploads need PATCH and DELETE too.
        cors_allow_methods: Vec<Method> = vec![Method::GET, Method::HEAD, Method::POST],
            list(method());

        /// Request headers that other origins may send.
        cors_allow_headers: Vec<HeaderName> = vec![http::header::CONTENT_TYPE, http::header::RANGE],
            list(header_name());

        /// Response headers that other origins may read.
        cors_expose_headers: Vec<HeaderName> =
            vec![http::header::ACCEPT_RANGES, http::header::CONTENT_RANGE, http::header::ETAG],
            list(header_name());

        /// Let other origins send cookies and credentials.
        cors_allow_credentials: bool = false, switch();

        /// Seconds that browsers may remember what another origin may do.
        cors_max_age: Duration = Duration::from_hours(2), whole_seconds(0..=86_400);
    }

    section "Uploads" {
        /// Take files and forms.
        enable_file_uploads: bool = false, switch();

        /// Bytes of one request body, and of a file that comes in several.
        max_upload_size: u64 = 10_485_760, bytes(1..=1 << 50);

        /// Folder where uploaded files land; null is `uploads` in the document root.
        upload_dir: Option<PathBuf> = None, or_null(path());

        /// What happens to a file whose name is taken: a new name, a refusal, or the old one's place.
        upload_conflict: UploadConflict = UploadConflict::Rename, one_of();

        /// File that the fields of forms are appended to, as JSON Lines; without one they are not kept.
        form_log: Option<PathBuf> = None, or_null(path());

        /// Seconds that an unfinished resumable upload is kept.
        upload_expiry: Duration = Duration::from_hours(24), whole_seconds(60..=YEAR);
    }

    section "Status" {
        /// Show what the server is doing at /server-status and /metrics.
        enable_server_status: bool = true, switch();

        /// Addresses or CIDR blocks that may see the status; for others it is 403.
        status_allow: Vec<IpNet> = loopback(), list(network());
    }

    section "TLS" {
        /// Serve HTTPS; without a certificate a self-signed one is made.
        enable_ssl, old ssl, old tls: bool = false, switch();

        /// File of the certificate chain, PEM.
        ssl_cert, old tls_cert: Option<PathBuf> = None, or_null(path());

        /// File of the private key, PEM.
        ssl_key, old tls_key: Option<PathBuf> = None, or_null(path());

        /// More certificates, each for the names in it or those that are given.
        ssl_certificates: Vec<Certificate> = Vec::new(), certificates();

        /// Password of an encrypted private key.
        ssl_password: Option<Secret> = None, or_null(password());

        /// Oldest version of TLS that is spoken.
        ssl_min_version: TlsVersion = TlsVersion::V1_2, one_of();

        /// Port where plain requests are sent on to https.
        ssl_redirect_port: Option<u16> = None, or_null(whole(1..=65_535));

        /// File of the authorities whose client certificates are asked for, PEM.
        ssl_client_ca: Option<PathBuf> = None, or_null(path());

        /// Whether a client must have a certificate of the authorities in `ssl_client_ca`.
        ssl_client_auth: ClientAuth = ClientAuth::Required, one_of();
    }

    section "Logging" {
        /// What is worth a line: ERROR, WARNING, INFO, DEBUG, TRACE, or a tracing filter.
        ///
        /// The field is a filter as `tracing_subscriber::filter::Targets` reads it.
        log_level: String = "INFO".to_owned(), log_filter();

        /// File that diagnostics are also written to.
        log_file: Option<PathBuf> = None, at_start(or_null(path()));

        /// How a line of diagnostics looks.
        log_format: LogFormat = LogFormat::Text, at_start(one_of());

        /// When log files begin anew.
        log_rotation: Rotation = Rotation::Daily, at_start(one_of());

        /// Rotated log files that are kept beside the current one.
        log_max_files: usize = 7, at_start(whole(1..=10_000));

        /// Colours on the terminal; auto honours `NO_COLOR` and `TERM=dumb`.
        colored_logging: ColoredLogging = ColoredLogging::Auto, at_start(one_of());

        /// Where each request is logged: "-" for standard output, "off", or a file.
        access_log: AccessLog = AccessLog::Stdout, access_log();

        /// How a line of the access log looks.
        access_log_format: AccessLogFormat = AccessLogFormat::Combined, one_of();
    }

    section "Process" {
        /// Take over changes of the configuration file, a second or two after it was written.
        watch_config: bool = false, switch();

        /// Confine the process to the files and system calls that it needs (Linux): as far as the system
        /// can, entirely or not at all.
        sandbox: Sandbox = Sandbox::Auto, at_start(one_of());

        /// User to become once the ports are bound, when it is started as root.
        user: Option<String> = None, at_start(or_null(account()));

        /// Group to become as well; null is the user's own.
        group: Option<String> = None, at_start(or_null(account()));

        /// Serve folders of the system, those that secrets are kept in (`.ssh`), homes with their hidden
        /// files, and folders that hold a private key of the server's.
        allow_unsafe_root: bool = false, switch();
    }
}
