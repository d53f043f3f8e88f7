//! The regions of the world after the United Nations (M49), and which of them a country lies in.
//!
//! M49 has two levels of these: five regions, and sub-regions within them. What is written down here are facts of the UN;
//! they change about as often as states do. Where M49 says nothing, or nothing of use, this file decides:
//! - Taiwan is no area of its own in M49; it stands in Eastern Asia, by geography.
//! - Kosovo is neither in M49 nor in ISO 3166-1; `XK`, which is user-assigned, stands in Southern Europe.
//! - Antarctica is in M49 but in none of its regions, so it has none here.
//! - `ZZ`, visits of no country in particular, and codes that mean nothing have none either.

pub mod graphql;

use entities::{CountryCode, Language};

/// A region or sub-region.
#[derive(Debug)]
pub struct Region {
    /// Its code in M49, three digits.
    pub code: &'static str,
    english: &'static str,
    japanese: &'static str,
    /// The sub-regions of a region.
    parts: &'static [Self],
    /// The countries of a sub-region, after ISO 3166-1 alpha-2, separated by spaces.
    countries: &'static str,
}

impl Region {
    const fn new(code: &'static str, english: &'static str, japanese: &'static str, parts: &'static [Self]) -> Self {
        Self { code, english, japanese, parts, countries: "" }
    }

    const fn part(code: &'static str, english: &'static str, japanese: &'static str, countries: &'static str) -> Self {
        Self { code, english, japanese, parts: &[], countries }
    }

    /// What it is called.
    #[must_use]
    pub const fn name(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.english,
            Language::Japanese => self.japanese,
        }
    }

    fn has(&self, country: &CountryCode) -> bool {
        self.countries.split(' ').any(|code| code == country.as_str())
    }
}

/// Where a country lies.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// The region.
    pub region: &'static Region,
    /// The sub-region within it.
    pub sub_region: &'static Region,
}

impl Place {
    /// Where a country lies; nowhere for what is no country, and for Antarctica.
    #[must_use]
    pub fn of(country: &CountryCode) -> Option<Self> {
        REGIONS.iter().find_map(|region| {
            let sub_region = region.parts.iter().find(|part| part.has(country))?;
            Some(Self { region, sub_region })
        })
    }

    /// Whether it lies in the region or sub-region of this code.
    #[must_use]
    pub fn is_in(&self, code: &str) -> bool {
        self.region.code == code || self.sub_region.code == code
    }
}

/// The region or sub-region of this code.
#[must_use]
pub fn find(code: &str) -> Option<&'static Region> {
    REGIONS.iter().flat_map(|region| region.parts.iter().chain([region])).find(|region| region.code == code)
}

