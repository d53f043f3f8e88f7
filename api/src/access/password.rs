//! Passwords as Argon2id hashes, with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane).

use std::fmt;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use entities::Rule;

use crate::{
    error::{Error, Result},
    state::State,
};

/// The fewest characters of a password (NIST SP 800-63B asks for 8, and for 15 without a second factor).
pub const MIN_CHARS: usize = 12;
/// The most characters of a password; hashing more only serves to keep the server busy.
pub const MAX_CHARS: usize = 256;

/// The hash of a password that nobody has, so that an unknown address takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$PtVvTTrQ0y0YXKrZtS2PbXXNfcE7PdK0wBHdEaJVqzE";

/// Checks the length of a new password.
///
/// # Errors
/// The rule that it breaks.
pub fn check(password: &str) -> Result<(), Rule> {
    match password.chars().count() {
        0..MIN_CHARS => Err(Rule::PasswordTooShort { min: MIN_CHARS }),
        MIN_CHARS..=MAX_CHARS => Ok(()),
        _ => Err(Rule::TooLong { max: MAX_CHARS }),
    }
}

/// A password that was strong enough, as an Argon2id PHC string.
#[derive(Clone)]
pub struct Hashed(String);

impl From<Hashed> for String {
    fn from(hashed: Hashed) -> Self {
        hashed.0
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed")
    }
}

/// Checks and hashes a new password. Takes tens of milliseconds: never call it while other writers wait.
///
/// # Errors
/// [`Error::Invalid`] when it is too weak; or when the process is shutting down.
pub async fn hash(state: &State, password: &str) -> Result<Hashed> {
    check(password).map_err(|rule| Error::invalid(["password"], rule))?;
    let password = password.to_owned();
    let salt: [u8; 16] = state.random().bytes();
    let hash = state.hash(move || Argon2::default().hash_password_with_salt(password.as_bytes(), &salt)).await?;
    hash.map(|hash| Hashed(hash.to_string())).map_err(Error::internal)
}

/// Whether the password matches the PHC string; without one, false after the same work.
///
/// # Errors
/// When the stored string is damaged, or the process is shutting down.
pub async fn verify(state: &State, password: &str, hash: Option<&str>) -> Result<bool> {
    let known = hash.is_some();
    let hash = hash.unwrap_or(NOBODY).to_owned();
    // A longer one cannot be right; hashing it would cost the caller nothing and us a lot.
    let password: String = password.chars().take(MAX_CHARS + 1).collect();
    let matches = state
        .hash(move || {
            let hash = PasswordHash::new(&hash).map_err(Error::internal)?;
            Ok::<_, Error>(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
        })
        .await??;
    Ok(known && matches)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_nobody_costs_what_a_real_one_costs() {
        let real =
            Argon2::default().hash_password_with_salt(b"password", b"0123456789abcdef").map(|hash| hash.to_string());
        let cost = |hash: &str| hash.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(real.as_deref().map(cost), Ok(cost(NOBODY)));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }

    #[test]
    fn a_password_is_12_to_256_characters_long() {
        assert_eq!(check("elevenchars"), Err(Rule::PasswordTooShort { min: 12 }));
        assert_eq!(check("twelve chars"), Ok(()));
        assert_eq!(check("十二文字のパスワードです!"), Ok(()));
        assert_eq!(check(&"x".repeat(257)), Err(Rule::TooLong { max: 256 }));
    }
}
