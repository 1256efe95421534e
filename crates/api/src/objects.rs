//! Objects within a body, read from objects only: serde would take an array for their fields in their order, and so
//! nothing for something that was written wrongly.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor, value::MapAccessDeserializer},
};

/// One of them.
pub(crate) fn object<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
    Object::deserialize(from).map(|Object(read)| read)
}

/// A list of them.
pub(crate) fn objects<'de, T: Deserialize<'de>, D: Deserializer<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    let list = Vec::<Object<T>>::deserialize(from)?;
    Ok(list.into_iter().map(|Object(read)| read).collect())
}

/// A list of them, or none given.
pub(crate) fn objects_if_given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Vec<T>>, D::Error> {
    let list = Option::<Vec<Object<T>>>::deserialize(from)?;
    Ok(list.map(|list| list.into_iter().map(|Object(read)| read).collect()))
}

struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct OfObject<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for OfObject<T> {
            type Value = Object<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(object)).map(Object)
            }
        }

        from.deserialize_map(OfObject(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{from_str, from_value, json};

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Inner {
        a: Option<u8>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    struct Outer {
        #[serde(deserialize_with = "object")]
        one: Inner,
        #[serde(default, deserialize_with = "objects_if_given")]
        many: Option<Vec<Inner>>,
    }

    #[test]
    fn an_array_is_no_object() {
        let read = from_value::<Outer>(json!({"one": {"a": 1}, "many": [{"a": null}]})).unwrap();
        assert_eq!((read.one.a, read.many.map(|many| many.len())), (Some(1), Some(1)));
        assert_eq!(
            from_value::<Outer>(json!({"one": {}, "many": null}))
                .unwrap()
                .many,
            None
        );
        for wrong in [
            r#"{"one": [null]}"#,
            r#"{"one": {}, "many": [[1]]}"#,
            r#"{"one": null}"#,
        ] {
            let error = from_str::<Outer>(wrong).unwrap_err().to_string();
            assert!(error.contains("expected an object"), "{error}");
        }
    }
}
