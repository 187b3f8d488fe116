//! Which pages of other origins may read answers and send what: the CORS protocol of the Fetch
//! standard (<https://fetch.spec.whatwg.org/#http-cors-protocol>).

use http::{HeaderName, HeaderValue, Method, header};

use crate::message::Fields;

static REQUEST_HEADERS: HeaderName = header::ACCESS_CONTROL_REQUEST_HEADERS;

/// What other origins may do.
#[derive(Clone, Debug, Default)]
pub struct CorsOptions {
    /// Their origins as browsers send them (`https://example.com`); `None` for all.
    pub origins: Option<Vec<String>>,
    /// Methods; the method `*` stands for all.
    pub methods: Vec<Method>,
    /// Request fields; the name `*` stands for all but `Authorization`.
    pub headers: Vec<HeaderName>,
    /// Response fields beside those that are always readable; the name `*` stands for all.
    pub expose: Vec<HeaderName>,
    /// Whether cookies and credentials may come along. Never together with a `*`.
    pub credentials: bool,
    /// Seconds that a browser may remember the answer to a preflight.
    pub max_age: u64,
}

/// The rules, with the fields that follow from them made once.
#[derive(Debug)]
pub struct Cors {
    origins: Origins,
    methods: Vec<Method>,
    headers: Vec<HeaderName>,
    /// What a preflight gets that is allowed.
    permission: Vec<(HeaderName, HeaderValue)>,
}

type FieldList = Vec<(HeaderName, HeaderValue)>;

#[derive(Debug)]
enum Origins {
    /// All: what they get does not depend on who asks.
    Any(FieldList),
    /// Some, each with what it gets.
    Some(Vec<(String, FieldList)>),
}

