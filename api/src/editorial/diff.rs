//! The difference between two revisions, for the people who review them: field by field, and inside texts by word.
//!
//! Which fields differ is said by [`super::revision`]; here is what they were, what they are, and, for two
//! lists of them, where they meet.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::Value;
use similar::{Algorithm, ChangeTag, TextDiff};

use crate::editorial::revision::{self, Change};

/// How long the words of one difference may be searched for the shortest way from old to new, all its texts together.
/// What is left then is compared coarsely: the difference stays correct, but names more than it had to.
const TIME_FOR_WORDS: Duration = Duration::from_millis(300);

/// A field that differs between two contents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldChange {
    /// Where, as [`revision::changed_fields`] names it: `counts.CN.value`.
    pub path: String,
    /// What was there; nothing when the field was added. A field that is null counts as absent.
    pub before: Option<Value>,
    /// What is there now; nothing when the field was removed. A field that is null counts as absent.
    pub after: Option<Value>,
    /// When both sides are texts, how the one becomes the other. Otherwise empty.
    pub words: Vec<WordChange>,
}

/// What happened to a part of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordOperation {
    /// It is in both texts.
    Equal,
    /// It is in the old text only.
    Delete,
    /// It is in the new text only.
    Insert,
}

/// A part of a text: one or more whole words, with the spaces and marks among them.
///
/// The parts that are [`WordOperation::Equal`] or [`WordOperation::Delete`], one after the other, are exactly the old
/// text; those that are `Equal` or [`WordOperation::Insert`] exactly the new one. No two neighbours have the same
/// operation, and where something was replaced, what was deleted comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WordChange {
    /// What happened to it.
    pub operation: WordOperation,
    /// It; never empty.
    pub text: String,
}

/// The difference between two contents: every field that [`revision::changed_fields`] names, in its order.
///
/// Texts are compared by word after Unicode (UAX #29), which takes each Chinese character for a word and never cuts an
/// emoji or a letter with its marks in two. Takes well under a second even for the longest texts.
#[must_use]
pub fn diff(old: &Value, new: &Value) -> Vec<FieldChange> {
    // A stopwatch, not a clock: what time it is plays no part.
    let deadline = Instant::now() + TIME_FOR_WORDS;
    let change = |Change { path, old, new }: Change<'_>| FieldChange {
        path,
        before: (!old.is_null()).then(|| old.clone()),
        after: (!new.is_null()).then(|| new.clone()),
        words: match (old, new) {
            (Value::String(old), Value::String(new)) => words(old, new, deadline),
            _ => Vec::new(),
        },
    };
    revision::changes(old, new).into_iter().map(change).collect()
}

fn words(old: &str, new: &str, deadline: Instant) -> Vec<WordChange> {
    // This variant of Myers gives up perfection by itself when a search becomes dear, and looks at the deadline often.
    let diff = TextDiff::configure().algorithm(Algorithm::Myers).deadline(deadline).diff_unicode_words(old, new);
    let mut parts = Vec::new();
    let (mut deleted, mut inserted) = (String::new(), String::new());
    let mut equal = String::new();
    for change in diff.iter_all_changes() {
        match change.tag() {
            ChangeTag::Equal => {
                flush(&mut parts, WordOperation::Delete, &mut deleted);
                flush(&mut parts, WordOperation::Insert, &mut inserted);
                equal.push_str(change.value());
            }
            ChangeTag::Delete => {
                flush(&mut parts, WordOperation::Equal, &mut equal);
                deleted.push_str(change.value());
            }
            ChangeTag::Insert => {
                flush(&mut parts, WordOperation::Equal, &mut equal);
                inserted.push_str(change.value());
            }
        }
    }
    flush(&mut parts, WordOperation::Equal, &mut equal);
    flush(&mut parts, WordOperation::Delete, &mut deleted);
    flush(&mut parts, WordOperation::Insert, &mut inserted);
    parts
}

fn flush(parts: &mut Vec<WordChange>, operation: WordOperation, text: &mut String) {
    if !text.is_empty() {
        parts.push(WordChange { operation, text: std::mem::take(text) });
    }
}

