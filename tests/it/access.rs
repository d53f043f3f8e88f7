//! Who may do what: accounts, sessions, tokens, and the audit log.

mod accounts;
mod audit;
mod every_mutation;
mod issuers;
mod sessions;
mod sign_in;
mod tokens;