impl Cors {
    /// Makes the rules.
    pub fn new(options: CorsOptions) -> Self {
        let mut shared = Vec::new();
        shared.extend(joined(header::ACCESS_CONTROL_EXPOSE_HEADERS, &options.expose));
        if options.credentials {
            let yes = HeaderValue::from_static("true");
            shared.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, yes));
        }
        let allow = |value: HeaderValue| {
            let mut fields = vec![(header::ACCESS_CONTROL_ALLOW_ORIGIN, value)];
            fields.extend(shared.iter().cloned());
            fields
        };
        let origins = match options.origins {
            None => Origins::Any(allow(HeaderValue::from_static("*"))),
            Some(origins) => Origins::Some(
                origins
                    .into_iter()
                    .filter_map(|origin| {
                        let fields = allow(HeaderValue::from_str(&origin).ok()?);
                        Some((origin, fields))
                    })
                    .collect(),
            ),
        };
        let mut permission = Vec::new();
        permission.extend(joined(header::ACCESS_CONTROL_ALLOW_METHODS, &options.methods));
        permission.extend(joined(header::ACCESS_CONTROL_ALLOW_HEADERS, &options.headers));
        permission.push((header::ACCESS_CONTROL_MAX_AGE, options.max_age.into()));
        Self { origins, methods: options.methods, headers: options.headers, permission }
    }

    /// The fields of every answer, whoever asks.
    pub fn constant_fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        match &self.origins {
            Origins::Any(fields) => fields.clone(),
            Origins::Some(_) => vec![(header::VARY, HeaderValue::from_static("Origin"))],
        }
    }

    /// Whether answers depend on who asks.
    pub fn varies(&self) -> bool {
        matches!(self.origins, Origins::Some(_))
    }

    /// The further fields of the answer to a request of this origin.
    pub fn fields_for(&self, origin: &[u8]) -> &[(HeaderName, HeaderValue)] {
        match &self.origins {
            Origins::Any(_) => &[],
            Origins::Some(known) => known
                .iter()
                .find(|(known, _)| known.as_bytes() == origin)
                .map_or(&[], |(_, fields)| fields),
        }
    }

    /// Whether a page of this origin may use this method here.
    pub fn allows(&self, origin: &[u8], method: &[u8]) -> bool {
        self.allows_origin(origin) && self.allows_method(method)
    }

    /// What the answer to a preflight (an OPTIONS request that asks on behalf of another) says
    /// beside what every answer says: nothing when the origin, the method or one of the fields is
    /// not allowed. `None` when the request is no preflight.
    pub fn preflight(&self, fields: Fields<'_>) -> Option<&[(HeaderName, HeaderValue)]> {
        let origin = fields.get(&header::ORIGIN)?;
        let method = fields.get(&header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let mut headers = fields
            .lines(&REQUEST_HEADERS)
            .flat_map(|line| line.split(|&byte| byte == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|name| !name.is_empty());
        let allowed = self.allows(origin, method) && headers.all(|name| self.allows_header(name));
        Some(if allowed { &self.permission } else { &[] })
    }

    fn allows_origin(&self, origin: &[u8]) -> bool {
        match &self.origins {
            Origins::Any(_) => true,
            Origins::Some(known) => known.iter().any(|(known, _)| known.as_bytes() == origin),
        }
    }

    fn allows_method(&self, method: &[u8]) -> bool {
        self.methods.iter().any(|known| is_or_any(known.as_str(), method))
    }

    fn allows_header(&self, name: &[u8]) -> bool {
        // "*" does not stand for Authorization (Fetch, CORS non-wildcard request-header name).
        let by_star = !name.eq_ignore_ascii_case(b"authorization");
        self.headers.iter().any(|known| match known.as_str() {
            "*" => by_star,
            known => known.as_bytes().eq_ignore_ascii_case(name),
        })
    }
}

/// Methods are told apart by case (RFC 9110 section 9.1).
fn is_or_any(known: &str, method: &[u8]) -> bool {
    known == "*" || known.as_bytes() == method
}

fn joined<T: AsRef<str>>(name: HeaderName, words: &[T]) -> Option<(HeaderName, HeaderValue)> {
    if words.is_empty() {
        return None;
    }
    let list: Vec<_> = words.iter().map(AsRef::as_ref).collect();
    Some((name, HeaderValue::try_from(list.join(", ")).ok()?))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    const FRIEND: &str = "https://friend.example";

    fn for_friend(credentials: bool) -> Cors {
        Cors::new(CorsOptions {
            origins: Some(vec![FRIEND.to_owned(), "http://localhost:3000".to_owned()]),
            methods: vec![Method::GET, Method::PUT],
            headers: vec![header::CONTENT_TYPE],
            expose: vec![header::ETAG, header::LOCATION],
            credentials,
            max_age: 60,
        })
    }

    fn for_all() -> Cors {
        Cors::new(CorsOptions {
            methods: vec![Method::from_bytes(b"*").unwrap()],
            headers: vec![HeaderName::from_bytes(b"*").unwrap()],
            max_age: 60,
            ..CorsOptions::default()
        })
    }

    fn shown(fields: &[(HeaderName, HeaderValue)]) -> Vec<String> {
        let show = |(name, value): &(HeaderName, HeaderValue)| {
            format!("{name}: {}", value.to_str().unwrap())
        };
        fields.iter().map(show).collect()
    }

    #[test]
    fn an_exact_origin_is_named_and_the_answer_varies() {
        let cors = for_friend(true);
        assert_eq!(shown(&cors.constant_fields()), ["vary: Origin"]);
        let expected = [
            "access-control-allow-origin: https://friend.example",
            "access-control-expose-headers: etag, location",
            "access-control-allow-credentials: true",
        ];
        assert_eq!(shown(cors.fields_for(FRIEND.as_bytes())), expected);
        let others = ["https://friend.example.evil", "http://friend.example", "null", "", "*"];
        for other in others {
            assert!(cors.fields_for(other.as_bytes()).is_empty(), "{other}");
        }
    }

    #[test]
    fn a_star_says_the_same_to_all() {
        let cors = for_all();
        assert_eq!(shown(&cors.constant_fields()), ["access-control-allow-origin: *"]);
        assert!(!cors.varies());
        assert!(cors.fields_for(b"https://a.example").is_empty());
    }

    /// What a preflight is answered with: `None` when it is none.
    fn ask(cors: &Cors, fields: &[(&'static str, &'static str)]) -> Option<Vec<String>> {
        let mut map = HeaderMap::new();
        for (name, value) in fields {
            map.append(*name, HeaderValue::from_static(value));
        }
        cors.preflight(Fields::Map(&map)).map(shown)
    }

    #[test]
    fn preflights_are_allowed_or_told_nothing() {
        const ORIGIN: (&str, &str) = ("origin", FRIEND);
        const PUT: (&str, &str) = ("access-control-request-method", "PUT");
        let with = |value| [ORIGIN, PUT, ("access-control-request-headers", value)];
        let permission = [
            "access-control-allow-methods: GET, PUT",
            "access-control-allow-headers: content-type",
            "access-control-max-age: 60",
        ];
        let cors = for_friend(false);
        assert_eq!(ask(&cors, &[ORIGIN, PUT]).unwrap(), permission);
        assert_eq!(ask(&cors, &with("content-type")).unwrap(), permission);
        assert_eq!(ask(&cors, &with("Content-Type, ,content-type")).unwrap(), permission);
        assert_eq!(ask(&cors, &with("")).unwrap(), permission);

        let nothing: [&str; 0] = [];
        assert_eq!(ask(&cors, &with("content-type, x-other")).unwrap(), nothing);
        assert_eq!(ask(&cors, &[("origin", "null"), PUT]).unwrap(), nothing);
        for method in ["put", "DELETE", "", "*"] {
            let asked = ask(&cors, &[ORIGIN, ("access-control-request-method", method)]);
            assert_eq!(asked.unwrap(), nothing, "{method}");
        }
        assert_eq!(ask(&cors, &[ORIGIN]), None);
        assert_eq!(ask(&cors, &[PUT]), None);
    }

    #[test]
    fn a_star_allows_all_headers_but_authorization() {
        let fields = |headers| {
            [
                ("origin", "null"),
                ("access-control-request-method", "PROPFIND"),
                ("access-control-request-headers", headers),
            ]
        };
        let cors = for_all();
        let permission = ask(&cors, &fields("x-anything")).unwrap();
        assert_eq!(permission[0], "access-control-allow-methods: *");
        assert!(ask(&cors, &fields("x-anything, Authorization")).unwrap().is_empty());
    }
}
