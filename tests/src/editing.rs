//! Mutations by name, for tests that need many of them.

use serde_json::{Value, json};

use crate::{app::Client, reply::Reply};

/// The document of a mutation by name, as a client would write it.
#[must_use]
pub fn mutation(mutation: &str, input: &Value) -> String {
    let selection = match mutation {
        "signIn" | "refreshSession" => "session { accessToken refreshToken }",
        "signOut" => "signedOut",
        "visitCountsUpdate" => "yearSheet { id version }",
        "visitCountsBulkUpdate" => "yearSheets { id version } differences { change country } rejected { path }",
        "figuresImport" => "isWritten yearSheets { id version } faults { row rule }",
        "publishMany" | "reorder" => "documents { id version }",
        "previewCreate" => "preview { id token expiresAt version }",
        "previewRevoke" => "revoked",
        "accountInvite" | "accountLinkCreate" => "account { id state } link { token }",
        "accountUpdate" | "accountDisable" | "accountEnable" => "account { id role state }",
        "passwordSet" => "session { accessToken }",
        "passwordChange" => "changed",
        "apiTokenCreate" => "token apiToken { id }",
        "apiTokenRevoke" => "apiToken { id revokedAt }",
        _ => "document { id key version publishedVersion state schedules { id } }",
    };
    let errors =
        "errors { __typename code message path ... on ValidationError { rule } ... on ReconciliationError { year } }";
    if input.is_null() {
        format!("mutation {{ {mutation} {{ {selection} {errors} }} }}")
    } else {
        let input_type = match mutation {
            "unpublish" | "archive" => "DocumentWithdrawInput".to_owned(),
            "unarchive" => "DocumentInput".to_owned(),
            "accountLinkCreate" | "accountDisable" | "accountEnable" => "AccountInput".to_owned(),
            _ => format!("{}{}Input", mutation[..1].to_uppercase(), &mutation[1..]),
        };
        format!("mutation($input: {input_type}!) {{ {mutation}(input: $input) {{ {selection} {errors} }} }}")
    }
}

impl Client {
    /// Runs a mutation, which may be refused. No input is null.
    pub async fn mutate(&self, mutation: &str, input: Value) -> Reply {
        self.run(&self::mutation(mutation, &input), json!({ "input": input })).await
    }

    /// Runs a mutation that must not be refused, and returns its payload.
    pub async fn done(&self, mutation: &str, input: Value) -> Value {
        let reply = self.mutate(mutation, input).await;
        let payload = &reply.data()[mutation];
        assert_eq!(payload["errors"], json!([]), "{mutation}");
        payload.clone()
    }
}
