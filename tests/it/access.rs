//! Who may do what: accounts, sessions, tokens, and the audit log.

mod accounts;
mod api_tokens;
mod audit;
mod audit_log;
mod every_mutation;
mod issuers;
mod people;
mod sessions;
mod sign_in;
mod tokens;
