//! The one catalogue of codes that a client can meet.

use poem::http::StatusCode;

/// Defines the catalogue of codes: each with its text, its status, where else it is met with which status, and when.
macro_rules! codes {
    ($($name:ident $text:literal $status:ident $statuses:literal $when:literal,)*) => {
        /// A stable error code: `extensions.code` of an error at the top level, `code` of a `UserError`.
        /// `docs/reference/errors.md` is written from this list.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Code {
            $(#[doc = $when] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The code as it is sent.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The HTTP status of a response that carries nothing but this error, under
            /// `application/graphql-response+json`.
            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)*
                }
            }

            /// The statuses that a client can meet it with, in words.
            #[must_use]
            pub const fn statuses(self) -> &'static str {
                match self {
                    $(Self::$name => $statuses,)*
                }
            }

            /// When a client meets it.
            #[must_use]
            pub const fn when(self) -> &'static str {
                match self {
                    $(Self::$name => $when,)*
                }
            }
        }
    };
}

codes! {
    BadRequest "BAD_REQUEST" BAD_REQUEST "400"
        "The HTTP request is not a well-formed GraphQL request.",
    MethodNotAllowed "METHOD_NOT_ALLOWED" METHOD_NOT_ALLOWED "405"
        "The path does not serve this method, or a mutation was sent with GET.",
    NotAcceptable "NOT_ACCEPTABLE" NOT_ACCEPTABLE "406"
        "The path serves none of the media types that the client accepts.",
    UnsupportedMediaType "UNSUPPORTED_MEDIA_TYPE" UNSUPPORTED_MEDIA_TYPE "415"
        "The body is not `application/json` in UTF-8.",
    PayloadTooLarge "PAYLOAD_TOO_LARGE" PAYLOAD_TOO_LARGE "413"
        "The body exceeds `--max-body-bytes`.",
    RequestTimeout "REQUEST_TIMEOUT" REQUEST_TIMEOUT "408"
        "The body arrived too slowly.",
    NotFoundPath "NOT_FOUND_PATH" NOT_FOUND "404"
        "No route has this path.",
    GraphqlParseFailed "GRAPHQL_PARSE_FAILED" BAD_REQUEST "400"
        "The operation is not well-formed GraphQL.",
    GraphqlValidationFailed "GRAPHQL_VALIDATION_FAILED" BAD_REQUEST "400"
        "The operation does not fit the schema, or a literal of a built-in type or an input object does not fit its type.",
    OperationResolutionFailure "OPERATION_RESOLUTION_FAILURE" BAD_REQUEST "400"
        "`operationName` names no operation of the request, or is missing where there are several.",
    DocumentNotFound "DOCUMENT_NOT_FOUND" NOT_FOUND "404"
        "No persisted operation has this `documentId`.",
    DocumentNotTrusted "DOCUMENT_NOT_TRUSTED" FORBIDDEN "403"
        "The operation is not a persisted one, and `--trusted-documents-only` demands one of those or an access token.",
    PersistedQueryNotFound "PERSISTED_QUERY_NOT_FOUND" NOT_FOUND "404"
        "No operation with this hash is registered here; send it once with its text.",
    PersistedQueryHashMismatch "PERSISTED_QUERY_HASH_MISMATCH" BAD_REQUEST "400"
        "The hash that was sent with an operation is not its SHA-256.",
    LimitExceeded "LIMIT_EXCEEDED" BAD_REQUEST "400"
        "The request or its response exceeds a limit, which the message names.",
    BadUserInput "BAD_USER_INPUT" BAD_REQUEST "400 for a value that is none of its type, else 200"
        "A variable, an argument or an input field breaks a rule; at the top level, `extensions.faults` lists them.",
    VersionConflict "VERSION_CONFLICT" BAD_REQUEST "200"
        "The document has changed since `expectedVersion`.",
    NotFound "NOT_FOUND" BAD_REQUEST "200"
        "The object to change does not exist.",
    Unauthenticated "UNAUTHENTICATED" UNAUTHORIZED "401 for a bad token, else 200"
        "The request needs a valid access token.",
    Forbidden "FORBIDDEN" FORBIDDEN "200"
        "The caller's role or token does not allow it.",
    PublishBlocked "PUBLISH_BLOCKED" BAD_REQUEST "200"
        "The documents cannot be published yet; each error names a reason.",
    // draft-ietf-httpapi-idempotency-key-header, section 2.7.
    IdempotencyKeyReused "IDEMPOTENCY_KEY_REUSED" UNPROCESSABLE_ENTITY "200"
        "The idempotency key was used with a different request before.",
    PreviewEnded "PREVIEW_ENDED" FORBIDDEN "403"
        "The preview link is unknown, expired or revoked.",
    InvalidCredentials "INVALID_CREDENTIALS" BAD_REQUEST "200"
        "E-mail address and password do not match an account.",
    SessionEnded "SESSION_ENDED" BAD_REQUEST "200"
        "The refresh token is unknown, used, or of a session that has ended.",
    LinkEnded "LINK_ENDED" BAD_REQUEST "200"
        "The password link is unknown, used or expired, or its account is disabled.",
    RateLimited "RATE_LIMITED" TOO_MANY_REQUESTS "200 for attempts to sign in, 429 with `Retry-After` when the quota is used up"
        "Too many attempts to sign in, or the quota is used up; try again later.",
    ChangeNotSeen "CHANGE_NOT_SEEN" SERVICE_UNAVAILABLE "503"
        "This process does not serve the change yet that `Almanac-Change-Token` names; try again.",
    Unavailable "UNAVAILABLE" SERVICE_UNAVAILABLE "200, or 503 for a token that its provider must vouch for, and for a PNG without a font for its letters"
        "The database, the identity provider or a font cannot be reached, the database is busy, or its disk fails; try again.",
    StorageFull "STORAGE_FULL" INSUFFICIENT_STORAGE "200"
        "The disk of the database is full, so nothing was saved; try again when there is room.",
    OutcomeUnknown "OUTCOME_UNKNOWN" SERVICE_UNAVAILABLE "200"
        "The database failed during the commit and could not be asked whether it was carried out: look, or send the request again with the same `Idempotency-Key`.",
    Overloaded "OVERLOADED" SERVICE_UNAVAILABLE "503, or 200 where a mutation ran"
        "Too many requests are waiting, or there is no memory for the response; try again in a moment.",
    Internal "INTERNAL" INTERNAL_SERVER_ERROR "200, or 500 without data"
        "A fault of the server; the log has it under the request id.",
}

impl Code {
    /// After how many seconds the same request may succeed, if waiting is all that it takes.
    #[must_use]
    pub const fn retry_after(self) -> Option<u64> {
        match self {
            Self::ChangeNotSeen | Self::Unavailable | Self::Overloaded => Some(1),
            Self::StorageFull => Some(10),
            _ => None,
        }
    }
}
