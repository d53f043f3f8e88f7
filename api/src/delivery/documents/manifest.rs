//! The files in which front ends' tools write down the documents of an application, told apart by what is in them.
//!
//! Whether ids and documents are any good is decided elsewhere (`documents.rs`, `http/graphql/validate.rs`).

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::Value;

use crate::access::audit::sha256;

/// Why a file is no list of documents.
#[derive(Debug, thiserror::Error)]
pub enum NoManifest {
    /// It is no JSON.
    #[error("it is not JSON: {0}")]
    NoJson(#[from] serde_json::Error),
    /// It is JSON of another kind.
    #[error("it is neither an object from ids to documents nor a persisted query manifest of Apollo, version 1")]
    Unknown,
}

/// The manifest of Apollo's tools.
#[derive(Deserialize)]
struct Apollo {
    format: String,
    version: u64,
    operations: Vec<ApolloOperation>,
}

#[derive(Deserialize)]
struct ApolloOperation {
    id: String,
    body: String,
}

/// The documents of a file, id and text, in no particular order. An id may occur more than once.
///
/// # Errors
/// When the text is not what any tool that we know writes.
pub fn read(file: &Path, text: String) -> Result<Vec<(String, String)>, NoManifest> {
    if file.extension().is_some_and(|ending| ending == "graphql" || ending == "gql") {
        return Ok(vec![(sha256(text.as_bytes()), text)]);
    }
    let json: Value = serde_json::from_str(&text)?;
    // What Relay and graphql-codegen write: nothing but texts.
    if let Ok(documents) = BTreeMap::<String, String>::deserialize(&json) {
        return Ok(documents.into_iter().collect());
    }
    match Apollo::deserialize(&json) {
        Ok(Apollo { format, version: 1, operations }) if format == "apollo-persisted-query-manifest" => {
            Ok(operations.into_iter().map(|operation| (operation.id, operation.body)).collect())
        }
        _ => Err(NoManifest::Unknown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(file: &str, text: &str) -> Option<Vec<(String, String)>> {
        read(Path::new(file), text.to_owned()).ok()
    }

    fn list(documents: &[(&str, &str)]) -> Vec<(String, String)> {
        documents.iter().map(|(id, text)| ((*id).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_the_tools_of_front_ends_write_is_read() {
        let map = r#"{"b": "{ b }", "a": "{ a }"}"#;
        assert_eq!(ids("persisted-documents.json", map), Some(list(&[("a", "{ a }"), ("b", "{ b }")])));
        let apollo = r#"{
            "format": "apollo-persisted-query-manifest", "version": 1,
            "operations": [{ "id": "a", "name": "A", "type": "query", "body": "query A { a }", "clientName": "web" }]
        }"#;
        assert_eq!(ids("manifest.json", apollo), Some(list(&[("a", "query A { a }")])));
        let menu = "{ menu }\n";
        assert_eq!(ids("menu.graphql", menu), Some(list(&[(&sha256(menu.as_bytes()), menu)])), "byte for byte");
    }

    #[test]
    fn what_no_tool_writes_is_refused() {
        for text in [
            "",
            "{ menu }",
            "[]",
            "\"{ a }\"",
            r#"{"a": {"body": "{ a }"}}"#,
            r#"{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}"#,
            r#"{"format": "another", "version": 1, "operations": []}"#,
            r#"{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "a"}]}"#,
        ] {
            assert_eq!(ids("manifest.json", text), None, "{text}");
        }
    }
}
