//! The rules that a value can break, in one list: the same rule is named by a dataset's fault
//! report, by a mutation's `errors` and by an argument error, and is worded here, once per language.

use std::fmt;

/// A language in which Almanac itself speaks to people (not a content locale).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// English, and whatever else is asked for.
    #[default]
    English,
    /// Japanese.
    Japanese,
}

impl Language {
    /// The language for a BCP 47 tag: Japanese for `ja` and its regions, English for all others.
    #[must_use]
    pub fn of(locale: &crate::Locale) -> Self {
        if locale.language() == "ja" { Self::Japanese } else { Self::English }
    }
}

/// One rule that a value broke, with the rule's own bounds. `Display` is English and safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// A required value is absent or blank.
    Required,
    /// The text is longer than `max` characters.
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// The text does not have the form that its type asks for.
    Format {
        /// The form, with an example.
        expected: &'static str,
    },
    /// The text holds a control character other than a line break or tab.
    ControlCharacter,
    /// The text begins or ends with white space.
    SurroundingSpace,
    /// The number lies outside its range.
    OutOfRange {
        /// Smallest value allowed.
        min: i64,
        /// Largest value allowed.
        max: i64,
    },
    /// The text is no whole number.
    NotAnInteger,
    /// The text is none of the values that are allowed.
    NotOneOf {
        /// The values allowed, separated by commas.
        allowed: String,
    },
    /// The same key stands twice.
    Duplicate,
    /// The value names something that does not exist.
    Unknown,
    /// The value is already used by another document.
    Taken,
    /// The value is left out although published texts still need it.
    InUse,
    /// A status that has a value (`FINAL`, `IMPUTED`, ...) stands without one.
    ValueMissing,
    /// A status that explains the absence of a value (`MISSING`, ...) stands with one.
    ValueNotAllowed,
    /// The cells of a year sheet sum to more than `max`.
    SumTooLarge {
        /// The largest sum that can be published (GraphQL `Int`).
        max: i64,
    },
    /// A page would be its own ancestor.
    ParentLoop,
    /// A fallback chain leads back to its own locale.
    FallbackLoop,
    /// The list holds more than `max` items.
    TooMany {
        /// The most items allowed.
        max: usize,
    },
    /// The cursor was not issued for this list, or was edited.
    ForeignCursor,
    /// The lower bound lies above the upper bound.
    EmptyRange,
    /// The field or column is not known here.
    UnknownField,
    /// The file cannot be parsed; the text is the parser's own.
    Syntax(String),
    /// The file is none of those that a dataset consists of.
    UnknownFile,
    /// The file is larger than `max_mib` MiB.
    FileTooLarge {
        /// The largest size allowed, in MiB.
        max_mib: usize,
    },
    /// The file is not UTF-8.
    NotUtf8,
    /// The file begins with a byte order mark.
    ByteOrderMark,
    /// A line ends with something else than one line feed.
    LineEnding,
    /// The record has more or fewer fields than the header.
    FieldCount {
        /// The number of fields in the header.
        expected: usize,
    },
    /// The column stands in another place than the format gives it.
    ColumnOrder {
        /// The columns in the order of the format, separated by commas.
        expected: String,
    },
    /// The password is shorter than `min` characters.
    PasswordTooShort {
        /// The fewest characters allowed.
        min: usize,
    },
}

