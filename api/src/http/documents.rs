//! Which document a request asks for, and who may ask for it: trusted documents by id, automatic persisted queries by
//! hash, and the text itself.
//!
//! [`Resolver::resolve`] decides it all, before anything is parsed. What a request looks like is read in
//! `parameters.rs`; the trusted documents are kept in `delivery/documents.rs`.

use std::sync::Arc;

use async_graphql::parser::types::{OperationType, Selection};
use quick_cache::{
    DefaultHashBuilder, OptionsBuilder, Weighter,
    sync::{Cache, DefaultLifecycle},
};

use crate::{
    access::{Caller, audit::sha256},
    error::{Code, Error, Result},
    graphql::request::parse,
    http::{
        graphql::{Refusal, Service},
        parameters::RequestedDocument,
    },
    schema::limits::{self, Limits},
    state::State,
};

/// The most bytes of the documents that clients have registered, all together.
const REMEMBERED_BYTES: u64 = 4 * 1024 * 1024;
/// What a registered document takes beside its text, about: its hash, and its place in the cache.
const OVERHEAD: u64 = 256;
/// Each part of the cache must hold several of the longest documents, so there are few.
const PARTS: usize = 4;

/// What somebody must be able to ask for who is not signed in yet, however little is trusted.
const SESSION_MUTATIONS: [&str; 3] = ["signIn", "refreshSession", "passwordSet"];

/// Finds the document that a request asks for.
pub struct Resolver {
    state: State,
    /// The automatic persisted queries: valid documents by the SHA-256 of their text.
    remembered: Cache<String, Arc<str>, Bytes>,
}

impl Resolver {
    /// Nothing is remembered yet.
    ///
    /// # Errors
    /// When the cache cannot be made, which would be a defect of ours.
    pub fn new(state: State) -> Result<Self> {
        Ok(Self { state, remembered: cache()? })
    }

    /// Whether this caller may run trusted documents only.
    pub fn restricts(&self, caller: &Caller) -> bool {
        self.state.config().trusted_documents_only && caller.credential.is_none()
    }

    /// The text of the document that is asked for, shared where it is in memory anyway. A text that comes with its hash
    /// is remembered if it is valid by itself, so `service` looks at it once.
    ///
    /// # Errors
    /// When there is no such document, or when it is not for callers that are `restricted`.
    pub async fn resolve(
        &self,
        service: &Service,
        document: RequestedDocument,
        restricted: bool,
    ) -> Result<Arc<str>, Refusal> {
        let trusted = self.state.documents();
        match document {
            RequestedDocument::Id(id) => trusted
                .get(&id)
                .ok_or_else(|| Refusal::new(Code::DocumentNotFound, "There is no document with this documentId.")),
            // Clients that send hashes also send the ids of Apollo's manifests in their place.
            RequestedDocument::Hash(hash) => match trusted.get(&hash).or_else(|| trusted.with_hash(&hash)) {
                Some(text) => Ok(text),
                None if restricted => Err(not_trusted()),
                // Clients look for this very message, and then send the text.
                None => self
                    .remembered
                    .get(&hash)
                    .ok_or_else(|| Refusal::new(Code::PersistedQueryNotFound, "PersistedQueryNotFound")),
            },
            RequestedDocument::TextWithHash { text, hash } if sha256(text.as_bytes()) != hash => Err(Refusal::new(
                Code::PersistedQueryHashMismatch,
                "The sha256Hash of the persisted query is not the SHA-256 of the parameter \"query\".",
            )),
            RequestedDocument::Text(text) | RequestedDocument::TextWithHash { text, .. } if restricted => {
                match trusted.with_hash(&sha256(text.as_bytes())) {
                    Some(text) => Ok(text),
                    None if only_opens_a_session(&text) => Ok(text.into()),
                    None => Err(not_trusted()),
                }
            }
            RequestedDocument::Text(text) => Ok(text.into()),
            RequestedDocument::TextWithHash { text, hash } => {
                if let Some(text) = trusted.with_hash(&hash).or_else(|| self.remembered.get(&hash)) {
                    return Ok(text);
                }
                let text: Arc<str> = text.into();
                // What is not valid is refused further on, in the words of whoever finds it.
                if service.validate(&text).is_ok() {
                    self.remembered.insert(hash, Arc::clone(&text));
                }
                Ok(text)
            }
        }
    }
}

fn cache() -> Result<Cache<String, Arc<str>, Bytes>> {
    let options = OptionsBuilder::new()
        .shards(PARTS)
        .estimated_items_capacity(4_096)
        .weight_capacity(REMEMBERED_BYTES)
        .build()
        .map_err(Error::internal)?;
    Ok(Cache::with_options(options, Bytes, DefaultHashBuilder::default(), DefaultLifecycle::default()))
}

fn not_trusted() -> Refusal {
    Refusal::new(Code::DocumentNotTrusted, "Without signing in, only trusted documents run here.")
}

/// Whether a document does nothing but what it takes to sign in: every root field is one of [`SESSION_MUTATIONS`].
fn only_opens_a_session(text: &str) -> bool {
    if limits::scan(text, &Limits::default()).is_err() {
        return false;
    }
    let Ok(document) = parse(text) else { return false };
    document.operations.iter().all(|(_, operation)| {
        let opens_a_session = |selection: &Selection| match selection {
            Selection::Field(field) => SESSION_MUTATIONS.contains(&field.node.name.node.as_str()),
            Selection::FragmentSpread(_) | Selection::InlineFragment(_) => false,
        };
        operation.node.ty == OperationType::Mutation
            && operation.node.selection_set.node.items.iter().all(|selection| opens_a_session(&selection.node))
    })
}

/// Weighs what is remembered, in bytes.
#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<str>> for Bytes {
    fn weight(&self, _: &String, text: &Arc<str>) -> u64 {
        text.len() as u64 + OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_that_does_more_than_sign_in_is_told_apart() {
        for (document, opens) in [
            ("mutation { signIn(input: {}) { session { accessToken } } }", true),
            ("mutation A { signIn } mutation B { refreshSession passwordSet } fragment F on Query { site }", true),
            ("mutation { a: signIn @skip(if: false) { errors { ...E } } } fragment E on UserError { code }", true),
            ("mutation { signIn signOut }", false),
            ("mutation { signIn: pagesImport }", false),
            ("mutation { ...F } fragment F on Mutation { signIn }", false),
            ("mutation { ... on Mutation { signIn } }", false),
            ("mutation A { signIn } query B { site { name } }", false),
            ("{ signIn }", false),
            ("query { site { name } }", false),
            ("mutation {", false),
        ] {
            assert_eq!(only_opens_a_session(document), opens, "{document}");
        }
        assert!(!only_opens_a_session(&format!("mutation {{ signIn {} }}", "{".repeat(100_000))), "nor is it parsed");
    }

    #[test]
    fn what_is_remembered_has_a_bound() {
        let cache = cache().expect("a cache");
        let longest: Arc<str> = "x".repeat(Limits::default().document_bytes).into();
        for number in 0..200 {
            cache.insert(number.to_string(), Arc::clone(&longest));
            assert!(cache.get(&number.to_string()).is_some(), "the longest document has room");
            assert!(cache.weight() <= REMEMBERED_BYTES);
        }
    }
}
