//! Kinds made of kinds.

use serde_json::{Value, json};

use super::{About, Flag, Kind, Mismatch, Raw};

/// A list, none of whose values is there twice.
pub(in crate::config) fn list<K>(item: K) -> List<K> {
    List { item }
}

/// See [`list`].
pub(in crate::config) struct List<K> {
    item: K,
}

impl<K: Kind<Value: PartialEq>> List<K> {
    fn read_all(&self, elements: Vec<Raw<'_>>) -> Result<Vec<K::Value>, Mismatch> {
        let mut values = Vec::with_capacity(elements.len());
        for element in elements {
            let value = self.item.read(element)?;
            if values.contains(&value) {
                let shown = self.item.show(&value);
                return Err(element.refused(format!("{shown} is in the list twice")));
            }
            values.push(value);
        }
        Ok(values)
    }
}

impl<K: Kind<Value: PartialEq>> Kind for List<K> {
    type Value = Vec<K::Value>;

    fn read(&self, raw: Raw<'_>) -> Result<Self::Value, Mismatch> {
        self.read_all(raw.elements().ok_or_else(|| raw.wrong())?)
    }

    fn show(&self, values: &Self::Value) -> Value {
        values.iter().map(|value| self.item.show(value)).collect()
    }

    fn about(&self) -> About {
        let item = self.item.about();
        About {
            takes: format!("a list, each {}", item.takes),
            schema: json!({"type": "array", "items": item.schema, "uniqueItems": true}),
            flag: item.flag.repeated(),
            is_at_start: false,
        }
    }
}

/// One value, or a list with at least one.
pub(in crate::config) fn one_or_more<K>(item: K) -> OneOrMore<K> {
    OneOrMore(list(item))
}

/// See [`one_or_more`].
pub(in crate::config) struct OneOrMore<K>(List<K>);

impl<K: Kind<Value: PartialEq>> Kind for OneOrMore<K> {
    type Value = Vec<K::Value>;

    fn read(&self, raw: Raw<'_>) -> Result<Self::Value, Mismatch> {
        let values = self.0.read_all(raw.elements_or_self())?;
        if values.is_empty() { Err(raw.refused("the list is empty")) } else { Ok(values) }
    }

    fn show(&self, values: &Self::Value) -> Value {
        match values.as_slice() {
            [one] => self.0.item.show(one),
            _ => self.0.show(values),
        }
    }

    fn about(&self) -> About {
        self.0.item.about().one_or_more()
    }
}

impl About {
    /// The same, or a list of them.
    pub(super) fn one_or_more(self) -> Self {
        let array =
            json!({"type": "array", "items": self.schema, "minItems": 1, "uniqueItems": true});
        Self {
            takes: format!("{}, or a list of them", self.takes),
            schema: json!({"anyOf": [self.schema, array]}),
            flag: self.flag.repeated(),
            is_at_start: false,
        }
    }
}

impl Flag {
    fn repeated(self) -> Self {
        match self {
            Self::Value(name) | Self::List(name) => Self::List(name),
            Self::Switch => Self::List("BOOLEAN"),
        }
    }
}

/// A value, or none: `null` in a file, an empty text elsewhere.
pub(in crate::config) fn or_null<K>(kind: K) -> OrNull<K> {
    OrNull(kind)
}

/// See [`or_null`].
pub(in crate::config) struct OrNull<K>(K);

impl<K: Kind> Kind for OrNull<K> {
    type Value = Option<K::Value>;

    fn read(&self, raw: Raw<'_>) -> Result<Self::Value, Mismatch> {
        if raw.is_nothing() { Ok(None) } else { self.0.read(raw).map(Some) }
    }

    fn show(&self, value: &Self::Value) -> Value {
        value.as_ref().map_or(Value::Null, |value| self.0.show(value))
    }

    fn about(&self) -> About {
        let inner = self.0.about();
        About {
            takes: format!("{}, or null", inner.takes),
            schema: json!({"anyOf": [inner.schema, {"type": "null"}]}),
            ..inner
        }
    }
}

/// A value that counts at the start: a running server does not take over another.
pub(in crate::config) fn at_start<K>(kind: K) -> AtStart<K> {
    AtStart(kind)
}

/// See [`at_start`].
pub(in crate::config) struct AtStart<K>(K);

impl<K: Kind> Kind for AtStart<K> {
    type Value = K::Value;

    fn read(&self, raw: Raw<'_>) -> Result<Self::Value, Mismatch> {
        self.0.read(raw)
    }

    fn show(&self, value: &Self::Value) -> Value {
        self.0.show(value)
    }

    fn about(&self) -> About {
        About { is_at_start: true, ..self.0.about() }
    }
}
