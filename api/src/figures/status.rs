//! What the statuses of figures are called: in SDMX, as a sign beside a number, and in words.

pub mod graphql;

use entities::{Flags, Language, ObservationStatus};

/// The code in the SDMX code list `OBS_STATUS`.
#[must_use]
pub const fn sdmx_code(status: ObservationStatus) -> &'static str {
    match status {
        // `OBS_STATUS` has no code for a revised figure: it is a figure like any other.
        ObservationStatus::Final | ObservationStatus::Revised => "A",
        ObservationStatus::Provisional => "P",
        ObservationStatus::Estimated => "E",
        ObservationStatus::Imputed => "I",
        ObservationStatus::Break => "B",
        ObservationStatus::Missing | ObservationStatus::NotYet => "O",
        ObservationStatus::NotApplicable => "M",
        ObservationStatus::Suppressed => "Q",
    }
}

/// The sign in a printed table: beside the number, or in its place. Empty for a final figure.
#[must_use]
pub const fn sign(status: ObservationStatus, language: Language) -> &'static str {
    words(status, language).0
}

/// What it is called in a few words.
#[must_use]
pub const fn label(status: ObservationStatus, language: Language) -> &'static str {
    words(status, language).1
}

/// What it means, in one sentence.
#[must_use]
pub const fn description(status: ObservationStatus, language: Language) -> &'static str {
    words(status, language).2
}

/// The signs of all statuses of a figure, separated by a space.
#[must_use]
pub fn signs(flags: Flags, language: Language) -> String {
    let signs: Vec<&str> = flags.iter().map(|status| sign(status, language)).filter(|sign| !sign.is_empty()).collect();
    signs.join(" ")
}

const fn words(status: ObservationStatus, language: Language) -> (&'static str, &'static str, &'static str) {
    match language {
        Language::Japanese => japanese(status),
        Language::English => english(status),
    }
}

const fn japanese(status: ObservationStatus) -> (&'static str, &'static str, &'static str) {
    match status {
        ObservationStatus::Final => ("", "確定", "確定した数値です。"),
        ObservationStatus::Provisional => ("p", "速報", "確定前に公表された数値で、今後変わることがあります。"),
        ObservationStatus::Estimated => ("e", "推計", "一定の方法で推計した数値です。"),
        ObservationStatus::Imputed => ("i", "補完", "この形では報告されておらず、公表者が配分または算出した数値です。"),
        ObservationStatus::Revised => ("r", "改定", "最初の公表後に改められた数値です。"),
        ObservationStatus::Break => ("b", "断層", "前の年までとは比較できない数値です。"),
        ObservationStatus::Missing => ("…", "不明", "数値が分かりません。"),
        ObservationStatus::NotApplicable => ("・", "該当なし", "数値が存在しえません。"),
        ObservationStatus::Suppressed => ("x", "秘匿", "数値はありますが、公表を控えています。"),
        ObservationStatus::NotYet => ("未", "未公表", "数値はまだなく、今後公表される予定です。"),
    }
}

const fn english(status: ObservationStatus) -> (&'static str, &'static str, &'static str) {
    match status {
        ObservationStatus::Final => ("", "Final", "The figure is final."),
        ObservationStatus::Provisional => {
            ("p", "Provisional", "The figure was published before it was final and may change.")
        }
        ObservationStatus::Estimated => ("e", "Estimated", "The figure was estimated by a method."),
        ObservationStatus::Imputed => {
            ("i", "Imputed", "The figure was not reported in this form; the publisher placed or derived it.")
        }
        ObservationStatus::Revised => ("r", "Revised", "The figure was changed since it was first published."),
        ObservationStatus::Break => ("b", "Break in series", "The figure is not comparable with the years before."),
        ObservationStatus::Missing => ("..", "Not known", "The figure is not known."),
        ObservationStatus::NotApplicable => (".", "Not applicable", "A figure cannot exist here."),
        ObservationStatus::Suppressed => ("*", "Withheld", "The figure is known and withheld."),
        ObservationStatus::NotYet => {
            ("n.y.", "Not yet available", "The figure is not known yet and is expected later.")
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const LANGUAGES: [Language; 2] = [Language::English, Language::Japanese];

    #[test]
    fn no_kind_of_nothing_looks_like_another_or_like_zero() {
        for language in LANGUAGES {
            let nothing = ObservationStatus::ALL.into_iter().filter(|status| !status.has_value());
            let looks: BTreeSet<&str> = nothing.map(|status| sign(status, language)).chain(["0", "-", ""]).collect();
            assert_eq!(looks.len(), 4 + 3);
        }
    }

    #[test]
    fn every_status_has_its_own_sign_and_words() {
        for language in LANGUAGES {
            for words in [sign, label, description] {
                let all: BTreeSet<&str> =
                    ObservationStatus::ALL.into_iter().map(|status| words(status, language)).collect();
                assert_eq!(all.len(), ObservationStatus::ALL.len(), "{all:?}");
            }
            assert!(ObservationStatus::ALL.into_iter().all(|status| !label(status, language).is_empty()));
        }
    }

    #[test]
    fn only_what_sdmx_cannot_tell_apart_shares_a_code() {
        let codes = ObservationStatus::ALL.map(sdmx_code).join(" ");
        assert_eq!(codes, "A P E I A B O M Q O");
    }

    #[test]
    fn several_signs_stand_in_the_order_of_precedence() {
        let flags: Flags = "REVISED BREAK".parse().unwrap();
        assert_eq!(signs(flags, Language::English), "b r");
        assert_eq!(signs(ObservationStatus::Final.into(), Language::Japanese), "");
    }
}
