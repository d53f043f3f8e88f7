//! A big dataset, made by rule, so that every run on every machine has the same: the benchmark measures on it, and a test
//! holds prices against it.

use std::{fmt, str::FromStr};

use anyhow::{anyhow, ensure};
use entities::{
    CategoryCode, CountryCode, DisclosureMethod, DisclosurePolicy, Flags, Locale, Localized, Observation,
    ObservationStatus, Threshold, Year,
};
use seed::{
    Category, Country, Dataset, Page, PageText, Site, SiteLocale, StaffMember, StaffText, VisitCount, YearlyTotal,
};

/// How many pages there are where nothing else is said.
pub const PAGES: u32 = 10_000;
/// How many of them stand below one page of the first level, itself included.
const PAGES_IN_SECTION: u32 = 100;
/// How long the text of a page is at least, in bytes.
const BODY_BYTES: usize = 2_000;
/// How many members of staff there are.
pub const STAFF: u32 = 300;
/// The codes of the categories: those of the built-in example.
pub const CATEGORIES: [&str; 2] = ["TRAVEL", "RESIDENT"];
/// The first year that has figures, and the last.
pub const YEARS: (i64, i64) = (1993, 2022);
/// The locales, the default first.
const LOCALES: [&str; 2] = ["ja", "en"];

/// The countries and areas of ISO 3166-1.
const COUNTRIES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS \
    BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ \
    FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT \
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP \
    MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE \
    RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV \
    TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

const ENGLISH: [&str; 24] = [
    "patients",
    "from abroad",
    "are received",
    "by the section",
    "which arranges",
    "the journey",
    "translates records",
    "and settles costs",
    "before treatment",
    "begins.",
    "A coordinator",
    "answers questions",
    "within two days",
    "in **four languages**",
    "and explains",
    "what to bring:",
    "[the list](https://www.example.org/list)",
    "is short.",
    "Interpreters",
    "are present",
    "at every visit,",
    "without charge,",
    "as long as",
    "*it takes*.",
];
const JAPANESE: [&str; 24] = [
    "海外からの患者さんを",
    "国際診療室が",
    "受け入れ、",
    "渡航の準備、",
    "診療記録の翻訳、",
    "費用の相談を",
    "**治療の前に**",
    "行います。",
    "担当者が",
    "二日以内に",
    "四か国語で",
    "お答えし、",
    "ご用意いただくものを",
    "[一覧](https://www.example.org/list)で",
    "ご案内します。",
    "通訳は",
    "すべての診察に",
    "無料で",
    "同席します。",
    "ご家族の方も",
    "ご相談ください。",
    "必要なだけ",
    "*時間をかけて*",
    "説明します。",
];

/// The dataset, with so many pages.
///
/// # Errors
/// When it breaks a rule that values must keep; then this file is wrong.
pub fn big(pages: u32) -> anyhow::Result<Dataset> {
    let countries: Vec<CountryCode> = COUNTRIES.split_whitespace().map(value).collect::<anyhow::Result<_>>()?;
    ensure!(countries.len() == 249, "ISO 3166-1 has 249 entries, not {}", countries.len());
    let (visit_counts, yearly_totals) = figures(&countries)?;
    let mut dataset = Dataset {
        site: site()?,
        pages: (0..pages).map(page).collect::<anyhow::Result<_>>()?,
        staff: (0..STAFF).map(member).collect::<anyhow::Result<_>>()?,
        countries: (1..).zip(countries).map(country).collect::<anyhow::Result<_>>()?,
        categories: (1..).zip(CATEGORIES).map(category).collect::<anyhow::Result<_>>()?,
        visit_counts,
        yearly_totals,
        withheld: Vec::new(),
        fact_sheet: None,
    };
    dataset.sort();
    Ok(dataset)
}

/// The slug of a page.
#[must_use]
pub fn slug(page: u32) -> String {
    format!("page-{page:05}")
}

fn site() -> anyhow::Result<Site> {
    let locale = |code: &str, name: &str, fallback: &str| -> anyhow::Result<SiteLocale> {
        Ok(SiteLocale {
            code: value(code)?,
            name: value(name)?,
            direction: value("ltr")?,
            fallback: vec![value(fallback)?],
        })
    };
    Ok(Site {
        default_locale: value(LOCALES[0])?,
        name: localized(|locale| value(if locale == "ja" { "大きな例" } else { "A big example" }))?,
        locales: vec![locale("ja", "日本語", "en")?, locale("en", "English", "ja")?],
        required_locales: Vec::new(),
        disclosure: Some(DisclosurePolicy { method: DisclosureMethod::Off, threshold: Threshold::default() }),
    })
}

fn page(number: u32) -> anyhow::Result<Page> {
    let (section, place) = (number / PAGES_IN_SECTION, number % PAGES_IN_SECTION);
    let parent = (place > 0).then(|| value(&slug(section * PAGES_IN_SECTION))).transpose()?;
    let text = |locale: &str| -> anyhow::Result<PageText> {
        let mut words = Words::new(locale, u64::from(number));
        Ok(PageText {
            title: value(&words.title("Page", "ページ", number))?,
            summary: Some(value(&words.sentence(8))?),
            description: Some(value(&words.sentence(6))?),
            signature: None,
            body: value(&words.body())?,
        })
    };
    Ok(Page {
        slug: value(&slug(number))?,
        parent,
        position: i64::from(if place == 0 { section + 1 } else { place }).try_into().map_err(fault)?,
        former_slugs: [].into(),
        texts: localized(text)?,
    })
}