/// The paths that both lists touch, sorted, each once. A path touches itself and everything inside it, so `counts.CN`
/// and `counts.CN.value` touch each other, and the deeper one is named; `counts.C` and `counts.CN` do not.
#[must_use]
pub fn overlaps(ours: &[String], theirs: &[String]) -> Vec<String> {
    let (ours, theirs) = (sorted(ours), sorted(theirs));
    let inside = |deep: &BTreeSet<&str>, shallow: &BTreeSet<&str>| -> Vec<String> {
        deep.iter().filter(|path| is_inside(path, shallow)).map(|&path| path.to_owned()).collect()
    };
    let both: BTreeSet<String> = inside(&ours, &theirs).into_iter().chain(inside(&theirs, &ours)).collect();
    both.into_iter().collect()
}

fn sorted(paths: &[String]) -> BTreeSet<&str> {
    paths.iter().map(String::as_str).collect()
}

/// Whether the path or one that it lies in is among these.
fn is_inside(path: &str, among: &BTreeSet<&str>) -> bool {
    among.contains(path) || path.match_indices('.').any(|(end, _)| among.contains(&path[..end]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn side(words: &[WordChange], operation: WordOperation) -> String {
        let mine = |word: &&WordChange| word.operation == WordOperation::Equal || word.operation == operation;
        words.iter().filter(mine).map(|word| word.text.as_str()).collect()
    }

    fn text(old: &str, new: &str) -> Vec<WordChange> {
        let fields = diff(&json!({ "body": old }), &json!({ "body": new }));
        let words = fields.into_iter().flat_map(|field| field.words).collect::<Vec<_>>();
        if old != new {
            assert_eq!(
                (side(&words, WordOperation::Delete), side(&words, WordOperation::Insert)),
                (old.into(), new.into())
            );
        }
        words
    }

    fn marked(words: &[WordChange]) -> String {
        let mark = |word: &WordChange| match word.operation {
            WordOperation::Equal => word.text.clone(),
            WordOperation::Delete => format!("[-{}-]", word.text),
            WordOperation::Insert => format!("[+{}+]", word.text),
        };
        words.iter().map(mark).collect()
    }

    #[test]
    fn each_field_that_differs_says_what_it_was_and_what_it_is() {
        let old = json!({"total": {"value": 3}, "note": null, "counts": {"CN": {"value": 1}, "JP": {"value": 2}}});
        let new = json!({"total": {"value": 4}, "note": "new", "counts": {"CN": {"value": 1}, "US": {"value": 2}}});
        let field = |path: &str, before: Option<Value>, after: Option<Value>| FieldChange {
            path: path.to_owned(),
            before,
            after,
            words: Vec::new(),
        };
        assert_eq!(
            diff(&old, &new),
            [
                field("counts.JP", Some(json!({"value": 2})), None),
                field("counts.US", None, Some(json!({"value": 2}))),
                field("note", None, Some(json!("new"))),
                field("total.value", Some(json!(3)), Some(json!(4))),
            ]
        );
        assert_eq!(diff(&old, &old), []);
        assert_eq!(diff(&Value::Null, &json!({"a": 1})), [field("a", None, Some(json!(1)))]);
        assert_eq!(diff(&json!({"a": 1}), &Value::Null), [field("a", Some(json!(1)), None)]);
        assert_eq!(diff(&json!({"a": 1}), &json!({"a": "1"})), [field("a", Some(json!(1)), Some(json!("1")))]);
    }

    #[test]
    fn texts_are_compared_by_word_in_every_script() {
        for (old, new, expected) in [
            ("We open at nine.", "We open at ten.", "We open at [-nine-][+ten+]."),
            ("a  b", "a b", "a[-  -][+ +]b"),
            ("東京都に住む", "京都に住む", "[-東-]京都に住む"),
            ("受付はロビーです", "受付はホールです", "受付は[-ロビー-][+ホール+]です"),
            ("family 👨‍👩‍👧 here", "family 👨‍👩‍👦 here", "family [-👨‍👩‍👧-][+👨‍👩‍👦+] here"),
            ("שלום עולם", "שלום לכולם", "שלום [-עולם-][+לכולם+]"),
            ("# One\n\n- a\n- b\n", "# One\n\n- a\n- c\n", "# One\n\n- a\n- [-b-][+c+]\n"),
            ("", "all new", "[+all new+]"),
            ("all gone", "", "[-all gone-]"),
        ] {
            assert_eq!(marked(&text(old, new)), expected);
        }
    }

    #[test]
    fn the_longest_texts_take_no_longer_than_a_second_or_so() {
        const CHARS: usize = 200_000;
        // One word a character, or two, and nothing in common.
        let repeat = |words: &str| words.chars().cycle().take(CHARS).collect::<String>();
        // Two random orders of the same two words: what a search for the shortest way finds hardest.
        let random = |mut seed: u32| -> String {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                if seed >> 31 == 0 { '山' } else { '川' }
            };
            (0..CHARS).map(|_| next()).collect()
        };
        let many = |mut seed: u32| -> String {
            let mut next = || {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                char::from_u32(0x4e00 + (seed >> 19)).unwrap_or('一')
            };
            (0..CHARS).map(|_| next()).collect()
        };
        for (what, old, new) in [
            ("disjoint", repeat("一二三四五"), repeat("六七八九十")),
            ("disjoint words", repeat("one two "), repeat("three\tfour\n")),
            ("two words", random(1), random(2)),
            ("many words", many(1), many(2)),
        ] {
            let start = Instant::now();
            let words = text(&old, &new);
            let time = start.elapsed();
            // An unoptimised build on a busy machine takes several times as long as what is served.
            assert!(time < Duration::from_secs(5), "{what}: {time:?} for {} parts", words.len());
        }
    }

    #[test]
    fn paths_overlap_where_one_lies_in_the_other() {
        let touch = |ours: &[&str], theirs: &[&str]| {
            let owned = |paths: &[&str]| paths.iter().map(|&path| path.to_owned()).collect::<Vec<_>>();
            let there = overlaps(&owned(ours), &owned(theirs));
            assert_eq!(there, overlaps(&owned(theirs), &owned(ours)), "either way");
            there
        };
        assert_eq!(touch(&["title", "body"], &["body", "slug"]), ["body"]);
        assert_eq!(touch(&["counts.CN"], &["counts.CN.value"]), ["counts.CN.value"]);
        assert_eq!(touch(&["counts"], &["counts.JP", "counts.CN.value"]), ["counts.CN.value", "counts.JP"]);
        assert_eq!(touch(&["counts.C"], &["counts.CN"]), [] as [&str; 0]);
        assert_eq!(touch(&["counts.CN.value"], &["counts.CN.status"]), [] as [&str; 0]);
        assert_eq!(touch(&["a", "a.b"], &["a.b"]), ["a.b"]);
        assert_eq!(touch(&["a", "a"], &["a"]), ["a"]);
        assert_eq!(touch(&[], &["a"]), [] as [&str; 0]);
    }

    /// Texts that share much with each other, out of what cuts texts apart in the wrong place.
    fn texts() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            8 => prop::sample::select(vec![
                "word", "Word", " ", "  ", "\n", "\n\n", "\t", "日本", "語", "テスト", "カタカナ", "ひらがな", "。", "、", "한국어",
                "👩‍👩‍👧", "👍🏽", "🇯🇵", "🇯", "\u{200d}", "e\u{301}", "é", "\u{fe0f}", "שלום", "עולם", "مرحبا", "\u{202e}", "\u{200f}",
                "# ", "**", "[a](b)", "`", "|", "---", "[^1]", "<ruby>漢<rt>かん</rt></ruby>", "1,234.5", "can't", "ไทย", "İ", "ß",
            ])
            .prop_map(str::to_owned),
            1 => any::<String>(),
        ];
        prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn the_parts_of_a_difference_make_both_texts(old in texts(), new in texts()) {
            let words = text(&old, &new);
            prop_assert!(words.iter().all(|word| !word.text.is_empty()));
            prop_assert!(words.windows(2).all(|pair| pair[0].operation != pair[1].operation));
            prop_assert_eq!(words.is_empty(), old == new);
        }

        #[test]
        fn a_search_that_ran_out_of_time_is_still_right(old in texts(), new in texts()) {
            let words = words(&old, &new, Instant::now());
            prop_assert_eq!(side(&words, WordOperation::Delete), old);
            prop_assert_eq!(side(&words, WordOperation::Insert), new);
        }
    }
}
