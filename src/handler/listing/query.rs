//! What somebody asks of a listing, and links that ask for something else.

use std::borrow::Cow;

use form_urlencoded::Serializer;

use crate::content::accept::{self, Form};
use crate::message::Request;

/// What the entries are sorted by. Folders always come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) enum Sort {
    #[default]
    Name,
    Size,
    Time,
}

impl Sort {
    pub(super) const ALL: [Self; 3] = [Self::Name, Self::Size, Self::Time];

    /// Its word in a query.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Size => "size",
            Self::Time => "time",
        }
    }
}

/// A query, understood. A value that is not is taken for the default.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Query {
    pub(super) form: Form,
    pub(super) sort: Sort,
    pub(super) descending: bool,
    /// Only names that contain this, upper or lower case alike.
    pub(super) filter: Box<str>,
    /// From 1; only pages of HTML are numbered.
    pub(super) page: usize,
}

impl Query {
    /// Reads the query of a request; `Accept` counts where it says nothing of the form.
    ///
    /// Who names no form gets HTML: programs that follow links (`wget -r`, mirrors) say `*/*`.
    pub(super) fn read(request: &Request<'_>) -> Self {
        let mut form = None;
        let mut query = Self {
            form: Form::Html,
            sort: Sort::Name,
            descending: false,
            filter: Box::default(),
            page: 1,
        };
        for (name, value) in form_urlencoded::parse(request.target.query.unwrap_or_default()) {
            match name.as_ref() {
                "sort" => {
                    let known = Sort::ALL.into_iter().find(|sort| sort.word() == value);
                    query.sort = known.unwrap_or_default();
                }
                "order" => query.descending = value == "desc",
                "filter" => query.filter = value.into(),
                "page" => query.page = value.parse().unwrap_or(1).max(1),
                "format" => form = by_word(&value),
                _ => {}
            }
        }
        query.form = form.or_else(|| accept::named(request.fields)).unwrap_or(Form::Html);
        if query.form != Form::Html {
            query.page = 1;
        }
        query
    }

    /// A link to the same entries in another order.
    pub(super) fn sorted_by(&self, sort: Sort, descending: bool) -> String {
        let order = if descending { "desc" } else { "asc" };
        self.link(&[("sort", sort.word()), ("order", order)], 1)
    }

    /// A link to another page of the same entries in the same order.
    pub(super) fn at_page(&self, page: usize) -> String {
        self.link(&self.order_pairs(), page)
    }

    /// What of the query says the order, where that is not the default.
    pub(super) fn order_pairs(&self) -> Vec<(&'static str, &'static str)> {
        let mut pairs = Vec::new();
        if self.sort != Sort::Name || self.descending {
            pairs.push(("sort", self.sort.word()));
            pairs.push(("order", if self.descending { "desc" } else { "asc" }));
        }
        pairs
    }

    fn link(&self, order: &[(&str, &str)], page: usize) -> String {
        let mut pairs = Serializer::new("?".to_owned());
        pairs.extend_pairs(order);
        if !self.filter.is_empty() {
            pairs.append_pair("filter", &self.filter);
        }
        if page > 1 || order.is_empty() {
            pairs.append_pair("page", &page.to_string());
        }
        let link = pairs.finish();
        // `Serializer` takes what it is given for a query that goes on.
        link.replacen("?&", "?", 1)
    }
}

fn by_word(word: &str) -> Option<Form> {
    match word {
        "html" => Some(Form::Html),
        "json" => Some(Form::Json),
        "text" => Some(Form::Text),
        _ => None,
    }
}

/// Whether names are looked for in, prepared once for many names.
pub(super) struct Needle<'q> {
    text: Cow<'q, str>,
}

impl<'q> Needle<'q> {
    /// `None` when every name has it.
    pub(super) fn new(filter: &'q str) -> Option<Self> {
        (!filter.is_empty()).then(|| Self { text: filter.to_lowercase().into() })
    }

    /// Whether a name contains it.
    pub(super) fn is_in(&self, name: &[u8]) -> bool {
        if name.is_ascii() {
            let needle = self.text.as_bytes();
            return name.windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle));
        }
        String::from_utf8_lossy(name).to_lowercase().contains(self.text.as_ref())
    }
}
