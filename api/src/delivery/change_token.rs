//! What a writer takes to a reader, so that the reader's answer contains what was written. To a client it is an opaque
//! word; here it is a version of its form and the number of the change.

/// The header that bears it, in both directions.
pub const HEADER: &str = "almanac-change-token";
/// The form below; another one, such as one that names the database, gets another.
const FORM: &str = "1";

/// The token of a change.
#[must_use]
pub fn encode(seq: i64) -> String {
    [FORM, ".", itoa::Buffer::new().format(seq)].concat()
}

/// The change that a token names; nothing for what [`encode`] cannot have made.
#[must_use]
pub fn decode(token: &str) -> Option<i64> {
    let seq = token.strip_prefix(FORM)?.strip_prefix('.')?;
    let seq = seq.bytes().all(|byte| byte.is_ascii_digit()).then(|| seq.parse().ok())?;
    seq.filter(|seq| encode(*seq) == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_change_and_nothing_else_is_one() {
        for seq in [0, 1, 42, i64::MAX] {
            assert_eq!(decode(&encode(seq)), Some(seq));
        }
        for token in ["", "1", "1.", "42", "1.-1", "1.+1", "1. 1", "1.01", "2.1", "1.1.1", "1.9223372036854775808"] {
            assert_eq!(decode(token), None, "{token}");
        }
    }
}
