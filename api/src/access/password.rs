//! Passwords as Argon2id hashes, with the parameters that OWASP recommends (19 MiB, 2 passes, 1 lane).

use std::fmt;

use argon2::{
    Argon2,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use entities::{Email, Rule};
use zxcvbn::{Score, zxcvbn};

use crate::{
    compute_pool::{Client, Priority},
    error::{Error, Result},
    state::State,
};

/// The fewest characters of a password (NIST SP 800-63B asks for 8, and for 15 without a second factor).
pub const MIN_CHARS: usize = 12;
/// The most characters of a password; hashing more only serves to keep the server busy.
pub const MAX_CHARS: usize = 256;

/// How hard to guess a password must be, from 0 to 4: more than 10^8 guesses, which throttling makes last for decades and
/// Argon2id for years.
const MIN_SCORE: Score = Score::Three;

/// How much of a password is estimated. The estimate of a longer one takes up to a second (a fifth for this much), and the
/// estimator's numbers overflow from about 70 characters on.
const ESTIMATED_CHARS: usize = 40;

/// The hash of a password that nobody has, so that an unknown address takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$PtVvTTrQ0y0YXKrZtS2PbXXNfcE7PdK0wBHdEaJVqzE";

/// Checks length and strength of a new password. `hints` are words that a guesser would try first. Takes a fifth of a
/// second at worst: the first 40 characters must be strong enough.
///
/// # Errors
/// The rule that it breaks.
pub fn check(password: &str, hints: &[&str]) -> Result<(), Rule> {
    match password.chars().count() {
        0..MIN_CHARS => Err(Rule::PasswordTooShort { min: MIN_CHARS }),
        MIN_CHARS..=MAX_CHARS => {
            let estimated: String = password.chars().take(ESTIMATED_CHARS).collect();
            if zxcvbn(&estimated, hints).score() < MIN_SCORE { Err(Rule::PasswordTooWeak) } else { Ok(()) }
        }
        _ => Err(Rule::TooLong { max: MAX_CHARS }),
    }
}

/// What a guesser would try first on this account: the address, its parts, and the name of this program.
fn hints(email: &Email) -> Vec<&str> {
    let address = email.as_str();
    let local = address.split_once('@').map_or(address, |(local, _)| local);
    let parts = address.split(|c: char| !c.is_alphanumeric()).filter(|part| !part.is_empty());
    ["almanac", address, local].into_iter().chain(parts).collect()
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

/// Checks and hashes a new password of the account with this address. Takes tens of milliseconds: never call it while
/// other writers wait.
///
/// # Errors
/// [`Error::Invalid`] at `password` when it is too short, too long or too weak; [`Error::Overloaded`]; or when the process
/// is shutting down.
pub async fn hash(state: &State, client: &Client, email: &Email, password: &str) -> Result<Hashed> {
    hash_field(state, client, email, password, "password").await
}

/// The same of a password that came in as the input field `field`.
pub(super) async fn hash_field(
    state: &State,
    client: &Client,
    email: &Email,
    password: &str,
    field: &str,
) -> Result<Hashed> {
    // One that is longer is refused whatever follows.
    let password: String = password.chars().take(MAX_CHARS + 1).collect();
    let (salt, email) = (state.random().bytes::<16>(), email.clone());
    let hash = state
        .compute_pool()
        .run(Priority::Normal, client, move |_| {
            check(&password, &hints(&email))?;
            Ok(Argon2::default().hash_password_with_salt(password.as_bytes(), &salt))
        })
        .await?;
    let hash = hash.map_err(|rule| Error::invalid([field], rule))?;
    hash.map(|hash| Hashed(hash.to_string())).map_err(Error::internal)
}

/// Whether the password matches the PHC string; without one, false after the same work.
///
/// # Errors
/// When the stored string is damaged; [`Error::Overloaded`]; or when the process is shutting down.
pub async fn verify(state: &State, client: &Client, password: &str, hash: Option<&str>) -> Result<bool> {
    let known = hash.is_some();
    let hash = hash.unwrap_or(NOBODY).to_owned();
    // A longer one cannot be right; hashing it would cost the caller nothing and us a lot.
    let password: String = password.chars().take(MAX_CHARS + 1).collect();
    let matches = state
        .compute_pool()
        .run(Priority::Normal, client, move |_| {
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
        assert_eq!(check("elevenchars", &[]), Err(Rule::PasswordTooShort { min: 12 }));
        assert_eq!(check("twelve marks", &[]), Ok(()));
        assert_eq!(check("十二文字のパスワードです!", &[]), Ok(()));
        assert_eq!(check(&"x".repeat(257), &[]), Err(Rule::TooLong { max: 256 }));
    }

    #[test]
    fn a_password_that_is_soon_guessed_is_refused() {
        let email = "hanako.yamada@hospital.example.jp".parse::<Email>().unwrap();
        let hints = hints(&email);
        for weak in [
            "passwordpassword",
            "qwertyuiop1234",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "123456789012345",
            "almanacalmanac",
            "hanako.yamada1",
            "hanako.yamada@hospital.example.jp",
        ] {
            assert_eq!(check(weak, &hints), Err(Rule::PasswordTooWeak), "{weak}");
        }
        for strong in ["correct horse battery staple", "沼のほとりで笛を吹くかわうそ", "u7Qz-PmX2-9dRk-Lw4T"]
        {
            assert_eq!(check(strong, &hints), Ok(()), "{strong}");
        }
    }

    #[test]
    fn no_password_keeps_the_server_busy() {
        // Substituted letters are the dearest.
        let attacks =
            ["a", "aB", "4@8({[<369&#!1/|0$5+7%2", "password", "p4$$w0rd", "qwerty", "abcdefghij", "19991231", "語"];
        for attack in attacks {
            let password: String = attack.chars().cycle().take(MAX_CHARS).collect();
            let started = std::time::Instant::now();
            check(&password, &["almanac", &password]).ok();
            // A fifth of a second; more on a busy machine.
            assert!(started.elapsed() < std::time::Duration::from_secs(2), "{attack}: {:?}", started.elapsed());
        }
    }
}
