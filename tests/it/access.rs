//! Who may do what: accounts, sessions, tokens, and the audit log.

mod accounts;
mod api_tokens;
mod audit;
mod audit_log;
mod delegation;
mod existence;
mod foreign;
mod issuers;
mod matrix;
mod may_know;
mod people;
mod quota;
mod sessions;
mod sign_in;
mod tokens;
