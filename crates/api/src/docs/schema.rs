//! Types in words: what a schema of the description says.

use maud::{Markup, html};
use serde_json::Value;

/// The type of a value: `string or null`, `list of Server`.
pub(super) fn kind(schema: &Value) -> Markup {
    if let Some(name) = reference(schema) {
        return html! { a href={ "#schema-" (name) } { (name) } };
    }
    for (several, between) in [("oneOf", " or "), ("anyOf", " or "), ("allOf", " and ")] {
        if let Some(all) = schema[several].as_array() {
            return joined(all.iter().map(kind), between);
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        return joined(
            values.iter().map(|value| html! { code { (plain(value)) } }),
            " or ",
        );
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => return html! { "anything" },
    };
    joined(types.into_iter().map(|one| named(one, schema)), " or ")
}

fn named(name: &str, schema: &Value) -> Markup {
    match name {
        "array" => html! { "list of " (kind(&schema["items"])) },
        "object" if schema["additionalProperties"].is_object() => {
            html! { "any names, each with " (kind(&schema["additionalProperties"])) }
        }
        "string" | "integer" | "number" => html! {
            (name)
            @if let Some(format) = schema["format"].as_str() { " (" (format) ")" }
        },
        _ => html! { (name) },
    }
}

/// Bounds of a value: `1 to 100 characters`.
pub(super) fn bounds(schema: &Value) -> Option<String> {
    let range = |from: &str, to: &str| match (schema[from].as_i64(), schema[to].as_i64()) {
        (Some(from), Some(to)) => Some(format!("{from} to {to}")),
        (Some(from), None) => Some(format!("at least {from}")),
        (None, Some(to)) => Some(format!("at most {to}")),
        (None, None) => None,
    };
    range("minimum", "maximum").or_else(|| Some(range("minLength", "maxLength")? + " characters"))
}

/// The fields of an object, those of the schemas it is made of included.
pub(super) fn fields<'a>(schema: &'a Value, all: &'a Value) -> Vec<Field<'a>> {
    let required = |name: &str| {
        let names = schema["required"].as_array().into_iter().flatten();
        names.into_iter().any(|required| required == name)
    };
    let own = schema["properties"].as_object().into_iter().flatten();
    let own = own.map(|(name, schema)| Field {
        name,
        schema,
        is_required: required(name),
    });
    let parts = schema["allOf"].as_array().into_iter().flatten();
    let inherited = parts.flat_map(|part| fields(reference(part).map_or(part, |name| &all[name]), all));
    own.chain(inherited).collect()
}

/// A field of an object.
pub(super) struct Field<'a> {
    pub(super) name: &'a str,
    pub(super) schema: &'a Value,
    pub(super) is_required: bool,
}

fn reference(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.rsplit('/').next()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn joined(parts: impl Iterator<Item = Markup>, between: &str) -> Markup {
    html! {
        @for (n, part) in parts.enumerate() {
            @if n > 0 { (between) }
            (part)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn types_are_told_in_words() {
        for (schema, told) in [
            (json!({"type": "string", "format": "uuid"}), "string (uuid)"),
            (json!({"type": ["string", "null"]}), "string or null"),
            (
                json!({"type": "array", "items": {"type": "boolean"}}),
                "list of boolean",
            ),
            (
                json!({"$ref": "#/components/schemas/Server"}),
                "<a href=\"#schema-Server\">Server</a>",
            ),
            (
                json!({"oneOf": [{"type": "null"}, {"enum": ["a", "<b>"]}]}),
                "null or <code>a</code> or <code>&lt;b&gt;</code>",
            ),
            (
                json!({"type": "object", "additionalProperties": {"type": "string"}}),
                "any names, each with string",
            ),
            (json!({}), "anything"),
        ] {
            assert_eq!(kind(&schema).into_string(), told);
        }
        assert_eq!(
            bounds(&json!({"minLength": 1, "maxLength": 9})).as_deref(),
            Some("1 to 9 characters")
        );
        assert_eq!(bounds(&json!({"minimum": 0})).as_deref(), Some("at least 0"));
        assert_eq!(bounds(&json!({})), None);
    }

    #[test]
    fn fields_of_parts_are_fields() {
        let all = json!({"Part": {"properties": {"b": {}}, "required": ["b"]}});
        let whole = json!({"allOf": [{"$ref": "#/x/Part"}, {"properties": {"a": {}}}]});
        let fields: Vec<_> = fields(&whole, &all)
            .iter()
            .map(|f| (f.name, f.is_required))
            .collect();
        assert_eq!(fields, [("b", true), ("a", false)]);
    }
}
