//! What a table is about, for search engines: a schema.org `Dataset` as JSON-LD.

use std::io;

use chrono::SecondsFormat;
use serde_json::{Value, json};

use crate::figures::exchange::About;

/// The formats in which a table can be had: extension and media type.
const FORMATS: [(&str, &str); 3] = [
    ("csv", "text/csv"),
    ("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ("json", "application/json"),
];

/// Writes the description as JSON that may stand in a `<script>` element. `query` is what the addresses of the files have
/// after the question mark; it may be empty.
///
/// # Errors
/// When `out` takes no more.
pub fn write(about: &About, query: &str, out: impl io::Write) -> serde_json::Result<()> {
    let organization = about.publisher.as_ref().map(|name| json!({ "@type": "Organization", "name": name }));
    let file = |address: &str, (extension, media_type)| {
        let question = if query.is_empty() { "" } else { "?" };
        json!({
            "@type": "DataDownload",
            "contentUrl": format!("{address}.{extension}{question}{query}"),
            "encodingFormat": media_type,
        })
    };
    let mut dataset = json!({
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "name": about.title,
        "isAccessibleForFree": true,
    });
    let known: [(&str, Option<Value>); 13] = [
        ("description", about.description.as_deref().map(Value::from)),
        ("inLanguage", about.locale.as_ref().map(|locale| locale.as_str().into())),
        ("creator", organization.clone()),
        ("publisher", organization),
        ("license", about.licence.as_ref().map(|(name, address)| address.as_deref().unwrap_or(name).into())),
        ("citation", about.citation.as_deref().map(Value::from)),
        ("creditText", about.citation.as_deref().map(Value::from)),
        ("dateModified", about.updated_at.map(|at| at.to_rfc3339_opts(SecondsFormat::Secs, true).into())),
        ("temporalCoverage", about.period.map(|(first, last)| format!("{first}/{last}").into())),
        (
            "variableMeasured",
            about.unit.as_ref().map(|unit| json!({ "@type": "PropertyValue", "name": unit, "unitText": unit })),
        ),
        ("measurementTechnique", about.method.as_deref().map(Value::from)),
        ("url", about.address.as_deref().map(Value::from)),
        (
            "distribution",
            about.address.as_ref().map(|address| FORMATS.map(|format| file(address, format)).to_vec().into()),
        ),
    ];
    for (name, value) in known {
        if let Some(value) = value {
            dataset[name] = value;
        }
    }
    serde_json::to_writer(WithoutTags(out), &dataset)
}

/// Takes JSON, and escapes each `<`: it is in texts only, where the escape means the same; without it no text can end the
/// element.
struct WithoutTags<W>(W);

impl<W: io::Write> io::Write for WithoutTags<W> {
    fn write(&mut self, json: &[u8]) -> io::Result<usize> {
        let mut parts = json.split(|byte| *byte == b'<');
        self.0.write_all(parts.next().unwrap_or_default())?;
        for part in parts {
            self.0.write_all(br"\u003c")?;
            self.0.write_all(part)?;
        }
        Ok(json.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::figures::exchange::sample;

    fn written(about: &About, query: &str) -> String {
        let mut bytes = Vec::new();
        write(about, query, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_table_is_a_dataset() {
        let text = written(&sample::small().about, "locale=ja&years=2021");
        assert!(!text.contains('<'));
        let dataset: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            dataset,
            json!({
                "@context": "https://schema.org/",
                "@type": "Dataset",
                "name": "訪問者統計 </script>",
                "description": "国別の訪問者数",
                "inLanguage": "ja",
                "creator": { "@type": "Organization", "name": "大学病院" },
                "publisher": { "@type": "Organization", "name": "大学病院" },
                "license": "https://creativecommons.org/licenses/by/4.0/",
                "citation": "大学病院『訪問者統計』2022年",
                "creditText": "大学病院『訪問者統計』2022年",
                "dateModified": "2023-11-14T22:13:20Z",
                "temporalCoverage": "2021-01-01/2022-12-31",
                "variableMeasured": { "@type": "PropertyValue", "name": "人", "unitText": "人" },
                "measurementTechnique": "受付の記録による",
                "isAccessibleForFree": true,
                "url": "https://example.org/figures/visits",
                "distribution": [
                    {
                        "@type": "DataDownload",
                        "contentUrl": "https://example.org/figures/visits.csv?locale=ja&years=2021",
                        "encodingFormat": "text/csv",
                    },
                    {
                        "@type": "DataDownload",
                        "contentUrl": "https://example.org/figures/visits.xlsx?locale=ja&years=2021",
                        "encodingFormat": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                    },
                    {
                        "@type": "DataDownload",
                        "contentUrl": "https://example.org/figures/visits.json?locale=ja&years=2021",
                        "encodingFormat": "application/json",
                    },
                ],
            })
        );
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        let dataset: Value = serde_json::from_str(&written(&About::default(), "")).unwrap();
        assert_eq!(dataset.as_object().unwrap().len(), 4);
    }

    proptest! {
        #[test]
        fn no_text_can_end_the_script(table in sample::tables()) {
            let text = written(&table.about, "");
            prop_assert!(!text.contains('<'));
            let dataset: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(dataset["name"].as_str(), Some(table.about.title.as_str()));
        }
    }
}