/// All of them, by code.
static REGIONS: [Region; 5] = [
    Region::new(
        "002",
        "Africa",
        "アフリカ",
        &[
            Region::part("015", "Northern Africa", "北アフリカ", "DZ EG EH LY MA SD TN"),
            Region::part(
                "202",
                "Sub-Saharan Africa",
                "サハラ以南アフリカ",
                "AO BF BI BJ BW CD CF CG CI CM CV DJ ER ET GA GH GM GN GQ GW IO KE KM LR LS MG ML MR MU MW MZ NA NE NG RE \
                 RW SC SH SL SN SO SS ST SZ TD TF TG TZ UG YT ZA ZM ZW",
            ),
        ],
    ),
    Region::new(
        "009",
        "Oceania",
        "オセアニア",
        &[
            Region::part("053", "Australia and New Zealand", "オーストラリア・ニュージーランド", "AU CC CX HM NF NZ"),
            Region::part("054", "Melanesia", "メラネシア", "FJ NC PG SB VU"),
            Region::part("057", "Micronesia", "ミクロネシア", "FM GU KI MH MP NR PW UM"),
            Region::part("061", "Polynesia", "ポリネシア", "AS CK NU PF PN TK TO TV WF WS"),
        ],
    ),
    Region::new(
        "019",
        "Americas",
        "南北アメリカ",
        &[
            Region::part("021", "Northern America", "北アメリカ", "BM CA GL PM US"),
            Region::part(
                "419",
                "Latin America and the Caribbean",
                "ラテンアメリカ・カリブ海",
                "AG AI AR AW BB BL BO BQ BR BS BV BZ CL CO CR CU CW DM DO EC FK GD GF GP GS GT GY HN HT JM KN KY LC MF MQ \
                 MS MX NI PA PE PR PY SR SV SX TC TT UY VC VE VG VI",
            ),
        ],
    ),
    Region::new(
        "142",
        "Asia",
        "アジア",
        &[
            Region::part("030", "Eastern Asia", "東アジア", "CN HK JP KP KR MN MO TW"),
            Region::part("034", "Southern Asia", "南アジア", "AF BD BT IN IR LK MV NP PK"),
            Region::part("035", "South-eastern Asia", "東南アジア", "BN ID KH LA MM MY PH SG TH TL VN"),
            Region::part("143", "Central Asia", "中央アジア", "KG KZ TJ TM UZ"),
            Region::part("145", "Western Asia", "西アジア", "AE AM AZ BH CY GE IL IQ JO KW LB OM PS QA SA SY TR YE"),
        ],
    ),
    Region::new(
        "150",
        "Europe",
        "ヨーロッパ",
        &[
            Region::part(
                "039",
                "Southern Europe",
                "南ヨーロッパ",
                "AD AL BA ES GI GR HR IT ME MK MT PT RS SI SM VA XK",
            ),
            Region::part("151", "Eastern Europe", "東ヨーロッパ", "BG BY CZ HU MD PL RO RU SK UA"),
            Region::part("154", "Northern Europe", "北ヨーロッパ", "AX DK EE FI FO GB GG IE IM IS JE LT LV NO SE SJ"),
            Region::part("155", "Western Europe", "西ヨーロッパ", "AT BE CH DE FR LI LU MC NL"),
        ],
    ),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// ISO 3166-1 alpha-2, officially assigned, in the order of the alphabet.
    const ASSIGNED: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR \
        BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET \
        FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ \
        IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML \
        MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS \
        PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL \
        TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

    fn codes(region: &Region) -> Vec<&'static str> {
        region.countries.split(' ').collect()
    }

    fn place(code: &str) -> Option<(&'static str, &'static str)> {
        let place = Place::of(&code.parse().expect("a code"))?;
        Some((place.region.code, place.sub_region.code))
    }

    #[test]
    fn every_assigned_code_lies_in_exactly_one_sub_region() {
        let assigned: BTreeSet<&str> = ASSIGNED.split_whitespace().collect();
        assert_eq!(assigned.len(), 249);
        let mut placed: Vec<&str> = REGIONS.iter().flat_map(|region| region.parts).flat_map(codes).collect();
        placed.sort_unstable();
        let expected: Vec<&str> = assigned
            .iter()
            .copied()
            .filter(|code| *code != "AQ")
            .chain(["XK"])
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        assert_eq!(placed, expected);
    }

    #[test]
    fn each_region_has_as_many_areas_as_in_m49() {
        let count = |region: &Region| {
            let parts: Vec<_> = region.parts.iter().map(|part| (part.code, codes(part).len())).collect();
            (region.code, parts.iter().map(|(_, count)| count).sum::<usize>(), parts)
        };
        let counts: Vec<_> = REGIONS.iter().map(count).collect();
        // With Taiwan in 030 and Kosovo in 039, which M49 does not have.
        let expected = [
            ("002", 60, vec![("015", 7), ("202", 53)]),
            ("009", 29, vec![("053", 6), ("054", 5), ("057", 8), ("061", 10)]),
            ("019", 57, vec![("021", 5), ("419", 52)]),
            ("142", 51, vec![("030", 8), ("034", 9), ("035", 11), ("143", 5), ("145", 18)]),
            ("150", 52, vec![("039", 17), ("151", 10), ("154", 16), ("155", 9)]),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn codes_are_found_and_what_lies_nowhere_has_none() {
        assert_eq!(place("JP"), Some(("142", "030")));
        assert_eq!(place("TW"), Some(("142", "030")));
        assert_eq!(place("XK"), Some(("150", "039")));
        assert_eq!(place("CY"), Some(("142", "145")));
        assert_eq!(place("MX"), Some(("019", "419")));
        for nowhere in ["AQ", "ZZ", "XX"] {
            assert_eq!(place(nowhere), None, "{nowhere}");
        }
        let name = |code| find(code).map(|region| region.name(Language::English));
        assert_eq!((name("142"), name("030")), (Some("Asia"), Some("Eastern Asia")));
        assert_eq!((name("001"), name(""), name("CN")), (None, None, None));
    }

    #[test]
    fn every_region_has_a_code_and_two_names_of_its_own() {
        let all: Vec<&Region> = REGIONS.iter().flat_map(|region| region.parts.iter().chain([region])).collect();
        let unique = |text: fn(&Region) -> &'static str| all.iter().map(|region| text(region)).collect::<BTreeSet<_>>();
        assert_eq!(all.len(), 22);
        assert_eq!(unique(|region| region.code).len(), 22);
        assert_eq!(unique(|region| region.name(Language::English)).len(), 22);
        assert_eq!(unique(|region| region.name(Language::Japanese)).len(), 22);
        assert!(all.iter().all(|region| region.code.len() == 3 && region.code.bytes().all(|b| b.is_ascii_digit())));
    }
}
