//! The JSON Schema of an inventory, from the same table the reader uses: editors complete and check by it.

use serde_json::{Map, Value, json};

use super::fields::{Field, Form, INVENTORY, Section};
use super::values::Version;

/// The JSON Schema (draft 2020-12) of `inventory.yaml`.
pub fn schema() -> Value {
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "inventory.yaml of a workshop",
    });
    merge(&mut schema, section(&INVENTORY));
    schema
}

fn section(section: &Section) -> Value {
    let properties: Map<String, Value> = section
        .fields
        .iter()
        .map(|field| (field.name.to_owned(), property(field)))
        .collect();
    let required: Vec<&str> = section
        .fields
        .iter()
        .filter(|field| field.required)
        .map(|field| field.name)
        .collect();
    let mut schema = json!({
        "description": section.doc,
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        merge(&mut schema, json!({ "required": required }));
    }
    schema
}

fn property(field: &Field) -> Value {
    let mut schema = form(&field.form);
    merge(&mut schema, json!({ "description": field.doc }));
    if let Some(default) = field.default {
        // As YAML would read it: a number where it is one.
        let default = match default.parse::<u64>() {
            Ok(number) => json!(number),
            Err(_) => json!(default),
        };
        merge(&mut schema, json!({ "default": default }));
    }
    // A key with nothing behind it is as good as no key, unless it must be there.
    if !field.required {
        schema = match schema.get("type").cloned() {
            Some(Value::String(kind)) => {
                merge(&mut schema, json!({ "type": [kind, "null"] }));
                schema
            }
            _ => schema,
        };
    }
    schema
}

fn form(form: &Form) -> Value {
    match form {
        Form::Text => json!({ "type": "string" }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::Date => {
            json!({ "type": "string", "format": "date", "pattern": r"^\d{4}-\d{2}-\d{2}$" })
        }
        Form::Moment => {
            json!({ "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}" })
        }
        Form::Size => json!({ "type": "string", "pattern": "^[0-9.]+ ?([KMGTkmgt][Ii]?)?[Bb]$" }),
        Form::Duration => json!({ "type": "string", "pattern": "^[0-9.]+ ?[A-Za-z]+" }),
        Form::Word(words) => json!({
            "oneOf": words
                .iter()
                .map(|(word, doc)| json!({ "const": word, "description": doc }))
                .collect::<Vec<_>>(),
        }),
        Form::Integer { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Form::Number { min, max } => json!({ "type": "number", "minimum": min, "maximum": max }),
        // Written without quotes, a version is a number to YAML.
        Form::Version => json!({
            "enum": Version::all()
                .flat_map(|version| [
                    number(version),
                    json!(version.to_string()),
                ])
                .collect::<Vec<_>>(),
        }),
        Form::Section(inner) => section(inner),
        Form::List(item) => json!({ "type": "array", "items": self::form(item) }),
        Form::AnyOf(forms) => json!({ "anyOf": forms.iter().map(self::form).collect::<Vec<_>>() }),
    }
}

/// 30.2 is thirty and two tenths there, and 31.99 ninety-nine hundredths.
fn number(version: Version) -> Value {
    version
        .to_string()
        .parse::<f64>()
        .map_or(Value::Null, |number| json!(number))
}

fn merge(schema: &mut Value, more: Value) {
    if let (Value::Object(schema), Value::Object(more)) = (schema, more) {
        schema.extend(more);
    }
}
