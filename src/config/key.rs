//! What a key is, and how a table of them becomes the typed [`Config`].

use std::sync::LazyLock;

use serde_json::Value;

use super::keys::{Config, KEYS};
use super::kinds::{About, Mismatch, Raw};

/// One key of the configuration: everything that the file, the environment, the command line,
/// `salver check` and the JSON Schema need to know of it.
pub struct Key {
    /// The name: in the file as it is, as a flag with `-` for `_`, in the environment in capitals
    /// after `SALVER_`.
    pub name: &'static str,
    /// Older names, understood wherever the name is.
    pub aliases: &'static [&'static str],
    /// The letter of its short flag.
    pub short: Option<char>,
    /// What it is about: the heading it is listed under.
    pub section: &'static str,
    /// The lines of its doc comment in the table.
    pub(super) doc: &'static [&'static str],
    /// Reads a value into its field.
    pub(super) read: fn(&mut Config, Raw<'_>) -> Result<(), Mismatch>,
    /// Its field as JSON, in the unit of the key.
    pub(super) show: fn(&Config) -> Value,
    /// Gives the first configuration the value of the second one.
    pub(super) copy: fn(&mut Config, &Config),
    /// What its kind of value is like.
    pub(super) about: fn() -> About,
}

impl Key {
    /// What it means, in one paragraph.
    pub fn help(&self) -> String {
        let paragraph = self.doc.iter().map(|line| line.trim()).take_while(|line| !line.is_empty());
        paragraph.collect::<Vec<_>>().join(" ").replace('`', "")
    }

    /// What a value may be, and how it is written.
    pub fn about(&self) -> About {
        (self.about)()
    }

    /// Its value as JSON, as the file would say it. A password shows as `"***"`.
    pub fn show(&self, config: &Config) -> Value {
        (self.show)(config)
    }

    /// Its default as JSON.
    pub fn default_value(&self) -> Value {
        static DEFAULTS: LazyLock<Config> = LazyLock::new(Config::default);
        self.show(&DEFAULTS)
    }

    /// Gives `config` the value that `other` has.
    pub fn copy(&self, config: &mut Config, other: &Config) {
        (self.copy)(config, other);
    }

    /// Its long flag without the dashes: `cache-max-age`.
    pub fn flag(&self) -> String {
        self.name.replace('_', "-")
    }

    /// Its environment variable: `SALVER_CACHE_MAX_AGE`.
    pub fn variable(&self) -> String {
        variable(self.name)
    }

    /// Whether it turns a feature on or off, and which: `cache` for `enable_cache`.
    pub fn feature(&self) -> Option<&'static str> {
        self.names().find_map(|name| name.strip_prefix("enable_"))
    }

    fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }
}

/// The key of that name or older name; `-` and `_` are the same.
pub fn find(name: &str) -> Option<&'static Key> {
    let name = name.replace('-', "_");
    KEYS.iter().find(|key| key.names().any(|known| known == name))
}

/// The known name that was most likely meant, if one comes close.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.replace('-', "_").to_lowercase();
    // More edits than a third of the word, and it is another word.
    let most = name.chars().count().div_ceil(3);
    KEYS.iter()
        .flat_map(Key::names)
        .map(|known| (strsim::osa_distance(&name, known), known))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

/// What the environment calls a name.
pub(super) fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase())
}

/// What every environment variable of ours begins with.
pub(super) const PREFIX: &str = "SALVER_";

/// Turns a table of keys into `Config`, its `Default`, and [`KEYS`].
///
/// A row is `name, short 'n', old other_name: Type = default, kind;` below its doc comment, whose
/// first paragraph is also the help text; `kind` is one of the functions of [`super::kinds`].
macro_rules! keys {
    ($(
        section $section:literal {
            $(
                $(#[doc = $doc:literal])+
                $name:ident $(, short $short:literal)? $(, old $old:ident)* :
                    $type:ty = $default:expr, $kind:expr;
            )+
        }
    )+) => {
        /// The whole configuration: one field per key, read and checked, never changed afterwards.
        ///
        /// A configuration for a test is the default one with changes:
        ///
        /// ```
        /// use salver::config::Config;
        ///
        /// let config = Config { port: 0, directory_listing: false, ..Config::default() };
        /// assert!(config.enable_cache);
        /// ```
        #[derive(Clone, Debug, PartialEq)]
        pub struct Config {
            $($(
                $(#[doc = $doc])+
                pub $name: $type,
            )+)+
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($($name: $default,)+)+ }
            }
        }

        /// Every key, in the order people want to read about them.
        pub static KEYS: &[Key] = &[$($(
            Key {
                name: stringify!($name),
                aliases: &[$(stringify!($old)),*],
                short: keys!(@short $($short)?),
                section: $section,
                doc: &[$($doc),+],
                read: |config, raw| {
                    config.$name = Kind::read(&$kind, raw)?;
                    Ok(())
                },
                show: |config| Kind::show(&$kind, &config.$name),
                copy: |config, other| config.$name.clone_from(&other.$name),
                about: || kinds::about::<$type, _>(&$kind),
            },
        )+)+];
    };
    (@short) => { None };
    (@short $short:literal) => { Some($short) };
}

pub(super) use keys;

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_is_its_own() {
        let mut seen = HashSet::new();
        for name in KEYS.iter().flat_map(Key::names) {
            assert!(seen.insert(name), "{name} is there twice");
            assert!(name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_')), "{name}");
        }
        let mut seen = HashSet::from(['c', 'h', 'V']);
        for short in KEYS.iter().filter_map(|key| key.short) {
            assert!(seen.insert(short), "-{short} is there twice");
        }
    }

    #[test]
    fn every_key_says_what_it_is_and_takes() {
        for key in KEYS {
            assert!(key.help().ends_with('.'), "{}: {:?}", key.name, key.help());
            assert!(!key.about().takes.is_empty(), "{}", key.name);
        }
    }

    #[test]
    fn names_are_found_as_people_write_them() {
        for (written, key) in [
            ("port", "port"),
            ("document-root", "document_root"),
            ("directory", "document_root"),
            ("enable-directory_listing", "directory_listing"),
            ("ssl", "enable_ssl"),
        ] {
            assert_eq!(find(written).map(|key| key.name), Some(key), "{written}");
        }
        assert!(find("Port").is_none());
        assert!(find("").is_none());
    }

    #[test]
    fn the_nearest_name_is_close_or_none() {
        for (written, name) in [
            ("prot", Some("port")),
            ("PORT", Some("port")),
            ("docment-root", Some("document_root")),
            ("cache_max_sizes", Some("cache_max_size")),
            ("directry", Some("directory")),
            ("enable_chache", Some("enable_cache")),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(nearest(written), name, "{written}");
        }
    }
}