impl Rule {
    /// The stable name of the rule: `SCREAMING_SNAKE_CASE`, for programs and translations.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Required => "REQUIRED",
            Self::TooLong { .. } => "TOO_LONG",
            Self::Format { .. } => "FORMAT",
            Self::ControlCharacter => "CONTROL_CHARACTER",
            Self::SurroundingSpace => "SURROUNDING_SPACE",
            Self::OutOfRange { .. } => "OUT_OF_RANGE",
            Self::NotAnInteger => "NOT_AN_INTEGER",
            Self::NotOneOf { .. } => "NOT_ONE_OF",
            Self::Duplicate => "DUPLICATE",
            Self::Unknown => "UNKNOWN",
            Self::Taken => "TAKEN",
            Self::InUse => "IN_USE",
            Self::ValueMissing => "VALUE_MISSING",
            Self::ValueNotAllowed => "VALUE_NOT_ALLOWED",
            Self::SumTooLarge { .. } => "SUM_TOO_LARGE",
            Self::ParentLoop => "PARENT_LOOP",
            Self::FallbackLoop => "FALLBACK_LOOP",
            Self::TooMany { .. } => "TOO_MANY",
            Self::ForeignCursor => "FOREIGN_CURSOR",
            Self::EmptyRange => "EMPTY_RANGE",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::Syntax(_) => "SYNTAX",
            Self::UnknownFile => "UNKNOWN_FILE",
            Self::FileTooLarge { .. } => "FILE_TOO_LARGE",
            Self::NotUtf8 => "NOT_UTF8",
            Self::ByteOrderMark => "BYTE_ORDER_MARK",
            Self::LineEnding => "LINE_ENDING",
            Self::FieldCount { .. } => "FIELD_COUNT",
            Self::ColumnOrder { .. } => "COLUMN_ORDER",
            Self::PasswordTooShort { .. } => "PASSWORD_TOO_SHORT",
        }
    }

    /// The rule in words, for a person.
    #[must_use]
    pub fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Japanese => self.japanese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::Required => "is required".into(),
            Self::TooLong { max } => format!("must have at most {max} characters"),
            Self::Format { expected } => format!("must be {expected}"),
            Self::ControlCharacter => "must not contain control characters".into(),
            Self::SurroundingSpace => "must not begin or end with white space".into(),
            Self::OutOfRange { min, max } => format!("must be between {min} and {max}"),
            Self::NotAnInteger => "must be a whole number".into(),
            Self::NotOneOf { allowed } => format!("must be one of {allowed}"),
            Self::Duplicate => "must not stand twice".into(),
            Self::Unknown => "names something that does not exist".into(),
            Self::Taken => "is already used".into(),
            Self::InUse => "cannot be left out: published texts still need it".into(),
            Self::ValueMissing => "this status needs a value".into(),
            Self::ValueNotAllowed => "this status explains why there is no value, so it must not have one".into(),
            Self::SumTooLarge { max } => format!("the sum must be at most {max}"),
            Self::ParentLoop => "would make the page its own ancestor".into(),
            Self::FallbackLoop => "leads back to the locale itself".into(),
            Self::TooMany { max } => format!("must have at most {max} items"),
            Self::ForeignCursor => "was not issued for this list".into(),
            Self::EmptyRange => "must not lie above the end of the range".into(),
            Self::UnknownField => "is not a known field here".into(),
            Self::Syntax(message) => message.clone(),
            Self::UnknownFile => "is not a file of a dataset".into(),
            Self::FileTooLarge { max_mib } => format!("must be at most {max_mib} MiB"),
            Self::NotUtf8 => "must be UTF-8".into(),
            Self::ByteOrderMark => "must not begin with a byte order mark".into(),
            Self::LineEnding => "must end every line, the last one too, with a line feed alone (LF)".into(),
            Self::FieldCount { expected } => format!("the record must have {expected} fields, as the header has"),
            Self::ColumnOrder { expected } => format!("the columns must stand in the order {expected}"),
            Self::PasswordTooShort { min } => format!("must have at least {min} characters"),
        }
    }

    fn japanese(&self) -> String {
        match self {
            Self::Required => "必須です".into(),
            Self::TooLong { max } => format!("{max}文字以内で入力してください"),
            Self::Format { expected } => format!("形式が正しくありません({expected})"),
            Self::ControlCharacter => "制御文字は使えません".into(),
            Self::SurroundingSpace => "前後に空白を入れないでください".into(),
            Self::OutOfRange { min, max } => format!("{min}から{max}までの数を入力してください"),
            Self::NotAnInteger => "整数を入力してください".into(),
            Self::NotOneOf { allowed } => format!("次のいずれかを選んでください: {allowed}"),
            Self::Duplicate => "重複しています".into(),
            Self::Unknown => "存在しないものを指しています".into(),
            Self::Taken => "すでに使われています".into(),
            Self::InUse => "公開中の文章で使われているため、外せません".into(),
            Self::ValueMissing => "この状態には値が必要です".into(),
            Self::ValueNotAllowed => "この状態は値がない理由を示すため、値を入力できません".into(),
            Self::SumTooLarge { max } => format!("合計は{max}以下にしてください"),
            Self::ParentLoop => "ページが自分自身の下位になってしまいます".into(),
            Self::FallbackLoop => "代替言語が元の言語に戻ってしまいます".into(),
            Self::TooMany { max } => format!("{max}件以内にしてください"),
            Self::ForeignCursor => "この一覧のカーソルではありません".into(),
            Self::EmptyRange => "範囲の始まりは終わり以前にしてください".into(),
            Self::UnknownField => "ここでは使えない項目です".into(),
            Self::Syntax(message) => format!("構文が正しくありません({message})"),
            Self::UnknownFile => "データセットのファイルではありません".into(),
            Self::FileTooLarge { max_mib } => format!("{max_mib} MiB以下にしてください"),
            Self::NotUtf8 => "文字コードはUTF-8にしてください".into(),
            Self::ByteOrderMark => "先頭のBOMを取り除いてください".into(),
            Self::LineEnding => "最終行も含め、改行はLFだけにしてください".into(),
            Self::FieldCount { expected } => format!("項目の数を見出しと同じ{expected}個にしてください"),
            Self::ColumnOrder { expected } => format!("列は次の順に並べてください: {expected}"),
            Self::PasswordTooShort { min } => format!("{min}文字以上にしてください"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

impl std::error::Error for Rule {}
