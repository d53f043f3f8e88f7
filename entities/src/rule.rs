//! The rules that a value can break, in one list: the same rule is named by a dataset's fault
//! report, by a mutation's `errors` and by an argument error, and is worded here, once per language.

use std::fmt;

use crate::{Flaw, Form};

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

/// A published total that differs from the sum of its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unexplained {
    /// The category.
    pub category: crate::CategoryCode,
    /// The year.
    pub year: crate::Year,
    /// The published total.
    pub total: i64,
    /// The sum of its parts.
    pub sum: i64,
}

/// One rule that a value broke, with the rule's own bounds. `Display` is English and safe to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The document cannot be published, and the caller may not read why.
    Unpublishable,
    /// A required value is absent or blank.
    Required,
    /// The text is longer than `max` characters.
    TooLong {
        /// The most characters allowed.
        max: usize,
    },
    /// The text does not have the form that its type asks for.
    Format {
        /// The form.
        expected: Form,
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
    /// What is public still needs what is left out or withdrawn.
    InUse,
    /// A status that has a value (`FINAL`, `IMPUTED`, ...) stands without one.
    ValueMissing,
    /// A status that explains the absence of a value (`MISSING`, ...) stands with one.
    ValueNotAllowed,
    /// `FINAL`, or a status that explains the absence of a value, stands with other statuses.
    StatusesContradict,
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
    /// The file cannot be parsed; the text is the parser's own, and English.
    Syntax(String),
    /// The file cannot be read.
    Flawed(Flaw),
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
    /// The password is easily guessed.
    PasswordTooWeak,
    /// The document is archived.
    Archived,
    /// The name is kept: it is the old address of another page, or one of Almanac's own.
    Reserved,
    /// Another published page has the slug, and only its draft gives it up.
    StillHeld,
    /// What this belongs to is not published.
    NotPublished,
    /// The text in a locale that the site requires is not published.
    RequiredLocale {
        /// The locale.
        locale: String,
    },
    /// An image has no text for those who do not see it.
    ImageText {
        /// The address of the image.
        source: String,
    },
    /// A link leads to a page that is not published.
    DeadLink {
        /// The address as it stands in the text.
        target: String,
    },
    /// A link of a scheme that is not shown, such as `javascript:`.
    LinkScheme {
        /// Where it leads.
        target: String,
    },
    /// Published pages link to the page.
    LinkedFrom {
        /// Their slugs, separated by commas.
        pages: String,
    },
    /// The published total differs from the sum of its parts, and no note says why.
    Unexplained(Box<Unexplained>),
    /// A release of this kind is for figures only.
    OnlyForFigures,
    /// The clocks are set back and the local time occurs twice.
    AmbiguousTime,
    /// The clocks are set forward and the local time does not occur.
    NonexistentTime,
    /// The moment lies outside the years 0001 to 9999.
    OutsideCalendar,
    /// The moment has passed.
    InThePast,
    /// At the same moment another schedule does the opposite.
    OppositeSchedule,
    /// What is made with a token would outlive it.
    OutlivesToken,
    /// The file has faults, which are told apart.
    FaultsInFile,
    /// The picture would have more than 16 million pixels.
    TooLarge,
    /// The moment is still to come.
    InTheFuture,
    /// The site's settings are always public.
    AlwaysPublished,
    /// It would show more of small counts than the policy in force.
    WeakerDisclosure {
        /// The policy in force, such as `SUPPRESS 10`.
        current: String,
    },
    /// There is nothing of it that the public sees.
    NothingPublished,
    /// The documents are not of one kind that has an order.
    NoOrder,
    /// Only translators have locales, and every translator has at least one.
    LocalesOfRole,
    /// The account is the caller's own, or the last administrator's that can sign in, and must stay what it is.
    LastAdministrator,
    /// The account is shut out.
    AccountDisabled,
    /// The account signs in elsewhere and has no password here.
    ForeignAccount,
    /// The moment lies more than `days` days ahead.
    TooFarAhead {
        /// The most days ahead.
        days: i64,
    },
    /// The file is of a kind that is not read, or is encrypted.
    ForeignFormat,
    /// The text is in no encoding that is read, or not in the one that was declared.
    Encoding,
    /// The workbook has macros.
    Macros,
    /// The workbook takes values from other files.
    ExternalLinks,
    /// What is packed in the file takes more than `max_mib` MiB, or is packed far more tightly than workbooks are.
    TooBigInside {
        /// The largest size allowed once unpacked, in MiB.
        max_mib: usize,
    },
    /// Nothing in the file looks like the header of a table.
    NotATable,
    /// Nothing says which category the figures belong to.
    NoCategory,
    /// Nothing says which year the figures belong to.
    NoYear,
    /// A formula stands where a figure is expected.
    Formula,
    /// A dash stands alone: nobody can tell whether it is zero or not known.
    AmbiguousDash,
    /// The figure has been given before, at `first`.
    FigureTwice {
        /// The place of the first, as spreadsheets name it.
        first: String,
    },
    /// The category and year have had a total before, at `first`.
    TwoTotals {
        /// The place of the first, as spreadsheets name it.
        first: String,
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
            Self::Unpublishable => "UNPUBLISHABLE",
            Self::InUse => "IN_USE",
            Self::ValueMissing => "VALUE_MISSING",
            Self::ValueNotAllowed => "VALUE_NOT_ALLOWED",
            Self::StatusesContradict => "STATUSES_CONTRADICT",
            Self::SumTooLarge { .. } => "SUM_TOO_LARGE",
            Self::ParentLoop => "PARENT_LOOP",
            Self::FallbackLoop => "FALLBACK_LOOP",
            Self::TooMany { .. } => "TOO_MANY",
            Self::ForeignCursor => "FOREIGN_CURSOR",
            Self::EmptyRange => "EMPTY_RANGE",
            Self::UnknownField => "UNKNOWN_FIELD",
            Self::Syntax(_) | Self::Flawed(_) => "SYNTAX",
            Self::UnknownFile => "UNKNOWN_FILE",
            Self::FileTooLarge { .. } => "FILE_TOO_LARGE",
            Self::NotUtf8 => "NOT_UTF8",
            Self::ByteOrderMark => "BYTE_ORDER_MARK",
            Self::LineEnding => "LINE_ENDING",
            Self::FieldCount { .. } => "FIELD_COUNT",
            Self::ColumnOrder { .. } => "COLUMN_ORDER",
            Self::PasswordTooShort { .. } => "PASSWORD_TOO_SHORT",
            Self::PasswordTooWeak => "PASSWORD_TOO_WEAK",
            Self::Archived => "ARCHIVED",
            Self::Reserved => "RESERVED",
            Self::StillHeld => "STILL_HELD",
            Self::NotPublished => "NOT_PUBLISHED",
            Self::RequiredLocale { .. } => "REQUIRED_LOCALE",
            Self::ImageText { .. } => "IMAGE_TEXT",
            Self::DeadLink { .. } => "DEAD_LINK",
            Self::LinkScheme { .. } => "LINK_SCHEME",
            Self::LinkedFrom { .. } => "LINKED_FROM",
            Self::Unexplained(_) => "UNEXPLAINED_DIFFERENCE",
            Self::OnlyForFigures => "ONLY_FOR_FIGURES",
            Self::AmbiguousTime => "AMBIGUOUS_TIME",
            Self::NonexistentTime => "NONEXISTENT_TIME",
            Self::OutsideCalendar => "OUTSIDE_CALENDAR",
            Self::InThePast => "IN_THE_PAST",
            Self::OppositeSchedule => "OPPOSITE_SCHEDULE",
            Self::OutlivesToken => "OUTLIVES_TOKEN",
            Self::FaultsInFile => "FAULTS_IN_FILE",
            Self::TooLarge => "TOO_LARGE",
            Self::InTheFuture => "IN_THE_FUTURE",
            Self::AlwaysPublished => "ALWAYS_PUBLISHED",
            Self::WeakerDisclosure { .. } => "WEAKER_DISCLOSURE",
            Self::NothingPublished => "NOTHING_PUBLISHED",
            Self::NoOrder => "NO_ORDER",
            Self::LocalesOfRole => "LOCALES_OF_ROLE",
            Self::LastAdministrator => "LAST_ADMINISTRATOR",
            Self::AccountDisabled => "ACCOUNT_DISABLED",
            Self::ForeignAccount => "FOREIGN_ACCOUNT",
            Self::TooFarAhead { .. } => "TOO_FAR_AHEAD",
            Self::ForeignFormat => "FOREIGN_FORMAT",
            Self::Encoding => "ENCODING",
            Self::Macros => "MACROS",
            Self::ExternalLinks => "EXTERNAL_LINKS",
            Self::TooBigInside { .. } => "TOO_BIG_INSIDE",
            Self::NotATable => "NOT_A_TABLE",
            Self::NoCategory => "NO_CATEGORY",
            Self::NoYear => "NO_YEAR",
            Self::Formula => "FORMULA",
            Self::AmbiguousDash => "AMBIGUOUS_DASH",
            Self::FigureTwice { .. } => "FIGURE_TWICE",
            Self::TwoTotals { .. } => "TWO_TOTALS",
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

    /// What an editor can do about it, for the rules that stand in the way of publishing.
    #[must_use]
    pub fn remedy(&self, language: Language) -> Option<String> {
        let (english, japanese) = match self {
            Self::Archived => ("Bring it back first.", "先に元に戻してください。"),
            Self::NotPublished => ("Publish it first, or both together.", "先に公開するか、一緒に公開してください。"),
            Self::RequiredLocale { .. } => (
                "Write the text in that locale and publish it first, or both together.",
                "その言語の文章を用意し、先に公開するか、一緒に公開してください。",
            ),
            Self::ImageText { .. } => {
                ("Describe the image between the square brackets.", "角かっこの中に画像の説明を書いてください。")
            }
            Self::DeadLink { .. } => (
                "Correct the link, or publish the page that it leads to, or both together.",
                "リンクを直すか、リンク先のページを先に、または一緒に公開してください。",
            ),
            Self::LinkScheme { .. } => {
                ("Give it another address, or remove it.", "別のアドレスにするか、リンクを外してください。")
            }
            Self::LinkedFrom { .. } => (
                "Change those links first, publish a text of the page, or say that the links may be broken.",
                "先にリンクを直すか、ページの文章を公開するか、リンク切れになってもよいことを指定してください。",
            ),
            Self::Unexplained(_) => (
                "Correct the figures, or explain the difference in the note of the total.",
                "数値を直すか、総数の注記に差の理由を書いてください。",
            ),
            Self::Taken => ("Choose another name.", "別の名前にしてください。"),
            Self::Unpublishable => {
                ("Ask an editor who may read the draft.", "下書きを閲覧できる編集者に確認してください。")
            }
            Self::Reserved => (
                "Choose another name. If it is the old address of another page, replaceRedirect gives it to this one.",
                "別の名前にしてください。別のページの以前のアドレスであれば、replaceRedirect を指定するとこのページで使えます。",
            ),
            Self::StillHeld => (
                "Publish the page that has it together with this one.",
                "現在そのアドレスを使っているページと一緒に公開してください。",
            ),
            Self::ParentLoop => ("Choose another page above it.", "別の上位ページを選んでください。"),
            _ => return None,
        };
        Some(match language {
            Language::English => english.to_owned(),
            Language::Japanese => japanese.to_owned(),
        })
    }

    fn english(&self) -> String {
        match self {
            Self::Required => "is required".into(),
            Self::TooLong { max } => format!("must have at most {max} characters"),
            Self::Format { expected } => format!("must be {}", expected.words(Language::English)),
            Self::ControlCharacter => "must not contain control characters".into(),
            Self::SurroundingSpace => "must not begin or end with white space".into(),
            Self::OutOfRange { min, max } => format!("must be between {min} and {max}"),
            Self::NotAnInteger => "must be a whole number".into(),
            Self::NotOneOf { allowed } => format!("must be one of {allowed}"),
            Self::Duplicate => "must not stand twice".into(),
            Self::Unknown => "names something that does not exist".into(),
            Self::Taken => "is already used".into(),
            Self::Unpublishable => {
                "cannot be published as it is; only those who may read the draft are told why".into()
            }
            Self::InUse => "is still needed by what is public".into(),
            Self::ValueMissing => "this status needs a value".into(),
            Self::ValueNotAllowed => "this status explains why there is no value, so it must not have one".into(),
            Self::StatusesContradict => {
                "FINAL, and a status that explains why there is no value, must stand alone".into()
            }
            Self::SumTooLarge { max } => format!("the sum must be at most {max}"),
            Self::ParentLoop => "would make the page its own ancestor".into(),
            Self::FallbackLoop => "leads back to the locale itself".into(),
            Self::TooMany { max } => format!("must have at most {max} items"),
            Self::ForeignCursor => "was not issued for this list".into(),
            Self::EmptyRange => "must not lie above the end of the range".into(),
            Self::UnknownField => "is not a known field here".into(),
            Self::Syntax(message) => message.clone(),
            Self::Flawed(flaw) => flaw.words(Language::English).into(),
            Self::UnknownFile => "is not a file of a dataset".into(),
            Self::FileTooLarge { max_mib } => format!("must be at most {max_mib} MiB"),
            Self::NotUtf8 => "must be UTF-8".into(),
            Self::ByteOrderMark => "must not begin with a byte order mark".into(),
            Self::LineEnding => "must end every line, the last one too, with a line feed alone (LF)".into(),
            Self::FieldCount { expected } => format!("the record must have {expected} fields, as the header has"),
            Self::ColumnOrder { expected } => format!("the columns must stand in the order {expected}"),
            Self::PasswordTooShort { min } => format!("must have at least {min} characters"),
            Self::PasswordTooWeak => "is easily guessed; use several unrelated words".into(),
            Self::Archived => "is archived; bring it back first".into(),
            Self::Reserved => "is kept: it is the old address of another page, or one of Almanac's own".into(),
            Self::StillHeld => "is still the published address of another page, which gives it up in its draft".into(),
            Self::NotPublished => "is not published".into(),
            Self::RequiredLocale { locale } => {
                format!("the text in {locale}, which the site requires, is not published")
            }
            Self::ImageText { source } => format!("the image {source} has no text for those who do not see it"),
            Self::DeadLink { target } => format!("the link {target} leads to no published page"),
            Self::LinkScheme { target } => {
                format!("the link {target} would not be shown: only https, http, mailto and tel links are")
            }
            Self::LinkedFrom { pages } => format!("published pages link to it: {pages}"),
            Self::Unexplained(found) => {
                let Unexplained { category, year, total, sum } = found.as_ref();
                let difference = sum - total;
                format!(
                    "{category} {year}: the countries sum to {sum}, the total is {total}, a difference of {difference:+} that no \
                     note explains"
                )
            }
            Self::OnlyForFigures => "is for figures only".into(),
            Self::AmbiguousTime => "this local time occurs twice, since the clocks are set back; say which one".into(),
            Self::NonexistentTime => "this local time does not occur, since the clocks are set forward".into(),
            Self::OutsideCalendar => "must lie in the years 0001 to 9999".into(),
            Self::InThePast => "must not have passed".into(),
            Self::OppositeSchedule => "must not be the moment at which another schedule does the opposite".into(),
            Self::OutlivesToken => "must not be later than the end of the API token that this is made with".into(),
            Self::FaultsInFile => "cannot be used as it is: see its faults".into(),
            Self::TooLarge => "would make a picture of more than 16 million pixels".into(),
            Self::InTheFuture => "is still to come".into(),
            Self::AlwaysPublished => "is always public; it can be changed, not withdrawn".into(),
            Self::WeakerDisclosure { current } => format!(
                "would show more of small counts than the policy in force ({current}); import with --weaken-disclosure if that \
                 is meant"
            ),
            Self::NothingPublished => "has nothing that the public sees".into(),
            Self::NoOrder => "must all be of one kind that has an order".into(),
            Self::LocalesOfRole => "a translator needs at least one locale, every other role has none".into(),
            Self::LastAdministrator => {
                "is your own account or that of the last administrator; another administrator must change it".into()
            }
            Self::AccountDisabled => "is shut out; let it in again first".into(),
            Self::ForeignAccount => "signs in elsewhere and has no password here".into(),
            Self::TooFarAhead { days } => format!("must lie at most {days} days ahead"),
            Self::ForeignFormat => "cannot be read; save it as .xlsx or CSV, without a password".into(),
            Self::Encoding => {
                "must be UTF-8, Shift_JIS, or UTF-16 with a byte order mark, and what it was declared to be".into()
            }
            Self::Macros => "has macros; save it as .xlsx or CSV, without them".into(),
            Self::ExternalLinks => "takes values from other files; save it with the values themselves".into(),
            Self::TooBigInside { max_mib } => format!("must not unpack to more than {max_mib} MiB"),
            Self::NotATable => "has no header that names countries and years, or countries and values".into(),
            Self::NoCategory => "does not say which category the figures belong to".into(),
            Self::NoYear => "does not say which year the figures belong to".into(),
            Self::Formula => "is a formula; put the value in its place".into(),
            Self::AmbiguousDash => {
                "a dash may mean none or not known; write 0, or a sign such as … (not known) or x (withheld)".into()
            }
            Self::FigureTwice { first } => format!("is the same figure as at {first}"),
            Self::TwoTotals { first } => format!("the category and year already have a total at {first}"),
        }
    }

    fn japanese(&self) -> String {
        match self {
            Self::Required => "必須です".into(),
            Self::TooLong { max } => format!("{max}文字以内で入力してください"),
            Self::Format { expected } => format!("形式が正しくありません({})", expected.words(Language::Japanese)),
            Self::ControlCharacter => "制御文字は使えません".into(),
            Self::SurroundingSpace => "前後に空白を入れないでください".into(),
            Self::OutOfRange { min, max } => format!("{min}から{max}までの数を入力してください"),
            Self::NotAnInteger => "整数を入力してください".into(),
            Self::NotOneOf { allowed } => format!("次のいずれかを選んでください: {allowed}"),
            Self::Duplicate => "重複しています".into(),
            Self::Unknown => "存在しないものを指しています".into(),
            Self::Taken => "すでに使われています".into(),
            Self::Unpublishable => "このままでは公開できません。理由は下書きを閲覧できる人にのみ表示されます".into(),
            Self::InUse => "公開中の内容で使われているため、外せません".into(),
            Self::ValueMissing => "この状態には値が必要です".into(),
            Self::ValueNotAllowed => "この状態は値がない理由を示すため、値を入力できません".into(),
            Self::StatusesContradict => "FINALと、値がない理由を示す状態は、ほかの状態と併用できません".into(),
            Self::SumTooLarge { max } => format!("合計は{max}以下にしてください"),
            Self::ParentLoop => "ページが自分自身の下位になってしまいます".into(),
            Self::FallbackLoop => "代替言語が元の言語に戻ってしまいます".into(),
            Self::TooMany { max } => format!("{max}件以内にしてください"),
            Self::ForeignCursor => "この一覧のカーソルではありません".into(),
            Self::EmptyRange => "範囲の始まりは終わり以前にしてください".into(),
            Self::UnknownField => "ここでは使えない項目です".into(),
            Self::Syntax(_) => "構文が正しくありません".into(),
            Self::Flawed(flaw) => flaw.words(Language::Japanese).into(),
            Self::UnknownFile => "データセットのファイルではありません".into(),
            Self::FileTooLarge { max_mib } => format!("{max_mib} MiB以下にしてください"),
            Self::NotUtf8 => "文字コードはUTF-8にしてください".into(),
            Self::ByteOrderMark => "先頭のBOMを取り除いてください".into(),
            Self::LineEnding => "最終行も含め、改行はLFだけにしてください".into(),
            Self::FieldCount { expected } => format!("項目の数を見出しと同じ{expected}個にしてください"),
            Self::ColumnOrder { expected } => format!("列は次の順に並べてください: {expected}"),
            Self::PasswordTooShort { min } => format!("{min}文字以上にしてください"),
            Self::PasswordTooWeak => {
                "推測されやすいパスワードです。関連のない単語をいくつか組み合わせてください".into()
            }
            Self::Archived => "アーカイブされています。先に元に戻してください".into(),
            Self::Reserved => "別のページの以前のアドレス、または予約された名前のため使えません".into(),
            Self::StillHeld => {
                "別のページが公開中のアドレスとしてまだ使っています（そのページの下書きでは変更済みです）".into()
            }
            Self::NotPublished => "公開されていません".into(),
            Self::RequiredLocale { locale } => format!("必須の言語({locale})の文章が公開されていません"),
            Self::ImageText { source } => format!("画像({source})に代替テキストがありません"),
            Self::DeadLink { target } => format!("リンク({target})の先に公開中のページがありません"),
            Self::LinkScheme { target } => {
                format!(
                    "リンク({target})は表示できません。ウェブアドレス、メールアドレスまたは電話番号へのリンクを使ってください"
                )
            }
            Self::LinkedFrom { pages } => format!("公開中のページからリンクされています: {pages}"),
            Self::Unexplained(found) => {
                let Unexplained { category, year, total, sum } = found.as_ref();
                let difference = sum - total;
                format!(
                    "{category} {year}年: 国別の合計{sum}と総数{total}の間に{difference:+}の差がありますが、説明の注記がありません"
                )
            }
            Self::OnlyForFigures => "統計にだけ使えます".into(),
            Self::AmbiguousTime => "時計が戻るため、この時刻は2回あります。どちらかを指定してください".into(),
            Self::NonexistentTime => "時計が進むため、この時刻は存在しません".into(),
            Self::OutsideCalendar => "0001年から9999年までの日時を指定してください".into(),
            Self::InThePast => "過ぎた時刻は指定できません".into(),
            Self::OppositeSchedule => "反対の操作が同じ日時に予約されています".into(),
            Self::OutlivesToken => "使用中のAPIトークンの有効期限より後の日時は指定できません".into(),
            Self::FaultsInFile => "ファイルに誤りがあるため使えません。誤りの一覧を確認してください".into(),
            Self::TooLarge => "画像が1600万画素を超えます".into(),
            Self::InTheFuture => "まだ来ていない時刻は指定できません".into(),
            Self::AlwaysPublished => "常に公開されています。変更はできますが、公開を取り消すことはできません".into(),
            Self::WeakerDisclosure { current } => format!(
                "現在の秘匿方針（{current}）よりも小さな数値を多く公開することになります。意図したものであれば --weaken-disclosure を付けて取り込んでください"
            ),
            Self::NothingPublished => "公開中のものがありません".into(),
            Self::NoOrder => "順序を持つ同じ種類のものだけを並べてください".into(),
            Self::LocalesOfRole => "翻訳者には一つ以上の言語が必要で、ほかの役割には指定できません".into(),
            Self::LastAdministrator => "自分自身または最後の管理者のため、ほかの管理者だけが変更できます".into(),
            Self::AccountDisabled => "利用停止中です。先に停止を解除してください".into(),
            Self::ForeignAccount => "外部の認証を使うアカウントのため、パスワードを設定できません".into(),
            Self::TooFarAhead { days } => format!("{days}日以内の日時を指定してください"),
            Self::ForeignFormat => {
                "読み込めない形式です。パスワードを付けずに、.xlsxまたはCSVで保存してください".into()
            }
            Self::Encoding => {
                "文字コードは、UTF-8、Shift_JIS、BOM付きのUTF-16のいずれかで、指定どおりにしてください".into()
            }
            Self::Macros => "マクロが含まれています。マクロを除いて、.xlsxまたはCSVで保存してください".into(),
            Self::ExternalLinks => "ほかのファイルの値を参照しています。値に置き換えて保存してください".into(),
            Self::TooBigInside { max_mib } => format!("展開後の大きさを{max_mib} MiB以下にしてください"),
            Self::NotATable => "国と年、または国と値を示す見出しの行が見つかりません".into(),
            Self::NoCategory => "どの区分の数値なのか分かりません".into(),
            Self::NoYear => "どの年の数値なのか分かりません".into(),
            Self::Formula => "数式です。値に置き換えてください".into(),
            Self::AmbiguousDash => {
                "横線だけでは、ゼロなのか不明なのか分かりません。0か、…(不明)、x(秘匿)などの記号を入力してください"
                    .into()
            }
            Self::FigureTwice { first } => format!("{first}と同じ数値が重複しています"),
            Self::TwoTotals { first } => format!("この区分と年の合計は、すでに{first}にあります"),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.english())
    }
}

impl std::error::Error for Rule {}