fn member(number: u32) -> anyhow::Result<StaffMember> {
    let text = |locale: &str| -> anyhow::Result<StaffText> {
        let mut words = Words::new(locale, u64::from(PAGES + number));
        Ok(StaffText {
            name: value(&words.title("Member", "室員", number))?,
            role: value(&words.sentence(1))?,
            degree: Some(value("MD, PhD")?),
            field: Some(value(&words.sentence(2))?),
        })
    };
    Ok(StaffMember {
        slug: value(&format!("member-{number:03}"))?,
        position: i64::from(number + 1).try_into().map_err(fault)?,
        email: Some(value(&format!("member-{number:03}@example.org"))?),
        telephone: Some(value(&format!("+81 3 0000 {number:04}"))?),
        texts: localized(text)?,
    })
}

fn country((position, code): (i64, CountryCode)) -> anyhow::Result<Country> {
    let name =
        |locale: &str| value(&if locale == "ja" { format!("国と地域{code}") } else { format!("The area {code}") });
    Ok(Country { names: localized(name)?, position: position.try_into().map_err(fault)?, code })
}

fn category((position, code): (i64, &str)) -> anyhow::Result<Category> {
    let label = |locale: &str| -> anyhow::Result<seed::CategoryLabel> {
        let name = if locale == "ja" { format!("区分{position}") } else { format!("Category {position}") };
        let description = Some(value(&Words::new(locale, u64::from(PAGES + STAFF)).sentence(6))?);
        Ok(seed::CategoryLabel { name: value(&name)?, description })
    };
    Ok(Category { code: value(code)?, position: position.try_into().map_err(fault)?, labels: localized(label)? })
}

/// Figures for every category, year and country, each with a value; and totals that are their sums.
fn figures(countries: &[CountryCode]) -> anyhow::Result<(Vec<VisitCount>, Vec<YearlyTotal>)> {
    let (mut counts, mut totals) = (Vec::new(), Vec::new());
    let mut numbers = Numbers(0);
    for code in CATEGORIES {
        let category: CategoryCode = value(code)?;
        for year in YEARS.0..=YEARS.1 {
            let flags = if year == YEARS.1 { ObservationStatus::Provisional } else { ObservationStatus::Final };
            let year: Year = year.try_into().map_err(fault)?;
            let mut sum = 0;
            for country in countries {
                let count = i64::try_from(numbers.below(1_000))?;
                sum += count;
                counts.push(VisitCount {
                    category: category.clone(),
                    country: country.clone(),
                    year,
                    observation: Observation::new(Some(count.try_into().map_err(fault)?), flags).map_err(fault)?,
                    note: Localized::new(),
                });
            }
            totals.push(YearlyTotal {
                category: category.clone(),
                year,
                value: sum.try_into().map_err(fault)?,
                flags: Flags::new([flags]).map_err(fault)?,
                note: Localized::new(),
            });
        }
    }
    Ok((counts, totals))
}

/// Numbers in an order without a pattern, the same every time (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Texts that look like texts: words, links, emphasis, headings and lists.
struct Words {
    numbers: Numbers,
    japanese: bool,
}

impl Words {
    fn new(locale: &str, number: u64) -> Self {
        Self { numbers: Numbers(number << 8), japanese: locale == "ja" }
    }

    fn title(&mut self, english: &str, japanese: &str, number: u32) -> String {
        if self.japanese { format!("{japanese}{number}") } else { format!("{english} {number}") }
    }

    fn sentence(&mut self, phrases: u64) -> String {
        let (phrase, space): (&[&str], _) = if self.japanese { (&JAPANESE, "") } else { (&ENGLISH, " ") };
        let count = u64::try_from(phrase.len()).unwrap_or(1);
        let chosen = (0..phrases).map(|_| usize::try_from(self.numbers.below(count)).unwrap_or_default());
        chosen.filter_map(|place| phrase.get(place).copied()).collect::<Vec<_>>().join(space)
    }

    fn body(&mut self) -> String {
        let mut text = String::new();
        while text.len() < BODY_BYTES {
            let heading = self.sentence(2);
            text += &format!("## {heading}\n\n{}\n\n{}\n\n", self.sentence(20), self.sentence(12));
            for _ in 0..3 {
                text += &format!("- {}\n", self.sentence(4));
            }
            text += "\n";
        }
        text
    }
}

fn localized<T>(text: impl Fn(&str) -> anyhow::Result<T>) -> anyhow::Result<Localized<T>> {
    LOCALES.into_iter().map(|locale| Ok((value::<Locale>(locale)?, text(locale)?))).collect()
}

fn value<T: FromStr<Err: fmt::Debug>>(text: &str) -> anyhow::Result<T> {
    text.parse().map_err(|rule| anyhow!("{text}: {rule:?}"))
}

fn fault(rule: entities::Rule) -> anyhow::Error {
    anyhow!("{rule:?}")
}
