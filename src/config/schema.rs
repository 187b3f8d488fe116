//! The JSON Schema of the configuration file, from the table of keys.

use serde_json::{Map, Value, json};

use super::keys::KEYS;

/// The JSON Schema (draft 7, which editors know best) of the configuration file: what it accepts,
/// written with `_`. Kept in the repository as `config.schema.json`.
pub fn schema() -> Value {
    let mut properties = Map::new();
    properties.insert("$schema".to_owned(), json!({"type": "string"}));
    for key in KEYS {
        let mut schema = key.about().schema;
        let restart = if key.about().is_at_start { " A change takes a restart." } else { "" };
        schema["description"] = format!("{}{restart}", key.help()).into();
        for alias in key.aliases {
            let mut old = schema.clone();
            old["description"] = format!("Older name of {}.", key.name).into();
            old["deprecated"] = true.into();
            properties.insert((*alias).to_owned(), old);
        }
        schema["default"] = key.default_value();
        properties.insert(key.name.to_owned(), schema);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Configuration of salver",
        "description": "Every key is optional. Comments and trailing commas are allowed.",
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "allowTrailingCommas": true
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::config::samples::SAMPLES;
    use jsonc_parser::{ParseOptions, parse_to_serde_value};

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config.schema.json");
    const UPDATE: &str = "UPDATE_SCHEMA";

    #[test]
    fn the_schema_of_the_repository_is_fresh() {
        let fresh = format!("{:#}\n", schema());
        if std::env::var_os(UPDATE).is_some() {
            fs::write(FILE, &fresh).unwrap();
        }
        assert!(
            fs::read_to_string(FILE).unwrap_or_default() == fresh,
            "config.schema.json is stale; run: {UPDATE}=1 cargo test --lib config::schema"
        );
    }

    #[test]
    fn the_example_of_the_repository_follows_it() {
        let text = include_str!("../../config.json");
        let value: Value = parse_to_serde_value(text, &ParseOptions::default()).unwrap();
        validate(&schema(), &value).unwrap();
    }

    #[test]
    fn it_takes_the_values_that_the_keys_take_and_no_others() {
        let schema = schema();
        for ((name, sample, _), key) in SAMPLES.iter().zip(KEYS) {
            let schema = &schema["properties"][name];
            validate(schema, &key.default_value()).unwrap();
            let sample: Value = serde_json::from_str(sample).unwrap();
            validate(schema, &sample).unwrap();
            assert!(validate(schema, &json!({"a": 1})).is_err(), "{name}");
        }
        assert!(validate(&schema, &json!({"prot": 1})).is_err());
        assert!(validate(&schema["properties"]["port"], &json!(65_536)).is_err());
        assert!(validate(&schema["properties"]["watch_config"], &json!(1)).is_err());
        assert!(validate(&schema["properties"]["ssl_min_version"], &json!(1.2)).is_ok());
    }

    /// The part of JSON Schema that ours uses, patterns aside.
    fn validate(schema: &Value, value: &Value) -> Result<(), String> {
        let object = schema.as_object().unwrap();
        let fault = |word: &str| Err(format!("{value} breaks {word} of {schema}"));
        for (word, rule) in object {
            let holds = match word.as_str() {
                "type" => match rule.as_str().unwrap() {
                    "integer" => value.is_u64(),
                    "number" => value.is_number(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    "array" => value.is_array(),
                    "object" => value.is_object(),
                    other => panic!("type {other}"),
                },
                "const" => value == rule,
                "enum" => rule.as_array().unwrap().contains(value),
                "minimum" => value.as_f64() >= rule.as_f64(),
                "maximum" => value.as_f64() <= rule.as_f64(),
                "minLength" => value.as_str().map(|s| s.len() as u64) >= rule.as_u64(),
                "maxLength" => value.as_str().map(|s| s.len() as u64) <= rule.as_u64(),
                "minItems" => value.as_array().map(|a| a.len() as u64) >= rule.as_u64(),
                "anyOf" => rule.as_array().unwrap().iter().any(|one| validate(one, value).is_ok()),
                "items" => value
                    .as_array()
                    .is_none_or(|all| all.iter().all(|item| validate(rule, item).is_ok())),
                "properties" => value.as_object().unwrap().iter().all(|(name, value)| {
                    rule.get(name).is_none_or(|rule| validate(rule, value).is_ok())
                }),
                "additionalProperties" => value.as_object().unwrap().iter().all(|(name, value)| {
                    object.get("properties").is_some_and(|known| known.get(name).is_some())
                        || (rule.is_object() && validate(rule, value).is_ok())
                }),
                "required" => {
                    let names = rule.as_array().unwrap().iter().map(|name| name.as_str().unwrap());
                    names.into_iter().all(|name| value.get(name).is_some())
                }
                "uniqueItems"
                | "pattern"
                | "description"
                | "default"
                | "deprecated"
                | "title"
                | "$schema"
                | "allowTrailingCommas" => true,
                other => panic!("what is {other}?"),
            };
            if !holds {
                return fault(word);
            }
        }
        Ok(())
    }
}
