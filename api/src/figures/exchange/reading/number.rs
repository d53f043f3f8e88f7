//! Figures and years as people write them.

use entities::{Count, ObservationStatus, Rule, Year};

use super::{grid::Cell, names::compatible};

/// What a cell says of a figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// How many.
    pub count: Option<Count>,
    /// What kind of figure that is, or why there is none.
    pub statuses: Vec<ObservationStatus>,
}

/// Signs after a number, alone or in brackets. None of them ends with another.
const AFTER: [(&str, ObservationStatus); 7] = [
    ("p", ObservationStatus::Provisional),
    ("速報", ObservationStatus::Provisional),
    ("速報値", ObservationStatus::Provisional),
    ("e", ObservationStatus::Estimated),
    ("i", ObservationStatus::Imputed),
    ("r", ObservationStatus::Revised),
    ("b", ObservationStatus::Break),
];
/// Signs in the place of a number.
const ALONE: [(&str, ObservationStatus); 10] = [
    ("...", ObservationStatus::Missing),
    ("不明", ObservationStatus::Missing),
    ("x", ObservationStatus::Suppressed),
    ("*", ObservationStatus::Suppressed),
    ("**", ObservationStatus::Suppressed),
    ("***", ObservationStatus::Suppressed),
    ("秘匿", ObservationStatus::Suppressed),
    ("・", ObservationStatus::NotApplicable),
    ("未", ObservationStatus::NotYet),
    ("未公表", ObservationStatus::NotYet),
];
/// What is counted, after a number.
const UNITS: [char; 3] = ['人', '件', '名'];
/// No figure is longer, with everything around it.
const MAX_CHARS: usize = 60;

/// What a cell says; none for an empty one, which says nothing.
pub fn value(cell: &Cell) -> Result<Option<Said>, Rule> {
    let text = match cell {
        Cell::Empty => return Ok(None),
        Cell::Formula => return Err(Rule::Formula),
        Cell::Other(_) => return Err(Rule::NotAnInteger),
        // Zero may have a sign.
        Cell::Number(number) => (number + 0.0).to_string(),
        Cell::Text(text) if text.chars().nth(1_000).is_some() => return Err(Rule::NotAnInteger),
        Cell::Text(text) => compatible(text).chars().filter(|letter| !letter.is_whitespace()).collect(),
    };
    let text = text.to_lowercase();
    if text.is_empty() {
        return Ok(None);
    }
    if text.chars().all(is_dash) {
        return Err(Rule::AmbiguousDash);
    }
    if let Some((_, status)) = ALONE.iter().find(|(sign, _)| *sign == text) {
        return Ok(Some(Said { count: None, statuses: vec![*status] }));
    }
    let mut statuses = Vec::new();
    let mut rest = text.as_str();
    while let Some((before, status)) = ending(rest) {
        statuses.extend(status);
        rest = before;
    }
    number(rest).map(|count| Some(Said { count: Some(count), statuses }))
}

/// A text without the sign or unit at its end, and the status that the sign stands for.
fn ending(text: &str) -> Option<(&str, Option<ObservationStatus>)> {
    let (before, status) = match text.strip_suffix(UNITS) {
        Some(before) => (before, None),
        None => AFTER.iter().find_map(|(sign, status)| {
            let bracketed = || text.strip_suffix(')')?.strip_suffix(sign)?.strip_suffix('(');
            Some((text.strip_suffix(sign).or_else(bracketed)?, Some(*status)))
        })?,
    };
    before.starts_with(|letter: char| letter.is_ascii_digit()).then_some((before, status))
}

/// The dashes that are used for one another, the long vowel among them.
fn is_dash(letter: char) -> bool {
    matches!(letter, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{2500}' | '\u{30fc}')
}

fn number(text: &str) -> Result<Count, Rule> {
    let out_of_range = Rule::OutOfRange { min: 0, max: Count::MAX };
    let negative = text.strip_prefix(|letter| is_dash(letter) || matches!(letter, '▲' | '△'));
    let digits = negative.unwrap_or(text);
    let groups: Vec<&str> = digits.split(',').collect();
    let grouped = match groups.as_slice() {
        [_] => true,
        [first, others @ ..] => (1..=3).contains(&first.len()) && others.iter().all(|group| group.len() == 3),
        [] => false,
    };
    let digits = groups.concat();
    if !grouped || digits.is_empty() || !digits.bytes().all(|letter| letter.is_ascii_digit()) {
        return Err(Rule::NotAnInteger);
    }
    if negative.is_some() || digits.len() > MAX_CHARS {
        return Err(out_of_range);
    }
    digits.parse::<i64>().map_err(|_| out_of_range).and_then(Count::try_from)
}

/// The year that a cell names, in the calendar of the West or of Japan; none for an empty one.
pub fn year(cell: &Cell) -> Result<Option<Year>, Rule> {
    let text = match cell {
        Cell::Empty => return Ok(None),
        Cell::Formula => return Err(Rule::Formula),
        Cell::Other(_) => return Err(Rule::NotAnInteger),
        Cell::Number(number) => number.to_string(),
        Cell::Text(text) if text.chars().nth(MAX_CHARS).is_some() => return Err(Rule::NotAnInteger),
        Cell::Text(text) => compatible(text).chars().filter(|letter| !letter.is_whitespace()).collect(),
    };
    if text.is_empty() {
        return Ok(None);
    }
    // 2018年(平成30年): both, if they agree.
    if let Some((first, second)) = text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        let (first, second) = (single_year(first)?, single_year(second)?);
        return if first == second { Ok(Some(first)) } else { Err(Rule::NotAnInteger) };
    }
    single_year(&text).map(Some)
}

fn single_year(text: &str) -> Result<Year, Rule> {
    /// What an era is called, how it is abbreviated, the year before it began and how many it has had.
    const ERAS: [(&str, [char; 2], i64, i64); 3] =
        [("昭和", ['S', 's'], 1925, 64), ("平成", ['H', 'h'], 1988, 31), ("令和", ['R', 'r'], 2018, 182)];
    let text = text.strip_suffix("年度").or_else(|| text.strip_suffix('年')).unwrap_or(text);
    for (name, letters, before, last) in ERAS {
        if let Some(of_era) = text.strip_prefix(name).or_else(|| text.strip_prefix(letters)) {
            let number = if of_era == "元" { Ok(1) } else { digits(of_era) };
            return match number? {
                number if (1..=last).contains(&number) => Year::try_from(before + number),
                _ => Err(Rule::OutOfRange { min: 1, max: last }),
            };
        }
    }
    digits(text).and_then(Year::try_from)
}

fn digits(text: &str) -> Result<i64, Rule> {
    let plain = !text.is_empty() && text.len() <= 6 && text.bytes().all(|letter| letter.is_ascii_digit());
    text.parse().ok().filter(|_| plain).ok_or(Rule::NotAnInteger)
}

/// The statuses in a cell of their own: their names or their signs, in any order.
pub fn statuses(text: &str) -> Result<Vec<ObservationStatus>, Rule> {
    let text = compatible(text);
    text.split(|letter: char| letter.is_whitespace() || matches!(letter, ',' | ';' | '/' | '、'))
        .filter(|word| !word.is_empty())
        .map(|word| {
            let sign = word.to_lowercase();
            let signed = AFTER.iter().chain(&ALONE).find(|(known, _)| *known == sign).map(|(_, status)| *status);
            signed.map_or_else(|| word.to_uppercase().parse(), Ok)
        })
        .collect()
}
