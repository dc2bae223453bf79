//! Serde forms for types whose JSON is their text: `"65000:10"`, `["*:10", "65000:11"]`.

/// An optional value as its text.
pub mod option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{fmt::Display, str::FromStr};

    /// `null` or the text.
    pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    /// The inverse.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<Option<T>, D::Error>
    where
        T: FromStr<Err: Display>,
        D: Deserializer<'de>,
    {
        Option::<String>::deserialize(deserializer)?
            .map(|text| text.parse().map_err(|error| D::Error::custom(format!("{text}: {error}"))))
            .transpose()
    }
}

/// A set of values as a list of texts.
pub mod set {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};
    use std::{collections::BTreeSet, fmt::Display, str::FromStr};

    /// A list of texts.
    pub fn serialize<T: Display, S: Serializer>(
        values: &BTreeSet<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(ToString::to_string))
    }

    /// The inverse.
    pub fn deserialize<'de, T, D>(deserializer: D) -> Result<BTreeSet<T>, D::Error>
    where
        T: FromStr<Err: Display> + Ord,
        D: Deserializer<'de>,
    {
        Vec::<String>::deserialize(deserializer)?
            .into_iter()
            .map(|text| text.parse().map_err(|error| D::Error::custom(format!("{text}: {error}"))))
            .collect()
    }
}
