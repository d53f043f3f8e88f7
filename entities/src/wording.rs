//! The reasons inside a rule's message, each worded once in every language that Almanac speaks: which form a value must
//! have ([`Form`]), and what is wrong with a file ([`Flaw`]). A rule never bears a text of its own, so its message is in one
//! language to the end.

use crate::Language;

/// Declares reasons with their words in English and in Japanese.
macro_rules! words {
    (
        $(#[$about:meta])*
        $name:ident {
            $($(#[$attribute:meta])* $variant:ident: $english:literal, $japanese:literal;)*
        }
    ) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$attribute])* $variant,)*
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// In words.
            #[must_use]
            pub const fn words(self, language: Language) -> &'static str {
                match (self, language) {
                    $(
                        (Self::$variant, Language::English) => $english,
                        (Self::$variant, Language::Japanese) => $japanese,
                    )*
                }
            }
        }
    };
}

words! {
    /// The form that a value must have, with an example.
    Form {
        /// A slug.
        Slug: "lower-case letters, digits and single hyphens, such as about-us",
            "英小文字、数字、単独のハイフン。例: about-us";
        /// A locale.
        Locale: "a BCP 47 language tag, such as ja or zh-Hant", "BCP 47の言語タグ。例: ja、zh-Hant";
        /// The code of a country.
        CountryCode: "two upper-case letters (ISO 3166-1 alpha-2), such as JP",
            "英大文字2文字(ISO 3166-1 alpha-2)。例: JP";
        /// The code of a category.
        CategoryCode: "upper-case letters, digits and underscores, such as RESIDENT",
            "英大文字、数字、下線。例: RESIDENT";
        /// An e-mail address.
        Email: "an e-mail address, such as editor@example.org", "メールアドレス。例: editor@example.org";
        /// An address on the web.
        Url: "an address on the web, such as https://www.example.org/",
            "ウェブのアドレス。例: https://www.example.org/";
        /// A moment.
        Moment: "a date and time with an offset from UTC, such as 2026-04-01T09:00:00Z, 2026-04-01T09:00:00+09:00 or \
                 2026-04-01 09:00+09:00",
            "UTCとの時差を付けた日時。例: 2026-04-01T09:00:00Z、2026-04-01T09:00:00+09:00、2026-04-01 09:00+09:00";
        /// A local time, or a moment.
        LocalDateTime: "a date and time, such as 2026-04-01T09:00:00, 2026-04-01 09:00, 2026-04-01T09:00:00+09:00 or \
                        2026-04-01T00:00:00Z",
            "日付と時刻。例: 2026-04-01T09:00:00、2026-04-01 09:00、2026-04-01T09:00:00+09:00、2026-04-01T00:00:00Z";
        /// A day.
        Date: "a day, such as 2026-04-01", "日付。例: 2026-04-01";
        /// JSON of the kind string.
        Text: "a string", "文字列";
        /// JSON of the kind number.
        Number: "a number", "数値";
        /// A GraphQL `ID`.
        Id: "a string or a whole number", "文字列または整数";
        /// JSON of the kind boolean.
        Boolean: "true or false", "trueまたはfalse";
        /// Any JSON.
        Json: "JSON", "JSON";
        /// JSON of the kind object.
        Object: "an object", "オブジェクト";
        /// A GraphQL `@oneOf` input.
        OneOf: "an object with exactly one field, which is not null", "nullでない項目を一つだけ持つオブジェクト";
        /// A file inside a text.
        Base64: "a file in base64", "Base64で表したファイル";
        /// The query string of an address.
        QueryString: "a query string, such as locale=ja", "クエリー文字列。例: locale=ja";
        /// A list of slugs in a field of a dataset.
        Slugs: "slugs with a single space between them", "空白一つで区切ったスラッグ";
        /// A field that is for others only.
        EmptyForTotal: "empty in the row of a total", "合計の行では空";
        /// A text in TOML.
        TomlText: "a text in double quotes", "二重引用符で囲んだ文字列";
        /// A list of texts in TOML.
        TomlTexts: "a list of texts, such as [\"en\"]", "文字列の一覧。例: [\"en\"]";
        /// Texts by locale in TOML.
        TomlLocalized: "a table of texts by locale, such as { en = \"Name\" }",
            "言語ごとの文字列の表。例: { ja = \"名前\" }";
        /// The table of the policy on small counts.
        TomlDisclosure: "a table, such as [disclosure]", "表。例: [disclosure]";
        /// The tables of locales.
        TomlLocales: "a list of tables, each under [[locales]]", "[[locales]]の表の一覧";
        /// The tables of breaks.
        TomlBreaks: "a list of tables, each under [[breaks]]", "[[breaks]]の表の一覧";
        /// The tables of footnotes.
        TomlFootnotes: "a list of tables, each under [[footnotes]]", "[[footnotes]]の表の一覧";
        /// The places of a footnote.
        TomlPlaces: "a list of places, such as [{ category = \"RESIDENT\", year = \"2020\" }]",
            "場所の一覧。例: [{ category = \"RESIDENT\", year = \"2020\" }]";
        /// The head of a page text.
        FrontMatter: "front matter between two lines of +++", "+++の行で挟んだ前書き";
        /// What stands between the head and the body of a page text.
        BlankLine: "separated from the front matter by a blank line", "前書きとの間に空行";
    }
}

words! {
    /// What keeps a file from being read.
    Flaw {
        /// It is no JSON.
        NotJson: "the file is not well-formed JSON", "JSONとして正しくありません";
        /// It is JSON of another kind.
        NotJsonStat: "the file is no JSON-stat dataset", "JSON-statのデータセットではありません";
        /// A dimension has more or fewer codes than it says.
        DimensionSize: "the size of a dimension is not the number of its codes", "次元の大きさがコードの数と一致しません";
        /// There are more or fewer values than the dimensions say.
        ValueCount: "the number of values is not the product of the sizes", "値の数が次元の大きさの積と一致しません";
        /// A part of a workbook cannot be read.
        Workbook: "the workbook is damaged; save it again", "ブックが壊れています。もう一度保存してください";
        /// The records of a text with separators cannot be told apart.
        Records: "the records cannot be read", "行を読み取れません";
        /// A quoted field does not end.
        OpenQuote: "the quotation mark is never closed", "引用符が閉じられていません";
        /// A quotation mark in the middle of a field.
        StrayQuote: "a quotation mark stands in a field that is not quoted: quote the field and double the mark",
            "引用符のない項目に引用符があります。項目を引用符で囲み、中の引用符を二つ重ねてください";
        /// Something between a quoted field and the next separator.
        TextAfterQuote: "text stands after the closing quotation mark", "閉じた引用符の後に文字があります";
    }
}
